"""Plots of scores and lengths: what is binned, what is drawn, and names that could break them."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mclas_fairseq.evaluation.documents import Documents
from mclas_fairseq.evaluation.inputs import Aligned
from mclas_fairseq.evaluation.plots import document_lengths, draw, length_bins, shown, write_plot
from mclas_fairseq.evaluation.systems import Measure, System

COUNT = 60


def system(name: str, runs: int = 1) -> System:
    generator = np.random.default_rng(len(name))
    values = generator.random((runs, COUNT))
    lengths = generator.integers(5, 40, (runs, COUNT)).astype(float)
    measure = Measure("rouge1", "R-1", "f1", values, "rouge1.f")
    aligned = Aligned(("x",) * COUNT, (("x",),) * COUNT, 0, tuple(range(COUNT)))
    references = np.array([float(number % 20 + 5) for number in range(COUNT)])
    return System(
        name, (name,) * runs, (aligned,) * runs, {"rouge1": measure}, lengths, references, "rouge"
    )


def axes_of(systems: list[System], documents: Documents | None = None) -> list[Any]:
    return [axes for axes in draw(systems, documents).get_axes() if axes.get_visible()]


def test_bins_have_about_equal_numbers_and_hold_every_document_once() -> None:
    lengths = np.arange(100.0)
    bins = length_bins(lengths)
    assert [(one.low, one.high) for one in bins] == [
        (0, 19),
        (20, 39),
        (40, 59),
        (60, 79),
        (80, 99),
    ]
    members = np.concatenate([one.members for one in bins])
    assert sorted(members.tolist()) == list(range(100))


def test_documents_of_equal_length_are_in_one_bin() -> None:
    lengths = np.array([7.0] * 90 + [9.0] * 30)
    assert [(one.low, one.high, len(one.members)) for one in length_bins(lengths)] == [
        (7, 7, 90),
        (9, 9, 30),
    ]


@pytest.mark.parametrize(("count", "bins"), [(1, 1), (19, 1), (40, 2), (99, 4), (1000, 5)])
def test_few_documents_make_few_bins(count: int, bins: int) -> None:
    assert len(length_bins(np.arange(float(count)))) == bins


def test_systems_stand_side_by_side_with_units_and_a_legend() -> None:
    scores, *panels = axes_of([system("A"), system("BB", runs=2)])
    assert scores.get_ylabel() == "R-1 F1 (points)"
    assert scores.get_xlabel() == "length of the reference (tokens)"
    handles, labels = scores.get_legend_handles_labels()
    assert labels == ["A", "BB"]
    places = [handle[0].get_xdata() for handle in handles]
    assert (places[0] < places[1]).all()
    assert [panel.get_title("left").splitlines()[0] for panel in panels] == ["A", "BB"]
    assert panels[0].get_ylabel() == "summary (tokens)"
    assert len(panels[1].collections[0].get_offsets()) == 2 * COUNT


def test_means_and_intervals_are_those_of_the_bins() -> None:
    one = system("A")
    scores = axes_of([one])[0]
    bins = length_bins(one.reference_lengths)
    drawn = scores.get_legend_handles_labels()[0][0][0].get_ydata()
    values = one.measures["rouge1"].values
    assert drawn == pytest.approx([100 * values[:, b.members].mean() for b in bins])
    low, high = scores.containers[0].lines[2][0].get_segments()[0][:, 1]
    assert low < drawn[0] < high


def test_documents_are_measured_in_their_own_language() -> None:
    documents = Documents("zh", ("你好 world", "一"), None, ((), ()))
    assert document_lengths(documents).tolist() == [3.0, 1.0]


def test_with_documents_the_bins_go_by_their_length() -> None:
    documents = Documents("en", tuple("w " * (n + 1) for n in range(COUNT)), None, ((),) * COUNT)
    scores = axes_of([system("A")], documents)[0]
    assert scores.get_xlabel() == "length of the document (tokens)"
    labels = [label.get_text() for label in scores.get_xticklabels()]
    assert labels == ["1–20\n20 documents", "21–40\n20 documents", "41–60\n20 documents"]


@pytest.mark.parametrize("chinese", [False, True])
def test_any_name_can_be_drawn(
    tmp_path: Path, chinese: bool, caplog: pytest.LogCaptureFixture
) -> None:
    names = ["$x_1$ and $", "_hidden", "a" * 90, "\\alpha", "%s {}"]
    path = tmp_path / "new" / "plot.png"
    with caplog.at_level(logging.WARNING):
        write_plot(path, [system(name) for name in (["系统一"] if chinese else names)])
    assert path.read_bytes().startswith(b"\x89PNG")
    assert [file.name for file in path.parent.iterdir()] == ["plot.png"]
    # Whether there is a font with Chinese letters depends on the machine.
    ours = [record for record in caplog.records if record.name.startswith("mclas_fairseq")]
    assert chinese or ours == []


def test_names_are_shown_as_they_are() -> None:
    assert shown("a$b$") == r"a\$b\$"
    assert shown("_x").strip() == "_x"
    assert not shown("_x").startswith("_")  # matplotlib would leave it out of the legend


def test_drawing_leaves_the_settings_of_matplotlib_alone() -> None:
    import matplotlib

    before = dict(matplotlib.rcParams)
    draw([system("A")])
    assert dict(matplotlib.rcParams) == before
