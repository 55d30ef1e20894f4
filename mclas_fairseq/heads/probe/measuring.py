"""Statistics of all heads of a model's decoders on many documents."""

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.content import content_protocol
from mclas_fairseq.heads.probe.documents import (
    Document,
    Probed,
    documents,
    pair_of,
    source_of,
)
from mclas_fairseq.heads.probe.labels import (
    Labels,
    Thresholds,
    label,
    means_of,
    nearest_to_translation,
)
from mclas_fairseq.heads.probe.links import Links, Pair
from mclas_fairseq.heads.probe.mean_maps import MeanMaps
from mclas_fairseq.heads.probe.statistics import (
    PHASES,
    READINGS,
    Floats,
    Ints,
    Source,
    Statistics,
    Target,
    cross_statistics,
    link_matrix,
    self_statistics,
)
from mclas_fairseq.modules.attention_heads import attentions

logger = logging.getLogger(__name__)

FEWEST = 200  # documents
LinkMaker = Callable[[Sequence[Pair]], list[Links]]


@dataclass
class Measured:
    """What was measured.

    Attributes:
        documents: ids, N of them.
        links: how many links of words there were.
        heads: by kind ("self", "cross"), names of the heads.
        rows: by kind and statistic, of each document and head, (N, heads); nan: nothing to measure.
        maps: means of maps.
        shown: documents whose maps are kept.
    """

    documents: list[str] = field(default_factory=list)
    links: int = 0
    heads: dict[str, list[str]] = field(default_factory=dict)
    rows: dict[str, dict[str, Floats]] = field(default_factory=dict)
    maps: MeanMaps = field(default_factory=MeanMaps)
    shown: list[Document] = field(default_factory=list)

    def labels(self, limits: Thresholds) -> dict[str, Labels]:
        """By kind, which heads have which label."""
        return {kind: label(kind, means_of(rows), limits) for kind, rows in self.rows.items()}

    def labelled(self, kind: str, name: str, limits: Thresholds) -> list[str]:
        """Names of the heads of a kind that have a label."""
        chosen = self.labels(limits)[kind][name]
        return [head for head, has in zip(self.heads[kind], chosen, strict=True) if has]

    def nearest(self, limits: Thresholds) -> list[str]:
        """The self-attention head that comes nearest to translation, if there is one."""
        if "self" not in self.rows:
            return []
        found = nearest_to_translation(means_of(self.rows["self"]), limits)
        return [] if found is None else [self.heads["self"][found]]


def measure_heads(probed: Probed, links: LinkMaker, show: Sequence[str] | int = 3) -> Measured:
    """Measure the heads of a model's decoders.

    Args:
        probed: the model and its documents.
        links: gives the links of the summaries' words; not asked for of two decoders.
        show: ids of documents whose maps are kept, or how many of the shorter ones.

    Raises:
        ConfigError: there is no document, or none of an id.
    """
    pairs, found = pairs_of(probed), Measured()
    found.documents = [pair.name for pair in pairs]
    if not pairs:
        raise ConfigError("--split: must have documents with both summaries, but has none")
    if len(pairs) < FEWEST:
        logger.warning(
            "%d documents: statistics of heads are of little worth below %d", len(pairs), FEWEST
        )
    linked = [[] for _ in pairs] if probed.two_decoders else links(pairs)
    found.links = sum(map(len, linked))
    wanted = _shown(pairs, show)
    content = content_protocol(probed.task.source_lang)
    parts: dict[str, dict[str, list[Floats]]] = {}
    for document, own in zip(documents(probed), linked, strict=True):
        for kind, statistics in _statistics(probed, document, own, source_of(document, content)):
            for name, values in statistics.items():
                parts.setdefault(kind, {}).setdefault(name, []).append(values)
        found.maps.add(document)
        if document.name in wanted:
            found.shown.append(document)
    names = {one.place: one.names for one in attentions(probed.model)}
    for kind, by_name in parts.items():
        found.rows[kind] = {name: np.stack(values) for name, values in by_name.items()}
        found.heads[kind] = [
            head for place in probed.places if place.endswith(kind) for head in names[place]
        ]
    return found


def _statistics(
    probed: Probed, document: Document, links: Links, source: Source
) -> Iterator[tuple[str, Statistics]]:
    """By kind, the statistics of all heads of it, (heads,)."""
    matrix = link_matrix(links, document.first.of_piece, document.second.of_piece)
    target = Target(len(document.first.pieces), len(document.second.pieces), matrix)
    own: dict[str, list[Statistics]] = {}
    for place in probed.places:
        maps = document.maps[place]
        if place.endswith(".self"):
            own.setdefault("self", []).append(self_statistics(maps, target))
        else:
            rows = _rows(probed, place, target)
            own.setdefault("cross", []).append(cross_statistics(maps, rows, source))
    for kind, several in own.items():
        yield kind, {name: np.concatenate([one[name] for one in several]) for name in several[0]}


def _rows(probed: Probed, place: str, target: Target) -> dict[tuple[str, str], Ints]:
    """Rows of each phase; of two decoders, each has one phase, and the other has no rows."""
    found = {
        (phase, reading): target.rows(phase, reading) for phase in PHASES for reading in READINGS
    }
    if not probed.two_decoders:
        return found
    mine = "a" if place.startswith("ms_decoder.") else "b"
    for phase, reading in found:
        if phase != mine:
            found[phase, reading] = np.zeros(0, dtype=np.int64)
        elif phase == "b":
            found[phase, reading] = found[phase, reading] - target.separator
    return found


def pairs_of(probed: Probed) -> list[Pair]:
    """The summaries of all documents, without a pass of the model."""
    return [
        pair_of(probed, batch, row)
        for batch in probed.batches()
        for row in range(len(batch["target"]))
    ]


def _shown(pairs: Sequence[Pair], show: Sequence[str] | int) -> set[str]:
    if isinstance(show, int):
        # Documents come by length; those in the lower third still have something to say.
        start = len(pairs) // 3
        return {pair.name for pair in pairs[start : start + show]}
    names = {pair.name for pair in pairs}
    for name in show:
        if name not in names:
            raise ConfigError(
                f"--show {name}: must be the id of a document that is probed, but is none; give"
                " ids of the split, or --documents 0 to probe all of them"
            )
    return set(show)
