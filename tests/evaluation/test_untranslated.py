"""Baselines in the documents' language: titles, first words, and their own reference."""

import json
from pathlib import Path

from mclas_fairseq.corpus.records import Record
from mclas_fairseq.evaluation.untranslated import (
    FIRST_WORDS,
    SOURCE_REFERENCE,
    TITLE,
    read_titles,
    untranslated_summaries,
)

RECORDS = [
    Record("1", {"en": ("One two three four five six.", "Seven eight nine ten eleven.")},
           {"en": ("First", "second"), "de": ("Erste",)}, {}, "test"),
    Record("2", {"en": ("Short.",)}, {"en": ("Brief",), "de": ("Kurz",)}, {}, "test"),
]  # fmt: skip


def test_first_ten_words_stand_in_unless_all_documents_have_a_title() -> None:
    found = untranslated_summaries(RECORDS, "de", "en", {"1": "A title"})
    assert found == {
        FIRST_WORDS: ["One two three four five six. Seven eight nine ten", "Short."],
        SOURCE_REFERENCE: ["First", "Brief"],
    }
    found = untranslated_summaries(RECORDS, "de", "en", {"1": "A title", "2": "Another"})
    assert found[TITLE] == ["A title", "Another"]


def test_in_the_documents_own_language_nothing_is_untranslated() -> None:
    found = untranslated_summaries(RECORDS, "en", "en", {"1": "A", "2": "B"})
    first = ["One two three four five six. Seven eight nine ten", "Short."]
    assert found == {"first ten words": first, "title": ["A", "B"]}
    found = untranslated_summaries(RECORDS, "en", "en", {})
    assert found == {"first ten words": first, "title": None}


def test_without_references_in_the_documents_language_that_baseline_is_not_available() -> None:
    records = [*RECORDS, Record("3", {"en": ("X.",)}, {"de": ("Y",)}, {}, "test")]
    assert untranslated_summaries(records, "de", "en", {})[SOURCE_REFERENCE] is None


def test_documents_without_spaces_give_their_first_twenty_characters() -> None:
    records = [Record("1", {"zh": ("猫" * 30,)}, {"en": ("cat",)}, {}, "test")]
    assert untranslated_summaries(records, "en", "zh", {})[FIRST_WORDS] == ["猫" * 20]


def test_titles_are_read_as_text_or_by_language(tmp_path: Path) -> None:
    rows = [
        {"id": 1, "title": {"en": " A  title ", "de": "Ein Titel"}},
        {"id": "2", "title": "Plain"},
        {"id": "3", "title": {"de": "Nur deutsch"}},
        {"id": "4"},
    ]
    path = tmp_path / "x.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    assert read_titles(path, "en") == {"1": "A title", "2": "Plain"}
