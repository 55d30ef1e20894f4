import pytest

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.protocols import get_protocol, protocols_for


def tokens(text: str, language: str, protocol: str = "default") -> list[str]:
    return sum(get_protocol(protocol, language).tokenise(text), [])


def sentences(text: str, language: str, protocol: str = "default") -> int:
    return len(get_protocol(protocol, language).tokenise(text))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("de", "Die Größe: übermäßig, ÄRGERLICH!", ["die", "größe", "übermäßig", "ärgerlich"]),
        # The same word with a combining diaeresis is the same token.
        ("de", "u\u0308ber", ["über"]),
        ("de", "Zusammen\u00adfassung", ["zusammenfassung"]),
        ("en", "don't stop; e\ufb03cient GPT-4", ["don", "t", "stop", "efficient", "gpt", "4"]),
        # Turkish: dotted capital to dotted small, dotless capital to dotless small.
        ("tr", "İSTANBUL ILIK", ["istanbul", "ılık"]),
        ("tr-TR", "I\u0307zmir", ["izmir"]),
        ("en", "ILIK", ["ilik"]),
        # The vowel sign and the virama belong to their word.
        ("hi", "हिन्दी में लिखा।", ["हिन्दी", "में", "लिखा"]),
        ("ar", "مَرحبًا، بالعالم؟", ["مَرحبًا", "بالعالم"]),
        ("ru", "Учёный №5", ["учёный", "no5"]),
        ("ko", "한국어 요약", ["한국어", "요약"]),
        ("zh", "用GPT4生成3个摘要。", ["用", "gpt4", "生", "成", "3", "个", "摘", "要"]),
        ("zh-Hant", "摘要，ＡＢ", ["摘", "要", "ab"]),
        ("ja", "データ２０", ["デ", "ー", "タ", "20"]),
        # Thai, Khmer and Burmese: a letter with the marks on it is one character.
        ("th", "ที่นี่", ["ที่", "นี่"]),
        ("km", "ខ្មែរ", ["ខ្", "មែ", "រ"]),
        ("my", "မြန်", ["မြ", "န်"]),
        ("lo", "ລາວ", ["ລ", "າ", "ວ"]),
    ],
)
def test_default_protocol_tokens(language: str, text: str, expected: list[str]) -> None:
    assert tokens(text, language) == expected


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "It costs 3.5 euros. Cheap? Yes!", 3),
        ("en", 'He said "no." Then left.', 2),
        ("en", "one\ntwo", 2),
        ("en", "Wait ... what", 2),
        ("de", "z.B. so", 2),  # the rule knows no abbreviations
        ("de", "z.B.so", 1),
        ("zh", "一。二？三！四", 4),
        ("hi", "एक। दो", 2),
        ("ar", "ما هذا؟هذا", 2),
        ("th", "หนึ่ง สอง", 1),
        ("en", "...", 0),
    ],
)
def test_default_protocol_cuts_sentences_where_it_says(
    language: str, text: str, expected: int
) -> None:
    assert sentences(text, language) == expected


def test_ncls_stems_english_words_of_four_letters_and_more() -> None:
    assert tokens("Running dogs, gas", "en", "ncls") == ["run", "dog", "gas"]


def test_ncls_english_cuts_at_a_full_stop_between_spaces_only() -> None:
    assert sentences("a u.s. man . went 3.5 miles. home .", "en", "ncls") == 2


def test_ncls_chinese_keeps_punctuation_but_not_full_stop_or_tags() -> None:
    assert tokens("<t> 他 说 ， 2.5 Abc 。 </t>", "zh", "ncls") == [
        *["他", "说", "，", "2", ".", "5", "abc"]
    ]
    assert sentences("一 。 二 。", "zh", "ncls") == 2


def test_unknown_protocol_lists_those_of_the_language() -> None:
    assert protocols_for("de") == ["default", "mclas", "xlsum", "subword"]
    assert protocols_for("zh") == ["default", "ncls", "mclas", "xlsum", "subword"]
    assert protocols_for("ja") == ["default", "xlsum", "subword"]
    assert protocols_for("km") == ["default", "subword"]
    with pytest.raises(
        ConfigError, match=r"'de'.*one of default, mclas, .*, but is 'ncls'.*--protocol"
    ):
        get_protocol("ncls", "de")


def test_unknown_language_is_refused() -> None:
    with pytest.raises(DataError, match="'german'"):
        get_protocol("default", "german")


def test_lost_share_tells_the_wrong_script() -> None:
    assert get_protocol("ncls", "en").lost_share(["一个摘要", "两个"]) == 1.0
    # "Größe" loses 2 of its 5 letters to the English protocol, "ab" none: 2 of 7.
    assert get_protocol("ncls", "en").lost_share(["Größe", "ab"]) == pytest.approx(2 / 7)
    assert get_protocol("default", "zh").lost_share(["Eine Größe", "摘要"]) == 0.0
    assert get_protocol("default", "de").lost_share(["", "..."]) == 0.0
