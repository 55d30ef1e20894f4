"""Marks of other programs are never words: refused, or read as what they stand for."""

from pathlib import Path

import pytest

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.inputs import read_hypotheses, read_references
from mclas_fairseq.evaluation.program_marks import Marks, read_marks, settle_marks
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.rouge import score_rouge

MARKS = (
    "<q> <n> </s> <S_SEP> <X_SEP> [SEP] [X_SEP] [unused2] <unk> [UNK] <pad> [CLS] <mask> <t> </t>"
    " <br /> <|endoftext|> <extra_id_0> &amp; &quot; &#39; &#x27; &amp;quot; -lrb- -RRB- -lsb-"
).split(" ")
MARKS[MARKS.index("<br") : MARKS.index("/>") + 1] = ["<br />"]


@pytest.mark.parametrize("mark", MARKS)
def test_no_mark_is_ever_a_word(mark: str) -> None:
    hypothesis, reference = f"the council met {mark} it approved", f"police arrested{mark}he left"
    with pytest.raises(DataError, match=r"^hyp: texts must be words, but 1 of 2 have marks of"):
        settle_marks("hyp", ["a house", hypothesis], Marks())
    texts = settle_marks("hyp", [hypothesis, reference], Marks(read=True))
    scores = score_rouge(texts[:1], [texts[1:]], language="en")
    assert scores.mean("rouge1") == 0
    assert scores.lengths[0] == 5


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("he met her <q> it rained .", "he met her\nit rained ."),
        ("[CLS] he met her [SEP]", "he met her"),
        ("R&amp;D -lrb- 2 -rrb-", "R&D ( 2 )"),
        ("&amp;quot;so&amp;quot;", '"so"'),
        ("the <unk> cat", "the cat"),
        ("[unused1] ein Satz[unused2]noch einer", "ein Satz\nnoch einer"),
        # Texts that only look alike stay as they are.
        ("a < b, AT&T, [1], sub-lrbs, x <3", "a < b, AT&T, [1], sub-lrbs, x <3"),
        ("two  spaces", "two  spaces"),
    ],
)
def test_marks_are_read_as_what_they_stand_for(text: str, read: str) -> None:
    assert read_marks(text) == read


def test_sentence_ends_count_for_rouge_lsum() -> None:
    texts = settle_marks("x", ["one two<q>three four", "three four<q>one two"], Marks(read=True))
    scores = score_rouge(texts[:1], [texts[1:]], language="en")
    assert scores.mean("rougeLsum") == 100
    assert scores.mean("rougeL") == 50


def test_texts_without_marks_are_handed_back() -> None:
    texts = ["a house", "", "3 < 4 & 5 [sic]"]
    assert settle_marks("x", texts, Marks()) is texts


def test_a_protocol_keeps_the_marks_that_it_knows() -> None:
    known = get_protocol("ncls", "zh").marks
    texts = ["<t> 一 <unk> </t>", "二"]
    assert settle_marks("x", texts, Marks(known=known)) is texts
    assert settle_marks("x", [*texts, "三<q>"], Marks(True, known)) == (*texts, "三")
    with pytest.raises(DataError, match=r"1 of 3 have marks of another program \(<q>\), which"):
        settle_marks("x", [*texts, "三<q>"], Marks(known=known))


def test_both_sides_and_all_forms_are_looked_at(tmp_path: Path) -> None:
    plain, rows = tmp_path / "plain", tmp_path / "rows.jsonl"
    plain.write_text("so<q>oder so\n", encoding="utf-8")
    rows.write_text('{"id": "1", "summary": {"de": ["so<q>oder so"]}}\n', encoding="utf-8")
    for path in (plain, rows):
        with pytest.raises(DataError, match=f"{path.name}: texts must be words, .*--marks"):
            read_hypotheses(path, "de")
        with pytest.raises(DataError, match=f"{path.name}: texts must be words, .*--marks"):
            read_references([path], "de")
        assert read_hypotheses(path, "de", marks=Marks(read=True)).texts == ("so\noder so",)
        assert read_references([path], "de", marks=Marks(read=True)).texts == (("so\noder so",),)
    assert read_hypotheses(rows, "de", marks=Marks(read=True)).summaries == ({"de": "so\noder so"},)
