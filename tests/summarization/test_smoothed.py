"""Which way the loss is taken, and that both ways agree."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.models.transformer import TransformerModel

from mclas_fairseq.modules.softmax_loss import Smoothing
from mclas_fairseq.summarization import model as mclas
from mclas_fairseq.summarization.smoothed import of_log_probs, smoothed_loss_by_token

PAD = 1
TARGET = torch.tensor([[5, 2, PAD], [4, 3, 2]])
ROWS = torch.tensor([0, 1, 3, 4, 5])  # those without padding
SMOOTHING = Smoothing(0.1, PAD)


class Model(mclas.MclasModel):
    """The part of a model that makes losses, without a network."""

    def __init__(self) -> None:
        torch.nn.Module.__init__(self)
        self.decoder: Any = SimpleNamespace(adaptive_softmax=None)


def output(*, copying: bool) -> Any:
    draws = torch.Generator().manual_seed(2)
    extra: dict[str, Any] = {"attn": [torch.rand(2, 3, 4, generator=draws).softmax(-1)]}
    if copying:
        extra["copy_gate"] = torch.rand(2, 3, 1, generator=draws)
        extra["src_tokens"] = torch.tensor([[4, 5, 3, 2], [5, 5, 2, PAD]])
    return torch.randn(2, 3, 7, generator=draws), extra


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("copying", [False, True])
def test_loss_is_fairseqs_of_the_models_log_probabilities(
    copying: bool, packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, net_output = Model(), output(copying=copying)
    if not copying:
        plain = lambda self, out, log_probs, sample=None: out[0].log_softmax(-1)  # noqa: E731
        monkeypatch.setattr(TransformerModel, "get_normalized_probs", plain)
    log_probs = model.get_normalized_probs(net_output, log_probs=True)
    expected = of_log_probs(log_probs.view(6, 7), TARGET.view(-1), SMOOTHING)
    # The table of probabilities is not asked for.
    monkeypatch.setattr(Model, "get_normalized_probs", None)
    if packed:  # without the logits of padding
        logits, extra = net_output
        net_output = logits.view(6, 7)[ROWS], {**extra, "rows": ROWS}
    found = smoothed_loss_by_token(model, net_output, TARGET, SMOOTHING)
    for mine, other in zip(found, expected, strict=True):
        assert mine.shape == (6,)
        assert mine[2] == 0
        torch.testing.assert_close(mine, other)


def test_an_adaptive_softmax_is_asked_for_its_log_probabilities(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model, net_output = Model(), output(copying=False)
    model.decoder.adaptive_softmax = object()
    own = lambda self, out, log_probs, sample=None: (2 * out[0]).log_softmax(-1)  # noqa: E731
    monkeypatch.setattr(TransformerModel, "get_normalized_probs", own)
    log_probs = model.get_normalized_probs(net_output, log_probs=True)
    expected = of_log_probs(log_probs.view(6, 7), TARGET.view(-1), SMOOTHING)
    found = smoothed_loss_by_token(model, net_output, TARGET, SMOOTHING)
    for mine, other in zip(found, expected, strict=True):
        torch.testing.assert_close(mine, other)
