"""Which column becomes which text of a record: the little language of `mclas convert --map`.

    document.en=text,summary.tr=summary          two columns, two texts
    document.en=title+text                       a document made of two columns, in this order
    summary.tr=summary1+summary2                 one summary with two references

A comma, a plus sign or a backslash that belongs to a column's name has a backslash before it.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import ConfigError, DataError

KINDS = ("document", "summary", "translation")

_ESCAPED = re.compile(r"\\(.)")
# Split points: the sign, unless a backslash stands before it (and that one is not itself escaped).
_COMMA = re.compile(r"((?:\\.|[^,\\])*)(?:,|$)", re.DOTALL)
_PLUS = re.compile(r"((?:\\.|[^+\\])*)(?:\+|$)", re.DOTALL)


@dataclass(frozen=True)
class Field:
    """One text of a record, written `document.en`."""

    kind: str
    language: str

    @property
    def name(self) -> str:
        """As it is written in `--map`."""
        return f"{self.kind}.{self.language}"


@dataclass(frozen=True)
class FieldMap:
    """The columns of every text of a record.

    Attributes:
        columns: text -> its columns: the parts of a document or a translation in their order, the
            references of a summary.
        id_column: the column that holds ids; None where ids are to be made.
    """

    columns: Mapping[Field, tuple[str, ...]]
    id_column: Optional[str] = None

    def all_columns(self) -> list[str]:
        """Every column that is needed, once."""
        texts = [column for columns in self.columns.values() for column in columns]
        ids = [] if self.id_column is None or self.id_column in texts else [self.id_column]
        return texts + ids

    def documents(self) -> list[Field]:
        """The documents among the fields."""
        return [field for field in self.columns if field.kind == "document"]

    def languages(self, *kinds: str) -> list[str]:
        """The languages of the fields of these kinds, each once."""
        return list(dict.fromkeys(field.language for field in self.columns if field.kind in kinds))


def parse_map(words: Sequence[str], id_column: Optional[str] = None) -> FieldMap:
    """Read the values of `--map`, each of which may hold several assignments.

    Raises:
        ConfigError: what is wrong with them (see `build_map`).
    """
    assignments = [part for word in words for part in _parts(word, _COMMA) if part.strip()]
    return build_map(assignments, id_column, flag="--map")


def parse_text_files(words: Sequence[str]) -> FieldMap:
    """Read the values of `--text`, `document.en=FILE` each, whose columns are names of files.

    Raises:
        ConfigError: what is wrong with them (see `build_map`).
    """
    return build_map(words, None, flag="--text")


def build_map(assignments: Sequence[str], id_column: Optional[str], *, flag: str) -> FieldMap:
    """Read `FIELD=COLUMN[+COLUMN...]` one by one.

    Raises:
        ConfigError: one of them is not of that form, a text or a column stands in two of them, or
            there is no document, or nothing beside it.
    """
    columns: dict[Field, tuple[str, ...]] = {}
    users: dict[str, Field] = {}
    for assignment in assignments:
        field, names = _parse(assignment, flag)
        if field in columns:
            raise ConfigError(
                f"{flag}: {field.name} must be given once, but is given {_listed(columns[field])}"
                f" and {_listed(names)}; for several in one text write"
                f" {field.name}={'+'.join(columns[field] + names)}"
            )
        for name in names:
            if name in users:
                raise ConfigError(
                    f"{flag}: a column must go to one text, but {name!r} goes to"
                    f" {users[name].name} and to {field.name}; leave out one of the two"
                )
            users[name] = field
        columns[field] = names
    _check_complete(columns, flag)
    id_name = None if id_column is None else normalize_text(id_column)
    return FieldMap(columns=columns, id_column=id_name)


def _parse(assignment: str, flag: str) -> tuple[Field, tuple[str, ...]]:
    name, sign, value = assignment.partition("=")
    kind, dot, language = name.strip().partition(".")
    parts = [_ESCAPED.sub(r"\1", part) for part in _parts(value, _PLUS)]
    names = tuple(normalize_text(part) for part in parts)
    if not (sign and dot and kind in KINDS and language and names and all(names)):
        raise ConfigError(
            f"{flag}: must be FIELD=COLUMN with a field such as document.en, summary.tr or"
            f" translation.tr, but is {assignment!r}; write, for example, document.en=text"
        )
    try:
        check_language(language)
    except DataError:
        raise ConfigError(
            f"{flag}: {name.strip()!r} must end in a known language code such as en, de, tr or"
            f" pt-BR, but ends in {language!r}; correct the code"
        ) from None
    return Field(kind, language), names


def _check_complete(columns: Mapping[Field, tuple[str, ...]], flag: str) -> None:
    kinds = {field.kind for field in columns}
    if "document" not in kinds or len(kinds) < 2:
        found = ", ".join(field.name for field in columns) or "nothing"
        raise ConfigError(
            f"{flag}: must name a document and a summary (or a translation), but names {found};"
            f" write, for example, document.en=... and summary.tr=..."
        )


def _parts(text: str, pattern: re.Pattern[str]) -> Iterator[str]:
    position = 0
    while position < len(text):
        found = pattern.match(text, position)
        if found is None:  # a backslash at the very end escapes nothing
            yield text[position:]
            return
        yield found[1]
        position = found.end()


def _listed(names: Sequence[str]) -> str:
    return "+".join(repr(name) for name in names)
