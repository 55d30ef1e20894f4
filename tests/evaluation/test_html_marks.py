"""Which numbers and names of a summary are marked as not being in its document."""

import pytest

from mclas_fairseq.evaluation import names, numbers
from mclas_fairseq.evaluation.html.marks import Evidence, find_marks, marked
from mclas_fairseq.evaluation.names import NameRule, Rule, choose_rule

CAPITALS = NameRule(Rule.CAPITALS)


def unknown_numbers(summary: str, document: str) -> list[str]:
    known = numbers.known_numbers(document)
    return [
        summary[number.start : number.end]
        for number in numbers.find_numbers(summary)
        if not numbers.is_known(number, known)
    ]


def unknown_names(summary: str, document: str, rule: NameRule = CAPITALS) -> list[str]:
    known = names.known_words(document)
    found = [summary[start:end] for start, end in rule.find(summary)]
    return [name for name in found if not names.is_known(name, known)]


@pytest.mark.parametrize(
    ("summary", "document"),
    [
        ("1.234,5 Euro", "1,234.5 euros"),
        ("1 234 567", "1,234,567"),
        ("1234", "1'234"),
        ("3,50", "3.5"),
        ("007", "7"),
        ("٣٫٥", "3.5"),
        ("12", "１２"),
        ("1.2 Millionen Menschen", "1,200,000 people"),
        ("120万人", "1.2 million people"),
        ("1,2 Mrd. Euro", "1.2 billion euros"),
        ("12.03.2020", "on 2020-03-12"),
        ("GPT 2 und 3", "GPT-2, GPT-3"),
        ("nothing at all", "12"),
        ("in 2019 300 people", "300 people in 2019"),
        ("10 000", "10000"),
    ],
)
def test_numbers_of_the_same_value_are_known(summary: str, document: str) -> None:
    assert unknown_numbers(summary, document) == []


@pytest.mark.parametrize(
    ("summary", "document", "expected"),
    [
        ("46 Anwohner", "44 residents", ["46"]),
        ("3,5 Prozent", "3 of 5", ["3,5"]),
        ("12,500", "12 and 500", ["12,500"]),
        ("1234,567", "1,234,567", ["1234,567"]),
        ("densenet-12", "densenet-121", ["12"]),
        ("2 Millionen", "2,000,000 or 3", []),
        ("3 Millionen", "5,000", ["3"]),
        ("3", "three", ["3"]),
        ("12.03.2021", "12 March 2020", ["12.03.2021"]),
    ],
)
def test_numbers_of_another_value_are_not(summary: str, document: str, expected: list[str]) -> None:
    assert unknown_numbers(summary, document) == expected


def test_a_capital_inside_a_sentence_makes_a_name() -> None:
    document = "Angela met Müllers friend in Paris."
    assert unknown_names("Yesterday Angela met Merkel. Then Rome burned.", document) == [
        "Merkel",
        "Rome",
    ]
    assert unknown_names("In Rome, Muller's friend of ParIs and BERTs", document) == [
        "Rome",
        "BERTs",
    ]


@pytest.mark.parametrize("mark", [".", "!", "?", "。", ": “", ".\n- "])
def test_a_first_word_is_no_name_unless_it_has_another_capital(mark: str) -> None:
    assert unknown_names(f"he left{mark} Trees burn", "") == []
    assert unknown_names(f"he left{mark} LSTMs burn", "") == ["LSTMs"]


def test_plural_genitive_and_capitals_do_not_make_another_name() -> None:
    assert unknown_names("of Merkels and CNN and the ÉCOLE", "Merkel, cnns, Ecole") == []


def test_german_nouns_are_no_names_but_names_of_other_documents_are() -> None:
    documents = [
        "A storm hit Zeltern. In Zeltern, two houses burned.",
        "The mayor of Skoketh spoke. People left Skoketh. The House stood, a house, the house.",
    ]
    rule = choose_rule(["Ein Haus in Zeltern brannte."], documents, "de", "en")
    assert rule.rule is Rule.NOUNS_WITH_CAPITALS
    # "House" stands without a capital more often; "Skokeths" is the other document's.
    text = "Das Haus und das House in Skokeths Zentrum mit BERT brannte."
    assert unknown_names(text, documents[0], rule) == ["Skokeths", "BERT"]
    assert unknown_names(text, documents[1], rule) == ["BERT"]
    assert unknown_names(text, "", rule) == ["Skokeths", "BERT"]


def test_german_documents_do_not_turn_their_nouns_to_names() -> None:
    rule = choose_rule(["Ein Haus."], ["Das alte Haus brannte."], "de", "de")
    assert unknown_names("Das alte Haus und ImageNet", "", rule) == ["ImageNet"]


def test_in_chinese_a_run_of_latin_letters_is_a_name() -> None:
    rule = choose_rule(["使用 Instagram 应用程序"], ["an app"], "zh", "en")
    assert rule.rule is Rule.LATIN_RUNS
    assert unknown_names("他用Instagram和BBC新闻", "pictures on instagram", rule) == ["BBC"]


def test_names_are_not_looked_for_across_scripts() -> None:
    assert choose_rule(["Jiangsu courts"], ["江苏法院开庭"], "en", "zh").rule is Rule.NONE
    assert choose_rule(["Merkel sprach"], ["Меркель сказала"], "de", "ru").rule is Rule.NONE
    assert choose_rule(["Меркель сказала"], ["Путин"], "ru", "ru").rule is Rule.CAPITALS
    assert list(NameRule(Rule.NONE).find("he met Merkel")) == []


def test_marks_stand_around_what_is_not_there_and_everything_is_escaped() -> None:
    evidence = Evidence.of("44 people & <b>Angela</b>")
    text = 'He & Merkel <script>alert("46")</script>'
    html = marked(text, find_marks(text, evidence, CAPITALS))
    assert html == (
        'He &amp; <mark class="name" title="name not in the document">Merkel</mark> &lt;script&gt;'
        'alert(&quot;<mark class="number" title="number not in the document">46</mark>&quot;)'
        "&lt;/script&gt;"
    )


def test_a_number_inside_a_marked_name_is_marked_once() -> None:
    marks = find_marks("und GPT4 nun", Evidence.of("nothing"), CAPITALS)
    assert [(mark.start, mark.end, mark.kind) for mark in marks] == [(4, 8, "name")]
