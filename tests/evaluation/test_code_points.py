"""Counting over joined texts beside counting one word and one letter after the other."""

import random

import pytest
import regex

from mclas_fairseq.evaluation import code_points
from mclas_fairseq.evaluation.code_points import blocks, count_letters
from mclas_fairseq.evaluation.protocols import RougeProtocol, get_protocol
from mclas_fairseq.evaluation.scripts import _UNSPACED, _own_letter, foreign_share

# Letters with and without spaces between words, marks before, in and after them, digits, signs,
# letters of no script of their own, ligatures, full-width forms, what lies beyond 16 bits.
CHARACTERS = "aZß İıΣςцД अक्षर ไทยสรุ摘要データー한국어 ́̈ं 12٣. !-\u200b\u00ad\u3164ﬁＡ𝐀𐍈\n\ud800"


def random_texts(seed: int) -> list[str]:
    draw = random.Random(seed)
    return ["".join(draw.choices(CHARACTERS, k=draw.randint(0, 25))) for _ in range(300)]


def slow_foreign_share(texts: list[str], language: str) -> float:
    """Words (letters, in scripts without spaces) one after the other."""
    unit = regex.compile(
        rf"(?V1)[[{_UNSPACED}]&&\p{{L}}]"
        rf"|[\p{{L}}--[{_UNSPACED}]][[\p{{L}}\p{{M}}]--[{_UNSPACED}]]*"
    )
    units = [found for text in texts for found in unit.findall(text)]
    own = _own_letter(language)
    return sum(own.match(unit) is None for unit in units) / len(units)


@pytest.mark.parametrize("language", ["de", "hi", "zh", "ja", "th", "ru", "sr"])
def test_foreign_words_are_counted_as_one_by_one(
    language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = random_texts(seed=1)
    share = slow_foreign_share(texts, language)
    assert 0 < share < 1
    assert foreign_share(texts, language) == share
    monkeypatch.setattr(code_points, "_BLOCK", 40)
    assert foreign_share(texts, language) == share


def test_marks_before_a_word_are_no_word_and_part_no_word_from_it() -> None:
    # A mark alone, a mark before a word, a mark inside one: two words, both foreign to Russian.
    assert foreign_share(["\u0301", "\u0301ab", "e\u0301a", "да"], "ru") == 2 / 3


@pytest.mark.parametrize("language", ["de", "tr", "zh", "th", "hi"])
def test_letters_that_the_default_protocol_keeps_are_those_of_its_tokens(language: str) -> None:
    rules = get_protocol("default", language)
    texts = [text.replace("\ud800", "") for text in random_texts(seed=2)]
    for text in texts:
        assert rules._kept_letters([text]) == RougeProtocol._kept_letters(rules, [text]), text
    assert rules.lost_share(texts) < 0.05  # the Hangul filler is a letter that nobody sees


def test_letters_are_those_of_unicode() -> None:
    text = "".join(random_texts(seed=3))
    assert count_letters(text) == len(regex.findall(r"\p{L}", text))
    assert count_letters("") == 0


def test_blocks_hold_all_texts_in_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(code_points, "_BLOCK", 6)
    assert list(blocks(["ab", "cd", "", "efghijk", "l"])) == [["ab", "cd"], ["", "efghijk"], ["l"]]
    assert list(blocks([])) == []
