"""What `mclas score` reads: hypotheses and references from files, and which belongs to which.

Hypotheses are plain lines, or JSON lines `{"id": ..., "summary": {"de": "..."}}` as `mclas extract`
and `mclas summarize` write them. References are plain lines (several files: several references),
or JSON lines with `summary.de` as one text or a list of references: records, or the references of a
data-bin. The name decides: `.jsonl` and `.jsonl.gz` are JSON lines, anything else is plain.
Logs of fairseq-generate are read in `evaluation/log_inputs.py`, which knows data-bins.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.corpus.tokenizers.base import SEPARATOR
from mclas_fairseq.errors import ConfigError, DataError

HALVES = ("source", "target")
_SHOWN_IDS = 5


@dataclass(frozen=True)
class Hypotheses:
    """One system's texts, in the order of their file; `ids` is None for plain lines.

    `summaries` holds, for each text, everything that its line held: language (or, of plain lines,
    "source" and "target") -> summary.
    """

    origin: str
    texts: tuple[str, ...]
    ids: Optional[tuple[str, ...]] = None
    summaries: tuple[Mapping[str, str], ...] = field(default=(), compare=False, repr=False)


@dataclass(frozen=True)
class References:
    """The references of each document, none where it has no summary in the language."""

    origin: str
    texts: tuple[tuple[str, ...], ...]
    ids: Optional[tuple[str, ...]] = None


@dataclass(frozen=True)
class Aligned:
    """Hypotheses beside the references of the same documents, in the references' order.

    `skipped` counts the documents left out because they have no reference in the language. `rows`
    are the places of those kept in the files (from 0), `ids` their ids where a file has any, and
    `summaries` all summaries of each hypothesis by language, where known.
    """

    hypotheses: tuple[str, ...]
    references: tuple[tuple[str, ...], ...]
    skipped: int
    rows: tuple[int, ...] = ()
    ids: Optional[tuple[str, ...]] = None
    summaries: tuple[Mapping[str, str], ...] = field(default=(), compare=False, repr=False)


def read_hypotheses(path: Path, language: str, *, half: Optional[str] = None) -> Hypotheses:
    """Read one system's summaries in a language.

    Args:
        path: plain lines or JSON lines, also with `.gz`.
        language: which of the summaries of JSON lines.
        half: for plain lines that hold both summaries around the separator, which one to take:
            "source" (before it) or "target" (after it).

    Raises:
        ConfigError: `half` with JSON lines.
        DataError: the file or a line of it is not as described (file and line named).
    """
    if is_json_lines(path):
        if half is not None:
            raise ConfigError(
                f"--half: is for plain lines that hold both summaries, but {path} names the"
                " language of each; leave it out, --lang decides"
            )
        return _read_summaries(path, language)
    texts: list[str] = []
    summaries: list[Mapping[str, str]] = []
    for number, line in read_lines(path):
        parts = _split_halves(line, half, f"{path}:{number}")
        texts.append(parts[HALVES.index(half)] if half else parts[0])
        if half:
            summaries.append(dict(zip(HALVES, parts, strict=True)))
    return Hypotheses(str(path), tuple(texts), summaries=tuple(summaries))


def read_references(paths: Sequence[Path], language: str) -> References:
    """Read the references in a language: one file of JSON lines, or plain files line by line.

    Raises:
        ConfigError: a file of JSON lines beside other files.
        DataError: a file cannot be read, plain files have different numbers of lines, or there is
            no reference in the language at all.
    """
    origin = ", ".join(map(str, paths))
    if any(is_json_lines(path) for path in paths):
        if len(paths) > 1:
            raise ConfigError(
                f"--ref: must be one file of JSON lines or plain files alone, but is {origin};"
                " put all references of a document into its record"
            )
        return _read_reference_records(paths[0], language)
    columns = [tuple(line for _, line in read_lines(path)) for path in paths]
    for path, column in zip(paths, columns, strict=True):
        if len(column) != len(columns[0]):
            raise DataError(
                f"{path}: every file of references must have as many lines as the first, but this"
                f" one has {len(column)} and {paths[0]} has {len(columns[0])}; line n of each is a"
                " reference of document n"
            )
        _check_no_blank(path, column)
    return References(origin, tuple(zip(*columns, strict=True)))


def align(hypotheses: Hypotheses, references: References) -> Aligned:
    """Put hypotheses and references of the same documents side by side.

    By id where both have ids, otherwise line by line. Documents without a reference are left out.

    Raises:
        DataError: counts or ids do not match; the message says which.
    """
    places: Sequence[Optional[int]]
    if hypotheses.ids is not None and references.ids is not None:
        places = _by_id(hypotheses, references, hypotheses.ids, references.ids)
    elif len(hypotheses.texts) == len(references.texts):
        places = range(len(hypotheses.texts))
    else:
        raise DataError(
            f"{hypotheses.origin}: must hold one hypothesis for each document, but has"
            f" {len(hypotheses.texts)}, and {references.origin} has {len(references.texts)};"
            " a line was lost or added, or the files belong to different splits"
        )
    rows = [row for row, reference in enumerate(references.texts) if reference]
    found = [place for row in rows if (place := places[row]) is not None]
    ids = references.ids or hypotheses.ids
    return Aligned(
        hypotheses=tuple(hypotheses.texts[place] for place in found),
        references=tuple(references.texts[row] for row in rows),
        skipped=len(references.texts) - len(rows),
        rows=tuple(rows),
        ids=None if ids is None else tuple(ids[row] for row in rows),
        summaries=tuple(hypotheses.summaries[place] for place in found)
        if hypotheses.summaries
        else (),
    )


def _by_id(
    hypotheses: Hypotheses,
    references: References,
    hypothesis_ids: Sequence[str],
    reference_ids: Sequence[str],
) -> list[Optional[int]]:
    """The place of each reference id's text; None only where there is no reference either."""
    places = {id_: place for place, id_ in enumerate(hypothesis_ids)}
    rows = list(zip(reference_ids, references.texts, strict=True))
    missing = [id_ for id_, reference in rows if reference and id_ not in places]
    known = set(reference_ids)
    unknown = [id_ for id_ in hypothesis_ids if id_ not in known]
    if missing or unknown:
        raise DataError(
            f"{hypotheses.origin}: must hold the documents of {references.origin}, but"
            f" {_listed(missing)} missing and {_listed(unknown)} unknown there; score the same"
            " split"
        )
    return [places.get(id_) for id_ in reference_ids]


def _listed(ids: Sequence[str]) -> str:
    if not ids:
        return "none is"
    shown = ", ".join(ids[:_SHOWN_IDS]) + (", ..." if len(ids) > _SHOWN_IDS else "")
    return f"{len(ids)} ({shown}) {'is' if len(ids) == 1 else 'are'}"


def _read_summaries(path: Path, language: str) -> Hypotheses:
    texts: dict[str, str] = {}
    summaries: list[Mapping[str, str]] = []
    for number, line in read_lines(path):
        if not line.strip():
            continue
        origin = f"{path}:{number}"
        identifier, text, summary = _parse_summary(line, language, origin)
        if identifier in texts:
            raise DataError(
                f"{origin}: ids must be unique, but {identifier!r} came before; remove one"
            )
        texts[identifier] = text
        summaries.append(summary)
    return Hypotheses(str(path), tuple(texts.values()), tuple(texts), tuple(summaries))


def _parse_summary(line: str, language: str, origin: str) -> tuple[str, str, dict[str, str]]:
    """Id, summary and all summaries of a line; unlike a reference, a hypothesis may be empty."""
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DataError(
            f"{origin}: every line must be JSON, but this one is not ({error})"
        ) from error
    identifier = row.get("id") if isinstance(row, dict) else None
    summary = row.get("summary") if isinstance(row, dict) else None
    if not isinstance(identifier, str | int) or not isinstance(summary, dict):
        raise DataError(
            f'{origin}: a hypothesis must be {{"id": ..., "summary": {{"{language}": "..."}}}}, but'
            f" is {line[:60]!r}; mclas extract and mclas summarize write such lines"
        )
    if language not in summary:
        raise DataError(
            f"{origin}: document {identifier!r} must have a summary in {language!r}, but has"
            f" {', '.join(summary) or 'none'}; change --lang"
        )
    text = summary[language]
    if isinstance(text, list) and len(text) == 1:  # records list their references
        text = text[0]
    if not isinstance(text, str):
        raise DataError(
            f"{origin}: summary.{language} must be one text, but is {str(text)[:60]!r}; a system"
            " writes one summary of a document"
        )
    others = {code: value for code, value in summary.items() if isinstance(value, str)}
    return str(identifier), text, {**others, language: text}


def _read_reference_records(path: Path, language: str) -> References:
    texts: dict[str, tuple[str, ...]] = {}
    languages: set[str] = set()
    for record in read_records(path):
        if record.id in texts:
            raise DataError(
                f"{record.origin}: ids must be unique, but {record.id!r} came before; remove one"
            )
        texts[record.id] = record.summary.get(language, ())
        languages.update(record.summary)
    if not any(texts.values()):
        raise DataError(
            f"{path}: must hold references in {language!r}, but holds some in"
            f" {', '.join(sorted(languages)) or 'no language'}; change --lang or --ref"
        )
    return References(str(path), tuple(texts.values()), tuple(texts))


def _split_halves(line: str, half: Optional[str], origin: str) -> list[str]:
    parts = line.split(SEPARATOR)
    if len(parts) == 1 and half is None:
        return [line]
    if len(parts) == 2 and half is not None:
        return [part.strip() for part in parts]
    raise DataError(
        f"{origin}: a line must hold {'one summary' if half is None else 'two summaries'}, but"
        f" holds {len(parts)}; --half source|target takes the part before or after {SEPARATOR}"
    )


def _check_no_blank(path: Path, lines: Iterable[str]) -> None:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise DataError(
                f"{path}:{number}: a reference must not be empty; fill it in, or remove the"
                " document from hypotheses and references"
            )


def is_json_lines(path: Path) -> bool:
    """Whether a file holds JSON lines: by its name, or else by an object in its first line.

    Raises:
        DataError: it is a pipe, or its first line cannot be read.
    """
    if path.exists() and not (path.is_file() or path.is_dir()):
        raise DataError(
            f"{path}: summaries, references and documents are read more than once, so they must be"
            " in files, but this is a pipe or a device; write it to a file first"
        )
    if path.name.endswith((".jsonl", ".jsonl.gz")):
        return True
    return path.is_file() and _is_object(next((line for _, line in read_lines(path)), ""))


def _is_object(line: str) -> bool:
    if not line.startswith("{"):
        return False
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False
