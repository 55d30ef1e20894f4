"""A row becomes a record, or is dropped with a reason: nothing is lost in between.

What is written is what `mclas prepare` accepts: texts are normalised, ids are there and unique,
documents and summaries are not empty. An id that the file does not give is made of the document:
the first 12 hexadecimal digits of the SHA-256 of its text, and "-2", "-3", ... for further rows
with the same document. So it stays when rows are moved, added or removed and when a summary is
corrected. The ids (and a digest of each row, for finding repeated ones) are all that is remembered
of earlier rows: about 0.25 KB a row.
"""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

from mclas_fairseq.corpus.conversion.mapping import Field, FieldMap
from mclas_fairseq.corpus.conversion.rows import Row
from mclas_fairseq.corpus.text_files import normalize_text

UNREADABLE = "unreadable"
BLANK = "blank row"
NOT_TEXT = "not text"
NO_DOCUMENT = "empty document"
NO_SUMMARY = "empty summary"
NO_ID = "empty id"
REPEATED_ID = "id of an earlier row"
REPEATED_ROW = "same as an earlier row"

Texts = Mapping[Field, list[str]]


@dataclass(frozen=True)
class Outcome:
    """What became of a row.

    Attributes:
        record: the record; None if the row is dropped.
        reason: why it is dropped: one of this module's reasons.
        detail: what it was in particular, which may be nothing.
        notes: what is noteworthy about a row that is kept, each a kind that is counted.
    """

    record: Optional[dict[str, object]] = None
    reason: str = ""
    detail: str = ""
    notes: tuple[str, ...] = ()


class _Dropped(Exception):
    """A row that cannot be kept; carries reason and detail."""


@dataclass
class RecordBuilder:
    """Makes records of rows, one after another.

    Args:
        fields: which column becomes which text.
        drop_repeated: whether a row with the same texts as an earlier one is dropped.
    """

    fields: FieldMap
    drop_repeated: bool = False
    _ids: dict[str, int] = field(default_factory=dict)
    _digests: set[bytes] = field(default_factory=set)

    def build(self, row: Row) -> Outcome:
        """Make a record of a row, or say why not."""
        try:
            return self._build(row)
        except _Dropped as dropped:
            return Outcome(reason=dropped.args[0], detail=dropped.args[1])

    def _build(self, row: Row) -> Outcome:
        if row.problem:
            raise _Dropped(UNREADABLE, row.problem)
        if _is_empty(row.raw):
            raise _Dropped(BLANK, "")
        texts, notes = self._texts(row)
        self._check_texts(texts)
        digest = _digest(texts)
        if digest in self._digests:
            if self.drop_repeated:
                raise _Dropped(REPEATED_ROW, "")
            notes.append("same texts as an earlier row (--dedup drops them)")
        identifier = self._identifier(row, texts)
        self._digests.add(digest)
        record: dict[str, object] = {"id": identifier}
        for field_, items in texts.items():
            if items:
                entry = record.setdefault(field_.kind, {})
                assert isinstance(entry, dict)
                entry[field_.language] = _as_written(field_, items)
        record["origin"] = row.origin
        return Outcome(record=record, notes=tuple(notes))

    def _texts(self, row: Row) -> tuple[dict[Field, list[str]], list[str]]:
        """The normalised items of every field, empty ones left out, and what is to be noted."""
        texts: dict[Field, list[str]] = {}
        notes: list[str] = []
        for field_, columns in self.fields.columns.items():
            found = [_items(row.values.get(column), column) for column in columns]
            items = [item for column_items in found for item in column_items]
            texts[field_] = [item for item in items if has_text(item)]
            if not texts[field_]:
                notes.append(f"without {field_.name}")
            elif field_.kind == "summary" and (len(texts[field_]) < len(items) or [] in found):
                notes.append(f"with fewer references in {field_.name} than columns or items")
        return texts, notes

    def _check_texts(self, texts: Texts) -> None:
        for field_ in self.fields.documents():
            if not texts[field_]:
                raise _Dropped(NO_DOCUMENT, field_.name)
        others = [field_ for field_ in texts if field_.kind != "document"]
        if not any(texts[field_] for field_ in others):
            raise _Dropped(NO_SUMMARY, ", ".join(field_.name for field_ in others))

    def _identifier(self, row: Row, texts: Texts) -> str:
        if self.fields.id_column is None:
            made = _made_id([texts[field_] for field_ in self.fields.documents()])
            self._ids[made] = self._ids.get(made, 0) + 1
            return made if self._ids[made] == 1 else f"{made}-{self._ids[made]}"
        identifier = _given_id(row.values.get(self.fields.id_column))
        if not has_text(identifier):
            raise _Dropped(NO_ID, self.fields.id_column)
        if identifier in self._ids:
            raise _Dropped(REPEATED_ID, repr(identifier))
        self._ids[identifier] = 1
        return identifier


def has_text(text: str) -> bool:
    """Tell whether a text holds anything that can be seen."""
    return any(letter.isprintable() and not letter.isspace() for letter in text)


def _is_empty(value: object) -> bool:
    if isinstance(value, str):
        return not has_text(value)
    if isinstance(value, float):
        return math.isnan(value)  # what pandas writes for an empty cell
    if isinstance(value, dict):
        return all(_is_empty(item) for item in value.values())
    if isinstance(value, list):
        return all(_is_empty(item) for item in value)
    return value is None


def _items(value: object, column: str) -> list[str]:
    """A cell as its normalised items: a list's elements, or the cell itself."""
    if isinstance(value, list):
        return [item for element in value for item in _items(element, column) or [""]]
    if _is_empty(value) and not isinstance(value, dict):
        return []
    if not isinstance(value, str):
        raise _Dropped(NOT_TEXT, f"column {column!r} holds a {type(value).__name__}")
    text = normalize_text(value)
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise _Dropped(
            NOT_TEXT, f"column {column!r} holds half a surrogate pair at character {error.start}"
        ) from None
    return [text]


def _as_written(field_: Field, items: list[str]) -> object:
    return items if field_.kind == "summary" or len(items) > 1 else items[0]


def _given_id(value: object) -> str:
    if isinstance(value, float) and value.is_integer():
        value = int(value)  # what pandas makes of whole numbers where one of them is missing
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        if _is_empty(value):
            return ""
        raise _Dropped(NOT_TEXT, f"the id is a {type(value).__name__}")
    text = normalize_text(str(value))
    if not text.isascii():
        _items(text, "id")  # half a surrogate pair
    return text


def _made_id(documents: list[list[str]]) -> str:
    text = "\n".join(" ".join(items) for items in documents)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:12]


def _digest(texts: Texts) -> bytes:
    content = json.dumps({field_.name: items for field_, items in texts.items()}, sort_keys=True)
    return hashlib.blake2b(content.encode("utf-8"), digest_size=16).digest()
