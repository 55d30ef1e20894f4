"""What annotators may be shown: documents, references and the summaries of each system.

All of the same documents, in one order: the first station of `mclas human sample`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.inputs import (
    Hypotheses,
    References,
    align,
    read_hypotheses,
    read_references,
)
from mclas_fairseq.evaluation.program_marks import Marks
from mclas_fairseq.evaluation.text_input import TextInput, open_inputs

REFERENCE = "reference"
REFERENCE_ROLES = ("system", "shown")


@dataclass(frozen=True)
class Sources:
    """Where the material comes from.

    Attributes:
        language: of the summaries.
        systems: name -> file of its summaries.
        documents: file of records or plain lines with the documents, None to show none.
        document_language: which document of a record.
        references: files of references, none to do without.
        reference_role: "system": the first reference takes part as the system "reference";
            "shown": it stands beside the summaries for comparison.
        read_marks: whether marks of other programs are read, instead of refused.
    """

    language: str
    systems: Mapping[str, Path]
    documents: Optional[Path] = None
    document_language: Optional[str] = None
    references: Sequence[Path] = ()
    reference_role: str = "system"
    read_marks: bool = False


@dataclass(frozen=True)
class Material:
    """N documents: `ids`, the columns shown beside the summaries (name -> N texts), and the systems
    (name -> N summaries).
    """

    ids: tuple[str, ...]
    shown: Mapping[str, tuple[str, ...]]
    systems: Mapping[str, tuple[str, ...]]


def read_material(sources: Sources) -> Material:
    """Read everything and put it side by side; documents without a reference are left out if
    references are given.

    Raises:
        ConfigError: the sources do not make an evaluation, such as one without a text to judge by.
        DataError: a file cannot be read, or a system lacks a document or has unknown ones.
    """
    _check(sources)
    inputs = open_inputs(
        [*sources.systems.values(), *sources.references]
        + ([sources.documents] if sources.documents is not None else [])
    )
    marks = Marks(read=sources.read_marks)
    references = None
    if sources.references:
        given = [inputs[path] for path in sources.references]
        references = read_references(given, sources.language, marks=marks)
    documents = None
    if sources.documents is not None:
        documents = _read_documents(inputs[sources.documents], sources.document_language)
    anchor, first_references = _join(documents, references)
    kept = [row for row, texts in enumerate(anchor.texts) if texts]
    systems: dict[str, tuple[str, ...]] = {}
    ids: Optional[tuple[str, ...]] = None
    for name, path in sources.systems.items():
        aligned = align(read_hypotheses(inputs[path], sources.language, marks=marks), anchor)
        systems[name] = aligned.hypotheses
        _check_same_ids(path, aligned.ids, ids)
        ids = ids or aligned.ids
    shown: dict[str, tuple[str, ...]] = {}
    if documents is not None:
        shown["document"] = tuple(anchor.texts[row][0] for row in kept)
    if references is not None:
        is_system = sources.reference_role == "system"
        column = tuple(first_references[row] for row in kept)
        (systems if is_system else shown)[REFERENCE] = column
    return Material(ids or tuple(str(row + 1) for row in kept), shown, systems)


def _check_same_ids(
    path: Path, ids: Optional[tuple[str, ...]], others: Optional[tuple[str, ...]]
) -> None:
    """Files that were matched line by line may still have ids, which then must agree."""
    for one, other in zip(ids or (), others or (), strict=False):
        if one != other:
            raise DataError(
                f"{path}: must hold the same documents in the same order as the other systems, but"
                f" has {one!r} where they have {other!r}; give --source or --ref with ids"
            )


def _check(sources: Sources) -> None:
    takes_part = bool(sources.references) and sources.reference_role == "system"
    if takes_part and REFERENCE in sources.systems:
        raise ConfigError(
            f"--system: no system may be called {REFERENCE!r} when the reference takes part, but"
            " one is; rename it"
        )
    if sources.documents is None and (takes_part or not sources.references):
        raise ConfigError(
            "mclas human sample: annotators must see what to judge by, but there is neither"
            " --source nor --ref with --ref-as shown; give one of them"
        )


def _read_documents(source: TextInput, language: Optional[str]) -> References:
    if not source.is_json_lines:
        return References(source.name, tuple((line,) for _, line in _filled_lines(source)))
    if language is None:
        raise ConfigError(
            "--source: the language of records' documents must be known, but for"
            f" {source.name} none is given; add --source-lang"
        )
    texts: dict[str, tuple[str, ...]] = {}
    for record in source.records():
        if language not in record.document:
            found = ", ".join(record.document) or "none"
            raise DataError(
                f"{record.origin}: record {record.id!r} must have a document in {language}, but has"
                f" {found}; change --source-lang or --source"
            )
        if record.id in texts:
            raise DataError(
                f"{record.origin}: ids must be unique, but {record.id!r} came before; remove one"
            )
        texts[record.id] = (record.document_text(language),)
    return References(source.name, tuple(texts.values()), tuple(texts))


def _filled_lines(source: TextInput) -> list[tuple[int, str]]:
    lines = list(source.lines())
    for number, line in lines:
        if not line.strip():
            raise DataError(
                f"{source.name}:{number}: a document must not be empty, but is; fill it in, or"
                " remove it from all files"
            )
    return lines


def _join(
    documents: Optional[References], references: Optional[References]
) -> tuple[References, tuple[str, ...]]:
    """What systems are aligned with, empty where a document cannot take part, and the first
    reference of each of its rows.
    """
    if references is None:
        assert documents is not None, "checked before reading"
        return documents, ()
    firsts = tuple(texts[0] if texts else "" for texts in references.texts)
    if documents is None:
        return references, firsts
    first = align(Hypotheses(references.origin, firsts, references.ids), documents).hypotheses
    texts = tuple(
        document if reference else ()
        for document, reference in zip(documents.texts, first, strict=True)
    )
    return References(documents.origin, texts, documents.ids or references.ids), first
