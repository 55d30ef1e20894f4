"""Sentence-wise segments of a document: `[CLS] s1 [SEP] [CLS] s2 [SEP]`, token types in turn.

Liu and Lapata (2019), "Text Summarization with Pretrained Encoders" (EMNLP-IJCNLP,
arXiv:1908.08345), section 3.1, Figure 1; the released code of MCLAS (Bai et al. 2021) does so too.
Data-bins hold documents as running text, and what is to be summarized later comes as such as well.
So sentences are told from the pieces themselves, in training and in use alike: one ends at a piece
of closing punctuation and the quotes and brackets behind it. A full stop between two numbers, or
behind a single letter as in an abbreviation, ends none.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from fairseq.data import Dictionary
from torch import Tensor

_FINAL = frozenset(".!?…。！？؟।")
_CLOSING = frozenset("\"')]}»”’」』）")
_STOP = "."


@dataclass(frozen=True)
class Frame:
    """Ids that frame what a pretrained encoder reads.

    Attributes:
        start: `[CLS]`.
        end: `[SEP]`, between two sentences.
        eos: closes a document.
        pad: padding.
    """

    start: int
    end: int
    eos: int
    pad: int


def with_sentence_marks(
    tokens: Tensor, dictionary: Dictionary, frame: Frame, longest: int
) -> Tensor:
    """Put `[CLS]` before a document, and `[SEP] [CLS]` between its sentences.

    Args:
        tokens: documents, each closed by EOS, padded on either side, shape (B, T_src).
        dictionary: tells what the pieces are.
        frame: the ids to put in.
        longest: rows are cut to so many tokens, EOS kept.

    Returns:
        Ids padded on the left, shape (B, T), T <= longest.
    """
    rows = []
    for row in tokens.tolist():
        content = [number for number in row if number not in (frame.pad, frame.eos)]
        marked = [frame.start, *_marked(content, dictionary, frame)]
        if len(marked) >= longest:
            marked = marked[: longest - 1]
            while marked[-1] in (frame.start, frame.end) and len(marked) > 1:
                marked.pop()
        rows.append([*marked, frame.eos])
    width = max(len(row) for row in rows)
    padded = [[frame.pad] * (width - len(row)) + row for row in rows]
    return torch.tensor(padded, dtype=tokens.dtype, device=tokens.device)


def token_types(tokens: Tensor, start: int) -> Tensor:
    """0 and 1 in turn from one `[CLS]` (id `start`) to the next, for ids of shape (B, T)."""
    return (tokens.eq(start).long().cumsum(dim=1) - 1).clamp_min(0).remainder(2)


def _marked(content: Sequence[int], dictionary: Dictionary, frame: Frame) -> Iterator[int]:
    pieces = [dictionary[number] for number in content]
    ended = False
    for place, (number, piece) in enumerate(zip(content, pieces, strict=True)):
        if ended and piece not in _FINAL and piece not in _CLOSING:
            yield from (frame.end, frame.start)
            ended = False
        yield number
        ended = piece in _FINAL and _ends(pieces, place) if not ended else True


def _ends(pieces: Sequence[str], place: int) -> bool:
    """Whether the closing punctuation at a place ends a sentence."""
    if pieces[place] != _STOP or place == 0:
        return True
    before = pieces[place - 1]
    if len(before) == 1 and before.isalpha() and before.isascii():
        return False
    after = pieces[place + 1] if place + 1 < len(pieces) else ""
    return not (before.removeprefix("##").isdigit() and after.isdigit())
