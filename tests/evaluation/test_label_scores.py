"""Spans and scores of labels beside what seqeval 1.2.2 gave (default mode, recorded 2026-11-30)."""

from pathlib import Path

import numpy as np
import pytest

from mclas_fairseq.corpus.labelled import LabelKind, LabelledFile
from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.label_run import score_labels
from mclas_fairseq.evaluation.label_scores import LabelCounts, count, spans


@pytest.mark.parametrize(
    ("tags", "found"),
    [
        ("B-PER I-PER O B-LOC", [("PER", 0, 1), ("LOC", 3, 3)]),
        ("O I-PER I-PER B-PER I-LOC O", [("PER", 1, 2), ("PER", 3, 3), ("LOC", 4, 4)]),
        ("I-LOC B-LOC I-LOC I-PER", [("LOC", 0, 0), ("LOC", 1, 2), ("PER", 3, 3)]),
        ("B-PER B-PER", [("PER", 0, 0), ("PER", 1, 1)]),
        ("E-PER E-PER I-PER S-PER", [("PER", 0, 0), ("PER", 1, 1), ("PER", 2, 2), ("PER", 3, 3)]),
        ("B-a-b I-a-b", [("a-b", 0, 1)]),
        ("O O", []),
        ("NOUN NOUN SYM SYM VERB", [("OUN", 0, 1), ("YM", 2, 2), ("YM", 3, 3), ("ERB", 4, 4)]),
    ],
)
def test_spans_are_those_of_seqeval(tags: str, found: list[tuple[str, int, int]]) -> None:
    assert spans(tags.split()) == found


@pytest.mark.parametrize(
    ("gold", "guess", "precision", "recall", "f1"),
    [
        ("B-PER I-PER O B-LOC", "B-PER I-PER O I-LOC", 1.0, 1.0, 1.0),
        ("O B-ORG I-ORG", "O B-ORG B-ORG", 0.0, 0.0, 0.0),
        ("O I-PER I-PER B-PER I-LOC O", "O B-PER I-PER I-PER I-LOC O", 1 / 2, 1 / 3, 0.4),
        ("NOUN NOUN SYM SYM VERB", "NOUN NOUN SYM SYM NOUN", 0.75, 0.75, 0.75),
        ("NOUN VERB SYM SYM", "NOUN NOUN SYM VERB", 1 / 3, 1 / 4, 2 / 7),
        ("O O", "O O", 0.0, 0.0, 0.0),
    ],
)
def test_scores_are_those_of_seqeval(
    gold: str, guess: str, precision: float, recall: float, f1: float
) -> None:
    found = count(guess.split(), gold.split())
    assert (found.precision, found.recall, found.f1) == pytest.approx((precision, recall, f1))


def test_counts_of_sentences_add_up_to_micro_averages() -> None:
    """By seqeval over both sentences: 0.5, 0.6667, 0.5714."""
    total = count("B-P I-P O I-L".split(), "B-P I-P O B-L".split())
    total += count("O B-O B-O".split(), "O B-O I-O".split())
    assert total == LabelCounts(words=7, right=5, common=2, found=4, gold=3)
    assert (total.precision, total.recall, total.f1) == pytest.approx((0.5, 2 / 3, 4 / 7))
    assert total.accuracy == pytest.approx(5 / 7)


def labelled(path: Path, *sentences: str) -> LabelledFile:
    rows = ("".join(f"w{n}\t{t}\n" for n, t in enumerate(one.split())) for one in sentences)
    path.write_text("\n".join(rows), encoding="utf-8")
    return LabelledFile(path, LabelKind.SPANS)


def test_runs_are_averaged_and_systems_compared_on_the_same_sentences(tmp_path: Path) -> None:
    gold = labelled(tmp_path / "gold", "B-P O", "B-P O", "O B-L", "O B-L")
    right = labelled(tmp_path / "right", "B-P O", "B-P O", "O B-L", "O B-L")
    half = labelled(tmp_path / "half", "B-P O", "B-P O", "O O", "O O")
    found = score_labels([[right, half], [half, half]], ["a", "b"], gold, resamples=400, seed=1)
    a, b = found.systems
    assert a.by_run["f1"] == pytest.approx([1.0, 2 / 3])
    assert a.metrics["f1"].value == pytest.approx(5 / 6)
    assert a.metrics["f1"].low < a.metrics["f1"].value < a.metrics["f1"].high
    assert b.metrics["accuracy"].value == pytest.approx(6 / 8)
    assert a.differences is None
    assert b.differences is not None
    assert b.differences["f1"].value == pytest.approx(1 / 6)
    assert b.differences["f1"].low >= 0.0  # never is a worse than b, on any draw of sentences
    assert np.isclose(found.content()["systems"][0]["metrics"]["f1"][0], 5 / 6)
    assert any("mean of 2 runs" in line for line in found.lines())


@pytest.mark.parametrize(
    ("sentences", "told"),
    [
        (["B-P O"], "but ends after 1"),
        (["B-P O", "O O", "O O"], "has more"),
        (["B-P O", "O"], "sentence 2 has 1 words instead of 2"),
    ],
)
def test_other_sentences_than_those_of_the_reference_are_refused(
    tmp_path: Path, sentences: list[str], told: str
) -> None:
    gold = labelled(tmp_path / "gold", "B-P O", "O B-L")
    with pytest.raises(DataError, match=told):
        score_labels([[labelled(tmp_path / "h", *sentences)]], ["h"], gold, resamples=9, seed=1)


def test_other_words_are_refused(tmp_path: Path) -> None:
    gold = labelled(tmp_path / "gold", "B-P O")
    (tmp_path / "h").write_text("w0\tO\nother\tO\n", encoding="utf-8")
    other = LabelledFile(tmp_path / "h", LabelKind.SPANS)
    with pytest.raises(DataError, match="word 2 of sentence 1 is 'other' instead of 'w1'"):
        score_labels([[other]], ["h"], gold, resamples=9, seed=1)


def test_runs_are_drawn_with_replacement_and_averaged(tmp_path: Path) -> None:
    """Four runs are right and one is wrong: of five drawn, more than three wrong are rare."""
    gold = labelled(tmp_path / "gold", *["B-P O"] * 4)
    right = labelled(tmp_path / "right", *["B-P O"] * 4)
    wrong = labelled(tmp_path / "wrong", *["O O"] * 4)
    runs = [right, right, wrong, right, right]
    (found,) = score_labels([runs], ["a"], gold, resamples=2000, seed=1).systems
    # by hand: 5.8 % of the draws have three or more, 0.7 % four or more
    assert found.metrics["f1"].low == pytest.approx(0.4)
    assert found.metrics["f1"].high == 1.0
