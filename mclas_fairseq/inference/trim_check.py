"""Does a trimmed checkpoint write what it wrote, and how fast: the same documents, both decoded."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.data.data_bin import SPLITS, DataBin
from mclas_fairseq.data.trimming import Trimming
from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.summarizer import Summarizer

_BATCH = 16  # documents


@dataclass(frozen=True)
class TrimCheck:
    """What was seen.

    Attributes:
        split: of the data-bin that documents are from.
        hypotheses: how many best hypotheses were compared.
        different: how many of them have other tokens.
        before: seconds of decoding with the earlier checkpoint.
        after: with the trimmed one.
    """

    split: str
    hypotheses: int
    different: int
    before: float
    after: float


@dataclass(frozen=True)
class _Side:
    """A checkpoint with its data-bin."""

    checkpoint: Path
    data: Path

    def decode(
        self, split: str, documents: int, options: DecodingOptions
    ) -> tuple[dict[tuple[int, int], list[int]], float]:
        """Best hypotheses of the first documents by (row, language), and the seconds it took."""
        summarizer = Summarizer.load([self.checkpoint], self.data, options, device="cpu")
        task = summarizer.task
        task.load_dataset(split)
        dataset: Any = task.dataset(split)
        chosen = [int(n) for n in dataset.ordered_indices() if dataset.rows[int(n)] < documents]
        found: dict[tuple[int, int], list[int]] = {}
        start = time.perf_counter()
        for first in range(0, len(chosen), _BATCH):
            batch = dataset.collater([dataset[n] for n in chosen[first : first + _BATCH]])
            ranked = task.inference_step(summarizer.search.generator, summarizer.models, batch)
            languages = (
                batch["target_lang"].tolist() if "target_lang" in batch else [0] * len(ranked)
            )
            keys = zip(batch["id"].tolist(), languages, strict=True)
            found.update(
                {key: one[0]["tokens"].tolist() for key, one in zip(keys, ranked, strict=True)}
            )
        return found, time.perf_counter() - start


def last_split(data_bin: DataBin) -> str:
    """The test split, or where there is none that of validation or training."""
    return [split for split in SPLITS if split in data_bin.splits][-1]


def check_trimmed(
    checkpoints: Sequence[Path],
    data: Sequence[Path],
    trimming: Trimming,
    *,
    documents: int,
    options: DecodingOptions,
) -> TrimCheck:
    """Decode with both checkpoints and compare the tokens.

    Args:
        checkpoints: the earlier one and the trimmed one.
        data: their data-bins.
        trimming: which entries stayed.
        documents: how many documents of the test split are decoded.
        options: how.
    """
    earlier, trimmed = (_Side(*pair) for pair in zip(checkpoints, data, strict=True))
    split = last_split(DataBin.open(earlier.data))
    wanted, before = earlier.decode(split, documents, options)
    found, after = trimmed.decode(split, documents, options)
    different = sum(trimming.move(tokens) != found[key] for key, tokens in wanted.items())
    return TrimCheck(split, len(wanted), different, before, after)


def refuse_other_summaries(checkpoint: Path, state: Mapping[str, Any], check: TrimCheck) -> None:
    """Refuse a trimmed checkpoint that writes something else.

    A model that copies may do so: its probabilities of pieces that were dropped are gone.

    Args:
        checkpoint: the earlier one, for the message.
        state: of the trimmed one.
        check: what decoding both has shown.

    Raises:
        CheckpointError: a summary is another one, and the model does not copy.
    """
    copies = any("copy_gate" in name for name in state["model"])
    if check.different and not copies:
        raise CheckpointError(
            f"checkpoint {checkpoint}: trimmed, it must write what it wrote, but {check.different}"
            f" of {check.hypotheses} summaries of {check.split} are others; nothing was written,"
            " use it as it is"
        )
