"""What `mclas latents` gives the decoder in place of the prior mean, choice by choice."""

from typing import Any

import pytest
import torch

from mclas_fairseq.vhm.gaussian import Gaussian
from mclas_fairseq.vhm.study import (
    CHOICES,
    CORPUS,
    OTHER,
    POSTERIOR,
    PRIOR_MEAN,
    ZERO,
    _draws,
)

COUNT, SIZE = 6, 4


@pytest.fixture
def found(vhm: Any) -> dict[str, torch.Tensor]:
    """Value of `z_cls` of each document by choice, from batches of four and two documents."""
    model = vhm.model()  # seeds torch as well
    prior, posterior = ({"cls": torch.randn(COUNT, SIZE) + shift} for shift in (0.0, 50.0))
    give = _draws(model, prior, posterior, seed=1)
    values = {"prior": prior["cls"], "posterior": posterior["cls"]}
    for choice in CHOICES:
        parts = []
        for start, end in ((0, 4), (4, COUNT)):
            mean = prior["cls"][start:end]
            draw = give(choice, start, {"id": torch.arange(start, end)})
            parts.append(draw("cls", Gaussian(mean, torch.full_like(mean, 0.1))))
        values[choice] = torch.cat(parts)
    return values


def test_each_choice_is_what_its_name_says(found: dict[str, torch.Tensor]) -> None:
    prior = found["prior"]
    assert torch.equal(found[PRIOR_MEAN], prior)
    assert torch.equal(found[POSTERIOR], found["posterior"])
    assert torch.equal(found[ZERO], torch.zeros(COUNT, SIZE))
    torch.testing.assert_close(found[CORPUS], prior.mean(dim=0).expand(COUNT, SIZE))


def test_another_documents_z_is_never_the_own_one_and_each_serves_once(
    found: dict[str, torch.Tensor],
) -> None:
    same = (found[OTHER].unsqueeze(1) == found["prior"].unsqueeze(0)).all(dim=2)  # to x from
    assert same.sum(dim=1).tolist() == [1] * COUNT
    assert same.sum(dim=0).tolist() == [1] * COUNT
    assert not same.diagonal().any()


def test_a_sample_is_near_its_prior_and_not_its_mean(found: dict[str, torch.Tensor]) -> None:
    distance = (found["sample"] - found["prior"]).abs()
    assert float(distance.max()) < 0.5
    assert float(distance.min()) > 0.0
