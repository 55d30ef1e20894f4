"""The loss in blocks of rows against the mixture written out and fairseq's own loss."""

from typing import NamedTuple

import pytest
import torch
from fairseq.criterions.label_smoothed_cross_entropy import label_smoothed_nll_loss
from torch import Tensor

from mclas_fairseq.modules import softmax_loss
from mclas_fairseq.modules.copy_attention import mixture_log_probs
from mclas_fairseq.modules.copy_loss import Copying, smoothed_mixture_loss
from mclas_fairseq.modules.softmax_loss import Smoothing

PAD = 1


class Inputs(NamedTuple):
    """What gradients flow to: of 7 target tokens, 4 with the first source, 3 with the second."""

    logits: Tensor
    attention: Tensor
    gate: Tensor


def inputs(vocabulary: int = 11, dtype: torch.dtype = torch.float32) -> Inputs:
    draws = torch.Generator().manual_seed(5)
    logits = 3 * torch.randn(7, vocabulary, generator=draws)
    attention = torch.rand(7, 6, generator=draws).softmax(-1)
    gate = torch.rand(7, 1, generator=draws)
    return Inputs(*(value.to(dtype).requires_grad_() for value in (logits, attention, gate)))


SOURCES = torch.tensor([[4, 5, 5, 9, 2, PAD], [7, 4, 4, 4, 8, 2]])  # a word of one source twice
SOURCE = SOURCES[[0, 0, 0, 0, 1, 1, 1]]
TARGET = torch.tensor([5, 3, 2, 7, 4, 10, 2])


def ours(given: Inputs, epsilon: float) -> tuple[Tensor, Tensor]:
    copying = Copying(given.attention, given.gate, SOURCE)
    return smoothed_mixture_loss(given.logits, copying, TARGET, Smoothing(epsilon, PAD))


def written_out(given: Inputs, epsilon: float) -> tuple[Tensor, Tensor]:
    logits, attention, gate = (value.float().unsqueeze(1) for value in given)
    logs = mixture_log_probs(logits.softmax(-1), attention, gate, SOURCE).squeeze(1)
    loss, nll = label_smoothed_nll_loss(logs, TARGET, epsilon, PAD, reduce=False)
    return loss.view(-1), nll.view(-1)


@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_loss_and_gradients_equal_the_mixture_written_out(
    epsilon: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax_loss, "_BLOCK", 11 * rows)
    mine, theirs = inputs(), inputs()
    loss, nll = ours(mine, epsilon)
    expected_loss, expected_nll = written_out(theirs, epsilon)
    torch.testing.assert_close(loss, expected_loss)
    torch.testing.assert_close(nll, expected_nll)
    weights = torch.arange(1.0, 8.0)  # another weight for each token
    (loss * weights).sum().backward()
    (expected_loss * weights).sum().backward()
    for own, other in zip(mine, theirs, strict=True):
        assert own.grad is not None
        assert own.grad.abs().max() > 0
        torch.testing.assert_close(own.grad, other.grad)


def one_token(logits: Tensor) -> tuple[Tensor, Copying]:
    """A token whose source is entry 2 alone, with g = 1/2."""
    return logits, Copying(torch.tensor([[1.0]]), torch.tensor([[0.5]]), torch.tensor([[2]]))


def test_loss_of_one_token_by_hand() -> None:
    # P_vocab = (1/2, 1/4, 1/4), g = 1/2, all attention on entry 2: P = (1/4, 1/8, 5/8).
    given = one_token(torch.tensor([[2.0, 1.0, 1.0]]).log())
    loss, nll = smoothed_mixture_loss(*given, torch.tensor([2]), Smoothing(0.2, padding=1))
    logs = torch.tensor([1 / 4, 1 / 8, 5 / 8]).log()
    assert nll.item() == pytest.approx(-logs[2].item())
    assert loss.item() == pytest.approx(-(0.8 * logs[2] + 0.1 * logs[0] + 0.1 * logs[1]).item())


def test_word_without_probability_costs_a_finite_loss_and_has_no_gradient() -> None:
    logits = torch.tensor([[0.0, -1e4, 0.0, 0.0]], requires_grad=True)
    given = one_token(logits)
    loss, _ = smoothed_mixture_loss(*given, torch.tensor([1]), Smoothing(0.0, padding=3))
    assert loss.item() == pytest.approx(87.3365, abs=1e-3)  # -log of fp32's smallest normal number
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


def test_half_precision_goes_in_and_its_gradient_comes_out() -> None:
    mine, theirs = inputs(dtype=torch.bfloat16), inputs(dtype=torch.bfloat16)
    (loss, _), (expected, _) = ours(mine, 0.1), written_out(theirs, 0.1)
    torch.testing.assert_close(loss, expected)
    loss.sum().backward()
    expected.sum().backward()
    for own, other in zip(mine, theirs, strict=True):
        assert own.grad is not None
        assert own.grad.dtype == torch.bfloat16
        torch.testing.assert_close(own.grad, other.grad)


def test_no_target_token_at_all_costs_nothing() -> None:
    given = Inputs(*(value[:0].detach().requires_grad_() for value in inputs()))
    copying = Copying(given.attention, given.gate, SOURCE[:0])
    loss, nll = smoothed_mixture_loss(given.logits, copying, TARGET[:0], Smoothing(0.1, PAD))
    assert loss.shape == nll.shape == (0,)
    loss.sum().backward()
    assert given.logits.grad is not None
