"""Which languages a text can be in, going by the letters that it is written with.

Most scripts are written by one language, or by few, and letters are surer than statistics of short
texts. Used by `evaluation/output_language.py`.
"""

from collections import Counter

import regex

LATIN = "Latin"
HAN = "Han"
KANA = "Kana"

# Script -> languages that are written in it, the most widely used one first. Scripts are Unicode's;
# `Kana` stands for Hiragana and Katakana, which only Japanese has, mixed with Han.
SCRIPT_LANGUAGES: dict[str, tuple[str, ...]] = {
    "Arabic": ("ar", "fa", "ur", "ps", "ug", "ku", "sdh", "uzs", "arz", "ary"),
    "Armenian": ("hy",),
    "Bengali": ("bn", "as"),
    "Cyrillic": ("ru", "uk", "bg", "sr", "be", "mk", "kk", "ky", "mn", "tg", "tt", "ba"),
    "Devanagari": ("hi", "mr", "ne", "sa", "gom"),
    "Ethiopic": ("am", "ti"),
    "Georgian": ("ka",),
    "Greek": ("el", "grc"),
    "Gujarati": ("gu",),
    "Gurmukhi": ("pa",),
    HAN: ("zh", "yue", "wuu", "lzh", "ja"),
    "Hangul": ("ko",),
    "Hebrew": ("he", "yi", "hbo"),
    KANA: ("ja",),
    "Kannada": ("kn",),
    "Khmer": ("km",),
    "Lao": ("lo",),
    "Malayalam": ("ml",),
    "Myanmar": ("my",),
    "Oriya": ("or",),
    "Sinhala": ("si",),
    "Tamil": ("ta",),
    "Telugu": ("te",),
    "Thai": ("th",),
    "Tibetan": ("bo", "dz"),
}
# Written without spaces between words: a letter of them counts as much as a word of the others, so
# that a Chinese sentence with long names in Latin letters is a Chinese one.
_UNSPACED = (HAN, "Khmer", "Lao", "Myanmar", "Thai", "Tibetan")
_UNITS = regex.compile(
    "|".join(
        [
            rf"(?P<{KANA}>[\p{{Hiragana}}\p{{Katakana}}])",
            *(rf"(?P<{name}>[\p{{{name}}}&&\p{{L}}])" for name in _UNSPACED),
            *(
                rf"(?P<{name}>[\p{{{name}}}&&\p{{L}}][\p{{{name}}}\p{{M}}]*)"
                for name in sorted({*SCRIPT_LANGUAGES, LATIN} - {KANA, *_UNSPACED})
            ),
        ]
    ),
    regex.VERSION1,  # for &&
)
# Japanese mixes kana with Han; Chinese has none but in quoted names.
_ENOUGH_KANA = 0.1


def main_script(text: str) -> str:
    """The script of most words of a text (letters, where words are not separated); "" for none.

    Han and kana are counted together, and called `Kana` where at least a tenth of them is kana.
    """
    counts = Counter(match.lastgroup or "" for match in _UNITS.finditer(text))
    kana = counts.pop(KANA, 0)
    east_asian = kana + counts.pop(HAN, 0)
    if east_asian:
        counts[KANA if kana >= _ENOUGH_KANA * east_asian else HAN] = east_asian
    return max(counts, key=lambda name: (counts[name], name)) if counts else ""
