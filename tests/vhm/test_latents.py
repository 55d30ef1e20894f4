"""Latent variables against a loop transcription of Liang et al. (2022), Eqs. 2 to 8."""

from typing import Any

import pytest
import torch
from torch import Tensor

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.vhm.gaussian import Gaussian
from mclas_fairseq.vhm.latents import (
    LatentNetworks,
    LatentPlan,
    LatentProjection,
    mean_pool,
)
from mclas_fairseq.vhm.noise import LatentNoise, draw_mean

WIDTH, SIZE, ROWS = 6, 4, 3
IDS = torch.tensor([5, 9, 2])


def make_networks(plan: LatentPlan) -> LatentNetworks:
    torch.manual_seed(5)
    networks = LatentNetworks(plan, WIDTH, SIZE)
    for parameter in networks.parameters():
        torch.nn.init.normal_(parameter, std=0.5)
    return networks


def texts() -> tuple[Tensor, Tensor]:
    numbers = torch.Generator().manual_seed(6)
    return tuple(torch.randn(2, ROWS, WIDTH, generator=numbers).unbind())  # type: ignore[return-value]


def one_row(network: Any, vector: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of one vector, layer by layer as the equations say."""

    def perceptron(layers: Any) -> Tensor:
        hidden = torch.tanh(layers[0].weight @ vector + layers[0].bias)
        result: Tensor = layers[2].weight @ hidden + layers[2].bias
        return result

    return perceptron(network.mean), torch.log1p(perceptron(network.scale).exp()) + 1e-6


def check(gaussian: Gaussian, row: int, expected: tuple[Tensor, Tensor]) -> None:
    torch.testing.assert_close(gaussian.mean[row], expected[0], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(gaussian.std[row], expected[1], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("task", ["mt", "ms"])
def test_local_variables_are_those_of_equations_2_to_5(task: str) -> None:
    networks, (x, y) = make_networks(LatentPlan()), texts()
    out = networks.from_posterior(task, x, y, LatentNoise(1, 3).draw(task, IDS))
    noise = LatentNoise(1, 3).draw(task, IDS)
    for row in range(ROWS):
        check(out.prior[task], row, one_row(networks.priors[task], x[row]))
        pair = torch.cat([x[row], y[row]])
        check(out.posterior[task], row, one_row(networks.posteriors[task], pair))
    drawn = noise(task, out.posterior[task])
    assert list(out.z) == [task]
    torch.testing.assert_close(out.z[task], drawn, atol=0.0, rtol=0.0)


def test_global_variable_is_that_of_equations_6_and_7_over_shared_local_ones() -> None:
    networks, (x, y) = make_networks(LatentPlan()), texts()
    draw = LatentNoise(1, 3).draw("cls", IDS)
    out = networks.from_posterior("cls", x, y, draw)
    for row in range(ROWS):
        local = []
        for name in ("mt", "ms"):
            mean, std = one_row(networks.priors[name], x[row])
            unit = draw(name, Gaussian(torch.zeros(ROWS, SIZE), torch.ones(ROWS, SIZE)))[row]
            local.append(mean + std * unit)
            torch.testing.assert_close(out.z[name][row], local[-1], atol=1e-5, rtol=1e-5)
        check(out.prior["cls"], row, one_row(networks.priors["cls"], torch.cat([x[row], *local])))
        behind = torch.cat([x[row], *local, y[row]])
        check(out.posterior["cls"], row, one_row(networks.posteriors["cls"], behind))
    assert list(out.posterior) == ["cls"], "no other KL belongs to the bound"


def test_decoding_uses_prior_means_through_the_hierarchy() -> None:
    networks, (x, _) = make_networks(LatentPlan()), texts()
    out = networks.from_prior("cls", x, draw_mean)
    for row in range(ROWS):
        local = [one_row(networks.priors[name], x[row])[0] for name in ("mt", "ms")]
        mean, _ = one_row(networks.priors["cls"], torch.cat([x[row], *local]))
        torch.testing.assert_close(out.z["cls"][row], mean, atol=1e-5, rtol=1e-5)
    assert out.posterior == {}


def test_local_variables_from_their_posterior_add_their_kl() -> None:
    networks, (x, y) = make_networks(LatentPlan()), texts()
    draw = LatentNoise(1, 3).draw("cls", IDS)
    out = networks.from_posterior("cls", x, y, draw, locals_in_cls="posterior")
    assert sorted(out.kl()) == ["cls", "ms", "mt"]
    assert torch.equal(out.z["mt"], draw("mt", out.posterior["mt"]))
    check(out.posterior["mt"], 0, one_row(networks.posteriors["mt"], torch.cat([x[0], y[0]])))


def test_summary_of_the_same_document_makes_the_posterior_of_z_ms_exact() -> None:
    networks, (x, y) = make_networks(LatentPlan()), texts()
    summary = torch.randn(ROWS, WIDTH)
    draw = LatentNoise(1, 3).draw("cls", IDS)
    out = networks.from_posterior("cls", x, y, draw, locals_in_cls="summary", summary=summary)
    assert sorted(out.kl()) == ["cls", "ms"]
    check(out.posterior["ms"], 1, one_row(networks.posteriors["ms"], torch.cat([x[1], summary[1]])))
    assert torch.equal(out.z["mt"], draw("mt", out.prior["mt"]))


def test_split_conditions_prior_and_posterior_on_different_draws() -> None:
    networks, (x, y) = make_networks(LatentPlan()), texts()
    draw = LatentNoise(1, 3).draw("cls", IDS)
    out = networks.from_posterior("cls", x, y, draw, locals_in_cls="split")
    assert list(out.posterior) == ["cls"]
    local = [draw(f"{name}/prior", out.prior[name])[0] for name in ("mt", "ms")]
    check(out.prior["cls"], 0, one_row(networks.priors["cls"], torch.cat([x[0], *local])))
    behind = torch.cat([x[0], out.z["mt"][0], out.z["ms"][0], y[0]])
    check(out.posterior["cls"], 0, one_row(networks.posteriors["cls"], behind))


@pytest.mark.parametrize(
    ("text", "hierarchical", "inputs", "drawn"),
    [
        ("mt,ms,cls", True, ("cls",), ("mt", "ms", "cls")),
        ("ms,cls", True, ("cls",), ("ms", "cls")),
        ("mt,cls", True, ("cls",), ("mt", "cls")),
        ("cls", True, ("cls",), ("cls",)),
        ("ms,mt", True, ("mt", "ms"), ("mt", "ms")),
        ("mt,ms,cls", False, ("cls",), ("cls",)),
        ("none", True, (), ()),
    ],
)
def test_plans_of_the_ablations(
    text: str, hierarchical: bool, inputs: tuple[str, ...], drawn: tuple[str, ...]
) -> None:
    plan = LatentPlan.parse(text, hierarchical=hierarchical)
    assert plan.decoder_inputs("cls") == inputs
    assert plan.needed("cls") == drawn
    if plan.names:
        networks, (x, y) = make_networks(plan), texts()
        out = networks.from_posterior("cls", x, y, draw_mean)
        assert tuple(out.z) == drawn
        assert set(inputs) <= set(out.z)
    for local in ("mt", "ms"):
        assert plan.decoder_inputs(local) == ((local,) if local in plan.names else ())


@pytest.mark.parametrize("text", ["", "mt,mt", "mt,nmt", "none,mt", "mt, ms"])
def test_unknown_variables_are_refused_naming_the_flag(text: str) -> None:
    with pytest.raises(ConfigError, match="--latents .*give --latents mt,ms,cls"):
        LatentPlan.parse(text)


def test_pooling_is_the_mean_over_tokens_and_padding_changes_nothing() -> None:
    states = torch.randn(4, 2, WIDTH)
    padding = torch.tensor([[True, True, False, False], [False, False, False, False]])
    pooled = mean_pool(states, padding)
    for row, tokens in enumerate(([2, 3], [0, 1, 2, 3])):
        total = torch.zeros(WIDTH)
        for place in tokens:
            total = total + states[place, row]
        torch.testing.assert_close(pooled[row], total / len(tokens), atol=1e-6, rtol=1e-6)
    more = torch.cat([torch.full((10, 2, WIDTH), 1e4), states])
    longer = torch.cat([torch.ones(2, 10, dtype=torch.bool), padding], dim=1)
    torch.testing.assert_close(mean_pool(more, longer), pooled, atol=1e-6, rtol=1e-6)


def test_projection_is_that_of_equation_8_at_each_step() -> None:
    torch.manual_seed(8)
    projection = LatentProjection(WIDTH, SIZE)
    torch.nn.init.normal_(projection.linear.bias)
    features, z = torch.randn(2, 3, WIDTH), torch.randn(2, SIZE)
    found = projection(features, z)
    for row in range(2):
        for step in range(3):
            joined = torch.cat([features[row, step], z[row]])
            expected = torch.tanh(projection.linear.weight @ joined + projection.linear.bias)
            torch.testing.assert_close(found[row, step], expected, atol=1e-5, rtol=1.3e-6)


def test_each_network_of_the_whole_model_is_used_and_gets_a_gradient() -> None:
    networks, (x, y) = make_networks(LatentPlan()), texts()
    total = torch.zeros(())
    for task in ("mt", "ms", "cls"):
        out = networks.from_posterior(task, x, y, LatentNoise(1).draw(task, IDS))
        total = total + sum(kl.sum() for kl in out.kl().values())
    total.backward()
    without = [name for name, one in networks.named_parameters() if one.grad is None]
    assert without == []
