"""Length penalties by hand, and the order that search gives to its hypotheses."""

from typing import Any

import pytest
import torch

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.length_penalty import LengthPenalty


@pytest.mark.parametrize(
    ("name", "alpha", "length", "divisor"),
    [
        ("fairseq", 1.0, 8, 8.0),
        ("fairseq", 0.5, 16, 4.0),
        ("fairseq", 0.0, 16, 1.0),
        ("gnmt", 1.0, 7, 2.0),
        ("gnmt", 2.0, 13, 9.0),
        ("gnmt", 0.8, 1, 1.0),
    ],
)
def test_divisors_by_hand(name: str, alpha: float, length: int, divisor: float) -> None:
    penalty = LengthPenalty(name, alpha)
    assert penalty.divisor(length) == pytest.approx(divisor)
    assert float(penalty(torch.tensor(-18.0), length)) == pytest.approx(-18.0 / divisor)


def test_an_unknown_penalty_is_refused_by_name() -> None:
    with pytest.raises(
        ConfigError, match=r"--length-penalty: it must be one of fairseq, gnmt, met 'wu'; choose"
    ):
        LengthPenalty("wu", 1.0)


def test_the_penalty_ranks_hypotheses_of_different_lengths(world: Any) -> None:
    """The same finished hypotheses under each penalty, in the order of score / divisor."""
    sample, grammar = world.sample(1, [6, 4]), world.grammar(max_len_b=6)
    orders = set()
    for name, alpha in (("fairseq", 0.0), ("fairseq", 2.0), ("gnmt", 0.6), ("gnmt", 2.0)):
        search = world.search(
            [world.model(3)], grammar, beam_size=6, length_penalty=name, len_penalty=alpha
        )
        hypotheses = search.generate(None, sample)[0]
        lengths = [one["tokens"].numel() for one in hypotheses]
        totals = [float(one["positional_scores"].sum()) for one in hypotheses]
        for one, total, length in zip(hypotheses, totals, lengths, strict=True):
            base = length if name == "fairseq" else (5 + length) / 6
            assert float(one["score"]) == pytest.approx(total / base**alpha, abs=1e-5)
        scores = [float(one["score"]) for one in hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert len(set(lengths)) > 1
        orders.add(tuple(tuple(one["tokens"].tolist()) for one in hypotheses))
    assert len({frozenset(order) for order in orders}) == 1
    assert len(orders) > 1


def test_unnormalised_scores_are_sums(world: Any) -> None:
    search = world.search(
        [world.model(3)], world.grammar(), beam_size=2, normalize_scores=False, len_penalty=3.0
    )
    for hypothesis in search.generate(None, world.sample(1, [6]))[0]:
        total = float(hypothesis["positional_scores"].sum())
        assert float(hypothesis["score"]) == pytest.approx(total, abs=1e-5)
