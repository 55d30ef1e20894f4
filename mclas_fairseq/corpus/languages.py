"""Language codes: the keys of a record's texts and a part of file names in a data-bin.

Codes are BCP 47 tags (`en`, `de`, `zh`, `pt-BR`). Whether a code exists is looked up in the
registry that the library `langcodes` brings along, without a network. Its tables are loaded when
the first code is looked up: every command imports this module, and many look none up.
"""

import re
from functools import lru_cache

from mclas_fairseq.errors import DataError

# What a code may be made of, since it becomes a part of file names (`summary-de`).
_PLAIN = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")

# Written without spaces between words: lengths are counted in characters.
UNSPACED_LANGUAGES = frozenset({"zh", "ja", "th", "lo", "km", "my", "yue", "wuu", "lzh"})


def check_language(code: str, named: str = "language code") -> str:
    """Return `code` if it is a known language code.

    Args:
        code: to be looked at.
        named: what the user knows it by, as in "--lang".

    Raises:
        DataError: it is not one.
    """
    if _PLAIN.fullmatch(code) and _is_known(code):
        return code
    hyphens = code.replace("_", "-")
    meant = hyphens != code and _PLAIN.fullmatch(hyphens) and _is_known(hyphens)
    raise DataError(
        f"{named} {code!r}: must be a known code such as en, de, zh or pt-BR;"
        f" {f'write {hyphens}' if meant else 'correct it'}"
    )


@lru_cache(maxsize=1024)
def normal_code(code: str) -> str:
    """A code as signatures write it: `EN` is `en`, `pt-br` is `pt-BR`, the old `iw` is `he`.

    What is no code stays as it is.
    """
    from langcodes import standardize_tag
    from langcodes.tag_parser import LanguageTagError

    try:
        return standardize_tag(code)
    except LanguageTagError:
        return code


def is_unspaced(code: str) -> bool:
    """Say whether the language is written without spaces between its words."""
    return code.split("-")[0].lower() in UNSPACED_LANGUAGES


def count_words(text: str, code: str) -> int:
    """Number of words of a text; of characters, spaces apart, where words are not spaced."""
    words = text.split()
    return sum(map(len, words)) if is_unspaced(code) else len(words)


@lru_cache(maxsize=1024)
def _is_known(code: str) -> bool:
    from langcodes import Language
    from langcodes.tag_parser import LanguageTagError

    try:
        return Language.get(code).is_valid()
    except LanguageTagError:
        return False
