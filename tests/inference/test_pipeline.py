"""Summarise then translate, translate then summarise: what goes to whom, and in which order."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pytest

from mclas_fairseq.corpus.sentences import split_sentences
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.inference import pipeline
from mclas_fairseq.inference.pipeline import SummariseThenTranslate, TranslateThenSummarise
from mclas_fairseq.inference.results import Hypothesis, Summary
from mclas_fairseq.translators import Translation


class FirstWords:
    """A summarizer that writes a document's first three words."""

    def __init__(self, source_lang: str, *languages: str):
        self.source_lang = source_lang
        self.languages = languages or (source_lang,)
        self.read: list[str] = []

    def stream(self, documents: Iterable[str], **options: Any) -> Iterator[Summary]:
        for document in documents:
            self.read.append(document)
            text = " ".join(document.split()[:3])
            summary = {language: text for language in self.languages}
            yield Summary((Hypothesis(summary, -float(len(document))),))


class Capitals:
    """A translator that writes capitals, nothing for "lost", and cuts "long" lines."""

    def __init__(self) -> None:
        self.calls: list[list[str]] = []

    def translate(self, lines: Sequence[str]) -> list[Translation]:
        self.calls.append(list(lines))
        return [
            Translation("" if line == "lost" else line.upper(), cut=line.startswith("long"))
            for line in lines
        ]


def tltran(translator: Capitals, *, target: str = "de", **options: Any) -> SummariseThenTranslate:
    summarizer: Any = FirstWords("en")
    return SummariseThenTranslate(summarizer, translator, target, **options)


def tetran(translator: Capitals, target: str = "de") -> TranslateThenSummarise:
    summarizer: Any = FirstWords(target)
    return TranslateThenSummarise(summarizer, translator, "en", split_sentences)


def test_tltran_keeps_the_summary_and_adds_its_translation() -> None:
    translator = Capitals()
    found = list(tltran(translator).stream(["a b c d", "e f"]))
    assert [one.summary for one in found] == [
        {"en": "a b c", "de": "A B C"},
        {"en": "e f", "de": "E F"},
    ]
    assert [one.score for one in found] == [-7.0, -3.0]
    assert translator.calls == [["a b c", "e f"]], "all lines in one call"


@pytest.mark.parametrize(("target", "joined"), [("de", "A. B."), ("zh", "A.B.")])
def test_tltran_by_sentence_translates_each_alone_and_joins_them(target: str, joined: str) -> None:
    translator = Capitals()
    found = list(tltran(translator, target=target, split=split_sentences).stream(["a. B."]))
    assert translator.calls == [["a.", "B."]]
    assert found[0].summary[target] == joined


def test_tetran_translates_sentences_and_summarises_the_joined_translation() -> None:
    translator = Capitals()
    made = tetran(translator)
    found = list(made.stream([("one two.", "three four."), ("five six. Seven.",)]))
    assert translator.calls == [["one two.", "three four.", "five six.", "Seven."]]
    summarizer: Any = made.summarizer
    assert summarizer.read == ["ONE TWO. THREE FOUR.", "FIVE SIX. SEVEN."]
    assert [one.summary for one in found] == [{"de": "ONE TWO. THREE"}, {"de": "FIVE SIX. SEVEN."}]


def test_tetran_into_a_language_without_spaces_writes_none() -> None:
    made = tetran(Capitals(), "zh")
    list(made.stream([("a.", "b.")]))
    summarizer: Any = made.summarizer
    assert summarizer.read == ["A.B."]


def test_documents_come_in_order_over_many_buffers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipeline, "_BUFFER", 3)
    texts = [f"t{number} x y z" for number in range(8)]
    translator = Capitals()
    found = [one.summary["de"] for one in tltran(translator).stream(texts)]
    assert found == [f"T{number} X Y" for number in range(8)]
    assert [len(call) for call in translator.calls] == [3, 3, 2]
    found = [one.summary["de"] for one in tetran(translator).stream([(text,) for text in texts])]
    assert found == [f"T{number} X Y" for number in range(8)]


def test_what_has_no_translation_gets_an_empty_summary_and_is_counted(
    caplog: pytest.LogCaptureFixture,
) -> None:
    documents = [("lost",), ("a b.",), ("lost", "c.")]
    with caplog.at_level(logging.WARNING):
        found = list(tetran(Capitals()).stream(documents))
    assert [one.summary["de"] for one in found] == ["", "A B.", "C."]
    assert [one.score for one in found] == [None, -4.0, -2.0]
    assert "the translator gave nothing for 2 of 4 lines" in caplog.text
    assert "1 documents have no translation and no summary" in caplog.text


def test_lines_that_were_cut_are_counted_naming_the_flag(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        list(tltran(Capitals()).stream(["long a", "b"]))
    assert "1 of 2 lines were longer" in caplog.text
    assert "raise its longest source" in caplog.text


def test_a_summarizer_of_another_language_is_refused_naming_the_layout() -> None:
    summarizer: Any = FirstWords("en", "de")
    with pytest.raises(ConfigError, match="tltran: .* reads, en, this one writes de; .*layout ms"):
        SummariseThenTranslate(summarizer, Capitals(), "de")
    with pytest.raises(ConfigError, match="tetran: .* reads, en, this one writes de; .*layout ms"):
        TranslateThenSummarise(summarizer, Capitals(), "fr", split_sentences)


def test_one_language_for_both_is_refused() -> None:
    with pytest.raises(ConfigError, match="both are in en; give another language"):
        tltran(Capitals(), target="en")
    with pytest.raises(ConfigError, match="both are in en"):
        tetran(Capitals(), "en")
