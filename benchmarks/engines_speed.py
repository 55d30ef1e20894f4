"""Two summaries by CTranslate2 beside plain CTranslate2, our search, and stock fairseq's.

    bash benchmarks/engines_train.sh OUT
    python -m benchmarks.engines_speed --work OUT/engines/small --data OUT/news-bin
        --checkpoint OUT/small/checkpoint_last.pt --records OUT/corpus/test.jsonl --threads 1

The same trained weights for all, the same documents in the same batches of 32, the same beam; in
one run, in turn. `ct2` is this package's search by CTranslate2, under the grammar; `ct2_plain` is
one call of CTranslate2's own with nothing of it; `ours` is the search that fairseq-generate runs
with this package's task, `stock` the one that it runs with fairseq's, with fairseq's own
Transformer. Each ends a hypothesis where the model does. Ratios are round by round, of processor
seconds and of time by the clock. Tokens that each wrote a document, both summaries with what ends
them, are reported too: the work is alike where these are. `in_two_calls` is the share of documents
for which `ct2` needed CTranslate2 a second time.
"""

import argparse
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from fairseq.models.transformer import TransformerModelBase
from fairseq.sequence_generator import SequenceGenerator

import mclas_fairseq
from benchmarks import engines
from benchmarks.common import report
from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.ctranslate.calls import Row
from mclas_fairseq.ctranslate.files import FOLDER
from mclas_fairseq.ctranslate.forms import open_form
from mclas_fairseq.ctranslate.search import Ct2Search, Hypothesis
from mclas_fairseq.inference.summarizer import Summarizer

_BATCH = 32
Run = Callable[[], list[int]]  # gives the tokens that were written for each document


def arguments() -> argparse.Namespace:
    """Options of this benchmark."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--checkpoint", type=Path, required=True, help="of MCLAS without copying")
    made.add_argument("--data", type=Path, required=True, help="its data-bin")
    made.add_argument("--records", type=Path, required=True, help="documents")
    made.add_argument("--work", type=Path, required=True, help="folder for the bundles")
    made.add_argument("--documents", type=int, default=128, help="the first so many (128)")
    made.add_argument("--beam", type=int, default=4)
    made.add_argument("--max-len-b", type=int, default=60, help="of a summary (60)")
    made.add_argument("--pairs", type=int, default=5, help="rounds of all systems (5)")
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--form", default="int8", help="of CTranslate2 (int8)")
    made.add_argument("--json", type=Path, help="write the result there as well")
    return made.parse_args()


class Counting:
    """Counts the documents that a search takes two calls for."""

    def __init__(self, search: Ct2Search):
        self.documents, self._one_by_one = 0, search._one_by_one
        search._one_by_one = self._count  # type: ignore[method-assign]

    def _count(self, rows: Sequence[Row]) -> Iterable[tuple[Row, list[Hypothesis]]]:
        self.documents += len(rows)
        return self._one_by_one(rows)


def batches(summarizer: Summarizer, documents: Sequence[str]) -> list[dict[str, Any]]:
    """By length, 32 documents each."""
    dataset = summarizer.search.dataset(documents)
    order = [int(row) for row in dataset.ordered_indices()]
    return [
        summarizer.search.batch(dataset, order[start : start + _BATCH])
        for start in range(0, len(order), _BATCH)
    ]


def ours(summarizer: Summarizer, documents: Sequence[str]) -> Run:
    """This package's search, on torch or CTranslate2."""
    made = batches(summarizer, documents)

    def run() -> list[int]:
        found = []
        for batch in made:
            search, models = summarizer.search.generator, summarizer.models
            hypotheses = summarizer.task.inference_step(search, models, batch)
            found += [len(one[0]["tokens"]) for one in hypotheses]
        return found

    return run


def stock(summarizer: Summarizer, documents: Sequence[str], args: argparse.Namespace) -> Run:
    """Fairseq's search with fairseq's own Transformer of the same weights."""
    model: Any = summarizer.models[0]
    task = summarizer.task
    plain = TransformerModelBase.build_model(model.encoder.cfg, task).eval()
    own = set(plain.state_dict())
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if k in own})
    search = SequenceGenerator(
        [plain], task.dictionary, beam_size=args.beam, max_len_b=2 * args.max_len_b + 1
    )
    made = batches(summarizer, documents)

    def run() -> list[int]:
        return [len(one[0]["tokens"]) for batch in made for one in search.generate([plain], batch)]

    return run


def plain_ct2(summarizer: Summarizer, documents: Sequence[str], args: argparse.Namespace) -> Run:
    """CTranslate2 as it comes: all entries, no blocking, its threads in each product."""
    words = summarizer.task.dictionary
    place, pad = args.work / "ct2" / FOLDER / args.form, words.pad()
    translator = open_form(place, threads=args.threads, form=args.form)
    made = [
        [[str(token) for token in row.tolist() if token != pad] for row in tokens]
        for tokens in (one["net_input"]["src_tokens"] for one in batches(summarizer, documents))
    ]

    def run() -> list[int]:
        found = []
        for batch in made:
            results = translator.translate_batch(
                batch,
                target_prefix=[[str(words.bos())]] * len(batch),
                beam_size=args.beam,
                max_input_length=0,
                max_decoding_length=2 * args.max_len_b + 2,
                return_end_token=True,
            )
            found += [len(one.hypotheses[0]) for one in results]
        return found

    return run


def measure(runs: dict[str, Run], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of the processor and by the clock, by system, after a round that is not counted."""
    found: dict[str, dict[str, list[float]]] = {
        name: {"processor": [], "clock": []} for name in runs
    }
    for number in range(rounds + 1):
        for name, run in runs.items():
            begun = time.process_time(), time.perf_counter()
            run()
            ended = time.process_time(), time.perf_counter()
            if number:
                found[name]["processor"].append(ended[0] - begun[0])
                found[name]["clock"].append(ended[1] - begun[1])
    return found


def ratios(one: list[float], other: list[float]) -> list[float]:
    """Median of seconds of `one` over those of `other`, round by round, least and most."""
    each = sorted(a / b for a, b in zip(one, other, strict=True))
    return [round(value, 2) for value in (statistics.median(each), each[0], each[-1])]


def main() -> None:
    """Measure all systems, and report."""
    args = arguments()
    torch.set_num_threads(args.threads)
    mclas_fairseq.register()
    args.work.mkdir(parents=True, exist_ok=True)
    on_torch = engines.load(args, "torch.float32", args.beam)
    in_ct2 = engines.load(args, f"ct2.{args.form}", args.beam)
    assert on_torch is not None
    assert in_ct2 is not None
    records = list(read_records(args.records))[: args.documents]
    documents = [" ".join(one.document[on_torch.source_lang]) for one in records]
    counting = Counting(in_ct2.search.generator)
    with torch.no_grad():
        runs = {
            "ct2": ours(in_ct2, documents),
            "ct2_plain": plain_ct2(in_ct2, documents, args),
            "ours": ours(on_torch, documents),
            "stock": stock(on_torch, documents, args),
        }
        tokens = {name: round(statistics.mean(run()), 2) for name, run in runs.items()}
        twice = counting.documents / len(documents)
        found = measure(runs, args.pairs)
    result: dict[str, Any] = {
        name: {kind: round(statistics.median(values), 3) for kind, values in seconds.items()}
        for name, seconds in found.items()
    }
    for kind in ("processor", "clock"):
        of = {name: seconds[kind] for name, seconds in found.items()}
        result[f"{kind}_ratios"] = {
            "stock_over_ct2": ratios(of["stock"], of["ct2"]),
            "ours_over_ct2": ratios(of["ours"], of["ct2"]),
            "ct2_over_plain_ct2": ratios(of["ct2"], of["ct2_plain"]),
            "stock_over_plain_ct2": ratios(of["stock"], of["ct2_plain"]),
        }
    known = {"documents": len(documents), "beam": args.beam, "form": args.form}
    report(args, {**known, "tokens": tokens, "in_two_calls": round(twice, 3), **result})


if __name__ == "__main__":
    main()
