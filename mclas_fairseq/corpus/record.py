"""One record: what a line of JSON must hold to become a document with its summaries.

Split from `records.py`, which reads whole files, so that `parallel.py` can build records as well.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import DataError

Texts = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Record:
    """One document and what is known about it; all texts are normalised (`normalize_text`).

    Attributes:
        id: unique in its corpus; one line.
        document: language -> sentences; a document given as one string is one item.
        summary: language -> references, the first of which is trained on; an absent language means
            that there is no such summary.
        translation: language -> translation of the document, as sentences or as one item.
        origin: "file:line", for messages.
        question: language -> a question about the document, whose answers are its summaries.
    """

    id: str
    document: Texts
    summary: Texts
    translation: Texts
    origin: str
    question: Texts = field(default_factory=dict)

    def document_text(self, language: str) -> str:
        """The document's sentences joined by one space; KeyError where it has none."""
        return " ".join(self.document[language])

    def translation_text(self, language: str) -> str:
        """The translation's sentences joined by one space; KeyError where it has none."""
        return " ".join(self.translation[language])


def parse_record(line: str, origin: str, translation_key: str) -> Record:
    """Read one line of JSON as a record.

    Args:
        line: the text of the line.
        origin: "file:line", named in every error.
        translation_key: the key that holds translations of the document.

    Raises:
        DataError: the line is not a record.
    """
    try:
        data = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{origin}: every line must be one JSON object, but this one cannot be read ({error});"
            " mend or remove the line"
        ) from error
    if not isinstance(data, dict):
        raise DataError(
            f"{origin}: every line must be one JSON object, but this one is a"
            f" {type(data).__name__}; mend or remove the line"
        )
    return Record(
        id=_identifier(data, origin),
        document=_texts(data, "document", origin, is_references=False),
        summary=_texts(data, "summary", origin, is_references=True),
        translation=_texts(data, translation_key, origin, is_references=False),
        origin=origin,
        question=_questions(data, origin),
    )


def _questions(data: Mapping[str, object], origin: str) -> dict[str, tuple[str, ...]]:
    """Questions by language; what is no object under this key is another key's, and ignored."""
    if not isinstance(data.get("question"), dict):
        return {}
    return _texts(data, "question", origin, is_references=False)


def _identifier(data: Mapping[str, object], origin: str) -> str:
    value = data.get("id")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str) and value and normalize_text(value) == value:
        _check_encodable(value, origin, "id")
        return value
    raise DataError(
        f"{origin}: the id must be a non-empty string of one line (or a number), but is {value!r};"
        " give the record an id"
    )


def _texts(
    data: Mapping[str, object], key: str, origin: str, *, is_references: bool
) -> dict[str, tuple[str, ...]]:
    value = data.get(key, {})
    if not isinstance(value, dict):
        raise DataError(
            f'{origin}: "{key}" must be an object with one entry for each language, but is a'
            f' {type(value).__name__}; write {{"{key}": {{"en": ...}}}}'
        )
    for language in value:
        _check_language_key(language, key, origin)
    return {
        language: _items(item, f"{key}.{language}", origin, is_references)
        for language, item in value.items()
    }


def _check_language_key(language: str, key: str, origin: str) -> None:
    try:
        check_language(language)
    except DataError as error:
        raise DataError(f'{origin}: "{key}": {error}') from None


def _items(value: object, name: str, origin: str, is_references: bool) -> tuple[str, ...]:
    """One text as its items: sentences (empty ones left out) or references (none may be empty)."""
    items = [value] if isinstance(value, str) else value
    if not isinstance(items, list) or not all(isinstance(item, str) for item in items):
        raise DataError(
            f"{origin}: {name} must be a string or a list of strings, but is {_shorten(value)}"
        )
    texts = [normalize_text(item) for item in items]
    for text in texts:
        _check_encodable(text, origin, name)
    if not any(texts):
        raise DataError(
            f"{origin}: {name} must not be empty; fill it in, or leave the language out"
        )
    if is_references and not all(texts):
        raise DataError(
            f"{origin}: {name} must not hold an empty reference, but number"
            f" {texts.index('') + 1} of {len(texts)} is; fill it in or remove it"
        )
    return tuple(text for text in texts if text)


def _check_encodable(text: str, origin: str, name: str) -> None:
    """JSON's escapes can spell half a character (a lone surrogate), which no file can hold."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{origin}: {name} must be valid Unicode, but holds half a surrogate pair at character"
            f" {error.start + 1}; mend the escape sequence"
        ) from error


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."
