"""The words of a text, numbered as word links number them: by no language's rules in particular."""

import regex

# A character of a script without spaces, a run of letters and digits, or any other sign.
WORD = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Khmer}\p{Lao}\p{Myanmar}]|[\p{L}\p{M}\p{N}]+|[^\s]"
)
_SPOKEN = regex.compile(r"[\p{L}\p{N}]")


def split_words(text: str) -> list[str]:
    """The words of a text: runs of letters and digits, and every other sign by itself.

    In scripts without spaces each character is a word.
    """
    return [match[0] for match in WORD.finditer(text)]


def is_spoken(word: str) -> bool:
    """Whether a word is more than punctuation."""
    return _SPOKEN.search(word) is not None
