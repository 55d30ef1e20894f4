"""Samples of blank infilling, made when they are asked for: languages drawn, packed, with blanks.

A sample is a function of the seed, the epoch and its number. Which process makes it, in which
order, and whether the training was started again changes nothing.

Place in the pipeline: what `glm_pretraining` trains and validates on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import torch
from fairseq.data import FairseqDataset, data_utils
from numpy.typing import NDArray
from torch import Tensor

from mclas_fairseq.data.batch_limits import with_the_rest
from mclas_fairseq.data.text_sides import TextSide
from mclas_fairseq.errors import DataError
from mclas_fairseq.mglm.corruption import Objective, Sample, corrupt, generator_of
from mclas_fairseq.mglm.packing import draw_length, pack
from mclas_fairseq.mglm.symbols import Symbols

OBJECTIVES = tuple(Objective)

# Texts from which nothing can be taken out are passed over; so many of them in a row are no chance.
_TRIES = 50


@dataclass(frozen=True)
class Making:
    """How samples are made, beside from what.

    Attributes:
        symbols: ids of the commands.
        sentence_ends: for each dictionary entry whether a sentence may end with it, (V,).
        length: tokens of a sample's text.
        seed: of all samples.
    """

    symbols: Symbols
    sentence_ends: NDArray[np.bool_]
    length: int
    seed: int


class InfillingDataset(FairseqDataset):
    """Samples of an epoch.

    Attributes:
        cut_by: the flag that makes samples shorter, for messages.

    Args:
        sides: text of each language.
        shares: of the samples, by language, (Z,); they add up to 1.
        count: samples of an epoch.
        making: how they are made.
    """

    cut_by = "--tokens-per-sample"

    def __init__(
        self, sides: Sequence[TextSide], shares: Sequence[float], count: int, making: Making
    ):
        super().__init__()
        self.sides = list(sides)
        self.shares = np.asarray(shares, dtype=np.float64)
        self.count = count
        self.making = making
        self.epoch = 1
        # fairseq batches by these: as long as a sample can be.
        self.sizes = np.full(count, making.length, dtype=np.int64)

    def __len__(self) -> int:
        return self.count

    def set_epoch(self, epoch: int) -> None:
        """Make the samples of this epoch from now on."""
        self.epoch = epoch

    @property
    def can_reuse_epoch_itr_across_epochs(self) -> bool:
        """Batches hold the same numbers in each epoch; their samples are others."""
        return True

    def __getitem__(self, index: int) -> dict[str, Any]:
        generator = generator_of(self.making.seed, self.epoch, index)
        language = int(generator.choice(len(self.sides), p=self.shares))
        sample = make_sample(self.sides[language], self.making, generator)
        return as_example(index, language, sample)

    def num_tokens(self, index: int) -> int:
        """Tokens of a sample."""
        return self.making.length

    def size(self, index: int) -> tuple[int, int]:
        """Tokens of part A and of part B, at most."""
        return self.making.length, self.making.length

    def describe(self, index: int) -> str:
        """A sample, for messages."""
        return f"sample {index + 1} of an epoch"

    def num_tokens_vec(self, indices: NDArray[np.int64]) -> NDArray[np.int64]:
        """Tokens of samples, (N,)."""
        return self.sizes[indices]

    def batch_by_size(
        self,
        indices: NDArray[np.int64],
        max_tokens: Optional[int] = None,
        max_sentences: Optional[int] = None,
        required_batch_size_multiple: int = 1,
    ) -> list[NDArray[np.int64]]:
        """Batch the samples as fairseq does, but all of them."""
        batches = super().batch_by_size(
            indices, max_tokens, max_sentences, required_batch_size_multiple
        )
        return with_the_rest(batches, indices)

    def collater(self, samples: list[dict[str, Any]]) -> dict[str, Any]:
        """Merge samples to a batch, see `collate`."""
        return collate(samples, self.making.symbols.pad)


class FixedInfillingDataset(InfillingDataset):
    """The same samples in every epoch, as many of each language and objective: for validation.

    Args:
        sides: text of each language.
        each: samples of each language and objective.
        making: how they are made.
    """

    def __init__(self, sides: Sequence[TextSide], each: int, making: Making):
        count = len(sides) * len(OBJECTIVES) * each
        super().__init__(sides, [1 / len(sides)] * len(sides), count, making)

    def __getitem__(self, index: int) -> dict[str, Any]:
        language, rest = divmod(index, self.count // len(self.sides))
        objective = OBJECTIVES[rest % len(OBJECTIVES)]
        generator = generator_of(self.making.seed, 0, index)
        sample = make_sample(self.sides[language], self.making, generator, objective)
        return as_example(index, language, sample)


def make_sample(
    side: TextSide,
    making: Making,
    generator: np.random.Generator,
    objective: Optional[Objective] = None,
) -> Sample:
    """Pack text of a language and take something out of it, by a random objective or a given one.

    Raises:
        DataError: nothing can be taken out of any text that was drawn.
    """
    for _ in range(_TRIES):
        length = draw_length(making.length, generator)
        text = pack(side.draw, making.symbols, making.sentence_ends, generator, length)
        sample = corrupt(text, making.symbols, making.sentence_ends, generator, objective)
        if sample is not None:
            return sample
    raise DataError(
        f"text in {side.language!r}: blanks need documents of a few tokens at least, but {_TRIES}"
        f" texts that were drawn have no room for one; give longer documents, or lower"
        " --tokens-per-sample"
    )


def as_example(index: int, language: int, sample: Sample) -> dict[str, Any]:
    """A sample as what `collate` merges."""
    return {
        "id": index,
        "language": language,
        "objective": OBJECTIVES.index(sample.objective),
        "source": torch.from_numpy(sample.source),
        "read": torch.from_numpy(sample.read),
        "target": torch.from_numpy(sample.target),
        "blank": torch.from_numpy(sample.blank),
        "inside": torch.from_numpy(sample.inside),
    }


def collate(samples: list[dict[str, Any]], pad: int) -> dict[str, Any]:
    """Merge samples to a batch.

    Returns:
        `id` (B,); `net_input`: `src_tokens` (B, S), `src_lengths` (B,), `prev_output_tokens`,
        `tgt_pos1`, `tgt_pos2` (B, T), all padded on the right; `target` (B, T); `ntokens`, of the
        targets; `language` and `objective` (B,), numbers of both.
    """
    if not samples:
        return {}

    def merge(name: str, filler: int) -> Tensor:
        merged: Tensor = data_utils.collate_tokens([one[name] for one in samples], filler)
        return merged

    target = merge("target", pad)
    return {
        "id": torch.tensor([one["id"] for one in samples]),
        "nsentences": len(samples),
        "ntokens": int(target.ne(pad).sum()),
        "net_input": {
            "src_tokens": merge("source", pad),
            "src_lengths": torch.tensor([len(one["source"]) for one in samples]),
            "prev_output_tokens": merge("read", pad),
            "tgt_pos1": merge("blank", 0),
            "tgt_pos2": merge("inside", 0),
        },
        "target": target,
        "language": torch.tensor([one["language"] for one in samples]),
        "objective": torch.tensor([one["objective"] for one in samples]),
    }
