"""What a head's attention looks like on one document, as numbers: of all heads of an attention.

Row t of a decoder's self-attention is the step that read the token fed at t (`[BOS] A [LSEP] B`),
and wrote the one behind it. "Attending from a token" can mean the row that read it (`in`) or the
row that wrote it (`out`, one earlier): both are measured. Masses are corrected for chance,
(x - x0) / (1 - x0), x0 being that of uniform attention over what is visible. Rows before the
tenth, which see little, are left out in self-attention.

Bai et al. (2021), section 6, describe these kinds of heads by eye; the statistics are ours.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Statistics = dict[str, Floats]

READINGS = ("in", "out")
PHASES = ("a", "b")
FIRST_ROW = 10  # of self-attention
OFFSETS = (1, 2, 3)  # how far back a local head looks
LEAD = 20  # pieces at the front of the document


@dataclass(frozen=True)
class Target:
    """Where the two summaries stand in what a decoder reads.

    Attributes:
        first: pieces of `S^A`; they are read in rows 1 to `first`, `[LSEP]` in the next one.
        second: pieces of `S^B`.
        links: which pieces of `S^A` each piece of `S^B` is linked with, (second, first).
    """

    first: int
    second: int
    links: Bools

    @property
    def separator(self) -> int:
        """Row and column of `[LSEP]`."""
        return self.first + 1

    def rows(self, phase: str, reading: str) -> Ints:
        """Rows that read (`in`) or wrote (`out`) the pieces of a summary ("a" or "b")."""
        start, count = (1, self.first) if phase == "a" else (self.separator + 1, self.second)
        return np.arange(start, start + count) - (reading == "out")


@dataclass(frozen=True)
class Source:
    """What of a document a head can attend to.

    Attributes:
        content: pieces of content words that `S^A` has, too, (S,).
        null: where attention goes that goes nowhere: special symbols, the end of sentences, (S,).
    """

    content: Bools
    null: Bools


def corrected(values: Floats, chance: Floats) -> Floats:
    """Values without what chance gives: 0 at chance, 1 at most; nan where chance is all."""
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(chance < 1, (values - chance) / (1 - chance), np.nan)
    return found


def self_statistics(maps: Floats, target: Target, first_row: int = FIRST_ROW) -> Statistics:
    """Of self-attention maps (H, T, T): by name one number a head, (H,); nan without a row.

    `mass`, `acc`, `chance`: of rows of linked pieces of `S^B`, the mass on `S^A`, whether its
    largest part is on a linked piece, and how often it would be on one of another piece of `S^B`;
    `local`: corrected mass on the three tokens before; `offset1` to `offset3`: share of rows whose
    largest weight is so far back; `self`: corrected mass on the token itself; `lsep`: mass on
    `[LSEP]` in rows of `S^B`. Each in both readings, as `acc_in`.
    """
    found: Statistics = {}
    for reading in READINGS:
        both = np.concatenate([target.rows(phase, reading) for phase in PHASES])
        own = _near(maps, both[both >= first_row])
        second = target.rows("b", reading)
        late = second[second >= first_row]
        own["lsep"] = _mean(maps[:, late, target.separator])
        own |= _translation(maps, target, second, first_row)
        found |= {f"{name}_{reading}": values for name, values in own.items()}
    return found


def _near(maps: Floats, rows: Ints) -> Statistics:
    visible = rows + 1.0
    heads = maps[:, rows]  # H x R x T
    at = np.arange(len(rows))
    back = [
        np.where(rows >= offset, heads[:, at, np.maximum(rows - offset, 0)], 0.0)
        for offset in OFFSETS
    ]
    chance = np.minimum(len(OFFSETS), rows) / visible
    found = {
        "local": _mean(corrected(np.sum(back, axis=0), chance)),
        "self": _mean(corrected(heads[:, at, rows], 1 / visible)),
    }
    largest = heads.argmax(-1)
    for offset in OFFSETS:
        found[f"offset{offset}"] = _mean((largest == rows - offset).astype(np.float64))
    return found


def _translation(maps: Floats, target: Target, second: Ints, first_row: int) -> Statistics:
    linked = target.links.any(1)
    of_first = slice(1, 1 + target.first)
    chosen = linked & (second >= first_row)
    count = int(linked.sum())
    part = maps[:, second[chosen], of_first]  # H x J x first
    if not chosen.any():
        empty = np.full(len(maps), np.nan)
        return {"mass": empty, "acc": empty.copy(), "chance": empty.copy()}
    largest = part.argmax(-1)  # H x J
    hits = target.links[chosen][np.arange(int(chosen.sum())), largest]
    # Of the other linked pieces of S^B, how many would call that piece of S^A theirs.
    others = target.links[linked].sum(0)[largest] - hits
    chance = others / (count - 1) if count > 1 else np.full(hits.shape, np.nan)
    return {"mass": _mean(part.sum(-1)), "acc": _mean(hits * 1.0), "chance": _mean(chance)}


def cross_statistics(
    maps: Floats, rows: dict[tuple[str, str], Ints], source: Source, lead: int = LEAD
) -> Statistics:
    """Of cross-attention maps (H, T, S): by name one number a head, (H,); nan without a row.

    `content`: corrected mass on content words that `S^A` has; `focus`: 1 less the entropy as a
    share of that of uniform attention; `null`: mass on special symbols and ends of sentences;
    `lead`: mass on the first pieces, of which `leadchance` is uniform attention's. For each summary
    and in both readings, as `content_a_in`.

    Args:
        maps: rows sum to 1.
        rows: by phase and reading, as `Target.rows` has them.
        source: what the columns are.
        lead: how many pieces are the front.
    """
    found: Statistics = {}
    positions = len(source.content)
    share = np.array(source.content.mean())
    for (phase, reading), chosen in rows.items():
        heads = maps[:, chosen]  # H x R x S
        logs = np.log(np.where(heads > 0, heads, 1.0))
        entropy = -(heads * logs).sum(-1)
        uniform = np.log(positions) if positions > 1 else np.nan
        mass = heads[..., source.content].sum(-1)
        usable = 0 < share < 1
        own = {
            "content": _mean(corrected(mass, share) if usable else np.full(mass.shape, np.nan)),
            "focus": _mean(1 - entropy / uniform),
            "null": _mean(heads[..., source.null].sum(-1)),
            "lead": _mean(heads[..., :lead].sum(-1)),
            "leadchance": np.full(len(maps), min(lead, positions) / positions),
        }
        found |= {f"{name}_{phase}_{reading}": values for name, values in own.items()}
    return found


def _mean(values: Floats) -> Floats:
    """Mean over rows (H, R) -> (H,); nan where there is none."""
    if values.shape[1] == 0:
        return np.full(len(values), np.nan)
    mean: Floats = values.mean(1)
    return mean


def mean_of_documents(rows: Floats) -> Floats:
    """Mean over documents (N, heads) -> (heads,), without those that say nothing (nan)."""
    known = np.isfinite(rows)
    counts = known.sum(0)
    sums = np.where(known, rows, 0.0).sum(0)
    mean: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return mean


def link_matrix(
    pairs: Sequence[tuple[int, int]],
    first: Sequence[Sequence[int]],
    second: Sequence[Sequence[int]],
) -> Bools:
    """Links of words as links of pieces, (pieces of `S^B`, pieces of `S^A`).

    Args:
        pairs: word of `S^A`, word of `S^B`.
        first: words of each piece of `S^A`.
        second: words of each piece of `S^B`.
    """
    linked = set(pairs)
    found = np.zeros((len(second), len(first)), dtype=bool)
    for j, theirs in enumerate(second):
        for i, ours in enumerate(first):
            found[j, i] = any((a, b) in linked for a in ours for b in theirs)
    return found
