"""Bounds of the likelihood: the ELBO lies below the importance-weighted bound."""

import math
from typing import Any

import pytest
import torch

from mclas_fairseq.vhm.noise import LatentNoise, draw_mean
from mclas_fairseq.vhm.terms import latent_means, lower_bounds, reference_nll

DRAWS = 10


@pytest.fixture(scope="module")
def model(vhm: Any) -> Any:
    """A model with larger weights, so that its latents matter."""
    found = vhm.model()
    with torch.no_grad():
        for parameter in found.parameters():
            parameter.mul_(1.5)
    return found


@pytest.mark.parametrize("locals_in_cls", ["prior", "posterior"])
def test_elbo_is_never_above_the_importance_weighted_bound(
    vhm: Any, model: Any, locals_in_cls: str
) -> None:
    batch = vhm.batch(lengths=(5, 3, 7, 4, 6, 8))
    kept, model.locals_in_cls = model.locals_in_cls, locals_in_cls
    found = [lower_bounds(model, batch, samples=8, seed=seed) for seed in range(DRAWS)]
    model.locals_in_cls = kept
    gap = torch.stack([one.importance - one.elbo for one in found])  # seeds x sentences
    error = gap.std(dim=0) / DRAWS**0.5
    assert bool((gap.mean(dim=0) > -4.0 * error).all())
    assert float(gap.mean()) > 0.05, "the test must be able to see a gap"


def test_importance_bound_grows_with_draws_and_stays_below_the_likelihood(
    vhm: Any, model: Any
) -> None:
    # One sentence a thousand times over, each time with noise of its own.
    batch = vhm.rows(vhm.batch(), [0] * 1000)
    batch["id"] = torch.arange(1000)
    of_one = lower_bounds(model, batch, samples=1, seed=1).importance
    of_ten = of_one.view(100, 10).logsumexp(dim=1) - math.log(10)
    assert float(of_ten.mean()) > float(of_one.mean()) + 0.02
    # The likelihood by drawing from the prior: unbiased, and nearly exact with a thousand draws.
    drawn = -reference_nll(model, batch, LatentNoise(9).draw("cls", batch["id"]))
    likelihood = float(drawn.logsumexp(dim=0)) - math.log(1000)
    error = 4.0 * float(of_ten.std()) / 10 + 0.02
    assert float(of_ten.mean()) < likelihood + error


def test_importance_weights_estimate_the_likelihood_without_bias(vhm: Any) -> None:
    """With posteriors not far from priors two thousand draws are enough."""
    model, batch = vhm.model(), vhm.rows(vhm.batch(), [1] * 2000)
    with torch.no_grad():
        for parameter in model.encoder.latents.parameters():
            parameter.mul_(0.3)
    batch["id"] = torch.arange(2000)
    weighted = lower_bounds(model, batch, samples=1, seed=1).importance
    drawn = -reference_nll(model, batch, LatentNoise(9).draw("cls", batch["id"]))
    assert float(weighted.std()) > 0.2, "q must differ from p"
    found, expected = (float(one.logsumexp(dim=0)) - math.log(2000) for one in (weighted, drawn))
    assert found == pytest.approx(expected, abs=0.05)


def test_elbo_is_likelihood_minus_kl_as_the_criterion_counts_them(vhm: Any, model: Any) -> None:
    batch = vhm.batch()
    bounds = lower_bounds(model, batch, samples=1, seed=1)
    _, _, log = vhm.criterion(seed=1)(model, {"cls": batch})
    assert float(bounds.kl.sum()) == pytest.approx(float(log["cls_kl"]), rel=1e-4)
    expected = -float(log["cls_nll_loss"] + log["cls_kl"])
    assert float(bounds.elbo.sum()) == pytest.approx(expected, rel=1e-4)


def test_nll_is_that_of_the_decoder_with_the_drawn_latent(vhm: Any, model: Any) -> None:
    batch = vhm.batch()
    plain = reference_nll(model, batch)
    out = model.encoder(batch["net_input"]["src_tokens"])
    logits, _ = model.decoder(batch["net_input"]["prev_output_tokens"], encoder_out=out)
    for row, tokens in enumerate(batch["target"].tolist()):
        expected = sum(
            -float(torch.log_softmax(logits[row, step].detach(), dim=0)[token])
            for step, token in enumerate(tokens)
            if token != 1
        )
        assert float(plain[row]) == pytest.approx(expected, rel=1e-4)
    other = reference_nll(model, batch, lambda name, gaussian: gaussian.mean + 3.0)
    assert not torch.allclose(other, plain)


def test_means_of_prior_and_posterior_are_those_of_the_networks(vhm: Any, model: Any) -> None:
    batch = vhm.batch()
    prior, posterior = latent_means(model, batch)
    assert torch.equal(prior.z["cls"], prior.prior["cls"].mean)
    trained = model({"cls": batch})["cls"][1]["latents"]
    torch.testing.assert_close(posterior.z["cls"], trained.z["cls"], atol=1e-5, rtol=1e-5)
    assert draw_mean("cls", prior.prior["cls"]) is prior.prior["cls"].mean
