"""Hypotheses of `mclas score` from any file: lines, JSON lines, or a log of fairseq-generate.

Logs are read here and not in `evaluation/inputs.py`, because their ids are in a data-bin.
"""

import itertools
import re
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Optional, Protocol

from mclas_fairseq.corpus.generation_log import (
    GenerationRun,
    LoggedHypothesis,
    best_of_rows,
    find_run,
    in_input_order,
    read_hypotheses,
)
from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.corpus.tokenizers import SEPARATOR, Tokenizer
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation import inputs
from mclas_fairseq.evaluation.inputs import HALVES, Hypotheses


class WrittenEntries(Protocol):
    """The dictionary entries that summaries in a language hold."""

    @property
    def symbols(self) -> Collection[str]:
        """These entries."""


class DecodedCorpus(Protocol):
    """What is asked of the data-bin that was decoded."""

    @property
    def tokenizer(self) -> Tokenizer:
        """What cuts its texts into pieces."""

    def ids(self, split: str) -> Sequence[str]:
        """Ids of the documents of a split, in order."""

    def vocabulary(self, language: str) -> WrittenEntries:
        """Which entries its training summaries in a language hold."""


# fairseq-generate prints a source line and several lines for each hypothesis: model pieces, text.
_LOG_LINES = (re.compile(r"[SH]-\d+\t"), re.compile(r"D-\d+\t"))
_LOG_LINE = re.compile(r"[STHDP]-\d+\t")


def read_system(
    path: Path, language: str, *, half: Optional[str] = None, data: Optional[DecodedCorpus] = None
) -> Hypotheses:
    """Read one file of summaries, whatever its form.

    Args:
        path: plain lines, JSON lines or a log of fairseq-generate.
        language: which of the summaries of JSON lines, and of a log that names its languages.
        half: which summary of plain lines that hold two, and of a log: "source" or "target".
        data: the data-bin that was decoded, from which a log gets its ids; without it, documents
            are told apart by their row.

    Raises:
        ConfigError: `half` with JSON lines, or one that is not the summary in `language`.
        DataError: the file or a line of it is not as described (file and line named).
    """
    if inputs.is_json_lines(path) or not is_generation_log(path):
        _check_no_part_of_a_log(path)
        return inputs.read_hypotheses(path, language, half=half)
    lines = [line for _, line in read_lines(path)]
    run = find_run(lines)
    if run is None:
        return _without_languages(path, lines, half)
    hypotheses = list(read_hypotheses(lines, run.languages, run.targets))
    if run.targets:
        hypotheses = list(best_of_rows(hypotheses, run.targets))
    wanted = _wanted_language(path, run, language, half)
    if data is None:
        best = _by_row(path, hypotheses, run.documents)
        summaries = [hypothesis.summary for hypothesis in best]
        ids = None
    else:
        records = list(in_input_order(hypotheses, data.ids(run.split), run.documents))
        summaries = [record["summary"] for record in records]
        ids = tuple(record["id"] for record in records)
    texts = tuple(summary[wanted] for summary in summaries)
    return Hypotheses(str(path), texts, ids, tuple(summaries))


def is_generation_log(path: Path) -> bool:
    """Whether a file is the output of fairseq-generate: it has its S- or H- and its D- lines."""
    missing = list(_LOG_LINES)
    for _, line in read_lines(path):
        missing = [mark for mark in missing if not mark.match(line)]
        if not missing:
            return True
    return False


def _check_no_part_of_a_log(path: Path) -> None:
    """Refuse lines cut out of a log, as by `grep ^H-`: numbers and scores would count as words."""
    if inputs.is_json_lines(path):
        return
    marked = 0
    for _, line in read_lines(path):
        if not _LOG_LINE.match(line):
            return
        marked += 1
    if marked:
        raise DataError(
            f"{path}: must be a whole log of fairseq-generate, with its S- or H- and its D- lines,"
            f" but holds {marked} lines of one and not all that belong to them; give the log as it"
            " was written"
        )


def _wanted_language(path: Path, run: GenerationRun, language: str, half: Optional[str]) -> str:
    if half is not None and len(run.languages) == len(HALVES):
        chosen = run.languages[HALVES.index(half)]
        if chosen != language:
            raise ConfigError(
                f"--half {half}: must be the summary in --lang, but in {path} it is the one in"
                f" {chosen!r}, and --lang is {language!r}; leave --half out, --lang decides"
            )
    if language not in run.languages:
        raise DataError(
            f"{path}: the log must hold summaries in {language!r}, but holds some in"
            f" {', '.join(run.languages)}; change --lang"
        )
    return language


def _without_languages(path: Path, lines: Sequence[str], half: Optional[str]) -> Hypotheses:
    """A log of another task: `half` tells which summary is meant where there are two."""
    count = max(line.count(SEPARATOR) for line in lines if line.startswith("D-")) + 1
    if count != (1 if half is None else len(HALVES)):
        raise DataError(
            f"{path}: a hypothesis of the log must hold"
            f" {'one summary' if half is None else 'two summaries'}, but holds {count}; --half"
            f" source|target takes the part before or after {SEPARATOR}"
        )
    logged = list(read_hypotheses(lines, HALVES[:count]))
    summaries = [hypothesis.summary for hypothesis in _by_row(path, logged, None)]
    texts = tuple(summary[half or HALVES[0]] for summary in summaries)
    return Hypotheses(str(path), texts, summaries=tuple(summaries) if half else ())


def _by_row(
    path: Path, hypotheses: Sequence[LoggedHypothesis], documents: Optional[int]
) -> list[LoggedHypothesis]:
    """The best hypothesis of each row, in the order of the rows, which must have no gaps."""
    best: dict[int, LoggedHypothesis] = {}
    for hypothesis in hypotheses:
        best.setdefault(hypothesis.row, hypothesis)  # they are printed best first
    expected = len(best) if documents is None else documents
    if len(best) != expected:
        raise DataError(
            f"{path}: all {expected} documents that were loaded must have a hypothesis, but"
            f" {len(best)} have one; the log is cut short, generate again"
        )
    gap = next((row for row in itertools.count() if row not in best), 0)
    if gap != len(best):
        raise DataError(
            f"{path}: without a data-bin, rows must be numbered from 0 without gaps, but there is"
            f" no hypothesis of row {gap}; give the data-bin that was decoded with --data"
        )
    return [best[row] for row in range(len(best))]
