"""Does the gain of pruning go with how alike source and target are? (Ma et al. 2021, section 4.)

Alike in two ways: Spearman's rho of the rankings of heads for both languages, in the model trained
on the source, and their families. The paper takes URIEL's distances in the place of families.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mclas_fairseq.heads.agreement import agreement, spearman
from studies.labelling.cells import SOURCE

# How near to English: 2 of its branch (Germanic), 1 of its family (Indo-European), 0 of neither.
FAMILY = {"da": 2, "de": 2, "nl": 2, "fr": 1, "it": 1, "pt": 1, "sr": 1}
FAMILY |= dict.fromkeys(("ar", "id", "kk", "tr", "zh"), 0)
_FEWEST = 3  # targets of which a rank correlation says anything
_MEASURES = ("gain", "gain*")


@dataclass(frozen=True)
class Point:
    """A target in a setting.

    Attributes:
        task: of the study.
        setting: "cross" or "multi".
        target: language.
        gain: of pruning, k by validation, in points of the test score.
        paper_gain: of the best k on test.
        alike: Spearman's rho of the rankings of heads for source and target, mean over seeds.
    """

    task: str
    setting: str
    target: str
    gain: float
    paper_gain: float
    alike: float

    @property
    def family(self) -> float:
        """How near the target's family is to that of the source."""
        return float(FAMILY[self.target])


def likeness(rankings: Sequence[Mapping[str, Sequence[float]]], target: str) -> float:
    """Mean over seeds of rho between the importance of heads for source and target."""
    return float(
        np.mean([spearman(*(np.array(one[code]) for code in (SOURCE, target))) for one in rankings])
    )


def lines(points: Sequence[Point]) -> Iterator[str]:
    """Rho of gains with both likenesses: of each task and setting, and of all tasks of a setting.

    Tasks together are compared after each task's means are taken off: that one task gains more
    than another says nothing about languages.
    """
    groups: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        groups.setdefault((point.task, point.setting), []).append(point)
    for (task, setting), own in groups.items():
        yield f"{task}, {setting} ({len(own)} targets): {_shown(own, [task])}"
    for setting in dict.fromkeys(point.setting for point in points):
        own = [point for point in points if point.setting == setting]
        tasks = list(dict.fromkeys(point.task for point in own))
        if len(tasks) > 1:
            yield f"all tasks, {setting} ({len(own)} targets): {_shown(own, tasks)}"


def _shown(points: Sequence[Point], tasks: Sequence[str]) -> str:
    if len(points) < _FEWEST:
        return f"fewer than {_FEWEST}, no correlation"
    found = []
    for name, measure in zip(_MEASURES, ("gain", "paper_gain"), strict=True):
        for like, title in (("alike", "ranks"), ("family", "family")):
            first, second = (_centred(points, value, tasks) for value in (measure, like))
            one = agreement((name, title), first, second)
            rho = "-" if np.isnan(one.rho) else f"{one.rho:+.2f} (p {one.p:.3f})"
            found.append(f"{name} ~ {title} {rho}")
    return ", ".join(found)


def _centred(
    points: Sequence[Point], name: str, tasks: Sequence[str]
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Values of points, of each task less their mean; rounded, so that equals stay equal."""
    values = np.array([getattr(point, name) for point in points], dtype=np.float64)
    for task in tasks if len(tasks) > 1 else ():
        own = np.array([point.task == task for point in points])
        values[own] -= values[own].mean()
    return values.round(9)
