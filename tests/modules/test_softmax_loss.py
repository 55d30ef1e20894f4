"""The loss of a softmax in blocks of rows against fairseq's own of a whole table."""

import pytest
import torch
from fairseq.criterions.label_smoothed_cross_entropy import label_smoothed_nll_loss
from torch import Tensor

from mclas_fairseq.modules import softmax_loss
from mclas_fairseq.modules.softmax_loss import Smoothing, smoothed_softmax_loss

PAD = 1
TARGET = torch.tensor([5, 3, 2, 7, 4, 10, 2])
WEIGHTS = torch.arange(1.0, 8.0)  # another one for each token


def logits(dtype: torch.dtype = torch.float32) -> Tensor:
    draws = torch.Generator().manual_seed(5)
    return (3 * torch.randn(7, 11, generator=draws)).to(dtype).requires_grad_()


def fairseqs(given: Tensor, epsilon: float) -> tuple[Tensor, Tensor]:
    logs = given.log_softmax(-1, dtype=torch.float32)
    loss, nll = label_smoothed_nll_loss(logs, TARGET, epsilon, PAD, reduce=False)
    return loss.view(-1), nll.view(-1)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_loss_and_gradient_are_fairseqs(
    epsilon: float, rows: int, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax_loss, "_BLOCK", 11 * rows)
    mine, theirs = logits(dtype), logits(dtype)
    found = smoothed_softmax_loss(mine, TARGET, Smoothing(epsilon, PAD))
    expected = fairseqs(theirs, epsilon)
    for own, other in zip(found, expected, strict=True):
        torch.testing.assert_close(own, other)
    for loss in (found[0], expected[0]):
        (loss * WEIGHTS).sum().backward()
    assert theirs.grad is not None
    assert theirs.grad.abs().max() > 0
    torch.testing.assert_close(mine.grad, theirs.grad)


def test_loss_of_one_token_by_hand() -> None:
    # P = (1/2, 1/4, 1/4); of the mass 0.2 the two others get half each.
    given = torch.tensor([[2.0, 1.0, 1.0]]).log().requires_grad_()
    loss, nll = smoothed_softmax_loss(given, torch.tensor([0]), Smoothing(0.2, PAD))
    assert nll.item() == pytest.approx(-torch.tensor(0.5).log().item())
    logs = given.detach()[0].log_softmax(-1)
    assert loss.item() == pytest.approx(-(0.8 * logs[0] + 0.1 * logs[1] + 0.1 * logs[2]).item())
    loss.sum().backward()
    expected = torch.tensor([[0.5 - 0.8, 0.25 - 0.1, 0.25 - 0.1]])
    torch.testing.assert_close(given.grad, expected)


def test_only_the_logits_are_kept_and_nll_has_no_gradient() -> None:
    kept: list[Tensor] = []

    def keep(one: Tensor) -> Tensor:
        kept.append(one)
        return one

    given = logits()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        loss, nll = smoothed_softmax_loss(given, TARGET, Smoothing(0.1, PAD))
    assert loss.requires_grad
    assert not nll.requires_grad
    assert {one.data_ptr() for one in kept} == {given.data_ptr(), TARGET.data_ptr()}


def test_no_token_costs_nothing() -> None:
    given = torch.zeros(0, 11, requires_grad=True)
    loss, nll = smoothed_softmax_loss(given, TARGET[:0], Smoothing(0.1, PAD))
    assert loss.shape == nll.shape == (0,)
    loss.sum().backward()
    assert given.grad is not None
