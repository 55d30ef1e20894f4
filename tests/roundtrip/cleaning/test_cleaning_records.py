"""Cleaning steps that judge one record: what they reject, why, and what they let be."""

from typing import Any

import pytest

from mclas_fairseq.roundtrip.cleaning.options import Range
from mclas_fairseq.roundtrip.cleaning.records import (
    CopiedWords,
    DeclaredLanguage,
    LengthLimits,
    LengthRatio,
    NormaliseText,
)


def record(document: object = "One two three.", **summary: str) -> dict[str, Any]:
    return {
        "id": "1",
        "document": {"en": document},
        "summary": {code: [text] for code, text in summary.items()},
    }


def test_normalising_brings_every_text_to_nfc_with_single_spaces() -> None:
    given = record(["Cafe\u0301\tau lait.", "Next\u00a0one. "], de=" U\u0308ber\u2028uns ")
    assert NormaliseText().judge(given) is None
    assert given["document"] == {"en": ["Café au lait.", "Next one."]}
    assert given["summary"] == {"de": ["Über uns"]}


@pytest.mark.parametrize(
    ("document", "summary", "reason"),
    [
        ("one two three", "a b", None),
        (["one", "two", "three"], "a b", None),  # sentences count together
        ("one two", "a b", "document too short"),
        ("one two three four five six", "a b", "document too long"),
        ("one two three", "a", "summary too short"),
        ("one two three", "a b c d", "summary too long"),
    ],
)
def test_lengths_are_limited_at_both_ends(
    document: object, summary: str, reason: str | None
) -> None:
    limits = {"document": Range(3, 5), "summary": Range(2, 3)}
    assert LengthLimits(limits, ("en", "de")).judge(record(document, de=summary)) == reason


def test_chinese_is_counted_in_characters() -> None:
    step = LengthLimits({"summary": Range(1, 4)}, ("zh",))
    assert step.judge(record(zh="北京下雨。")) is None
    assert step.judge(record(zh="北京今天下雨。")) == "summary too long"


@pytest.mark.parametrize(
    ("german", "reason"),
    [
        ("eins zwei drei vier", None),
        ("eins zwei drei vier fünf", "length ratio"),
        ("!", "length ratio"),
    ],
)
def test_ratio_compares_both_summaries(german: str, reason: str | None) -> None:
    step = LengthRatio(2.0, ("en", "de"))
    assert step.judge(record(en="one two", de=german)) == reason
    assert step.judge(record(en="one two")) is None, "there is no pair to compare"
    swapped = LengthRatio(2.0, ("de", "en"))
    assert swapped.judge(record(de="one two", en=german)) == reason


def test_text_in_another_language_is_named_by_its_side() -> None:
    english = "The government has decided to build a new hospital near the river."
    german = "Die Regierung hat beschlossen, ein neues Krankenhaus am Fluss zu bauen."
    both = DeclaredLanguage(("document", "summary"), ("en", "de"))
    assert both.judge(record(english, en=english, de=german)) is None
    assert both.judge(record(english, de=english)) == "summary in another language"
    assert both.judge(record(german, de=german)) == "document in another language"
    assert DeclaredLanguage(("summary",), ("en", "de")).judge(record(german, de=german)) is None


@pytest.mark.parametrize(
    ("english", "italian", "share"),
    [
        ("Deep networks for vision", "Reti profonde per la visione", 0.0),
        ("Deep networks for vision", "Deep networks per la visione", 0.5),
        ("BERT is all you need", "bert è tutto", 1 / 3),  # of the shorter one; case aside
        ("No no yes", "no bene sì", 1 / 3),  # each word as often as it stands there
        ("In 2019 100 dogs", "Nel 2019 100 cani", 0.0),  # numbers are not counted
        ("2019", "anno 2019", None),
    ],
)
def test_the_share_of_copied_words_is_that_of_the_shorter_summary(
    english: str, italian: str, share: float | None
) -> None:
    step = CopiedWords(0.4, ("en", "it"))
    found = step.share(record(en=english, it=italian))
    assert found == (None if share is None else pytest.approx(share))
    assert step.judge(record(en=english, it=italian)) == ("copied words" if share == 0.5 else None)
    assert step.judge(record(en=english)) is None, "there is no pair to compare"


def test_a_share_at_the_cap_is_kept_and_chinese_is_compared_by_its_foreign_words() -> None:
    pair = record(en="Deep networks", zh="深度networks学习方法")
    assert CopiedWords(0.5, ("en", "zh")).judge(pair) is None
    assert CopiedWords(0.49, ("zh", "en")).judge(pair) == "copied words"
