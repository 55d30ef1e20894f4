"""Dictionaries that look up all pieces of a line at once.

fairseq's `Dictionary.encode_line` handles piece by piece in Python, which takes most of the time
that `fairseq-preprocess` takes. The result here is the same, tensor for tensor.

Place in the pipeline: what `load_dictionary` returns, for `fairseq-preprocess` (through the task)
and for documents to be summarized.
"""

from collections.abc import Callable
from typing import Any, Optional

import numpy as np
import torch
from fairseq.data import Dictionary
from fairseq.tokenizer import tokenize_line


class QuickLines(Dictionary):
    """fairseq's dictionary with a quick `encode_line`.

    Attributes:
        never_text: entries beside BOS, padding, EOS and unknown that no text may hold.
    """

    never_text: frozenset[int] = frozenset()

    def encode_line(
        self,
        line: str,
        line_tokenizer: Callable[[str], list[str]] = tokenize_line,
        add_if_not_exist: bool = True,
        consumer: Optional[Callable[[str, int], object]] = None,
        append_eos: bool = True,
        reverse_order: bool = False,
    ) -> Any:
        """Return the ids of a line's pieces, shape (T,), int32.

        Args:
            line: pieces with white space between them.
            line_tokenizer: cuts the line.
            add_if_not_exist: add pieces that are unknown, which goes piece by piece.
            consumer: called with each piece and its id.
            append_eos: close the ids with EOS.
            reverse_order: the last piece first.
        """
        if add_if_not_exist:
            return super().encode_line(
                line, line_tokenizer, True, consumer, append_eos, reverse_order
            )
        # fairseq's own cutting makes all white space one blank first, to the same effect.
        pieces = line.split() if line_tokenizer is tokenize_line else line_tokenizer(line)
        if reverse_order:
            pieces = pieces[::-1]
        known, unknown = self.indices.get, self.unk_index
        ids = [known(piece, unknown) for piece in pieces]
        if consumer is not None:
            for piece, number in zip(pieces, ids, strict=True):
                consumer(piece, number)
        if append_eos:
            ids.append(self.eos_index)
        return torch.from_numpy(np.array(ids, dtype=np.int32))
