"""A study of latent variables as text, as JSON, and as a picture (see `latent_study.py`)."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from tabulate import tabulate

from mclas_fairseq.evaluation.intervals import paired_bootstrap
from mclas_fairseq.vhm.study import CHOICES, CORPUS, OTHER, PRIOR_MEAN, LatentStudy

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_COLLAPSED = 0.01  # nats a sentence


def latent_report(study: LatentStudy) -> dict[str, Any]:
    """Every number of the study and what follows, as plain values.

    Costs are differences to decoding with the prior mean, with paired bootstrap 95 % intervals.
    z matters if another document's z and the split's mean z both cost NLL, intervals above 0.
    """
    choices: dict[str, dict[str, Any]] = {}
    for choice in CHOICES:
        cost = paired_bootstrap(study.nll[choice], study.nll[PRIOR_MEAN])
        rouge1 = study.rouge[choice]["rouge1"]
        lost = paired_bootstrap(rouge1, study.rouge[PRIOR_MEAN]["rouge1"])
        choices[choice] = {
            **{name: float(values.mean()) for name, values in study.rouge[choice].items()},
            "nll": float(study.nll[choice].mean()),
            "bits_per_token": float(study.nll[choice].sum() / study.tokens.sum() / math.log(2)),
            "nll_cost": [cost.difference, cost.low, cost.high],
            "rouge1_difference": [lost.difference, lost.low, lost.high],
        }
    low = {choice: choices[choice]["nll_cost"][1] for choice in (OTHER, CORPUS)}
    return {
        "documents": len(study.tokens),
        "choices": choices,
        "kl": float(study.kl.mean()),
        "elbo": float(study.elbo.mean()),
        "importance_bound": float(study.importance.mean()),
        "samples": study.samples,
        "active_units": {
            name: [units, study.posterior_means[name].shape[1]]
            for name, units in study.active.items()
        },
        "collapsed": bool(study.active) and float(study.kl.mean()) < _COLLAPSED,
        "z_matters": all(value > 0 for value in low.values()),
        "signature": study.signature,
    }


def format_report(report: dict[str, Any]) -> str:
    """The report as a table and sentences."""
    rows = [
        [
            choice,
            *(f"{values[name]:.2f}" for name in ("rouge1", "rouge2", "rougeL")),
            f"{values['nll']:.3f}",
            f"{values['bits_per_token']:.3f}",
            ""
            if choice == PRIOR_MEAN
            else "{:+.3f} [{:+.3f}, {:+.3f}]".format(*values["nll_cost"]),
        ]
        for choice, values in report["choices"].items()
    ]
    headers = ["z", "R-1", "R-2", "R-L", "NLL", "bits/token", "costs (NLL)"]
    align = ("left", *["right"] * 6)
    units = ", ".join(
        f"{name} {active} of {size}" for name, (active, size) in report["active_units"].items()
    )
    samples = report["samples"]
    return "\n".join(
        [
            tabulate(rows, headers, colalign=align, disable_numparse=True),
            f"{report['documents']} documents; NLL in nats per sentence; the posterior mean sees "
            "the reference",
            f"`{report['signature']}`",
            "",
            f"log p(Y|X) is at least {report['elbo']:.3f} (ELBO) and "
            f"{report['importance_bound']:.3f} (importance-weighted, K = {samples})",
            f"KL {report['kl']:.3f} nats per sentence; active units: {units or 'none to count'}",
            _verdict(report),
        ]
    )


def _verdict(report: dict[str, Any]) -> str:
    if report["collapsed"]:
        return "z has collapsed: its recognition network says no more than its prior"
    if report["z_matters"]:
        return "z matters: another document's z and the mean one both raise the NLL"
    return "z does not matter: with another document's z, or the mean one, the NLL is as low"


def draw_latents(study: LatentStudy) -> "Figure":
    """Latent variables of the documents on their first two principal components, a panel each."""
    # A figure without pyplot: nothing is kept in the process, and no display is needed.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from sklearn.decomposition import PCA

    names = list(study.prior_means)
    figure = Figure(figsize=(4.2 * len(names), 4), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(figure.subplots(1, len(names), squeeze=False)[0], names, strict=True):
        groups = {"prior mean": study.prior_means[name]}
        if name in study.posterior_means:
            groups["posterior mean"] = study.posterior_means[name]
        everything = np.concatenate(list(groups.values()))
        projection = PCA(n_components=min(2, *everything.shape), random_state=0).fit(everything)
        for number, (label, values) in enumerate(groups.items()):
            places = projection.transform(values)
            height = places[:, 1] if places.shape[1] > 1 else np.zeros(len(places))
            axes.scatter(places[:, 0], height, s=12, alpha=0.6, label=label, color=f"C{number}")
        share = 100.0 * projection.explained_variance_ratio_.sum()
        axes.set_title(f"z_{name} ({share:.0f} % of its variance)")
        axes.legend()
    return figure
