"""The health of a training's latent variables, as `mclas latents` finds it."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from studies.harness.processes import call
from studies.harness.study import MaterialT, Work

_KEPT = ("kl", "elbo", "importance_bound", "active_units", "collapsed", "z_matters")
# What `mclas latents` calls other values of z than a document's own.
OTHER, MEAN, ZERO = "another document's", "mean of the split", "zero"
_COSTS = ("nll", "rouge1", "nll_cost", "rouge1_difference")


def latent_health(
    work: Work[MaterialT], training: str, data: Path, flags: Sequence[str]
) -> dict[str, Any]:
    """KL, bounds, active units, and what other values of z cost, on the validation split of CLS.

    Args:
        work: where the training lies; the report is kept beside it.
        training: its folder.
        data: data-bin.
        flags: of `mclas latents`: how many documents, and the search.
    """
    out = work.out / "latents" / f"{training}.json"
    if not out.exists():
        out.parent.mkdir(parents=True, exist_ok=True)
        words = ["mclas", "latents", "--checkpoint", str(work.checkpoint(training))]
        words += ["--data", str(data), "--split", "valid", *flags, "--json", str(out), "--cpu"]
        call(words, work.log(f"{training}.latents"))
    found: dict[str, Any] = json.loads(out.read_text(encoding="utf-8"))
    costs = {
        choice: {key: values[key] for key in _COSTS} for choice, values in found["choices"].items()
    }
    return {**{key: found[key] for key in _KEPT}, "choices": costs}


def health_table(found: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[str]:
    """KL, active units and what another z costs, a row for each training with latent variables.

    Args:
        found: what the training is called, and what `latent_health` said of it.
    """
    yield "| cell | KL (nats) | active units | another's z (nats) | mean z (nats) | z = 0 (nats) |"
    yield "|---|---|---|---|---|---|"
    for label, health in found:
        units = ", ".join(f"{k} {a}/{n}" for k, (a, n) in health["active_units"].items())
        costs = " | ".join(
            "{:+.3f} [{:+.3f}, {:+.3f}]".format(*health["choices"][choice]["nll_cost"])
            for choice in (OTHER, MEAN, ZERO)
        )
        yield f"| {label} | {health['kl']:.3f} | {units} | {costs} |"
