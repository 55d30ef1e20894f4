"""Reading the log of fairseq-generate back to summaries.

The D- lines hold the decoded hypotheses (rank by rank, scores in bits), in the order in which the
batches were made; rows count from 0 in the order of the data-bin's split. Layout, languages and
split are logged by the task, see `describe_run`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from mclas_fairseq.corpus.tokenizers import SEPARATOR
from mclas_fairseq.errors import DataError

_RUN_MARK = "summaries written: "
_HYPOTHESIS = re.compile(r"^D-(\d+)\t([^\t]*)\t(.*)$", re.DOTALL)


@dataclass(frozen=True)
class GenerationRun:
    """What a log says of the run that wrote it."""

    split: str
    languages: tuple[str, ...]
    documents: int


@dataclass(frozen=True)
class LoggedHypothesis:
    """One decoded hypothesis: its row in the split, its score in bits, its summaries."""

    row: int
    score: float
    summary: dict[str, str]


def describe_run(run: GenerationRun) -> str:
    """The log line from which `read_run` reads a run."""
    content = {"split": run.split, "languages": run.languages, "documents": run.documents}
    return _RUN_MARK + json.dumps(content)


def find_run(lines: Iterable[str]) -> Optional[GenerationRun]:
    """What the task logged of its run; None where it logged nothing (another task, LOGLEVEL)."""
    for line in lines:
        if _RUN_MARK in line:
            content = json.loads(line.split(_RUN_MARK, 1)[1])
            return GenerationRun(
                content["split"], tuple(content["languages"]), content["documents"]
            )
    return None


def read_run(lines: Iterable[str]) -> GenerationRun:
    """Find what the task logged of its run.

    Raises:
        DataError: it is not in the log.
    """
    run = find_run(lines)
    if run is None:
        raise DataError(
            "generation log: it must name the split and the languages that were written, no such "
            f"line ({_RUN_MARK!r}) is in it; keep the whole output of fairseq-generate with --task "
            "cross_lingual_summarization and the default LOGLEVEL"
        )
    return run


def read_hypotheses(lines: Iterable[str], languages: Sequence[str]) -> Iterator[LoggedHypothesis]:
    """Read the D- lines.

    Raises:
        DataError: a hypothesis has not as many summaries as the layout, or a line is cut short.
    """
    for number, line in enumerate(lines, start=1):
        if not line.startswith("D-"):
            continue
        match = _HYPOTHESIS.match(line.rstrip("\n"))
        if match is None:
            raise DataError(
                f"generation log, line {number}: D- lines have a row, a score and a text, found "
                f"{line[:60]!r}; is the log cut short? generate again"
            )
        halves = [half.strip() for half in match[3].split(SEPARATOR)]
        if len(halves) != len(languages):
            raise DataError(
                f"generation log, line {number}: {len(languages)} summaries "
                f"({', '.join(languages)}) are expected, found {len(halves)}"
            )
        summary = dict(zip(languages, halves, strict=True))
        yield LoggedHypothesis(int(match[1]), float(match[2]), summary)


def in_input_order(
    hypotheses: Iterable[LoggedHypothesis], ids: Sequence[str], documents: int
) -> Iterator[dict[str, Any]]:
    """One summary record a document, in the order of `ids`, best hypothesis first.

    Yields:
        `{"id", "summary": {lang: text}, "score": bits}` and, where several hypotheses were
        printed, `"nbest": [{"summary", "score"}, ...]`.

    Raises:
        DataError: a row is not in the split, or not all `documents` that the run loaded have
            hypotheses.
    """
    by_row: dict[int, list[LoggedHypothesis]] = {}
    for hypothesis in hypotheses:
        if hypothesis.row >= len(ids):
            raise DataError(
                f"generation log: row {hypothesis.row} is not in the split, which has {len(ids)} "
                "records; give the data-bin that was decoded"
            )
        by_row.setdefault(hypothesis.row, []).append(hypothesis)
    if len(by_row) != documents:
        raise DataError(
            f"generation log: all {documents} documents that were loaded must have a hypothesis, "
            f"{len(by_row)} have one; is the log cut short? generate again"
        )
    for row in sorted(by_row):
        best, *others = by_row[row]
        record: dict[str, Any] = {"id": ids[row], "summary": best.summary, "score": best.score}
        if others:
            record["nbest"] = [{"summary": h.summary, "score": h.score} for h in by_row[row]]
        yield record
