"""The loss in blocks of rows against the mixture written out and fairseq's own loss."""

import pytest
import torch
from fairseq.criterions.label_smoothed_cross_entropy import label_smoothed_nll_loss
from torch import Tensor

from mclas_fairseq.modules import copy_loss
from mclas_fairseq.modules.copy_attention import mixture_log_probs
from mclas_fairseq.modules.copy_loss import Smoothing, smoothed_mixture_loss

PAD = 1
Inputs = tuple[Tensor, Tensor, Tensor]


def inputs(vocabulary: int = 11, dtype: torch.dtype = torch.float32) -> Inputs:
    draws = torch.Generator().manual_seed(5)
    logits = 3 * torch.randn(2, 4, vocabulary, generator=draws)
    attention = torch.rand(2, 4, 6, generator=draws).softmax(-1)
    gate = torch.rand(2, 4, 1, generator=draws)
    found = [value.to(dtype).requires_grad_() for value in (logits, attention, gate)]
    return found[0], found[1], found[2]


SOURCE = torch.tensor([[4, 5, 5, 9, 2, PAD], [7, 4, 4, 4, 8, 2]])  # a word of one source twice
TARGET = torch.tensor([[5, 3, 2, PAD], [4, 10, 6, 2]])


def written_out(given: Inputs, epsilon: float) -> tuple[Tensor, Tensor]:
    logits, attention, gate = (value.float() for value in given)
    logs = mixture_log_probs(logits.softmax(-1), attention, gate, SOURCE)
    flat = logs.view(-1, logs.size(-1))
    loss, nll = label_smoothed_nll_loss(flat, TARGET.view(-1), epsilon, PAD, reduce=False)
    return loss.view(-1), nll.view(-1)


@pytest.mark.parametrize("rows", [1, 3, 100])
@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_loss_and_gradients_equal_the_mixture_written_out(
    epsilon: float, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_loss, "_BLOCK", 11 * rows)
    ours, theirs = inputs(), inputs()
    loss, nll = smoothed_mixture_loss(*ours, SOURCE, TARGET, Smoothing(epsilon, PAD))
    expected_loss, expected_nll = written_out(theirs, epsilon)
    torch.testing.assert_close(loss, expected_loss)
    torch.testing.assert_close(nll, expected_nll)
    weights = torch.arange(1.0, 9.0)  # another weight for each token
    (loss * weights).sum().backward()
    (expected_loss * weights).sum().backward()
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.grad is not None
        assert mine.grad.abs().max() > 0
        torch.testing.assert_close(mine.grad, other.grad)


def test_loss_of_one_token_by_hand() -> None:
    # P_vocab = (1/2, 1/4, 1/4), g = 1/2, all attention on entry 2: P = (1/4, 1/8, 5/8).
    logits = torch.tensor([[[2.0, 1.0, 1.0]]]).log()
    attention, gate = torch.tensor([[[1.0]]]), torch.tensor([[[0.5]]])
    given = (logits, attention, gate, torch.tensor([[2]]), torch.tensor([[2]]))
    loss, nll = smoothed_mixture_loss(*given, Smoothing(0.2, padding=1))
    logs = torch.tensor([1 / 4, 1 / 8, 5 / 8]).log()
    assert nll.item() == pytest.approx(-logs[2].item())
    assert loss.item() == pytest.approx(-(0.8 * logs[2] + 0.1 * logs[0] + 0.1 * logs[1]).item())


def test_padding_costs_nothing_and_moves_nothing() -> None:
    given = inputs()
    loss, nll = smoothed_mixture_loss(*given, SOURCE, TARGET, Smoothing(0.1, PAD))
    assert loss[3] == nll[3] == 0
    loss.sum().backward()
    for value in given:
        assert value.grad is not None
        assert value.grad[0, 3].abs().max() == 0 < value.grad[0, 2].abs().max()


def test_word_without_probability_costs_a_finite_loss_and_has_no_gradient() -> None:
    logits = torch.tensor([[[0.0, -1e4, 0.0, 0.0]]], requires_grad=True)
    given = (logits, torch.tensor([[[1.0]]]), torch.tensor([[[0.5]]]), torch.tensor([[2]]))
    loss, _ = smoothed_mixture_loss(*given, torch.tensor([[1]]), Smoothing(0.0, padding=3))
    assert loss.item() == pytest.approx(87.3365, abs=1e-3)  # -log of fp32's smallest normal number
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.abs().max() == 0


def test_half_precision_goes_in_and_its_gradient_comes_out() -> None:
    ours = inputs(dtype=torch.bfloat16)
    loss, _ = smoothed_mixture_loss(*ours, SOURCE, TARGET, Smoothing(0.1, PAD))
    torch.testing.assert_close(loss, written_out(ours, 0.1)[0])
    loss.sum().backward()
    assert {value.grad.dtype for value in ours if value.grad is not None} == {torch.bfloat16}
