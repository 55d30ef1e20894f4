"""The document once per document, not once per hypothesis.

fairseq's search copies the encoder's output for each hypothesis of a document and moves it, and the
keys and values that cross-attention has made of it, at every step to where the hypotheses have
moved: at beam 5 and 200 source tokens more bytes than the rest of a step reads. All copies are
equal. Here the encoder's output keeps one row for each document (B in place of N = B * beam), and
fairseq's `MultiheadAttention` then keeps one row of keys and values and attends with the beam's
queries at once. Its `set_beam_size` does the same by a number kept on the modules, which outlives
the search; nothing is kept on modules here.
"""

from typing import Any

from fairseq.models.transformer import TransformerDecoder, TransformerDecoderBase
from fairseq.modules import MultiheadAttention
from torch import Tensor, nn

from mclas_fairseq.generation.restricted_ensemble import EncoderOut, IncrementalState

_OF_FAIRSEQ = (TransformerDecoder, TransformerDecoderBase)


def reads_documents_by_attention_alone(model: Any) -> bool:
    """Whether a model's decoder may be given one row of encoder output for several hypotheses.

    A decoder that reads it otherwise as well needs a row each, or repeats it. One that is not
    fairseq's own says so by `reads_documents_by_attention_alone`.
    """
    decoder = getattr(model, "decoder", None)
    said = getattr(decoder, "reads_documents_by_attention_alone", None)
    alone = type(decoder) in _OF_FAIRSEQ if said is None else bool(said)
    return alone and all(type(module) is MultiheadAttention for module in _cross_attention(decoder))


def documents(encoder_out: EncoderOut) -> int:
    """Rows of an encoder's output."""
    return encoder_out["encoder_out"][0].size(1)


def documents_of(new_order: Tensor, beam: int) -> Tensor:
    """The document of each group of `beam` rows, shape (B,), of an order of rows (B * beam,)."""
    # B * beam -> B x beam; all rows of a group are of one document
    return new_order.view(-1, beam)[:, 0] // beam


def reorder_incremental_state(
    decoder: nn.Module, state: IncrementalState, new_order: Tensor, beam: int
) -> None:
    """Move what a decoder has kept of N hypotheses and of their B documents.

    Search never moves a hypothesis to another document; it takes out documents that are done.

    Args:
        decoder: a decoder whose cross-attention saw one row for each document.
        state: what it keeps.
        new_order: for each row the row that it was, shape (N',).
        beam: rows of each document.
    """
    cross = set(_cross_attention(decoder))
    order = documents_of(new_order, beam)
    for module in decoder.modules():
        if module in cross:
            _reorder_documents(module, state, order)
        elif getattr(module, "keeps_documents", False):  # as offers of translations
            offers: Any = module
            offers.reorder_incremental_state(state, order)
        elif module is not decoder and hasattr(module, "reorder_incremental_state"):
            attention: Any = module
            attention.reorder_incremental_state(state, new_order)


def _reorder_documents(attention: Any, state: IncrementalState, order: Tensor) -> None:
    kept = attention._get_input_buffer(state)
    if not kept:
        return
    left = order.numel() < kept["prev_key"].size(0)  # else all are there, in their order
    moved = {
        # What the first step keeps is a transposed view, which each product would copy in bf16.
        name: None if one is None else (one.index_select(0, order) if left else one.contiguous())
        for name, one in kept.items()
    }
    attention._set_input_buffer(state, moved)


def _cross_attention(decoder: Any) -> list[Any]:
    return [
        module
        for module in decoder.modules()
        if getattr(module, "encoder_decoder_attention", False)
    ]
