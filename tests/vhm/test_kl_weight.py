"""Annealing of the KL terms and free bits."""

import pytest
import torch

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.vhm.kl_weight import FreeBits, KlWeight


@pytest.mark.parametrize(("update", "weight"), [(0, 0.0), (50, 0.5), (99, 0.99), (100, 1.0)])
def test_linear_weight_at_start_middle_and_end(update: int, weight: float) -> None:
    assert KlWeight("linear", updates=100).at(update) == pytest.approx(weight)
    assert KlWeight("linear", final=0.3, updates=100).at(update) == pytest.approx(0.3 * weight)


def test_linear_weight_stays_after_its_end() -> None:
    assert KlWeight("linear", updates=100).at(1000) == 1.0


def test_cyclical_weight_rises_in_half_of_each_cycle_and_starts_again() -> None:
    weight = KlWeight("cyclical", updates=40, cycles=4, rise=0.5)
    first = [weight.at(update) for update in range(10)]
    assert first == pytest.approx([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.0, 1.0, 1.0, 1.0])
    assert [weight.at(update) for update in range(30, 40)] == pytest.approx(first)
    assert weight.at(40) == weight.at(400) == 1.0


def test_constant_weight_is_constant_and_counts_as_annealed() -> None:
    weight = KlWeight("constant", final=0.25, updates=0)
    assert {weight.at(update) for update in (0, 1, 1000)} == {0.25}
    assert weight.annealed(0)


@pytest.mark.parametrize("value", [-0.1, 1.5, float("nan")])
def test_weights_outside_zero_and_one_are_refused(value: float) -> None:
    with pytest.raises(ConfigError, match=r"--kl-weight .*: must lie in \[0, 1\]"):
        KlWeight("constant", final=value)


def test_annealing_without_an_end_is_refused_naming_the_flags() -> None:
    with pytest.raises(ConfigError, match="--kl-annealing-updates 0: .* half of --max-update"):
        KlWeight("linear", updates=0)


@pytest.mark.parametrize(("cycles", "rise"), [(0, 0.5), (4, 0.0), (4, 1.1)])
def test_cycles_that_cannot_be_are_refused(cycles: int, rise: float) -> None:
    with pytest.raises(ConfigError, match="--kl-cycles .*at least one cycle"):
        KlWeight("cyclical", updates=10, cycles=cycles, rise=rise)


def test_free_bits_charge_each_sentence_and_each_dimension_its_minimum() -> None:
    kl = torch.tensor([[0.1, 0.3], [2.0, 0.0]])
    assert FreeBits().charge(kl).tolist() == pytest.approx([0.4, 2.0])
    assert FreeBits(per_latent=1.0).charge(kl).tolist() == pytest.approx([1.0, 2.0])
    assert FreeBits(per_dimension=0.2).charge(kl).tolist() == pytest.approx([0.5, 2.2])


def test_free_bits_give_no_gradient_below_their_minimum() -> None:
    kl = torch.tensor([[0.1, 0.3], [2.0, 0.0]], requires_grad=True)
    FreeBits(per_latent=1.0).charge(kl).sum().backward()
    assert kl.grad is not None
    assert kl.grad.tolist() == [[0.0, 0.0], [1.0, 1.0]]


@pytest.mark.parametrize("bits", [(-1.0, 0.0), (0.0, -1.0), (1.0, 0.1)])
def test_free_bits_that_cannot_be_are_refused(bits: tuple[float, float]) -> None:
    with pytest.raises(ConfigError, match="--free-bits "):
        FreeBits(*bits)
