"""Whether texts are in a script that their language is written in, and that a protocol can read.

A file of the wrong language would otherwise score 0, or nearly so, without a word. Which script a
language is written in comes from Unicode's table of likely subtags, by way of `langcodes`; the few
languages with several are listed here. Place in the pipeline: between reading and scoring.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache, partial

import numpy as np
import regex
from numpy.typing import NDArray

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.code_points import blocks, classify, code_points
from mclas_fairseq.evaluation.protocols import RougeProtocol

MOST_LOST = 0.5  # above this share, texts are refused

# Codes of ISO 15924 that stand for several scripts of Unicode.
_SCRIPTS = {
    "Hans": ("Hani", "Bopo"),
    "Hant": ("Hani", "Bopo"),
    "Hanb": ("Hani", "Bopo"),
    "Jpan": ("Hani", "Hira", "Kana"),
    "Kore": ("Hang",),
}
# Languages in use in more than one script; a tag such as sr-Latn says which.
_MORE_SCRIPTS = {
    "az": ("Latn", "Cyrl", "Arab"),
    "bs": ("Latn", "Cyrl"),
    "ha": ("Latn", "Arab"),
    "kk": ("Cyrl", "Latn", "Arab"),
    "ks": ("Arab", "Deva"),
    "ku": ("Latn", "Arab"),
    "ky": ("Cyrl", "Arab", "Latn"),
    "mn": ("Cyrl", "Mong"),
    "ms": ("Latn", "Arab"),
    "pa": ("Guru", "Arab"),
    "sd": ("Arab", "Deva"),
    "sr": ("Cyrl", "Latn"),
    "tg": ("Cyrl", "Arab", "Latn"),
    "tk": ("Latn", "Cyrl"),
    "tt": ("Cyrl", "Latn"),
    "ug": ("Arab", "Cyrl", "Latn"),
    "uz": ("Latn", "Cyrl", "Arab"),
}
# Where words are not separated, a letter counts as much as a word does elsewhere: a Chinese text
# with names in Latin letters is still a Chinese one.
_UNSPACED = "".join(
    rf"\p{{Script_Extensions={script}}}"
    for script in ("Hani", "Hira", "Kana", "Bopo", "Thai", "Laoo", "Khmr", "Mymr")
)
_UNSPACED_LETTER = regex.compile(rf"(?V1)[[{_UNSPACED}]&&\p{{L}}]")
_SPACED_LETTER = regex.compile(rf"(?V1)[\p{{L}}--[{_UNSPACED}]]")
_SPACED_MARK = regex.compile(rf"(?V1)[\p{{M}}--[{_UNSPACED}]]")
# What a character is: a mark may go on with a word, but not begin one.
_OTHER, _MARK, _FOREIGN, _OWN, _FOREIGN_ALONE, _OWN_ALONE = range(6)
_COMMON = r"\p{Zyyy}\p{Zinh}"  # letters of many scripts, such as the Japanese long vowel


def foreign_share(texts: Iterable[str], language: str) -> float:
    """Share in [0, 1] of words that are not in a script of the language; 0 without any.

    In scripts that are written without spaces, each letter counts as a word.
    """
    total = foreign = 0
    for block in blocks(texts):
        kinds = classify(code_points("\n".join(block)), partial(_kind, language))
        first = kinds[_first_letters(kinds)]
        alone = np.bincount(kinds, minlength=_OWN_ALONE + 1)[_FOREIGN_ALONE:]
        total += len(first) + int(alone.sum())
        foreign += int((first == _FOREIGN).sum()) + int(alone[0])
    return foreign / total if total else 0.0


def _first_letters(kinds: NDArray[np.uint8]) -> NDArray[np.intp]:
    """Places of the letters that begin words, in scripts with spaces.

    A word is a letter with the letters and marks that follow; marks before its first letter, which
    no writing has, are passed over.
    """
    inside = (kinds >= _MARK) & (kinds <= _OWN)
    runs = np.cumsum(inside & ~np.concatenate(([False], inside[:-1])), dtype=np.int32)
    letters = np.flatnonzero(inside & (kinds > _MARK))
    return letters[np.diff(runs[letters], prepend=0) > 0]


@lru_cache(maxsize=1 << 16)
def _kind(language: str, character: str) -> int:
    """What a character is in texts of a language."""
    own = _own_letter(language).match(character) is not None
    if _UNSPACED_LETTER.match(character):
        return _OWN_ALONE if own else _FOREIGN_ALONE
    if _SPACED_LETTER.match(character):
        return _OWN if own else _FOREIGN
    return _MARK if _SPACED_MARK.match(character) else _OTHER


def check_script(origin: str, texts: Sequence[str], rules: RougeProtocol) -> None:
    """Refuse texts that cannot be in the language, or whose letters the protocol would drop.

    Args:
        origin: the file or the system that the texts come from.
        texts: all of one side: hypotheses or references.
        rules: the protocol that they are to be scored by.

    Raises:
        DataError: more than half is in another script, or vanishes; the message says how much.
    """
    foreign = foreign_share(texts, rules.language)
    if foreign > MOST_LOST:
        raise DataError(
            f"{origin}: texts in {rules.language!r} must be in its script, but"
            f" {100 * foreign:.0f} % of the words are in another; check the file and --lang"
        )
    lost = rules.lost_share(texts)
    if lost > MOST_LOST:
        raise DataError(
            f"{origin}: protocol {rules.name!r} in {rules.language!r} must be able to read the"
            f" script, but {100 * lost:.0f} % of the letters vanish in tokenisation; check the"
            " file, --lang and --protocol"
        )


@lru_cache(maxsize=256)
def _own_letter(language: str) -> regex.Pattern[str]:
    """What a letter of the language's scripts looks like."""
    from langcodes import Language  # late: its tables take a while, see corpus/languages.py

    tag = Language.get(language)
    scripts: Sequence[str] = _MORE_SCRIPTS.get(tag.language or "", ())
    if tag.script is not None or not scripts:
        code = tag.maximize().script or ""
        scripts = _SCRIPTS.get(code, (code,))
    names = "".join(rf"\p{{{script}}}" for script in scripts)
    try:
        return regex.compile(f"[{names}{_COMMON}]")
    except regex.error:  # a language without a known script: nothing is foreign to it
        return regex.compile(r"\p{L}")
