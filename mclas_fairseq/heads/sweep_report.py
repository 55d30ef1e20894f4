"""Which k of a sweep is to be taken, and what that is worth beside random heads.

Ma et al. (2021) prune k = 1 to 12 of the lowest-ranked heads, fine-tune each model, and report the
best of them on the test split: the largest of twelve noisy numbers. Here k is chosen on validation,
k = 0 (fine-tuned as the others are) among the choices, and random orders and the reversed ranking
are treated alike; the paper's protocol is reported beside it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from mclas_fairseq.errors import DataError
from mclas_fairseq.heads.sweep import LOWEST, NONE, PAPER_LARGEST, Row


@dataclass(frozen=True)
class Chosen:
    """What an order of heads is worth.

    Attributes:
        order: its name.
        k: chosen on validation, 0 among the choices.
        gain: how much lower the test loss is then than at k = 0.
        paper_k: that of the best test loss among 1 to 12.
        paper_gain: the gain there.
    """

    order: str
    k: int
    gain: float
    paper_k: int
    paper_gain: float


def choose(rows: Sequence[Row]) -> list[Chosen]:
    """Choose k for each order, both ways.

    Raises:
        DataError: k = 0 is missing.
    """
    whole = [row for row in rows if row.k == 0]
    if not whole:
        raise DataError("sweep: needs the row of k = 0, to which all is compared, but has none")
    base = whole[0]
    found = []
    for order in dict.fromkeys(row.order for row in rows if row.k):
        own = [row for row in rows if row.order == order]
        best = min([base, *own], key=lambda row: (row.valid, row.k))
        few = [row for row in own if row.k <= PAPER_LARGEST] or own
        paper = min(few, key=lambda row: (row.test, row.k))
        gains = (base.test - best.test, base.test - paper.test)
        found.append(Chosen(order, best.k, gains[0], paper.k, gains[1]))
    return found


def table(rows: Sequence[Row]) -> Iterator[str]:
    """Lines for people: each order's choice and gain, random orders as one with their spread."""
    base = next(row for row in rows if row.k == 0)
    chosen = choose(rows)
    yield f"k = 0, fine-tuned alike: validation {base.valid:.4f}, test {base.test:.4f} nats a token"
    yield _line("heads that go", "k by validation", "gain on test", "k by test*", "gain*")
    for one in chosen:
        if not one.order.startswith("random"):
            gains = f"{one.gain:+.4f}", f"{one.paper_gain:+.4f}"
            yield _line(f"{one.order} first", f"{one.k}", gains[0], f"{one.paper_k}", gains[1])
    random = [one for one in chosen if one.order.startswith("random")]
    if random:
        yield from _random(random, [one for one in chosen if one.order == LOWEST])
    yield (
        "* the paper's protocol: the best of k = 1 to 12 on test, which is above 0 by chance alone"
    )
    if any(row.without is not None for row in rows):
        yield from _without(rows)


def _without(rows: Sequence[Row]) -> Iterator[str]:
    """Lines on models whose heads were masked in training alone, judged without these heads."""
    gone = [replace(row, valid=row.without[0], test=row.without[1], without=None)
            for row in rows if row.without is not None]  # fmt: skip
    yield ""
    yield "All heads were on above, as in the released code. Without those that training masked:"
    yield from table(gone)
    by_k = {
        row.k: row.without[1] - row.test
        for row in rows
        if row.without is not None and row.order in (LOWEST, NONE)
    }
    shown = ", ".join(f"k = {k} {value:+.4f}" for k, value in sorted(by_k.items()))
    yield f"test loss without them less with all, lowest first: {shown}"


def _line(*columns: str) -> str:
    return "".join(
        f"{text:<18}" if number == 0 else f"{text:>17}" for number, text in enumerate(columns)
    )


def _random(random: Sequence[Chosen], lowest: Sequence[Chosen]) -> Iterator[str]:
    gains, paper = (
        np.array([getattr(one, name) for one in random]) for name in ("gain", "paper_gain")
    )
    ks, paper_ks = (np.mean([getattr(one, name) for one in random]) for name in ("k", "paper_k"))
    shown = f"{gains.mean():+.4f}", f"{paper.mean():+.4f}"
    yield _line(f"random ({len(random)})", f"{ks:.1f}", shown[0], f"{paper_ks:.1f}", shown[1])
    yield (
        f"  random orders: from {gains.min():+.4f} to {gains.max():+.4f};"
        f" * {paper.min():+.4f} to {paper.max():+.4f}"
    )
    for one in lowest:
        better = int((gains >= one.gain).sum())
        p = (1 + better) / (1 + len(random))
        yield f"  as good as lowest first: {better} of {len(random)} random orders (p {p:.3f})"
