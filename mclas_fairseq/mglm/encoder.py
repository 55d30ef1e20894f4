"""Reading with mGLM's stack: the corrupted text, or a document with a prompt (part A).

What it gives are keys and values of each layer. In beam search they keep one row for each document:
`reorder_encoder_out` copies nothing for hypotheses, and takes rows out where documents are done.
"""

from typing import Any, Optional

import torch
from fairseq.models import FairseqEncoder
from torch import Tensor

from mclas_fairseq.errors import DataError
from mclas_fairseq.mglm.stack import GlmStack
from mclas_fairseq.mglm.symbols import Symbols

EncoderOut = dict[str, list[Any]]


class GlmEncoder(FairseqEncoder):
    """Reads part A. The stack is the model's; it is not a part of the encoder alone."""

    def __init__(self, dictionary: Any, stack: GlmStack, symbols: Symbols):
        super().__init__(dictionary)
        self._shared = (stack,)  # a tuple: torch would list a module's weights here as well
        self.symbols = symbols

    def forward(
        self,
        src_tokens: Tensor,
        src_lengths: Optional[Tensor] = None,
        src_pos: Optional[Tensor] = None,
    ) -> EncoderOut:
        """Read part A.

        Args:
            src_tokens: padded on either side, (B, S).
            src_lengths: not needed.
            src_pos: places in the text, (B, S); None: counted from 0, padding left out.

        Returns:
            `keys`, `values`: by layer, each (B, H, S, C / H). `readable`: False at padding, (B, S);
            empty where there is none. `blank`: where the one blank is, -1 where there is not just
            one, (B,). `beam`: hypotheses of each document, empty until the search says so.
        """
        readable = src_tokens.ne(self.symbols.pad)
        if src_pos is None:
            src_pos = (readable.long().cumsum(dim=1) - 1).clamp(min=0)
        mask = None if bool(readable.all()) else readable
        made = self._shared[0].read(src_tokens, src_pos, mask)
        return {
            "keys": [layer.keys for layer in made],
            "values": [layer.values for layer in made],
            "readable": [] if mask is None else [mask],
            "blank": [self._find_blank(src_tokens, src_pos)],
            "beam": [],
        }

    def forward_torchscript(self, net_input: dict[str, Tensor]) -> EncoderOut:
        """Read what a search begins with: each text must have one blank.

        Raises:
            DataError: a text has none, or several.
        """
        names = ("src_tokens", "src_lengths", "src_pos")
        found = self.forward(**{name: net_input[name] for name in names if name in net_input})
        check_blanks(found)
        return found

    def reorder_encoder_out(self, encoder_out: EncoderOut, new_order: Tensor) -> EncoderOut:
        """Follow the rows of a search; keys and values are touched only where documents go.

        Args:
            encoder_out: of B documents.
            new_order: for each row the row that it was, (N,). The first time it repeats each
                document for its hypotheses, from then on it never moves one to another document.
        """
        documents = encoder_out["blank"][0].size(0)
        if not encoder_out["beam"]:
            beam = max(1, new_order.numel() // documents)
            rows = torch.arange(documents, device=new_order.device).repeat_interleave(beam)
            if torch.equal(rows, new_order):
                return {**encoder_out, "beam": [beam]}
            return _select(encoder_out, new_order)
        beam = encoder_out["beam"][0]
        if new_order.numel() == documents * beam:
            return encoder_out
        # B * beam -> B x beam; all rows of a group are of one document
        return _select(encoder_out, new_order.view(-1, beam)[:, 0] // beam)

    def max_positions(self) -> int:
        """Longest part A."""
        return int(self._shared[0].shape.positions)

    def _find_blank(self, tokens: Tensor, positions: Tensor) -> Tensor:
        blank = torch.zeros_like(tokens, dtype=torch.bool)
        for entry in self.symbols.blanks:
            blank = blank | tokens.eq(entry)
        place = (positions * blank).sum(dim=1)
        return place.masked_fill(blank.sum(dim=1).ne(1), -1)


def _select(encoder_out: EncoderOut, documents: Tensor) -> EncoderOut:
    tensors = {
        name: [each.index_select(0, documents) for each in encoder_out[name]]
        for name in ("keys", "values", "readable", "blank")
    }
    return {**tensors, "beam": encoder_out["beam"]}


def check_blanks(encoder_out: EncoderOut) -> None:
    """Refuse texts of which it is not clear which blank is to be filled in.

    Raises:
        DataError: a text has no blank, or several.
    """
    wrong = encoder_out["blank"][0].lt(0).nonzero().flatten().tolist()
    if wrong:
        raise DataError(
            f"document {wrong[0]} of the batch: it must hold one of [MASK], [sMASK] and [gMASK] "
            "once, so that it is clear what to write, it holds none or several; check that the "
            "prompt has a blank and was not cut off"
        )
