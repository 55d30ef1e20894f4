"""The language of `--map`: what it says, and what is refused."""

import pytest

from mclas_fairseq.corpus.conversion.mapping import Field, parse_map, parse_text_files
from mclas_fairseq.errors import ConfigError


def test_columns_are_found_for_each_field_in_one_word_or_several() -> None:
    expected = {Field("document", "en"): ("text",), Field("summary", "tr"): ("s1", "s2")}
    assert parse_map(["document.en=text,summary.tr=s1+s2"]).columns == expected
    assert parse_map(["document.en=text", " summary.tr = s1 + s2 "]).columns == expected


def test_signs_in_a_columns_name_are_escaped() -> None:
    fields = parse_map([r"document.en=text\, long,summary.de=a\+b+c\\d=e"])
    assert fields.all_columns() == ["text, long", "a+b", r"c\d=e"]


def test_the_id_column_is_asked_for_once_even_if_it_is_also_a_text() -> None:
    fields = parse_map(["document.en=text,summary.tr=s"], id_column="nr")
    assert fields.all_columns() == ["text", "s", "nr"]
    assert parse_map(["document.en=text,summary.tr=s"], "s").all_columns() == ["text", "s"]


def test_names_of_files_keep_their_commas() -> None:
    fields = parse_text_files(["document.en=a,b.en", "summary.de=x.1+x.2"])
    assert fields.all_columns() == ["a,b.en", "x.1", "x.2"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["document.en"], r"must be FIELD=COLUMN .* but is 'document.en'"),
        (["document=text"], r"must be FIELD=COLUMN"),
        (["title.en=text"], r"must be FIELD=COLUMN"),
        (["document.en="], r"must be FIELD=COLUMN"),
        (
            ["document.english=text"],
            r"'document.english' must end in a known language code .* but ends in 'english'",
        ),
        ([], r"must name a document and a summary .* but names nothing"),
        (["document.en=text"], r"must name a document and a summary .* but names document.en"),
        (["summary.en=text"], r"must name a document and a summary .* but names summary.en"),
        (
            ["document.en=text,summary.tr=s1,summary.tr=s2"],
            r"summary.tr must be given once, but is given 's1' and 's2'; for several in one text"
            r" write summary.tr=s1\+s2",
        ),
        (
            ["document.en=text,summary.tr=text"],
            r"a column must go to one text, but 'text' goes to document.en and to summary.tr",
        ),
        (["document.en=a+a,summary.tr=b"], r".* 'a' goes to document.en and to document.en"),
    ],
)
def test_a_mapping_that_cannot_be_meant_is_refused(words: list[str], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^--map: {message}"):
        parse_map(words)
