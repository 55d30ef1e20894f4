"""An encoder with its tokenizer: texts to pieces, pieces to vectors of one layer.

BERTScore and MoverScore share it. Texts are stripped, cut to what the encoder can read, and put
into batches with texts of about their own length, so that little is spent on padding. A text's
vectors do not depend on the batch that it was in, but for rounding.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import Tensor

# Maps the states of layers 0 (the embeddings) to N, each (B, T, C), to the vectors (B, T, C').
LayerCombination = Callable[[Sequence[Tensor]], Tensor]


@dataclass(frozen=True)
class Pieces:
    """A tokenised text of T pieces, the tokenizer's special ones included.

    Attributes:
        ids: what the encoder is given.
        tokens: the pieces as the tokenizer writes them.
        special: whether a piece was added by the tokenizer, such as [CLS].
        cut: whether the text was longer than the encoder reads.
    """

    ids: tuple[int, ...]
    tokens: tuple[str, ...]
    special: tuple[bool, ...]
    cut: bool

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True)
class Encoder:
    """A loaded encoder that gives the vectors of its layer `layer`.

    Attributes:
        name: name of the model, or of the last folder of its path: what signatures show.
        layer: the layer whose vectors are used, 0 being the embeddings.
        layers: how many layers the model has.
        max_tokens: at most so many pieces are read of a text, special ones included; None: any.
        device: where it runs, as torch calls it.
        tokenizer: of the library transformers.
        model: of the library transformers, in evaluation mode; without the layers above `layer`
            where they could be taken off.
    """

    name: str
    layer: int
    layers: int
    max_tokens: Optional[int]
    device: str
    tokenizer: Any
    model: Any

    def pieces(self, text: str) -> Pieces:
        """Tokenise a text, and cut it to `max_tokens`."""
        tokenizer = self.tokenizer
        # Never `max_length=tokenizer.model_max_length`: where none was saved it is 10**30, which
        # overflows in the tokenizer.
        found = tokenizer(text.strip(), return_special_tokens_mask=True, verbose=False)
        cut = self.max_tokens is not None and len(found["input_ids"]) > self.max_tokens
        if cut:
            found = tokenizer(
                text.strip(),
                return_special_tokens_mask=True,
                truncation=True,
                max_length=self.max_tokens,
            )
        ids = tuple(found["input_ids"])
        return Pieces(
            ids=ids,
            tokens=tuple(tokenizer.convert_ids_to_tokens(list(ids))),
            special=tuple(bool(flag) for flag in found["special_tokens_mask"]),
            cut=cut,
        )

    def vectors(
        self, texts: Sequence[Pieces], batch_size: int, combine: Optional[LayerCombination] = None
    ) -> list[Tensor]:
        """Vectors of texts, in their order.

        Args:
            texts: tokenised texts.
            batch_size: so many texts at once.
            combine: makes vectors of the states of layers 0 to `layer`; None: those of `layer`.

        Returns:
            for each text a float32 tensor (T, C) on the CPU, special pieces included.
        """
        order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
        result: list[Optional[Tensor]] = [None] * len(texts)
        for start in range(0, len(order), batch_size):
            rows = order[start : start + batch_size]
            states = self._run([texts[row] for row in rows], combine)
            for row, vectors in zip(rows, states, strict=True):
                result[row] = vectors[: len(texts[row])].clone()  # without its padding
        return [vectors for vectors in result if vectors is not None]

    def _run(self, batch: Sequence[Pieces], combine: Optional[LayerCombination]) -> Tensor:
        """Vectors (B, T, C) of a batch, T being its longest text; rows are padded on the right."""
        longest = max(len(text) for text in batch)
        ids = torch.full((len(batch), longest), self.tokenizer.pad_token_id or 0)
        mask = torch.zeros((len(batch), longest), dtype=torch.long)
        for row, text in enumerate(batch):
            ids[row, : len(text)] = torch.tensor(text.ids)
            mask[row, : len(text)] = 1
        with torch.inference_mode():
            output = self.model(
                input_ids=ids.to(self.device),
                attention_mask=mask.to(self.device),
                output_hidden_states=True,
            )
            states = output.hidden_states[: self.layer + 1]
            vectors: Tensor = states[self.layer] if combine is None else combine(states)
        return vectors.float().cpu()
