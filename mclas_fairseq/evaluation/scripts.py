"""Whether texts are in a script that their language is written in, and that a protocol can read.

A file of the wrong language would otherwise score 0, or nearly so, without a word. Which script a
language is written in comes from Unicode's table of likely subtags, by way of `langcodes`; the few
languages with several are listed here. Place in the pipeline: between reading and scoring.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import regex
from langcodes import Language

from mclas_fairseq.errors import DataError
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
_UNIT = regex.compile(
    rf"(?V1)[[{_UNSPACED}]&&\p{{L}}]|[\p{{L}}--[{_UNSPACED}]][[\p{{L}}\p{{M}}]--[{_UNSPACED}]]*"
)
_COMMON = r"\p{Zyyy}\p{Zinh}"  # letters of many scripts, such as the Japanese long vowel


def foreign_share(texts: Iterable[str], language: str) -> float:
    """Share in [0, 1] of words that are not in a script of the language; 0 without any.

    In scripts that are written without spaces, each letter counts as a word.
    """
    own = _own_letter(language)
    total = foreign = 0
    for text in texts:
        units = _UNIT.findall(text)
        total += len(units)
        foreign += sum(own.match(unit) is None for unit in units)
    return foreign / total if total else 0.0


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
