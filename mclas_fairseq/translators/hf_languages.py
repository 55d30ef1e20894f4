"""How models of transformers name languages, found for the codes of records.

Multilingual models have a token for each language, and each family writes it in its own way: NLLB
`deu_Latn`, mBART `de_DE` (and `en_XX`), M2M-100 `__de__`, Marian `>>deu<<`. Which of them is meant
by a code such as `de` or `zh-TW` is decided by the rules of Unicode for matching languages.
"""

import re
from collections.abc import Iterable
from typing import Optional

from langcodes import Language, closest_match

from mclas_fairseq.errors import ConfigError

_FORMS = {
    "m2m_100": re.compile(r"__([a-z]{2,3})__|([a-z]{3}_[A-Z][a-z]{3})"),
    "nllb-moe": re.compile(r"([a-z]{3}_[A-Z][a-z]{3})"),
    "mbart": re.compile(r"([a-z]{2,3}_[A-Z]{2})"),
    "marian": re.compile(r">>([A-Za-z_-]+)<<"),
}
MODEL_TYPES = tuple(_FORMS)
_ANOTHER_COUNTRY = 5  # in the distances of Unicode; another language is further away


def language_tokens(model_type: str, vocabulary: Iterable[str]) -> dict[str, str]:
    """Return the tokens in `vocabulary` that name languages, by the code of each (BCP 47)."""
    found: dict[str, str] = {}
    for token in sorted(vocabulary):
        match = _FORMS[model_type].fullmatch(token)
        if match:
            code = next(part for part in match.groups() if part)
            found[code.replace("_", "-").removesuffix("-XX")] = token
    return found


def find_token(language: str, tokens: dict[str, str], name: str) -> str:
    """Return the token of `language` among those of a model.

    Args:
        language: as in records: "de", "zh-TW".
        tokens: what `language_tokens` returned.
        name: of the translator, for the message.

    Raises:
        ConfigError: the model does not know the language.
    """
    best, _ = closest_match(language, list(tokens), max_distance=_ANOTHER_COUNTRY)
    if best in tokens and _base(best) == _base(language):
        return tokens[best]
    known = ", ".join(list(tokens)[:8]) + (", ..." if len(tokens) > 8 else "")
    raise ConfigError(
        f"translator {name}: must know the language {language}, but knows {known}; give a model "
        "for this language"
    )


def two_letters(code: Optional[str]) -> str:
    """Return a language code of two letters where there is one ("deu" is "de")."""
    return Language.get(code).language or "" if code and re.fullmatch("[a-z]{2,3}", code) else ""


def _base(code: str) -> str:
    """The language of a code without script and country, dominant dialects as their language."""
    return Language.get(code).prefer_macrolanguage().language or ""
