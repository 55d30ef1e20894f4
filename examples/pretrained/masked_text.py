"""Texts for masked-word pretraining, and how they become masked batches.

Training texts only, and none of `xscitldr`'s validation and test split: abstracts and titles of
`papers`; of `xscitldr`'s training records abstracts, titles, summaries and machine-translated
abstracts (those that are in another split too left out); `tatoeba` and `multi30k`. Or plain text of
each language, as much of each (`mono_texts`).
"""

import gzip
import json
import lzma
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

IGNORED = -100  # label of what is not to be guessed
_MASKED, _RANDOM = 0.8, 0.1  # shares of the chosen pieces (Devlin et al. 2019, section 3.1)


def lines(path: Path) -> Iterator[str]:
    """Lines of a gzipped file without their ends."""
    with gzip.open(path, "rt", encoding="utf-8") as stream:
        for line in stream:
            yield line.removesuffix("\n")


def record_texts(record: dict[str, Any], languages: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(language, text) of all texts of a record."""
    for key in ("title", "document", "summary", "document_mt"):
        for language, value in record.get(key, {}).items():
            texts = [" ".join(value)] if key == "document" and isinstance(value, list) else value
            if language in languages:
                yield from (
                    (language, text) for text in ([texts] if isinstance(texts, str) else texts)
                )


def training_texts(
    data: Path, languages: Sequence[str], excluded: frozenset[str]
) -> Iterator[tuple[str, str]]:
    """(language, text) of all training texts, in a fixed order."""
    for name in ("papers", "xscitldr"):
        for line in lines(data / name / "train.jsonl.gz"):
            record = json.loads(line)
            if record["id"] not in excluded:
                yield from record_texts(record, languages)
    for other in languages:
        for language in ("en", other):
            pair = data / "tatoeba" / f"train.en-{other}.{language}.gz"
            if other != "en" and pair.exists():
                yield from ((language, text) for text in lines(pair))
    for language in languages:
        captions = data / "multi30k" / f"train.{language}.gz"
        if captions.exists():
            yield from ((language, text) for text in lines(captions))


def mono_texts(
    data: Path, languages: Sequence[str], most: int, *, valid: bool
) -> Iterator[tuple[str, str]]:
    """(language, text) of plain text, at most so many bytes of a language, from all of its file.

    Args:
        data: folder of mono/LANG.txt.xz, a text a line.
        languages: whose texts.
        most: bytes of each.
        valid: one text in 200, which the others leave out.
    """
    for language in languages:
        path = data / "mono" / f"{language}.txt.xz"
        with lzma.open(path, "rt", encoding="utf-8") as stream:
            texts = [line.removesuffix("\n") for line in stream]
        texts = [text for text in texts if text]
        share = min(1.0, most / sum(len(text.encode()) for text in texts))
        for number, text in enumerate(texts):
            drawn = int((number + 1) * share) > int(number * share)
            if drawn and (number % 200 == 0) is valid:
                yield language, text


@dataclass(frozen=True)
class Encoded:
    """Texts as ids, `[CLS]` and `[SEP]` included, one behind the other.

    Attributes:
        ids: of all texts, shape (tokens,).
        starts: where each text begins, and where the last one ends, shape (texts + 1,).
    """

    ids: np.ndarray
    starts: np.ndarray

    def save(self, path: Path) -> None:
        """Write both arrays."""
        np.savez(path, ids=self.ids, starts=self.starts)

    @classmethod
    def load(cls, path: Path) -> "Encoded":
        """Read what `save` wrote."""
        with np.load(path) as arrays:
            return cls(arrays["ids"], arrays["starts"])

    def batches(self, tokens: int) -> list[np.ndarray]:
        """Texts of similar length together, at most so many tokens with padding in a batch."""
        lengths = np.diff(self.starts)
        order = np.argsort(lengths, kind="stable")
        cut: list[np.ndarray] = []
        begin = 0
        for end in range(1, len(order) + 1):
            if end == len(order) or (end - begin + 1) * lengths[order[end]] > tokens:
                cut.append(order[begin:end])
                begin = end
        return cut

    def padded(self, rows: np.ndarray, pad: int) -> Tensor:
        """Ids of some texts, shape (B, T), padded on the right."""
        texts = [torch.from_numpy(self.ids[self.starts[r] : self.starts[r + 1]]) for r in rows]
        return torch.nn.utils.rnn.pad_sequence(
            [text.long() for text in texts], batch_first=True, padding_value=pad
        )


@dataclass(frozen=True)
class Masking:
    """Which pieces are to be guessed, and what stands there instead."""

    share: float
    mask: int
    first_piece: int
    vocabulary: int

    def apply(self, ids: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Hide pieces of ids (B, T); returns what the model reads and the labels, both (B, T)."""
        draw = torch.rand(ids.shape, generator=generator)
        chosen = (draw < self.share) & (ids >= self.first_piece)  # special pieces come first
        how = torch.rand(ids.shape, generator=generator)
        other = torch.randint(self.first_piece, self.vocabulary, ids.shape, generator=generator)
        hidden = torch.where(how < _MASKED, torch.full_like(ids, self.mask), ids)
        hidden = torch.where((how >= _MASKED) & (how < _MASKED + _RANDOM), other, hidden)
        return torch.where(chosen, hidden, ids), ids.masked_fill(~chosen, IGNORED)
