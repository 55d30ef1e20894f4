"""Drawing the same amount of text from each language."""

from collections.abc import Iterator
from functools import partial

import pytest

from mclas_fairseq.corpus.balance import (
    Lines,
    balance_by_repeating,
    changed_lines,
    count_bytes,
    draw_languages,
    draw_lines,
    language_weights,
)
from mclas_fairseq.errors import DataError

TEXTS = {
    "en": [f"sentence {number:04d}" for number in range(1000)],  # 13,000 bytes
    "de": [f"Satz {number:02d}" for number in range(50)],  # 350 bytes
    "zh": ["一", "二", "三"],  # 9 bytes
}


def _shares(lines: list[str]) -> dict[str, int]:
    return {
        language: count_bytes([line for line in lines if line in set(texts)])
        for language, texts in TEXTS.items()
    }


def test_each_language_weighs_as_much_as_the_largest() -> None:
    shares = _shares(balance_by_repeating(TEXTS, 1_000_000))
    assert shares["en"] == 13_000
    assert shares["de"] == pytest.approx(13_000, abs=7)
    assert shares["zh"] == pytest.approx(13_000, abs=3)


def test_large_languages_are_sampled_down_to_the_cap_in_whole_lines() -> None:
    lines = balance_by_repeating(TEXTS, 1_000)
    shares = _shares(lines)
    assert 1_000 <= shares["en"] < 1_013
    assert shares["de"] == pytest.approx(shares["en"], abs=7)
    assert {line for line in lines if line.startswith("sentence")} <= set(TEXTS["en"])


def test_no_line_is_repeated_more_than_once_above_the_others() -> None:
    lines = balance_by_repeating(TEXTS, 1_000)
    counts = {lines.count(line) for line in TEXTS["de"]}
    assert max(counts) - min(counts) <= 1
    assert {lines.count(line) for line in lines if line in TEXTS["en"]} == {1}


def test_the_draw_is_spread_over_the_lines_and_always_the_same() -> None:
    drawn = draw_lines(TEXTS["en"], 1_300)
    assert drawn == draw_lines(TEXTS["en"], 1_300)
    positions = [TEXTS["en"].index(line) for line in drawn]
    assert len(positions) == len(set(positions)) == 100
    assert min(positions) < 100
    assert max(positions) > 900


def test_weights_count_bytes_and_not_characters() -> None:
    assert language_weights({"en": ["abcdef"], "zh": ["方法"], "de": ["ab"]}) == {
        "en": 1.0,
        "zh": 1.0,
        "de": 3.0,
    }


def test_empty_lines_are_left_out_and_languages_without_text_refused() -> None:
    assert draw_languages({"en": ["", "a", ""]}, 10) == {"en": ["a"]}
    with pytest.raises(DataError, match="found none in 'de'; give training records"):
        draw_languages({"en": ["a"], "de": [""]}, 10)
    with pytest.raises(DataError, match="found none; check --train"):
        draw_languages({}, 10)


def test_lines_that_are_read_anew_each_time_are_drawn_like_a_list() -> None:
    started: list[str] = []

    def read(language: str) -> Iterator[str]:
        started.append(language)
        yield from TEXTS[language]

    streamed = {language: Lines(partial(read, language)) for language in TEXTS}
    assert balance_by_repeating(streamed, 1_000) == balance_by_repeating(TEXTS, 1_000)
    assert started == ["en", "en", "de", "de", "zh", "zh"]


def test_changed_lines_are_changed_each_time() -> None:
    lines = changed_lines(str.upper, ["a", "b"])
    assert list(lines) == list(lines) == ["A", "B"]
