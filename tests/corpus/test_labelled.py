"""Readers of labelled sentences: CoNLL-U, IOB columns, two files; what they refuse."""

import gzip
from pathlib import Path

import pytest

from mclas_fairseq.corpus.labelled import (
    UPOS,
    LabelKind,
    LabelledFile,
    LabelledSentence,
    tag_set,
    write_labelled,
)
from mclas_fairseq.errors import DataError

# "Zum Haus" with a multi-word token, an empty node, and a word that is #.
CONLLU = """\
# sent_id = 1
# text = Zum # Haus
1-2\tZum\t_\t_\t_\t_\t_\t_\t_\t_
1\tzu\tzu\tADP\t_\t_\t4\tcase\t_\t_
2\tdem\tder\tDET\t_\t_\t4\tdet\t_\t_
3\t#\t#\tSYM\t_\t_\t4\tdep\t_\t_
4\tHaus\tHaus\tNOUN\t_\t_\t0\troot\t_\t_
4.1\tstand\tstehen\tVERB\t_\t_\t_\t_\t_\t_

# sent_id = 2
1\t5 000\t_\tNUM\t_\t_\t0\troot\t_\t_
"""

IOB = """\
# newdoc id = n1
# text = Anna lives in New York
1\tAnna\tB-PER\t-\tsomebody
2\tlives\tO\t-\tsomebody
3\tin\tO\t-\tsomebody
4\tNew\tB-LOC\t-\tsomebody
5\tYork\tI-LOC\t-\tsomebody


1\tAnna\tI-PER\t-\tsomebody
"""


def read(path: Path, kind: LabelKind, **options: object) -> list[LabelledSentence]:
    return list(LabelledFile(path, kind, **options).sentences())  # type: ignore[arg-type]


def written(folder: Path, text: str, name: str = "file") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_conllu_gives_syntactic_words_and_their_parts_of_speech(tmp_path: Path) -> None:
    assert read(written(tmp_path, CONLLU), LabelKind.POS) == [
        LabelledSentence(("zu", "dem", "#", "Haus"), ("ADP", "DET", "SYM", "NOUN")),
        LabelledSentence(("5 000",), ("NUM",)),
    ]


def test_iob_columns_are_read_by_their_numbers_and_kept_as_they_are(tmp_path: Path) -> None:
    path = tmp_path / "file.iob2.gz"
    path.write_bytes(gzip.compress(IOB.replace("\n", "\r\n").encode()))
    first, second = read(path, LabelKind.SPANS)
    assert first.words == ("Anna", "lives", "in", "New", "York")
    assert first.tags == ("B-PER", "O", "O", "B-LOC", "I-LOC")
    assert second == LabelledSentence(("Anna",), ("I-PER",))  # no proper IOB2, but as it stands


def test_other_columns_and_blanks_between_them(tmp_path: Path) -> None:
    slots = "# id = 1\n1\tplay\tPlayMusic\tO\n2\tjazz\tPlayMusic\tB-genre\n"
    found = read(written(tmp_path, slots), LabelKind.SPANS, column=4)
    assert found == [LabelledSentence(("play", "jazz"), ("O", "B-genre"))]
    conll = "-DOCSTART- -X- O O\n\n# NN B-NP B-MISC\nEU NNP B-NP B-ORG\n"
    (sentence,) = read(written(tmp_path, conll), LabelKind.SPANS)
    assert sentence == LabelledSentence(("#", "EU"), ("B-MISC", "B-ORG"))


def test_two_files_go_line_by_line(tmp_path: Path) -> None:
    words = written(tmp_path, "half moon bay\nplay\n", "words")
    tags = written(tmp_path, "O B-location I-location\tweather/find\nO\tPlayMusic\n", "tags")
    first, second = read(words, LabelKind.SPANS, labels=tags)
    assert first.tags == ("O", "B-location", "I-location")
    assert second == LabelledSentence(("play",), ("O",))


@pytest.mark.parametrize(
    ("kind", "text", "told"),
    [
        ("pos", CONLLU.replace("NOUN", "N"), ":7: a tag of pos must be one of ADJ.* but is 'N'"),
        ("pos", CONLLU.replace("\tADP\t_", "\tADP"), ":4: .* 10 columns .* it has 9"),
        ("pos", "# sent_id = 1\n\n", ":1: .* a sentence must have a word, but the one that"),
        ("pos", "\n\n", "must have a sentence at least, but has none"),
        ("spans", IOB.replace("B-LOC", "LOC"), ":6: a tag of spans must be O, B-X or I-X"),
        ("spans", IOB.replace("lives", " "), ":4: .* its word is empty"),
        ("spans", "word\n", ":1: .* must have a word and a tag in column 1"),
    ],
)
def test_what_is_no_labelled_sentence_is_refused_with_its_line(
    tmp_path: Path, kind: str, text: str, told: str
) -> None:
    with pytest.raises(DataError, match=told):
        read(written(tmp_path, text), LabelKind(kind))


@pytest.mark.parametrize(
    ("words", "tags", "told"),
    [
        ("a b\nc\n", "O O\n", "must have as many lines, but .*tags ends after 1"),
        ("a b\n", "O O\nO\n", "must have as many lines, but .*words ends after 1"),
        ("a b\n", "O\n", "tags:1: must have a tag for each of the 2 words .* but has 1"),
        ("a\n\n", "O\n\n", "words:2: .* a sentence must have a word"),
    ],
)
def test_files_of_another_length_are_refused(
    tmp_path: Path, words: str, tags: str, told: str
) -> None:
    labels = written(tmp_path, tags, "tags")
    with pytest.raises(DataError, match=told):
        read(written(tmp_path, words, "words"), LabelKind.SPANS, labels=labels)


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    sentences = [LabelledSentence(("#", "5 000"), ("SYM", "NUM")), LabelledSentence(("a",), ("X",))]
    path = tmp_path / "out.tsv"
    with path.open("w", encoding="utf-8") as stream:
        assert write_labelled(stream, sentences) == 2
    assert read(path, LabelKind.POS) == sentences


def test_the_tags_have_a_fixed_order() -> None:
    assert tag_set(LabelKind.POS, []) == list(UPOS)
    assert len(UPOS) == 17
    assert tag_set(LabelKind.SPANS, ["I-B", "O", "B-B", "B-A"]) == ["O", "B-A", "B-B", "I-B"]
