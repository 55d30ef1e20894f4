"""Labelled sentences as a data set of fairseq.

A sentence that is longer than the model reads becomes several rows, cut between words, so that each
word has a label in training, validation and prediction alike.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import numpy as np
import torch
from fairseq.data import FairseqDataset
from numpy.typing import NDArray
from torch import Tensor

from mclas_fairseq.data.label_sides import LabelledSide

IGNORED = -100  # label of a piece that has none
Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Marks:
    """Numbers with a meaning of their own in a batch."""

    pad: int
    eos: int


def parts(firsts: Sequence[bool], most: int) -> Iterator[tuple[int, int]]:
    """Cut pieces between words into parts of at most so many; a longer word loses its last pieces.

    Args:
        firsts: whether a piece is the first of a word.
        most: pieces of a part.
    """
    words = [place for place, first in enumerate(firsts) if first]
    ends = [*words[1:], len(firsts)][: len(words)]
    begin = end = 0
    for word, word_end in zip(words, ends, strict=True):
        if end > begin and word_end - begin > most:
            yield begin, end
            begin = word
        end = min(word_end, begin + most) if word == begin else word_end
    if end > begin:
        yield begin, end


class LabelledDataset(FairseqDataset):
    """Rows of one or several languages.

    Args:
        sides: of each language.
        chosen: sentences of each language that are used; None: all.
        most: pieces of a row, the mark of its end included.
        marks: see `Marks`.
        split: its name.
    """

    def __init__(
        self,
        sides: Sequence[LabelledSide],
        chosen: Sequence[Optional[Rows]],
        most: int,
        marks: Marks,
        split: str,
    ):
        super().__init__()
        self.sides, self.marks, self.split = list(sides), marks, split
        rows: list[tuple[int, int, int, int]] = []
        for number, (side, wanted) in enumerate(zip(sides, chosen, strict=True)):
            lengths = side.lengths()
            for sentence in range(len(side)) if wanted is None else wanted.tolist():
                length = int(lengths[sentence])
                if length < most:
                    rows.append((number, sentence, 0, length))
                    continue
                firsts = side.labels.document(sentence) > 0
                cuts = parts(firsts.tolist(), most - 1)
                rows += [(number, sentence, begin, end) for begin, end in cuts]
        self.rows = np.array(rows, dtype=np.int64).reshape(-1, 4)
        self.sizes = self.rows[:, 3] - self.rows[:, 2] + 1  # with the mark of the end

    @property
    def languages(self) -> list[str]:
        """Codes, by their numbers in a batch."""
        return [side.language for side in self.sides]

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> dict[str, Any]:
        number, sentence, begin, end = self.rows[index].tolist()
        side = self.sides[number]
        pieces = side.words.document(sentence)[begin:end]
        labels = side.labels.document(sentence)[begin:end] - 1
        return {
            "id": index,
            "language": number,
            "source": np.append(pieces, self.marks.eos),
            "labels": np.append(np.where(labels < 0, IGNORED, labels), IGNORED),
        }

    def num_tokens(self, index: int) -> int:
        """Pieces of a row."""
        return int(self.sizes[index])

    def size(self, index: int) -> int:
        """Pieces of a row."""
        return int(self.sizes[index])

    def num_tokens_vec(self, indices: Rows) -> Rows:
        """Pieces of rows."""
        found: Rows = self.sizes[indices]
        return found

    def ordered_indices(self) -> Rows:
        """Rows by length, so that batches hold little padding; training shuffles the batches."""
        return np.argsort(self.sizes, kind="stable")

    def groups(self) -> list[Rows]:
        """Rows of each language by length."""
        ordered = self.ordered_indices()
        return [ordered[self.rows[ordered, 0] == number] for number in range(len(self.sides))]

    def collater(self, samples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Make a batch of rows, padded on the right.

        Returns:
            `net_input`: `src_tokens` (B, T), `src_lengths` (B,), `first_pieces` (B, T), True at
            the first piece of each word; `target` (B, T), tags' numbers there and IGNORED
            elsewhere; `language` (B,), numbers of `languages`; `split`, its
            name; `ntokens`, the words.
        """
        if not samples:
            return {}
        target = _padded([sample["labels"] for sample in samples], IGNORED)
        words = target.ne(IGNORED)
        return {
            "id": torch.tensor([sample["id"] for sample in samples]),
            "language": torch.tensor([sample["language"] for sample in samples]),
            "split": self.split,
            "nsentences": len(samples),
            "ntokens": int(words.sum()),
            "net_input": {
                "src_tokens": _padded([sample["source"] for sample in samples], self.marks.pad),
                "src_lengths": torch.tensor([len(sample["source"]) for sample in samples]),
                "first_pieces": words,
            },
            "target": target,
        }


def _padded(rows: Sequence[Rows], filler: int) -> Tensor:
    longest = max(len(row) for row in rows)
    batch = np.full((len(rows), longest), filler, dtype=np.int64)
    for number, row in enumerate(rows):
        batch[number, : len(row)] = row
    return torch.from_numpy(batch)
