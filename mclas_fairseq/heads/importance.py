"""How much the loss hangs on each head, by five estimators.

- `gate`: the sum over documents of |dL/dgate|, the gate standing between a head's context and the
  output projection (Michel et al. 2019, section 4.1; "gradients on each head" of Ma et al. 2021).
- `gate-token`: the same of each position alone, |<context, dL/dcontext>|.
- `kv-weight`: mean |dL/dW| of the head's rows of the key and value projections, over batches, which
  is what the code of Ma et al. means to compute.
- `kv-weight-literal`: that code to the letter. It cuts the projections' columns, which are the
  layer's input and no heads, so that it ranks something else; it is here to show that.
- `leave-one-out`: the loss without the head less the loss with it. A pass for each head; what the
  others estimate.

All are measured in evaluation mode, on the mean NLL of each document.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.heads.gates import gated, gates_without, watched
from mclas_fairseq.heads.losses import Batch, example_losses
from mclas_fairseq.heads.merging import merged
from mclas_fairseq.heads.ranking import ALL, Ranking
from mclas_fairseq.modules.attention_heads import Attention, attentions, pointing_places

Rows = dict[str, NDArray[np.float64]]  # language -> (N documents or batches, heads)
Estimator = Callable[[Any, nn.Module, Batch, Sequence[Attention]], dict[str, Tensor]]
NORMS = ("l1", "l2", "none")


def measure(task: Any, model: nn.Module, found: Iterable[Batch], estimator: str) -> Rows:
    """Measure the heads of a model.

    Args:
        task: of the model.
        model: its mode and its gradients are left as they were.
        found: batches, see `losses.batches`.
        estimator: one of `ESTIMATORS`.

    Returns:
        By language, the shares of N documents (of N batches, with kv-weight) in the importance of
        each head of `attentions(model)`, in their order.

    Raises:
        ConfigError: there is no document, or the columns of a layer are not as many as its heads.
    """
    with_heads = [attention for attention in attentions(model) if attention.kept]
    mode = model.training
    model.eval()
    parts: dict[str, list[Tensor]] = {}
    try:
        for batch in found:
            for language, rows in ESTIMATORS[estimator](task, model, batch, with_heads).items():
                parts.setdefault(language, []).append(rows.detach().double().cpu())
    finally:
        model.train(mode)
    if not parts:
        raise ConfigError("--split: must have documents with summaries, but has none; give another")
    return {language: torch.cat(rows).numpy() for language, rows in parts.items()}


def _by_gate(
    task: Any, model: nn.Module, batch: Batch, found: Sequence[Attention]
) -> dict[str, Tensor]:
    size = len(batch["target"])
    gates = {
        one.place: one.output.weight.new_ones(size, len(one.kept)).requires_grad_() for one in found
    }
    with gated(model, gates):
        losses = example_losses(task, model, batch)
    return {
        language: torch.cat([gradient.abs() for gradient in gradients], dim=1)  # B x heads
        for language, gradients in _gradients(losses, list(gates.values()))
    }


def _by_token(
    task: Any, model: nn.Module, batch: Batch, found: Sequence[Attention]
) -> dict[str, Tensor]:
    gates: dict[str, Tensor] = {}

    def multiply(place: str, contexts: Tensor) -> Tensor:
        # T x B x H x 1: a gate for each position
        gates[place] = torch.ones_like(contexts[..., :1]).requires_grad_()
        return contexts * gates[place]

    with watched(model, multiply):
        losses = example_losses(task, model, batch)
    tokens = batch["ntokens"] / len(batch["target"])
    asked = [gates[one.place] for one in found]
    return {
        language: torch.cat([one.abs().sum(0).squeeze(-1) for one in gradients], dim=1) / tokens
        for language, gradients in _gradients(losses, asked)
    }


def _gradients(
    losses: Mapping[str, Tensor], of: Sequence[Tensor]
) -> Iterable[tuple[str, list[Tensor]]]:
    for number, (language, loss) in enumerate(losses.items(), start=1):
        found: Any = torch.autograd.grad(
            loss.sum(), of, retain_graph=number < len(losses), allow_unused=True
        )
        yield (
            language,
            [
                torch.zeros_like(one) if gradient is None else gradient
                for one, gradient in zip(of, found, strict=True)
            ],
        )


def _by_rows(weight: Tensor, attention: Attention) -> Tensor:
    """Mean of each head's rows of a projection (H*D, C), shape (H,)."""
    by_head: Tensor = weight.unflatten(0, (len(attention.kept), attention.head_dim))
    return by_head.mean((1, 2))


def _by_columns(weight: Tensor, attention: Attention) -> Tensor:
    """The released code's "heads": as many parts of the columns of (H*D, C), shape (H,)."""
    heads = len(attention.kept)
    if weight.size(1) % heads:
        raise ConfigError(
            f"--estimator kv-weight-literal: cuts the {weight.size(1)} columns of"
            f" {attention.place} into its {heads} heads, which does not come out even; give"
            " another estimator"
        )
    by_part: Tensor = weight.unflatten(1, (heads, -1))
    return by_part.mean((0, 2))


def _by_weights(cut: Callable[[Tensor, Attention], Tensor]) -> Estimator:
    def estimate(
        task: Any, model: nn.Module, batch: Batch, found: Sequence[Attention]
    ) -> dict[str, Tensor]:
        weights = [layer.weight for one in found for layer in one.inputs[1:]]
        asked = [weight.requires_grad for weight in weights]
        for weight in weights:
            weight.requires_grad_()
        losses = example_losses(task, model, batch)
        mean = {language: loss / len(loss) for language, loss in losses.items()}
        rows = {}
        for language, gradients in _gradients(mean, weights):
            keys, values = gradients[::2], gradients[1::2]
            heads = [
                cut(key.abs(), one) + cut(value.abs(), one)
                for one, key, value in zip(found, keys, values, strict=True)
            ]
            rows[language] = torch.cat(heads).unsqueeze(0)  # 1 x heads
        for weight, before in zip(weights, asked, strict=True):
            weight.requires_grad_(before)
        return rows

    return estimate


@torch.no_grad()
def _left_out(
    task: Any, model: nn.Module, batch: Batch, found: Sequence[Attention]
) -> dict[str, Tensor]:
    whole = example_losses(task, model, batch)
    rows: dict[str, list[Tensor]] = {language: [] for language in whole}
    for name in (name for one in found for name in one.names):
        with gated(model, gates_without(model, [name])):
            for language, loss in example_losses(task, model, batch).items():
                rows[language].append(loss - whole[language])
    return {language: torch.stack(columns, dim=1) for language, columns in rows.items()}


ESTIMATORS: dict[str, Estimator] = {
    "gate": _by_gate,
    "gate-token": _by_token,
    "kv-weight": _by_weights(_by_rows),
    "kv-weight-literal": _by_weights(_by_columns),
    "leave-one-out": _left_out,
}


def normalised(
    values: NDArray[np.float64], places: Sequence[str], norm: str
) -> NDArray[np.float64]:
    """Importance from 0 to 1.

    Args:
        values: of each head, shape (heads,).
        places: of each head, as "encoder.0.self"; heads of a place are compared first.
        norm: by what those of a place are divided: "l1", the sum of their sizes; "l2", the root of
            the sum of their squares; "none".

    Returns:
        The quotients, the least of all heads moved to 0 and the largest to 1.
    """
    divided = np.array(values, dtype=np.float64)
    for place in dict.fromkeys(places) if norm != "none" else ():
        mine = np.array([one == place for one in places])
        size = np.linalg.norm(divided[mine], 1 if norm == "l1" else 2)
        divided[mine] /= size or 1.0
    spread = np.ptp(divided)
    scaled: NDArray[np.float64] = (divided - divided.min()) / (spread or 1.0)
    return scaled


def importance_of(model: nn.Module, norm: str) -> Callable[[NDArray[np.float64]], Any]:
    """What makes importance from 0 to 1 of a measurement (heads,) of a model."""
    places = [one.place for one in attentions(model) for _ in one.kept]
    return lambda values: normalised(values, places, norm)


def make_ranking(
    model: nn.Module,
    rows: Rows,
    fingerprint: str,
    estimator: str,
    norm: str,
    *,
    merge: bool = False,
) -> Ranking:
    """The ranking of a model's heads that can be taken out.

    Args:
        model: that was measured.
        rows: what `measure` gave.
        fingerprint: of its weights, see `slicing.weights_fingerprint`.
        estimator: one of `ESTIMATORS`.
        norm: one of `NORMS`.
        merge: add the rankings that are merged of those of all languages, see `merging.py`.

    Raises:
        ConfigError: rankings of less than two languages are to be merged.
    """
    make = importance_of(model, norm)
    pointing = pointing_places(model)
    found = attentions(model)
    names = [name for one in found for name in one.names]
    stay = {one.names[0] for one in found if one.kept and one.place in pointing}
    kept = [number for number, name in enumerate(names) if name not in stay]
    importance = {
        language: make(shares.mean(0))[kept].tolist() for language, shares in rows.items()
    }
    if merge:
        own = {language: values for language, values in importance.items() if language != ALL}
        if len(own) < 2:
            raise ConfigError(
                f"--merge: needs examples in two languages or more, but has {', '.join(own) or ALL}"
                " alone; leave it out"
            )
        importance |= merged(own)
    heads = tuple(names[number] for number in kept)
    return Ranking(fingerprint, estimator, norm, heads, importance)
