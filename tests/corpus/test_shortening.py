"""Cutting texts to a number of words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mclas_fairseq.corpus.languages import count_words
from mclas_fairseq.corpus.shortening import shorten

TEXT = "It rained. The river rose, and 3.5 m of water stood in town! Nobody was hurt."


@pytest.mark.parametrize(
    ("text", "words", "language", "expected"),
    [
        (TEXT, 1, "en", "It"),
        (TEXT, 2, "en", "It rained."),
        (TEXT, 12, "en", "It rained."),
        (TEXT, 13, "en", "It rained. The river rose, and 3.5 m of water stood in town!"),
        (TEXT, 15, "en", "It rained. The river rose, and 3.5 m of water stood in town!"),
        (TEXT, 16, "en", TEXT),
        (TEXT, 99, "en", TEXT),
        ("no end of any sentence here", 3, "en", "no end of"),
        ("all small. no capitals at all", 4, "en", "all small."),
        ("He said: «Go.» Then he went.", 4, "en", "He said: «Go.»"),
        ("See e.g. page 3 of it all", 4, "en", "See e.g. page 3"),
        ("今天下雨。河水上涨，没有人受伤。", 6, "zh", "今天下雨。"),
        ("今天下雨。河水上涨，没有人受伤。", 4, "zh", "今天下雨"),
        ("  two spaces  between ", 2, "en", "  two spaces"),
        ("", 1, "en", ""),
    ],
)
def test_texts_by_hand(text: str, words: int, language: str, expected: str) -> None:
    assert shorten(text, words, language) == expected


@given(
    text=st.text(alphabet="ab. AB!?。\n«»'", max_size=40),
    words=st.integers(1, 12),
    language=st.sampled_from(["en", "zh"]),
)
def test_it_is_a_beginning_within_the_limit(text: str, words: int, language: str) -> None:
    short = shorten(text, words, language)
    assert text.startswith(short)
    assert count_words(short, language) <= words
    assert bool(short.strip()) == bool(text.strip())
    assert shorten(short, words, language) == short
