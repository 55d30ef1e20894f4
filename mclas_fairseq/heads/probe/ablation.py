"""What becomes of both summaries without the heads of a label, and without as many random others.

Heads are gated to 0 (`heads/gates.py`), nothing is trained again. The change is that of the mean
NLL a token, in nats, on each document; random heads are of the same kind (self or cross) and do
not have the label, or, where these are too few, any others of the decoder.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import torch

from mclas_fairseq.evaluation.intervals import bootstrap_interval, paired_bootstrap
from mclas_fairseq.heads.gates import gated, gates_without
from mclas_fairseq.heads.losses import Batch, example_losses
from mclas_fairseq.heads.probe.documents import Probed
from mclas_fairseq.heads.probe.statistics import Floats

logger = logging.getLogger(__name__)

DRAWS = 20


@dataclass(frozen=True)
class Change:
    """A mean over documents with its 95 % interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Floats) -> "Change":
        """Of values by document (N,) or by draw and document (S, N)."""
        return cls(float(values.mean()), *bootstrap_interval(values))


@dataclass(frozen=True)
class Ablation:
    """What the heads of a label are worth to each summary.

    Attributes:
        kind: "self" or "cross".
        label: of the heads that are gone.
        heads: their names.
        draws: of as many random other heads; 0 where there are not so many.
        pool: what these were drawn from.
        first: change of the NLL of `S^A`, nats a token.
        second: of `S^B`.
        random_first: mean change of the NLL of `S^A` over the draws.
        random_second: of `S^B`.
        second_less_first: how much more `S^B` loses than `S^A`.
        second_less_random: how much more `S^B` loses than by random heads.
        first_less_random: how much more `S^A` does.
    """

    kind: str
    label: str
    heads: tuple[str, ...]
    draws: int
    pool: str
    first: Change
    second: Change
    second_less_first: Change
    random_first: Change | None = None
    random_second: Change | None = None
    second_less_random: Change | None = None
    first_less_random: Change | None = None


def ablate(
    probed: Probed,
    groups: Mapping[tuple[str, str], Sequence[str]],
    heads: Mapping[str, Sequence[str]],
    *,
    draws: int = DRAWS,
    seed: int = 1,
) -> list[Ablation]:
    """Take out the heads of each label.

    Args:
        probed: the model and its documents.
        groups: kind and label -> names of heads; labels without heads are passed over.
        heads: kind -> names of all heads that were probed.
        draws: of random other heads, for each label.
        seed: of the draws.
    """
    numbers = np.random.default_rng(seed)
    found = []
    for (kind, name), chosen in groups.items():
        if not chosen:
            continue
        logger.info("without %d heads (%s, %s), and %d draws", len(chosen), kind, name, draws)
        sets, pool = _draws(chosen, kind, heads, draws, numbers)
        whole, own, *random = _losses(probed, [[], chosen, *sets])
        changes = np.stack(random) - whole if random else None
        found.append(_ablation(kind, name, chosen, own - whole, changes, pool))
    return found


def _ablation(
    kind: str, name: str, heads: Sequence[str], own: Floats, random: Floats | None, pool: str
) -> Ablation:
    """Of changes by summary and document, (2, N), and by draw, (S, 2, N)."""
    more: dict[str, Any] = {}
    if random is not None:
        for number, which in enumerate(("first", "second")):
            more[f"random_{which}"] = Change.of(random[:, number])
            gap = paired_bootstrap(own[number], random[:, number])
            more[f"{which}_less_random"] = Change(gap.difference, gap.low, gap.high)
    return Ablation(
        kind=kind,
        label=name,
        heads=tuple(heads),
        draws=0 if random is None else len(random),
        pool=pool,
        first=Change.of(own[0]),
        second=Change.of(own[1]),
        second_less_first=Change.of(own[1] - own[0]),
        **more,
    )


def _draws(
    chosen: Sequence[str],
    kind: str,
    heads: Mapping[str, Sequence[str]],
    draws: int,
    numbers: np.random.Generator,
) -> tuple[list[list[str]], str]:
    """Sets of other heads, each once, and what they were drawn from."""
    others = [name for name in heads[kind] if name not in chosen]
    pool = f"other {kind}-attention heads"
    if comb(len(others), len(chosen)) < draws:
        others = [name for names in heads.values() for name in names if name not in chosen]
        pool = "other heads of the decoder"
    possible = comb(len(others), len(chosen))
    if possible == 0:
        return [], f"none: {len(chosen)} heads have the label, {len(others)} have not"
    if possible <= draws:
        return [list(one) for one in combinations(others, len(chosen))], f"all sets of {pool}"
    found: dict[tuple[str, ...], None] = {}
    while len(found) < draws:
        places = sorted(numbers.choice(len(others), len(chosen), replace=False).tolist())
        found[tuple(others[place] for place in places)] = None
    return [list(one) for one in found], pool


@torch.no_grad()
def _losses(probed: Probed, sets: Sequence[Sequence[str]]) -> Floats:
    """NLL a token of `S^A` and of `S^B` on each document without each set of heads, (S, 2, N)."""
    gates = [gates_without(probed.model, names) for names in sets]
    parts = []
    for batch in probed.batches():
        with encoded_once(probed.model):
            parts.append(np.stack([_both(probed, batch, own) for own in gates]))
    found: Floats = np.concatenate(parts, axis=2)
    return found


def _both(probed: Probed, batch: Batch, gates: Mapping[str, torch.Tensor]) -> Floats:
    """Of a batch with gates, (2, B)."""
    with gated(probed.model, gates):
        losses = example_losses(probed.task, probed.model, batch)
    both = torch.stack([losses[language] for language in probed.languages])
    found: Floats = both.double().cpu().numpy()
    return found


@contextmanager
def encoded_once(model: torch.nn.Module) -> Iterator[None]:
    """Run the encoder once inside the `with`: what it gave first, it gives again.

    For passes over one batch that differ in the decoder alone.
    """
    network: Any = model
    encoder = network.encoder
    given: list[Any] = []
    forward, own = encoder.forward, "forward" in vars(encoder)

    def once(*args: Any, **kwargs: Any) -> Any:
        if not given:
            given.append(forward(*args, **kwargs))
        return given[0]

    encoder.forward = once
    try:
        yield
    finally:
        if own:
            encoder.forward = forward
        else:
            del encoder.forward  # the class's is there again
