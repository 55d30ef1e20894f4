"""The studies of measures: claims judged by both intervals, and human judgements read."""

import tarfile
from pathlib import Path

import numpy as np
import pytest

from mclas_fairseq.errors import DataError
from studies.measures.human import correlation, measures, read_files, read_judged, table
from studies.measures.methods import Claim, Pair, claim_table, comparison_table


def _pair(name: str, gap: float, spread: float) -> Pair:
    """Three seeds a side, by ROUGE-1 only; `spread` is between the seeds of the first."""
    documents = np.tile([-1.0, 1.0], 50)
    first = 20.0 + gap + spread * np.array([[-1.0], [0.0], [1.0]]) + documents
    second = np.repeat((20.0 + documents)[None], 3, axis=0)
    return Pair(
        name,
        lambda measure: first if measure == "rouge1" else None,
        lambda measure: second if measure == "rouge1" else None,
    )


def test_a_claim_that_holds_by_few_seeds_can_turn_by_t() -> None:
    # The bootstrap draws from three seeds and sees none below 0; t knows that three are few.
    claims = [
        Claim("x", "sure", [_pair("a", 3.0, 0.2)]),
        Claim("x", "turns", [_pair("b", 1.5, 1.0)]),
        Claim("x", "one of two", [_pair("c", 3.0, 0.2), _pair("d", 0.0, 0.2)]),
    ]
    rows = [row.strip("| ").split(" | ") for row in claim_table(claims)][2:]
    assert [row[1:] for row in rows] == [
        ["sure", "holds", "holds", "stands", "-", "-"],
        ["turns", "holds", "undecided", "**turns**", "-", "-"],
        ["one of two", "undecided", "undecided", "stands", "-", "-"],
    ]
    lines = list(comparison_table(claims))
    assert "| x | b | +1.50 [" in lines[3]
    assert ", p 0.1" in lines[3]


def _write(folder: Path, documents: int = 40) -> None:
    """Two systems; the first says of document i its number of right words, the second nothing."""
    rows = ["id,model,focus,coverage"]
    for name in ("gold", "pred_BERT", "pred_PG"):
        (folder / "ZH" / name).mkdir(parents=True)
    for number in range(documents):
        right = number % 5
        rows += [f"{number},BERT,{right},{right}", f"{number},PG,-1,-1"]
        file = f"{number:06d}"
        words = [f"w{number}x{place}" for place in range(5)]
        said = [*words[:right], "no"]
        (folder / "ZH" / "gold" / file).write_text(" ".join(words), encoding="utf-8")
        (folder / "ZH" / "pred_BERT" / file).write_text(" ".join(said), encoding="utf-8")
        (folder / "ZH" / "pred_PG" / file).write_text("nothing", encoding="utf-8")
    (folder / "ZH" / "score.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    (folder / "EN").mkdir()
    (folder / "EN" / "score.csv").write_text(rows[0] + "\n", encoding="utf-8")


def test_judgements_are_read_from_the_archive_as_from_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "resulting_data"
    _write(folder)
    with tarfile.open(tmp_path / "x.tar.gz", "w:gz") as archive:
        archive.add(folder, "resulting_data")
    files = read_files(folder)
    assert read_files(tmp_path / "x.tar.gz") == files
    judged = read_judged(files, "ZH")
    assert judged.references[:2] == ["w0x0 w0x1 w0x2 w0x3 w0x4"] * 2
    assert judged.summaries[2:4] == ["w1x0 no", "nothing"]
    assert judged.focus[:4].tolist() == [0, -1, 1, -1]


def test_measures_that_see_the_right_words_correlate_with_the_judgements(tmp_path: Path) -> None:
    _write(tmp_path / "x")
    files = read_files(tmp_path / "x")
    judged = read_judged(files, "ZH")
    found = measures(judged, "zh")
    for label in ("R-1", "C-1"):
        focus, coverage = found[label]
        assert (focus[2], coverage[2]) == pytest.approx((0.5, 0.2)), "precision, recall"
    result = correlation(found["R-1"][1], judged.coverage)
    assert result is not None
    assert result[0] > 0.9
    assert result[1] < result[0] < result[2]
    assert correlation(np.full(80, np.nan), judged.focus) is None
    lines = list(table(files, ["ZH"]))
    assert lines[0] == "| | zh | mean |"
    assert lines[-1].startswith("\n95 % intervals over documents reach 0.")


def test_another_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must be Multi_SummEval's .* has no EN/score.csv"):
        read_files(tmp_path)
