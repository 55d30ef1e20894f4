"""Texts of the wrong language are told by their script, before they score 0 without a word."""

import pytest

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.scripts import check_script, foreign_share

CHINESE = "我们提出了一种新方法"
TEXTS = {
    "de": "Eine übermäßig große Zusammenfassung",
    "zh": CHINESE,
    "ja": "データの要約を生成する",
    "ko": "한국어 요약을 만든다",
    "hi": "हिन्दी में लिखा",
    "th": "สรุปข้ามภาษา",
    "ar": "هذا ملخص قصير",
    "ru": "Короткое изложение",
    "tr": "İyi bir özet, ILIK",
    "he": "תקציר קצר",
    "el": "Σύντομη περίληψη",
}
# What is written alike, or in letters that the other language has too.
ALIKE = {("tr", "de"), ("de", "tr"), ("zh", "ja")}


@pytest.mark.parametrize("language", TEXTS)
def test_texts_are_at_home_in_their_language_and_foreign_elsewhere(language: str) -> None:
    assert foreign_share([TEXTS[language]], language) == 0
    for other in TEXTS.keys() - {language}:
        if (language, other) not in ALIKE:
            assert foreign_share([TEXTS[language]], other) > 0.5, other


@pytest.mark.parametrize(
    ("text", "language", "share"),
    [
        # Four characters of Chinese, one name in Latin letters.
        ("模型很好BERT", "zh", 1 / 5),
        ("ein Modell 模型", "de", 2 / 4),
        ("kratak sažetak", "sr", 0.0),
        ("кратак сажетак", "sr", 0.0),
        ("кратак сажетак", "sr-Latn", 1.0),
        ("摘要", "zh-TW", 0.0),
        ("Jiǎnduǎn zhāiyào", "zh-Latn", 0.0),
        ("123 ... !?", "de", 0.0),
        ("", "zh", 0.0),
    ],
)
def test_share_counts_words_or_characters(text: str, language: str, share: float) -> None:
    assert foreign_share([text], language) == pytest.approx(share)


def test_chinese_scored_as_german_is_refused_with_its_share() -> None:
    rules = get_protocol("default", "de")
    with pytest.raises(
        DataError, match=r"hyp.txt: texts in 'de' must be in its script, but 91 % .*; .*--lang"
    ):
        check_script("hyp.txt", [CHINESE, "gut"], rules)
    check_script("hyp.txt", ["gut", "viel besser", "模型"], rules)


def test_letters_that_vanish_are_refused_with_their_share() -> None:
    # Vietnamese is in Latin script, but this protocol keeps a-z only: of 6 letters it drops 4.
    with pytest.raises(DataError, match=r"protocol 'ncls' in 'en'.* 67 % of the letters vanish"):
        check_script("hyp.txt", ["ầuộ ằẻt"], get_protocol("ncls", "en"))
