"""Seeded subsets: the same for every order, nested, and different for another seed."""

import hashlib

import pytest

from mclas_fairseq.corpus.subsets import draw_subset
from mclas_fairseq.errors import DataError

IDS = [f"doc-{number}" for number in range(200)]


def test_the_subset_is_that_of_the_smallest_hashes_in_the_given_order() -> None:
    ranked = sorted(IDS, key=lambda item: hashlib.sha256(f"7:{item}".encode()).hexdigest())
    drawn = draw_subset(IDS, 5, seed=7)
    assert set(drawn) == set(ranked[:5])
    assert drawn == [item for item in IDS if item in set(drawn)]


def test_the_order_of_the_ids_does_not_change_the_choice() -> None:
    assert set(draw_subset(IDS, 50, 1)) == set(draw_subset(IDS[::-1], 50, 1))
    assert draw_subset(IDS[::-1], 50, 1) == draw_subset(IDS, 50, 1)[::-1]


def test_smaller_subsets_lie_within_larger_ones_of_the_same_seed() -> None:
    assert set(draw_subset(IDS, 20, 3)) < set(draw_subset(IDS, 60, 3))
    assert draw_subset(IDS, 200, 3) == IDS


def test_another_seed_draws_other_documents() -> None:
    assert set(draw_subset(IDS, 20, 1)) != set(draw_subset(IDS, 20, 2))


@pytest.mark.parametrize("size", [0, -1, 201])
def test_an_impossible_size_is_refused(size: int) -> None:
    with pytest.raises(DataError, match=rf"between 1 and .* 200, but is {size};"):
        draw_subset(IDS, size, 1)


def test_ids_that_occur_twice_are_refused() -> None:
    with pytest.raises(DataError, match="must be unique"):
        draw_subset(["a", "b", "a"], 1, 1)
