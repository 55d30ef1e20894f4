"""What decoding in bf16 costs in ROUGE-1: checkpoints that summarize the same documents twice.

    python -m benchmarks.bf16_rouge CHECKPOINT... --data DATA-BIN --records valid.jsonl \
        --work WORK --search "--beam 5 --max-len-b 60"

Each checkpoint summarizes the records with `mclas summarize --cpu`, in fp32 and in bf16. Printed by
language: the mean of ROUGE-1 in bf16 minus fp32 over checkpoints and documents, its 95 % bootstrap
interval over both, and the share of hypotheses that are the same. WORK keeps the summaries; a rerun
takes those that are there.

A processor without arithmetic in bf16 multiplies such matrices many times slower than in fp32.
There, or with --emulate, products are taken in fp32 and rounded once, which is how a processor that
has it computes: its products accumulate in fp32, too. All else stays torch's own bf16.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.common import mclas_command, report
from mclas_fairseq.corpus.records import Record, read_records
from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.evaluation.intervals import bootstrap_interval
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.modules.emulated_bf16 import processor_has_bf16

PRECISIONS = ("float32", "bfloat16")
_aten = torch.ops.aten
_PRODUCTS = {_aten.mm.default, _aten.bmm.default, _aten.addmm.default, _aten.baddbmm.default}


class ProductsInFp32(TorchDispatchMode):
    """Takes matrix products of bf16 tensors in fp32 and rounds their results to bf16, once."""

    def __torch_dispatch__(
        self,
        func: Any,
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """What torch calls instead of each operator."""
        kwargs = kwargs or {}
        if func not in _PRODUCTS or args[0].dtype != torch.bfloat16:
            return func(*args, **kwargs)
        return func(*(one.float() for one in args), **kwargs).to(torch.bfloat16)


def summaries(file: Path) -> dict[str, dict[str, str]]:
    """Summaries by language of each record, by its id."""
    rows = (json.loads(line) for _, line in read_lines(file))
    return {row["id"]: row["summary"] for row in rows}


def rouge1(
    found: dict[str, dict[str, str]], records: Sequence[Record], language: str
) -> NDArray[np.float64]:
    """ROUGE-1 F1 in points, by record, shape (N,)."""
    texts = [found[record.id][language] for record in records]
    gold = [list(record.summary[language]) for record in records]
    return np.asarray(score_rouge(texts, gold, language=language).values("rouge1")) * 100.0


class Run(NamedTuple):
    """A checkpoint's summaries in one language.

    Attributes:
        checkpoint: name of its folder.
        scores: ROUGE-1 by document in fp32 and in bf16, shape (2, N).
        same: share of hypotheses that are the same.
    """

    checkpoint: str
    scores: NDArray[np.float64]
    same: float


def compare(runs: Sequence[Run]) -> dict[str, Any]:
    """Means over checkpoints and documents, in points; the interval resamples both."""
    scores = np.stack([run.scores for run in runs])  # (S, 2, N)
    differences = scores[:, 1] - scores[:, 0]
    fp32, bf16 = scores.mean(axis=(0, 2))
    return {
        "checkpoints": len(runs),
        "documents": int(scores.shape[2]),
        "rouge1_fp32": round(float(fp32), 3),
        "rouge1_bf16": round(float(bf16), 3),
        "difference": round(float(differences.mean()), 3),
        "interval": [round(end, 3) for end in bootstrap_interval(differences)],
        "same_hypotheses": round(float(np.mean([run.same for run in runs])), 3),
        "by_checkpoint": [
            {
                "checkpoint": run.checkpoint,
                "same": round(run.same, 3),
                "difference": round(float(one.mean()), 3),
            }
            for run, one in zip(runs, differences, strict=True)
        ],
    }


def decode(args: argparse.Namespace, checkpoint: Path, precision: str) -> Path:
    """Summarize the records with a checkpoint, unless its summaries are there."""
    out: Path = args.work / f"{checkpoint.parent.name}.{precision}.jsonl"
    if out.exists():
        return out
    emulated = precision == "bfloat16" and args.emulate
    mode: Callable[[], AbstractContextManager[Any]] = ProductsInFp32 if emulated else nullcontext
    flags = ["--checkpoint", str(checkpoint), "--data", str(args.data), "--cpu"]
    with mode():
        mclas_command(["summarize", *flags, "--precision", precision, *args.search.split(),
                       "-i", str(args.records), "-o", str(out)])  # fmt: skip
    return out


def main() -> None:
    """Compare both precisions, and report."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("checkpoints", type=Path, nargs="+", metavar="CHECKPOINT")
    made.add_argument("--data", type=Path, required=True, help="the checkpoints' data-bin")
    made.add_argument("--records", type=Path, required=True, help="documents with their summaries")
    made.add_argument("--work", type=Path, required=True, help="folder for the summaries")
    made.add_argument("--threads", type=int, default=1, help="default: 1")
    made.add_argument("--json", type=Path, help="write the result there as well")
    made.add_argument(
        "--emulate",
        action=argparse.BooleanOptionalAction,
        default=not processor_has_bf16(),
        help="products in fp32 (default: where the processor has no bf16)",
    )
    made.add_argument("--search", default="", help="further flags for mclas summarize")
    args = made.parse_args()
    torch.set_num_threads(args.threads)
    names = [checkpoint.parent.name for checkpoint in args.checkpoints]
    if len(set(names)) < len(names):
        made.error("checkpoints go by the name of their folder, so no two may be in folders alike")
    args.work.mkdir(parents=True, exist_ok=True)
    records = list(read_records(args.records))
    languages: defaultdict[str, list[Run]] = defaultdict(list)
    for checkpoint in args.checkpoints:
        files = [decode(args, checkpoint, precision) for precision in PRECISIONS]
        fp32, bf16 = (summaries(file) for file in files)
        for language in fp32[records[0].id]:
            scores = np.stack([rouge1(found, records, language) for found in (fp32, bf16)])
            same = np.mean([fp32[one][language] == bf16[one][language] for one in fp32])
            languages[language].append(Run(checkpoint.parent.name, scores, float(same)))
    found = {language: compare(runs) for language, runs in languages.items()}
    report(args, {"emulated": args.emulate, **found})


if __name__ == "__main__":
    main()
