"""Hypotheses and references once they are read, and which belongs to which."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from mclas_fairseq.corpus.record import Record
from mclas_fairseq.errors import DataError

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
    """The references of each document, none where it has no summary in the language.

    `records` holds the records that they come from, where they were asked for.
    """

    origin: str
    texts: tuple[tuple[str, ...], ...]
    ids: Optional[tuple[str, ...]] = None
    records: tuple[Record, ...] = field(default=(), compare=False, repr=False)


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
