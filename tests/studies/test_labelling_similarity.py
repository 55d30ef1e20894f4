"""Gain against likeness of languages, on made-up points."""

from dataclasses import replace

import pytest

from studies.labelling.cells import TARGETS
from studies.labelling.similarity import FAMILY, Point, likeness, lines

TARGET = ("da", "pt", "zh", "de", "it", "tr")
# The more alike the rankings, the less is gained; the nearer the family, the more.
POINTS = [
    Point("ner", "cross", code, gain, gain + 1, alike)
    for code, gain, alike in zip(
        TARGET, (3, 2, 1, 3.5, 2.5, 0.5), (0.2, 0.3, 0.4, 0.1, 0.25, 0.5), strict=True
    )
]


def test_rankings_are_compared_with_the_sources_in_the_mean_over_seeds() -> None:
    same = {"en": [0.1, 0.5, 1.0], "de": [1.0, 2.0, 3.0]}
    other = {"en": [0.1, 0.5, 1.0], "de": [3.0, 2.0, 1.0]}
    assert likeness([same], "de") == pytest.approx(1)
    assert likeness([same, other], "de") == pytest.approx(0)


def test_gains_go_with_what_they_were_made_to_go_with() -> None:
    (told,) = lines(POINTS)
    assert told.startswith("ner, cross (6 targets): gain ~ ranks -1.00 (p 0.00")
    assert "gain ~ family +0.96 (p 0." in told
    assert "gain* ~ ranks -1.00" in told


def test_tasks_together_are_compared_without_their_means() -> None:
    """The second task gains more and its rankings are more alike: no reason for a correlation."""
    more = [replace(one, task="slots", gain=one.gain + 50, alike=one.alike + 5) for one in POINTS]
    every = list(lines([*POINTS, *more]))
    assert every[2].startswith("all tasks, cross (12 targets): gain ~ ranks -1.00")
    assert len(list(lines([*POINTS, replace(POINTS[0], setting="multi")]))) == 2


def test_two_targets_have_no_correlation_and_equals_no_rho() -> None:
    assert list(lines(POINTS[:2])) == ["ner, cross (2 targets): fewer than 3, no correlation"]
    (told,) = lines([replace(one, gain=0.0) for one in POINTS])
    assert "gain ~ ranks -, gain ~ family -, gain* ~ ranks -1.00" in told


def test_every_target_of_the_study_has_a_family() -> None:
    targets = {code for trainable, others in TARGETS.values() for code in (*trainable, *others)}
    assert set(FAMILY) == targets
