"""Gaussians and their networks: densities, KL and gradients (Liang et al. 2022, Eqs. 2 to 7)."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.distributions import Independent, Normal, kl_divergence

from mclas_fairseq.vhm.gaussian import Gaussian, GaussianNetwork


def random_gaussian(seed: int, rows: int = 3, size: int = 5) -> Gaussian:
    numbers = torch.Generator().manual_seed(seed)
    mean = torch.randn(rows, size, generator=numbers)
    return Gaussian(mean, torch.rand(rows, size, generator=numbers) + 0.1)


def as_distribution(gaussian: Gaussian) -> Any:
    return Independent(Normal(gaussian.mean, gaussian.std), 1)


def test_kl_is_that_of_torch_and_that_of_the_formula_in_a_loop() -> None:
    q, p = random_gaussian(1), random_gaussian(2)
    each = q.kl(p)
    expected = kl_divergence(as_distribution(q), as_distribution(p))
    torch.testing.assert_close(each.sum(1), expected, atol=1e-5, rtol=1.3e-6)
    for row in range(3):
        for dim in range(5):
            m, s = float(q.mean[row, dim]), float(q.std[row, dim])
            n, r = float(p.mean[row, dim]), float(p.std[row, dim])
            value = math.log(r / s) + (s * s + (m - n) ** 2) / (2 * r * r) - 0.5
            assert float(each[row, dim]) == pytest.approx(value, abs=1e-5)


def test_kl_to_itself_is_zero_and_its_direction_counts() -> None:
    q, p = random_gaussian(1), random_gaussian(2)
    assert torch.equal(q.kl(q), torch.zeros(3, 5))
    assert not torch.allclose(q.kl(p), p.kl(q))


def test_log_density_is_that_of_torch() -> None:
    gaussian, value = random_gaussian(1), torch.randn(3, 5)
    expected = as_distribution(gaussian).log_prob(value)
    torch.testing.assert_close(gaussian.log_prob(value), expected, atol=1e-5, rtol=1.3e-6)


def test_network_equals_a_loop_over_units() -> None:
    torch.manual_seed(3)
    network, inputs = GaussianNetwork(4, 3), torch.randn(2, 4)

    def perceptron(layers: Any, vector: Tensor) -> list[float]:
        first, last = layers[0], layers[2]
        hidden = [
            math.tanh(sum(float(w) * float(v) for w, v in zip(row, vector, strict=True)) + float(b))
            for row, b in zip(first.weight, first.bias, strict=True)
        ]
        return [
            sum(float(w) * h for w, h in zip(row, hidden, strict=True)) + float(b)
            for row, b in zip(last.weight, last.bias, strict=True)
        ]

    for parameter in network.parameters():
        torch.nn.init.normal_(parameter)  # biases too: they are 0 at the start
        parameter.requires_grad_(False)
    gaussian = network(inputs)
    for row in range(2):
        mean = perceptron(network.mean, inputs[row])
        std = [math.log1p(math.exp(x)) + 1e-6 for x in perceptron(network.scale, inputs[row])]
        torch.testing.assert_close(gaussian.mean[row], torch.tensor(mean), atol=1e-5, rtol=1e-5)
        torch.testing.assert_close(gaussian.std[row], torch.tensor(std), atol=1e-5, rtol=1e-5)


def test_gradients_of_the_reparameterised_draw_equal_finite_differences() -> None:
    torch.manual_seed(4)
    network = GaussianNetwork(4, 3)
    inputs, noise = torch.randn(2, 4), torch.randn(2, 3)

    def value() -> Tensor:
        total: Tensor = network(inputs).sample(noise).sin().sum()
        return total

    value().backward()
    for parameter in network.parameters():
        assert parameter.grad is not None
        for place in range(parameter.numel()):
            with torch.no_grad():
                flat = parameter.view(-1)
                kept = flat[place].item()
                step = 1e-2
                flat[place] = kept + step
                above = value().double()
                flat[place] = kept - step
                below = value().double()
                flat[place] = kept
            slope = float(above - below) / (2 * step)
            assert float(parameter.grad.view(-1)[place]) == pytest.approx(slope, abs=2e-3)


def test_deviation_stays_positive_and_kl_finite_where_softplus_vanishes() -> None:
    network = GaussianNetwork(4, 3)
    with torch.no_grad():
        last: Any = network.scale[2]
        last.bias.fill_(-200.0)
    narrow = network(torch.zeros(1, 4))
    assert bool((narrow.std > 0).all())
    wide = Gaussian(torch.zeros(1, 3), torch.ones(1, 3))
    assert bool(torch.isfinite(narrow.kl(wide)).all())
    assert bool(torch.isfinite(wide.kl(narrow)).all())


def test_half_precision_network_gives_fp32_gaussians() -> None:
    gaussian = GaussianNetwork(4, 3).bfloat16()(torch.randn(2, 4))
    assert gaussian.mean.dtype == gaussian.std.dtype == torch.float32
