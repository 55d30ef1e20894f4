"""The texts of a record as a cleaning step sees them: a plain dict, its texts whole or in parts."""

from collections.abc import Mapping

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.protocols.base import RougeProtocol
from mclas_fairseq.roundtrip.steps import Record

_SIDES = ("document", "summary", "translation")


def text_of(record: Record, side: str, language: str) -> str:
    """A text of the record; a document's sentences joined, of several references the first.

    Args:
        record: a plain dict.
        side: "document" or "summary".
        language: whose text.

    Returns:
        "" where there is none.
    """
    texts = record.get(side)
    value = texts.get(language) if isinstance(texts, Mapping) else None
    if isinstance(value, list):
        parts = [str(part) for part in value]
        return " ".join(parts) if side == "document" else "".join(parts[:1])
    return value if isinstance(value, str) else ""


def normalise(record: Record) -> None:
    """Bring every text of the record to the form that `mclas prepare` reads, in place.

    Unicode NFC, any run of white space and control characters as one space (`normalize_text`).
    """
    for side in _SIDES:
        texts = record.get(side)
        if isinstance(texts, dict):
            record[side] = {language: _normalised(value) for language, value in texts.items()}


def rules_for(languages: tuple[str, ...]) -> dict[str, RougeProtocol]:
    """What counts as a word of each language: a token of the default protocol."""
    return {language: get_protocol("default", language) for language in languages}


def count_words(text: str, rules: RougeProtocol) -> int:
    """Number of words, or of characters where words are not separated."""
    return sum(len(sentence) for sentence in rules.tokenise(text))


def _normalised(value: object) -> object:
    if isinstance(value, str):
        return normalize_text(value)
    if isinstance(value, list):
        return [_normalised(part) for part in value]
    return value
