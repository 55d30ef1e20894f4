"""Maps made by hand get the labels that they were made for, no others, with noise as well."""

import numpy as np
import pytest
from numpy.typing import NDArray

from mclas_fairseq.heads.probe.labels import (
    FACTORS,
    Thresholds,
    counts_by_factor,
    cross_labels,
    fold_agreement,
    larger,
    means_of,
    nearest_to_translation,
    self_labels,
)
from mclas_fairseq.heads.probe.statistics import (
    Floats,
    Source,
    Target,
    corrected,
    cross_statistics,
    link_matrix,
    self_statistics,
)

FIRST, SECOND = 14, 16
LENGTH = FIRST + SECOND + 2
LIMITS = Thresholds()


def target(seed: int = 0) -> Target:
    """Every piece of S^B but two has one counterpart, in an order of its own."""
    numbers = np.random.default_rng(seed)
    links = np.zeros((SECOND, FIRST), dtype=bool)
    links[np.arange(FIRST), numbers.permutation(FIRST)] = True
    return Target(FIRST, SECOND, links)


def onto(columns: NDArray[np.int64]) -> Floats:
    """All weight of row t on columns[t]."""
    found = np.zeros((LENGTH, LENGTH))
    found[np.arange(LENGTH), columns] = 1
    return found


def noisy(maps: Floats, share: float, seed: int = 1) -> Floats:
    """A share of each row is random over what is visible."""
    numbers = np.random.default_rng(seed)
    noise = np.tril(numbers.dirichlet(np.ones(LENGTH), LENGTH))
    noise /= noise.sum(1, keepdims=True)
    return (1 - share) * maps + share * noise


def uniform() -> Floats:
    visible = np.tril(np.ones((LENGTH, LENGTH)))
    found: Floats = visible / visible.sum(1, keepdims=True)
    return found


def aligned(own: Target, reading: str) -> Floats:
    """Rows of S^B on the counterpart of what they read, or of what they write; others on BOS."""
    columns = np.zeros(LENGTH, dtype=np.int64)
    for j, row in enumerate(own.rows("b", reading)):
        if own.links[j].any():
            columns[row] = 1 + own.links[j].argmax()
    return onto(columns)


ROWS = np.arange(LENGTH)
SHAPES = {
    "self": onto(ROWS),
    "local": onto(np.maximum(ROWS - 1, 0)),
    "local 3": onto(np.maximum(ROWS - 3, 0)),
    "translation": aligned(target(), "in"),
    "translation out": aligned(target(), "out"),
    "lsep": onto(np.minimum(ROWS, FIRST + 1)),
    "bos": onto(np.zeros(LENGTH, dtype=np.int64)),
    "uniform": uniform(),
}
EXPECTED = {
    "self": {"self"},
    "local": {"local", "strictly local"},
    "local 3": {"local", "strictly local"},
    "translation": {"translation"},
    "translation out": {"translation"},
    "lsep": {"lsep"},
    "bos": set[str](),
    "uniform": set[str](),
}


@pytest.mark.parametrize("noise", [0.0, 0.2])
def test_each_shape_gets_its_labels(noise: float) -> None:
    own = target()
    maps = np.stack([noisy(SHAPES[name], noise) for name in SHAPES])
    labels = self_labels(self_statistics(maps, own), LIMITS)
    found = {
        name: {label for label, heads in labels.items() if heads[number]}
        for number, name in enumerate(SHAPES)
    }
    # Before `[LSEP]` that head looks at itself, which a head of 6 rows in 22 need not.
    assert found == EXPECTED


def test_statistics_by_hand() -> None:
    """Rows 10 to 12 of a target of 8 and 3 pieces, two heads."""
    links = np.zeros((3, 8), dtype=bool)
    links[0, 2] = links[1, 5] = links[1, 2] = True
    own = Target(8, 3, links)
    maps = np.zeros((2, 13, 13))
    maps[0, 10, [3, 9, 10]] = 0.5, 0.25, 0.25  # reads B0: on A2, which is linked; LSEP; itself
    maps[0, 11, [1, 10]] = 0.6, 0.4  # reads B1: on A0, which is not
    maps[0, 12, 12] = 1.0
    maps[1, :, 0] = 1.0
    found = self_statistics(maps, own)
    assert found["mass_in"] == pytest.approx([0.55, 0])
    assert found["acc_in"][0] == 0.5
    # A2 would be right for the other linked piece as well, A0 for neither.
    assert found["chance_in"][0] == 0.5
    assert found["lsep_in"] == pytest.approx([0.25 / 3, 0])
    kappa = [(x - 1 / n) / (1 - 1 / n) for x, n in ((0.25, 11), (0.0, 12), (1.0, 13))]
    assert found["self_in"][0] == pytest.approx(np.mean(kappa))
    kappa = [(x - 3 / n) / (1 - 3 / n) for x, n in ((0.25, 11), (0.4, 12), (0.0, 13))]
    assert found["local_in"][0] == pytest.approx(np.mean(kappa))
    # `out`: rows 10 and 11 write B1 and B2; B2 has no link, B0 is written in row 9.
    assert found["mass_out"] == pytest.approx([0.5, 0])
    assert found["acc_out"][0] == 1.0


def test_rows_that_see_little_are_left_out() -> None:
    links = np.ones((2, 3), dtype=bool)
    found = self_statistics(np.full((1, 7, 7), 1 / 7), Target(3, 2, links))
    assert all(np.isnan(values).all() for values in found.values())


def test_a_position_is_no_translation() -> None:
    """A head that attends to the same place whatever is read is right by chance alone."""
    own = target()
    columns = np.ones(LENGTH, dtype=np.int64)
    many = np.zeros_like(own.links)
    many[:, 0] = True  # all of S^B is linked with the first piece: accuracy 1, chance 1
    found = self_statistics(onto(columns)[None], Target(FIRST, SECOND, many))
    assert found["acc_in"][0] == found["chance_in"][0] == 1
    assert not self_labels(found, LIMITS)["translation"][0]


SOURCE = Source(
    content=np.isin(np.arange(40), [3, 4, 11, 20]), null=np.isin(np.arange(40), [12, 39])
)


def cross(first: list[int] | None, second: list[int] | None, noise: float = 0.1) -> Floats:
    """A map whose rows of S^A and of S^B go to some columns, or everywhere; (1, T, 40)."""
    own = target()
    found = np.full((1, LENGTH, 40), 1 / 40)
    for phase, columns in (("a", first), ("b", second)):
        if columns is not None:
            for row in {*own.rows(phase, "in"), *own.rows(phase, "out")}:
                found[0, row] = noise / 40
                found[0, row, columns] += (1 - noise) / len(columns)
    return found


def cross_label(maps: Floats) -> str:
    own = target()
    rows = {(p, r): own.rows(p, r) for p in ("a", "b") for r in ("in", "out")}
    labels = cross_labels(cross_statistics(maps, rows, SOURCE), LIMITS)
    [found] = [name for name, heads in labels.items() if heads[0]]
    return found


@pytest.mark.parametrize(
    ("maps", "expected"),
    [
        (cross([3, 4], [11, 20]), "summarization"),
        (cross([3, 4], None), "translation"),
        (cross([3, 4], [39]), "translation"),
        (cross([3, 4], [30]), "translation"),  # focused, but not on what S^A has
        (cross(None, [3, 4]), "other"),
        (cross([39], [12]), "other"),
        (cross(None, None), "other"),
        (cross([3, 4], [11, 20], noise=0.3), "summarization"),
    ],
)
def test_cross_attention_gets_one_label(maps: Floats, expected: str) -> None:
    assert cross_label(maps) == expected


def test_cross_statistics_by_hand() -> None:
    source = Source(np.array([True, False, False, False]), np.array([False, False, False, True]))
    maps = np.array([[[0.4, 0.0, 0.4, 0.2], [0.25] * 4]])
    rows = {("a", "in"): np.array([0]), ("b", "in"): np.array([1])}
    found = cross_statistics(maps, rows, source, lead=1)
    assert found["content_a_in"] == pytest.approx((0.4 - 0.25) / 0.75)
    assert found["content_b_in"] == pytest.approx(0)
    assert found["null_a_in"] == pytest.approx(0.2)
    entropy = -(0.8 * np.log(0.4) + 0.2 * np.log(0.2))
    assert found["focus_a_in"] == pytest.approx(1 - entropy / np.log(4))
    assert found["focus_b_in"] == pytest.approx(0)
    assert found["lead_a_in"] == pytest.approx(0.4)
    assert found["leadchance_a_in"] == 0.25


def test_two_decoders_show_one_phase_each() -> None:
    own = target()
    rows = {(p, r): own.rows(p, r) for p in ("a", "b") for r in ("in", "out")}
    rows["a", "in"] = rows["a", "out"] = np.zeros(0, dtype=np.int64)
    maps = np.concatenate([cross(None, [3, 4]), cross([3, 4], None)])
    labels = cross_labels(cross_statistics(maps, rows, SOURCE), LIMITS)
    assert labels["attends"].tolist() == [True, False]
    assert labels["other"].tolist() == [False, True]
    assert not labels["translation"].any()


def test_correction_and_the_larger_reading() -> None:
    assert corrected(np.array([0.2, 0.6, 1.0]), np.array(0.2)) == pytest.approx([0, 0.5, 1])
    assert np.isnan(corrected(np.array([1.0]), np.array(1.0))).all()
    means = {
        "acc_in": np.array([0.1, 0.5, np.nan]),
        "acc_out": np.array([0.3, 0.4, 0.2]),
        "mass_in": np.array([1.0, 2.0, 3.0]),
        "mass_out": np.array([4.0, 5.0, 6.0]),
    }
    assert larger(means, "acc").tolist() == [0.3, 0.5, 0.2]
    assert larger(means, "mass", of="acc").tolist() == [4.0, 2.0, 6.0]


def test_thresholds_are_scaled_and_heads_counted() -> None:
    half = LIMITS.times(0.5)
    assert (half.accuracy, half.times_chance, half.null) == (0.2, 1.0, 1.0)
    own = target()
    maps = np.stack([noisy(SHAPES["self"], share) for share in (0.0, 0.5, 0.75)])
    counts = counts_by_factor("self", self_statistics(maps, own), LIMITS)["self"]
    assert len(counts) == len(FACTORS)
    assert counts[0] == 3
    assert counts[FACTORS.index(1.0)] == 2
    assert counts[-1] == 1
    assert counts == sorted(counts, reverse=True)


def test_folds_agree_where_documents_do() -> None:
    numbers = np.random.default_rng(3)
    steady = {f"self_{r}": np.tile([0.9, 0.1], (60, 1)) for r in ("in", "out")}
    others = {
        f"{name}_{r}": np.zeros((60, 2))
        for name in ("mass", "acc", "chance", "local", "lsep", "offset1", "offset2", "offset3")
        for r in ("in", "out")
    }
    assert fold_agreement("self", {**others, **steady}, LIMITS) == [1.0] * 10
    shaky = {name: numbers.uniform(0, 0.8, (60, 2)) for name in steady}
    agreement = fold_agreement("self", {**others, **shaky}, LIMITS)
    assert 0.3 < np.mean(agreement) < 0.95


def test_documents_without_a_row_do_not_count() -> None:
    rows = {"a": np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan]])}
    assert means_of(rows)["a"][0] == 2
    assert np.isnan(means_of(rows)["a"][1])
    assert means_of(rows, [1])["a"][0] == 3


def test_links_of_words_spread_to_pieces() -> None:
    first, second = [(0,), (0,), (1,), ()], [(0, 1), (2,)]
    found = link_matrix([(0, 2), (1, 1)], first, second)
    assert found.tolist() == [[False, False, True, False], [True, True, False, False]]


def test_the_head_nearest_to_translation_leans_on_the_first_summary() -> None:
    """Of three heads the one with the largest accuracy has too little weight there."""
    values = {"acc": [0.9, 0.2, 0.3], "mass": [0.2, 0.9, 0.5]}
    means = {
        f"{name}_{reading}": np.array(row) * scale
        for name, row in values.items()
        for reading, scale in (("in", 1.0), ("out", 0.5))
    }
    assert nearest_to_translation(means, LIMITS) == 2
    means["mass_in"] = np.array([0.2, 0.9, 0.25])
    assert nearest_to_translation(means, LIMITS) == 1
    means["acc_in"] = means["acc_out"] = np.full(3, np.nan)
    assert nearest_to_translation(means, LIMITS) is None
