"""The same model on all engines: what each writes, its score and ROUGE, time, memory.

    bash benchmarks/engines_train.sh OUT
    python -m benchmarks.engines --work OUT/engines/news --checkpoint OUT/news/checkpoint_last.pt
        --data OUT/news-bin --records OUT/corpus/test.jsonl --lang de

Engines are torch and CTranslate2 (ct2), each in the number formats that it has; a model that
CTranslate2 cannot hold is compared on torch alone. Reported are: greedy search of ct2 in float32
beside torch's, documents with the same summaries; with a beam, for each engine the mean score that
our model gives to what was written, in bits a token, ROUGE F1 in points of the summaries in
`--lang`, processor seconds of the search, and peak memory of a process of its own that writes 32
summaries.
"""

import argparse
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import torch

import mclas_fairseq
from benchmarks.common import own_peak_mib, report
from mclas_fairseq.bundles.card import CardDetails
from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.generation.forced_scoring import score_hypotheses
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.exporting import export_bundle
from mclas_fairseq.inference.summarizer import Summarizer

ENGINES = (
    *("torch.float32", "torch.bfloat16", "torch.int8"),
    *("ct2.float32", "ct2.bfloat16", "ct2.int8"),
)
METRICS = ("rouge1", "rouge2", "rougeL")
_BATCH = 32
_FOR_MEMORY = 32


@dataclass(frozen=True)
class Outcome:
    """What an engine wrote.

    Attributes:
        batches: of documents, as they were decoded, with the ids of the best hypotheses.
        texts: by place of the document, language -> summary.
        seconds: of the processor.
    """

    batches: list[tuple[dict[str, Any], list[torch.Tensor]]]
    texts: list[dict[str, str]]
    seconds: float


def arguments() -> argparse.Namespace:
    """Options of this benchmark."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--checkpoint", type=Path, required=True)
    made.add_argument("--data", type=Path, required=True, help="its data-bin")
    made.add_argument("--records", type=Path, required=True, help="documents with their summaries")
    made.add_argument("--lang", required=True, help="of the summaries that ROUGE is of")
    made.add_argument("--work", type=Path, required=True, help="folder for the bundles")
    made.add_argument("--documents", type=int, default=500, help="the first so many (500)")
    made.add_argument("--beam", type=int, default=4)
    made.add_argument("--max-len-b", type=int, default=60)
    made.add_argument("--engines", nargs="+", default=list(ENGINES), choices=ENGINES)
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--json", type=Path, help="write the result there as well")
    made.add_argument("--memory-of", choices=ENGINES, help=argparse.SUPPRESS)
    return made.parse_args()


def bundle(args: argparse.Namespace, kind: str) -> Optional[Path]:
    """The bundle of a kind of engine, made if it is not there; None: it cannot hold the model."""
    out: Path = args.work / kind
    forms = ("int8", "bfloat16", "float32") if kind == "ct2" else ()
    if not out.exists():
        details = CardDetails(name=kind)
        try:
            export_bundle(args.checkpoint, args.data, out, details, forms=forms)
        except CheckpointError as error:
            print(error, file=sys.stderr)
            shutil.rmtree(out, ignore_errors=True)
            return None
    return out


def load(args: argparse.Namespace, engine: str, beam: int) -> Optional[Summarizer]:
    """An engine with the model; None: it cannot hold it."""
    kind, form = engine.split(".")
    folder = bundle(args, kind)
    if folder is None:
        return None
    options = DecodingOptions(beam=beam, max_len_b=args.max_len_b)
    return Summarizer.from_bundle(folder, options, device="cpu", precision=form)


def write(summarizer: Summarizer, documents: Sequence[str]) -> Outcome:
    """Decode documents in batches by length."""
    dataset = summarizer.search.dataset(documents)
    order = [int(row) for row in dataset.ordered_indices()]
    text = summarizer.task.summary_text()
    texts: list[dict[str, str]] = [{} for _ in documents]
    batches, seconds = [], 0.0
    for start in range(0, len(order), _BATCH):
        batch = summarizer.search.batch(dataset, order[start : start + _BATCH])
        begun = time.process_time()
        found = summarizer.task.inference_step(
            summarizer.search.generator, summarizer.models, batch
        )
        seconds += time.process_time() - begun
        best = [hypotheses[0]["tokens"] for hypotheses in found]
        for row, tokens in zip(batch["id"].tolist(), best, strict=True):
            texts[row].update(text.summaries(tokens.tolist()))
        batches.append((batch, best))
    return Outcome(batches, texts, seconds)


def model_score(judge: Summarizer, outcome: Outcome) -> float:
    """Mean score of what was written, by torch's model in float32, in bits a token."""
    total, count = 0.0, 0
    for batch, best in outcome.batches:
        sample = judge.task.targets.complete(batch)
        written = [[tokens] for tokens in best]
        for (one,) in score_hypotheses(judge.search.generator, sample, written):
            total += float(one.score) / torch.log(torch.tensor(2.0)).item()
            count += 1
    return total / count


def peak(args: argparse.Namespace, engine: str) -> float:
    """Peak memory of an engine alone, MiB."""
    command = [sys.executable, "-m", "benchmarks.engines", *sys.argv[1:], "--memory-of", engine]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.strip().splitlines()[-1])


def compare(args: argparse.Namespace) -> dict[str, Any]:
    """All engines, by their names."""
    records = list(read_records(args.records))[: args.documents]
    judge = load(args, "torch.float32", args.beam)
    assert judge is not None
    documents = [" ".join(record.document[judge.source_lang]) for record in records]
    gold = [list(record.summary[args.lang]) for record in records]
    found: dict[str, Any] = {"documents": len(documents), "beam": args.beam}
    greedy = [load(args, engine, 1) for engine in ("torch.float32", "ct2.float32")]
    if all(greedy):
        one, other = (write(summarizer, documents).texts for summarizer in greedy if summarizer)
        same = sum(a == b for a, b in zip(one, other, strict=True))
        found["greedy_the_same"] = round(same / len(documents), 4)
    for engine in args.engines:
        summarizer = load(args, engine, args.beam)
        if summarizer is None:
            continue
        outcome = write(summarizer, documents)
        scores = score_rouge([one[args.lang] for one in outcome.texts], gold, language=args.lang)
        found[engine] = {
            "model_score": round(model_score(judge, outcome), 4),
            **{name: round(100 * float(scores.values(name).mean()), 2) for name in METRICS},
            "processor_seconds": round(outcome.seconds, 2),
            "peak_mib": peak(args, engine),
        }
    return found


def main() -> None:
    """Compare, and report."""
    args = arguments()
    torch.set_num_threads(args.threads)
    mclas_fairseq.register()
    if args.memory_of is not None:
        summarizer = load(args, args.memory_of, args.beam)
        assert summarizer is not None
        records = list(read_records(args.records))[:_FOR_MEMORY]
        write(summarizer, [" ".join(one.document[summarizer.source_lang]) for one in records])
        print(own_peak_mib())
        return
    args.work.mkdir(parents=True, exist_ok=True)
    report(args, compare(args))


if __name__ == "__main__":
    main()
