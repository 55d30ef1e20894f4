"""Reading the log of fairseq-generate back to summaries.

The D- lines hold the decoded hypotheses (rank by rank, scores in bits), in the order in which the
batches were made; rows count from 0 in the order of the data-bin's split. Layout, languages and
split are logged by the task, see `describe_run`.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from mclas_fairseq.corpus.json_text import parse_json
from mclas_fairseq.corpus.tokenizers import SEPARATOR, split_at_target
from mclas_fairseq.errors import DataError

_RUN_MARK = "summaries written: "
_HYPOTHESIS = re.compile(r"^D-(\d+)\t([^\t]*)\t(.*)$", re.DOTALL)


@dataclass(frozen=True)
class GenerationRun:
    """What a log says of the run that wrote it.

    Attributes:
        split: of the data-bin.
        languages: of all summaries that were written.
        documents: how many were loaded.
        targets: target languages, each of which has a hypothesis of each document; empty where
            there is one.
    """

    split: str
    languages: tuple[str, ...]
    documents: int
    targets: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoggedHypothesis:
    """One decoded hypothesis: its row in the split, its score in bits, its summaries.

    Attributes:
        target: its target language, where there are several.
    """

    row: int
    score: float
    summary: dict[str, str]
    target: Optional[str] = None


def describe_run(run: GenerationRun) -> str:
    """The log line from which `read_run` reads a run."""
    content: dict[str, Any] = {
        "split": run.split,
        "languages": run.languages,
        "documents": run.documents,
    }
    if run.targets:
        content["targets"] = run.targets
    return _RUN_MARK + json.dumps(content)


def find_run(lines: Iterable[str]) -> Optional[GenerationRun]:
    """What the task logged of its run; None where it logged nothing (another task, LOGLEVEL).

    Raises:
        DataError: the line is damaged.
    """
    for line in lines:
        if _RUN_MARK in line:
            return _parse_run(line.split(_RUN_MARK, 1)[1])
    return None


def _parse_run(text: str) -> GenerationRun:
    try:
        content = parse_json(text)
        return GenerationRun(
            str(content["split"]),
            tuple(map(str, content["languages"])),
            int(content["documents"]),
            tuple(map(str, content.get("targets", ()))),
        )
    except (ValueError, OverflowError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"generation log: the line about its run ({_RUN_MARK!r}) must be whole, but is not"
            f" ({type(error).__name__}: {error}); generate again"
        ) from error


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


def read_hypotheses(
    lines: Iterable[str], languages: Sequence[str], targets: Sequence[str] = ()
) -> Iterator[LoggedHypothesis]:
    """Read the D- lines.

    Args:
        lines: of the log.
        languages: of the summaries that were written.
        targets: the target languages, where there are several.

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
        if targets:
            yield _of_several(number, match, languages, targets)
            continue
        halves = [half.strip() for half in match[3].split(SEPARATOR)]
        if len(halves) != len(languages):
            raise DataError(
                f"generation log, line {number}: {len(languages)} summaries "
                f"({', '.join(languages)}) are expected, found {len(halves)}"
            )
        summary = dict(zip(languages, halves, strict=True))
        yield LoggedHypothesis(int(match[1]), float(match[2]), summary)


def _of_several(
    number: int, match: re.Match[str], languages: Sequence[str], targets: Sequence[str]
) -> LoggedHypothesis:
    before, target, after = split_at_target(match[3])
    if target is None or target not in targets:
        raise DataError(
            f"generation log, line {number}: with several target languages a hypothesis names its"
            f" own ({', '.join(targets)}), found {target or 'none'}; generate again"
        )
    source = [language for language in languages if language not in targets]
    texts = [before.strip(), after.strip()][-1 - len(source) :]
    summary = dict(zip([*source, target], texts, strict=True))
    return LoggedHypothesis(int(match[1]), float(match[2]), summary, target)


def best_of_rows(
    hypotheses: Iterable[LoggedHypothesis], targets: Sequence[str]
) -> Iterator[LoggedHypothesis]:
    """One hypothesis a row where there are several target languages: the best of each, together.

    Where all hold a source-language summary, that of the first target language stays.

    Raises:
        DataError: a row has none in one of the languages.
    """
    by_row: dict[int, dict[str, LoggedHypothesis]] = {}
    for hypothesis in hypotheses:
        assert hypothesis.target is not None
        by_row.setdefault(hypothesis.row, {}).setdefault(hypothesis.target, hypothesis)
    for row, found in by_row.items():
        _check_complete(row, {target: target in found for target in targets})
        ordered = [found[target] for target in targets]
        yield LoggedHypothesis(row, ordered[0].score, joined([one.summary for one in ordered]))


def _check_complete(row: int, found: Mapping[str, object]) -> None:
    missing = [target for target, there in found.items() if not there]
    if missing:
        raise DataError(
            f"generation log: row {row} must have a hypothesis in {', '.join(found)}, it has none"
            f" in {', '.join(missing)}; is the log cut short? generate again"
        )


def joined(summaries: Iterable[dict[str, str]]) -> dict[str, str]:
    """Summaries of hypotheses by language; of those in one language the first one's stays."""
    whole: dict[str, str] = {}
    for summary in summaries:
        whole = {**whole, **{code: text for code, text in summary.items() if code not in whole}}
    return whole


def in_input_order(
    hypotheses: Iterable[LoggedHypothesis],
    ids: Sequence[str],
    documents: int,
    targets: Sequence[str] = (),
) -> Iterator[dict[str, Any]]:
    """One summary record a document, in the order of `ids`, best hypothesis first.

    Args:
        hypotheses: of all documents.
        ids: of the split's records.
        documents: how many were loaded.
        targets: the target languages, where there are several.

    Yields:
        `{"id", "summary": {lang: text}, "score": bits}` and, where several hypotheses were
        printed, `"nbest": [{"summary", "score"}, ...]`. With several target languages `summary`
        holds all languages (the source language's from the first target's hypothesis) and
        `"targets": {lang: {"summary", "score", "nbest"}}` stands in the place of score and nbest.

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
        if not targets:
            yield {"id": ids[row], **_ranked(by_row[row])}
            continue
        by_target = {
            target: [one for one in by_row[row] if one.target == target] for target in targets
        }
        _check_complete(row, by_target)
        ranked = {target: _ranked(found) for target, found in by_target.items()}
        yield record_of_targets(ids[row], ranked)


def record_of_targets(identifier: str | None, targets: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """The summary record of a document with hypotheses in several target languages."""
    summary = joined(found["summary"] for found in targets.values())
    return {"id": identifier, "summary": summary, "targets": targets}


def _ranked(hypotheses: Sequence[LoggedHypothesis]) -> dict[str, Any]:
    best, *others = hypotheses
    record: dict[str, Any] = {"summary": best.summary, "score": best.score}
    if others:
        record["nbest"] = [{"summary": h.summary, "score": h.score} for h in hypotheses]
    return record
