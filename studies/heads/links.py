"""Word links of validation documents, learned once for many probes of one data-bin."""

import json
from collections.abc import Sequence
from pathlib import Path

import mclas_fairseq
from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.heads.probe.documents import Probed
from mclas_fairseq.heads.probe.links import learned_links
from mclas_fairseq.heads.probe.measuring import pairs_of
from mclas_fairseq.heads.probe.running import training_summaries
from mclas_fairseq.inference.loading import load_checkpoints


def write_links(checkpoint: Path, data: Path, out: Path, symmetrisations: Sequence[str]) -> None:
    """Write OUT/links-SYMMETRISATION.jsonl, each that is missing, as `mclas heads probe` learns.

    Args:
        checkpoint: any of a model with both summaries; its weights do not matter.
        data: its data-bin, whose training summaries are learned from.
        out: folder.
        symmetrisations: of both directions.
    """
    missing = [name for name in symmetrisations if not links_file(out, name).exists()]
    if not missing:
        return
    mclas_fairseq.register()  # its names stand in checkpoints
    system = load_checkpoints([checkpoint], data)
    pairs = pairs_of(Probed(system.task, system.models[0], "valid", 0, 16))
    training = training_summaries(system.task)
    for name in missing:
        found = learned_links(pairs, training, name)
        with write_beside(links_file(out, name)) as stream:
            for pair, links in zip(pairs, found, strict=True):
                row = {"id": pair.name, "links": [f"{i}-{j}" for i, j in links]}
                stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def links_file(out: Path, symmetrisation: str) -> Path:
    """Where the links are."""
    return out / f"links-{symmetrisation}.jsonl"
