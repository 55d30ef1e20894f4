"""Hypotheses from a log of fairseq-generate; their ids are in the data-bin that was decoded."""

import itertools
from collections.abc import Collection, Sequence
from typing import Optional, Protocol

from mclas_fairseq.corpus.generation_log import (
    GenerationRun,
    LoggedHypothesis,
    best_of_rows,
    find_run,
    in_input_order,
    read_hypotheses,
)
from mclas_fairseq.corpus.tokenizers import SEPARATOR, Tokenizer
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.alignment import Hypotheses
from mclas_fairseq.evaluation.text_input import TextInput

HALVES = ("source", "target")
TAKE_A_HALF = f"mclas score --half source|target takes the part before or after {SEPARATOR}"


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


def read_log(
    source: TextInput, language: str, *, half: Optional[str], data: Optional[DecodedCorpus]
) -> Hypotheses:
    """Read a log; arguments and errors are those of `evaluation/inputs.py::read_hypotheses`."""
    lines = source.texts()
    run = find_run(lines)
    if run is None:
        return _without_languages(source.name, lines, half)
    hypotheses = list(read_hypotheses(lines, run.languages, run.targets))
    if run.targets:
        hypotheses = list(best_of_rows(hypotheses, run.targets))
    wanted = _wanted_language(source.name, run, language, half)
    if data is None:
        best = _by_row(source.name, hypotheses, run.documents)
        summaries = [hypothesis.summary for hypothesis in best]
        ids = None
    else:
        records = list(in_input_order(hypotheses, data.ids(run.split), run.documents))
        summaries = [record["summary"] for record in records]
        ids = tuple(record["id"] for record in records)
    texts = tuple(summary[wanted] for summary in summaries)
    return Hypotheses(source.name, texts, ids, tuple(summaries))


def _wanted_language(name: str, run: GenerationRun, language: str, half: Optional[str]) -> str:
    if half is not None and len(run.languages) == len(HALVES):
        chosen = run.languages[HALVES.index(half)]
        if chosen != language:
            raise ConfigError(
                f"--half {half}: must be the summary in --lang, but in {name} it is the one in"
                f" {chosen!r}, and --lang is {language!r}; leave --half out, --lang decides"
            )
    if language not in run.languages:
        raise DataError(
            f"{name}: the log must hold summaries in {language!r}, but holds some in"
            f" {', '.join(run.languages)}; change --lang"
        )
    return language


def _without_languages(name: str, lines: Sequence[str], half: Optional[str]) -> Hypotheses:
    """A log of another task: `half` tells which summary is meant where there are two."""
    count = max(line.count(SEPARATOR) for line in lines if line.startswith("D-")) + 1
    if count != (1 if half is None else len(HALVES)):
        raise DataError(
            f"{name}: a hypothesis of the log must hold"
            f" {'one summary' if half is None else 'two summaries'}, but holds {count};"
            f" {TAKE_A_HALF}"
        )
    logged = list(read_hypotheses(lines, HALVES[:count]))
    summaries = [hypothesis.summary for hypothesis in _by_row(name, logged, None)]
    texts = tuple(summary[half or HALVES[0]] for summary in summaries)
    return Hypotheses(name, texts, summaries=tuple(summaries) if half else ())


def _by_row(
    name: str, hypotheses: Sequence[LoggedHypothesis], documents: Optional[int]
) -> list[LoggedHypothesis]:
    """The best hypothesis of each row, in the order of the rows, which must have no gaps."""
    best: dict[int, LoggedHypothesis] = {}
    for hypothesis in hypotheses:
        best.setdefault(hypothesis.row, hypothesis)  # they are printed best first
    expected = len(best) if documents is None else documents
    if len(best) != expected:
        raise DataError(
            f"{name}: all {expected} documents that were loaded must have a hypothesis, but"
            f" {len(best)} have one; the log is cut short, generate again"
        )
    gap = next((row for row in itertools.count() if row not in best), 0)
    if gap != len(best):
        raise DataError(
            f"{name}: without a data-bin, rows must be numbered from 0 without gaps, but there is"
            f" no hypothesis of row {gap}; give the data-bin that was decoded as well (mclas"
            " score and report: --data), or what mclas extract writes with it"
        )
    return [best[row] for row in range(len(best))]
