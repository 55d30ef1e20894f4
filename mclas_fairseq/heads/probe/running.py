"""From a model to a report: links, measuring, ablation; and the files that it is written to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

import torch

from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.corpus.writing import all_or_none, open_whole
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.heads.probe.ablation import DRAWS, ablate
from mclas_fairseq.heads.probe.controls import randomise_decoders
from mclas_fairseq.heads.probe.documents import Probed, check_probed, with_other_summaries
from mclas_fairseq.heads.probe.labels import Thresholds
from mclas_fairseq.heads.probe.links import Links, Pair, learned_links, read_links
from mclas_fairseq.heads.probe.measuring import LinkMaker, Measured, measure_heads, pairs_of
from mclas_fairseq.heads.probe.page import page
from mclas_fairseq.heads.probe.picture import draw
from mclas_fairseq.heads.probe.record import as_json
from mclas_fairseq.heads.probe.report import Report, as_csv

RANDOM_DECODER = "random-decoder"
OTHER_SUMMARIES = "other-summaries"
FILES = ("heads.csv", "heads.json", "heads.png", "heads.html")
NEAREST = "nearest to translation"  # taken out where no head has the label
_ABLATED = {"self": ("translation", "local", "self"), "cross": ("summarization", "translation")}


@dataclass(frozen=True)
class ProbeOptions:
    """What is asked of a probe.

    Attributes:
        split: of the data-bin.
        documents: at most so many, spread evenly over the lengths; 0: all.
        batch_size: documents of a batch.
        links: file of word links; None: learned from the training summaries.
        symmetrisation: of learned links.
        control: None, `RANDOM_DECODER` or `OTHER_SUMMARIES`.
        show: ids of documents whose maps are shown, or how many.
        ablate: whether heads are taken out, too.
        ablated_documents: at most so many of them are read without heads; 0: all.
        draws: of random heads.
        seed: of random heads and of a random decoder.
    """

    split: str = "valid"
    documents: int = 500
    batch_size: int = 16
    links: Optional[Path] = None
    symmetrisation: str = "grow-diag"
    control: Optional[str] = None
    show: Sequence[str] | int = 3
    ablate: bool = False
    ablated_documents: int = 0
    draws: int = DRAWS
    seed: int = 1


def probe(
    task: Any,
    model: torch.nn.Module,
    options: ProbeOptions,
    about: Mapping[str, str],
    importance: Optional[Mapping[str, float]] = None,
) -> Report:
    """Probe a model.

    Args:
        task: of the model, with the data-bin.
        model: a random decoder is drawn in place.
        options: what is asked.
        about: what the report says of the model.
        importance: of heads, by a ranking; labels are compared with it.

    Raises:
        ConfigError: the model is none that can be probed, or a control is none for it.
    """
    check_probed(task)
    model.eval()
    plain = Probed(task, model, options.split, options.documents, options.batch_size)
    probed = plain
    if options.control == RANDOM_DECODER:
        randomise_decoders(model, options.seed)
    elif options.control == OTHER_SUMMARIES:
        if probed.two_decoders:
            raise ConfigError(
                f"--control {OTHER_SUMMARIES}: the model must read S^A before it writes S^B, but"
                " has a decoder for each; leave the control out"
            )
        probed = replace(plain, change=with_other_summaries(task))
    measured = measure_heads(probed, _links(plain, probed, options), options.show)
    limits = Thresholds()
    found = []
    if options.ablate:
        groups = _groups(measured, limits, probed.two_decoders)
        fewer = options.ablated_documents
        if 0 < fewer < len(measured.documents):
            probed = replace(probed, count=fewer)
        found = ablate(probed, groups, measured.heads, draws=options.draws, seed=options.seed)
    return Report(about, measured, limits, found, importance or {})


def _groups(measured: Measured, limits: Thresholds, two: bool) -> dict[tuple[str, str], list[str]]:
    """Heads that are taken out together, by kind and label."""
    if two:
        return {("cross", "attends"): measured.labelled("cross", "attends", limits)}
    groups = {
        (kind, name): measured.labelled(kind, name, limits)
        for kind, names in _ABLATED.items()
        for name in names
    }
    if not groups["self", "translation"]:
        groups["self", NEAREST] = measured.nearest(limits)
    return groups


def _links(plain: Probed, probed: Probed, options: ProbeOptions) -> LinkMaker:
    def make(pairs: Sequence[Pair]) -> list[Links]:
        """Of a document's own summaries, also where it is given another `S^A`."""
        own = pairs if probed is plain else pairs_of(plain)
        if options.links is not None:
            found = read_links(options.links, own)
        else:
            found = learned_links(own, training_summaries(probed.task), options.symmetrisation)
        if probed is plain:
            return found
        return [
            [(i, j) for i, j in links if i < len(pair.first) and j < len(pair.second)]
            for pair, links in zip(pairs, found, strict=True)
        ]

    return make


def training_summaries(task: Any) -> list[tuple[str, str]]:
    """Texts of both summaries of the training documents; none where there is no such split."""
    if "train" not in task.data_bin.splits:
        return []
    loaded = task.setting.examples().load("train", None)
    text = task.summary_text()
    first, second = task.source_lang, task.target_lang
    found = []
    for number in range(len(loaded.dataset)):
        both = text.summaries(loaded.dataset[number]["target"].tolist())
        found.append((both[first], both[second]))
    return found


def write_report(report: Report, folder: Path) -> None:
    """Write all files of a report into a folder, all of them or none.

    Raises:
        OutputError: that cannot be.
    """
    import json

    folder.mkdir(parents=True, exist_ok=True)
    texts = {
        "heads.csv": as_csv(report),
        "heads.json": json.dumps(as_json(report), indent=1, ensure_ascii=False) + "\n",
        "heads.html": page(report),
    }
    with all_or_none():
        for name, text in texts.items():
            with write_beside(folder / name) as stream:
                stream.write(text)
        with open_whole(folder / "heads.png") as picture:
            figure = draw(report)
            figure.savefig(picture, format="png", dpi=120, metadata={"Software": None})
