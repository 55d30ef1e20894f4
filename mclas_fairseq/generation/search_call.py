"""The models as fairseq's search sees them during one call: the work that the grammar spares.

Stands between `SummaryGenerator` and `RestrictedEnsemble`. What a call gathers (slices of weights,
where rows stand) is kept here and ends with the call. Search sees the same scores as with
everything masked, but for rounding.

Scores are given by column of a row's list, (N, W), where fairseq's `BeamSearch` chooses from them:
all that it does with V scores costs as much as a layer of the decoder when V is 105,879. Other
searches, and forced prefixes, get (N, V).
"""

import logging
from dataclasses import dataclass
from functools import cache
from typing import Any, Optional

from fairseq.search import BeamSearch
from torch import Tensor, nn

from mclas_fairseq.generation.restricted_ensemble import (
    EncoderOut,
    IncrementalState,
    RestrictedEnsemble,
    is_softmax_of_logits,
    reorder_rows,
)
from mclas_fairseq.generation.sentence_rows import (
    documents,
    documents_of,
    reads_documents_by_attention_alone,
    reorder_incremental_state,
)
from mclas_fairseq.generation.sliced_projection import SlicedProjection
from mclas_fairseq.generation.vocabulary_lists import VocabularyLists, build_lists

logger = logging.getLogger(__name__)

# Above this share of the dictionary a list saves too little to gather weights for it.
_WORTH_SLICING = 0.9


@dataclass(frozen=True)
class Shortcuts:
    """What search leaves out because it cannot change its scores; for comparisons only.

    Attributes:
        allowed_only: project over the allowed entries alone.
        documents_once: keep encoder output, keys and values once per document.
    """

    allowed_only: bool = True
    documents_once: bool = True


ALL_SHORTCUTS = Shortcuts()


class SearchCall:
    """A `RestrictedEnsemble` during one call of search; the methods are those fairseq asks for.

    Args:
        ensemble: the models.
        beam: rows of each document.
        projection: slices of the output projection; None to mask the whole of it.
        documents_once: whether encoder outputs keep one row for each document.
    """

    def __init__(
        self,
        ensemble: RestrictedEnsemble,
        beam: int,
        projection: Optional[SlicedProjection],
        documents_once: bool,
    ):
        self.ensemble = ensemble
        self.grammar = ensemble.grammar
        self.models_size: int = ensemble.models_size
        self.projection = projection
        self._beam = beam
        self._documents_once = documents_once

    def forward_encoder(self, net_input: dict[str, Tensor]) -> list[EncoderOut]:
        """See `RestrictedEnsemble`."""
        return self.ensemble.forward_encoder(net_input)

    def reorder_encoder_out(
        self, encoder_outs: Optional[list[EncoderOut]], new_order: Tensor
    ) -> list[EncoderOut]:
        """Move what belongs to rows by `new_order` (N,), encoder outputs by document."""
        assert encoder_outs is not None
        if not self._documents_once:
            return self.ensemble.reorder_encoder_out(encoder_outs, new_order)
        *outs, rows = encoder_outs
        before = documents(outs[0])
        rows = reorder_rows(rows, new_order)
        if new_order.numel() == before * self._beam:
            return [*outs, rows]  # the first call, which repeats rows, or no document is done
        order = documents_of(new_order, self._beam)
        moved = [
            model.encoder.reorder_encoder_out(out, order)
            for model, out in zip(self.ensemble.models, outs, strict=True)
        ]
        return [*moved, rows]

    def reorder_incremental_state(
        self, incremental_states: list[IncrementalState], new_order: Tensor
    ) -> None:
        """Move what the decoders have kept."""
        if not self._documents_once:
            self.ensemble.reorder_incremental_state(incremental_states, new_order)
            return
        for model, state in zip(self.ensemble.models, incremental_states, strict=True):
            reorder_incremental_state(model.decoder, state, new_order, self._beam)

    def forward_decoder(
        self,
        tokens: Tensor,
        encoder_outs: list[EncoderOut],
        incremental_states: list[IncrementalState],
        temperature: float = 1.0,
    ) -> tuple[Tensor, Optional[Tensor]]:
        """Distribution of the next token after each hypothesis; see `RestrictedEnsemble`.

        Returns:
            Log-probabilities in nats, fp32, (N, V), or by column (N, W) where the projection is
            compact, and the attention over the source (N, T_src), if any.
        """
        if self.projection is None:
            return self.ensemble.forward_decoder(
                tokens, encoder_outs, incremental_states, temperature
            )
        states = self.ensemble.states(tokens, encoder_outs)[:, -1]
        features, extra = self.ensemble.single_model.decoder(
            tokens,
            encoder_out=encoder_outs[0],
            incremental_state=incremental_states[0],
            features_only=True,
        )
        attention = extra["attn"][0]
        return (
            self.projection(features[:, -1], states, temperature),
            None if attention is None else attention[:, -1],
        )


class ColumnSearch(BeamSearch):
    """fairseq's beam search over columns of lists; what it chooses are dictionary ids again."""

    def __init__(self, dictionary: Any, projection: SlicedProjection):
        super().__init__(dictionary)
        self._projection = projection

    def step(
        self,
        step: int,
        lprobs: Tensor,
        scores: Optional[Tensor],
        prev_output_tokens: Optional[Tensor] = None,
        original_batch_idxs: Optional[Tensor] = None,
        candidate_multiple: int = 2,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """See fairseq's `BeamSearch.step`; lprobs (B, beam, W)."""
        chosen, columns, beams = super().step(
            step, lprobs, scores, prev_output_tokens, original_batch_idxs, candidate_multiple
        )
        # B * beam -> B x beam -> B x candidates: the list of the row that each goes on from
        lists = self._projection.lists_of_rows.view(lprobs.size(0), -1).gather(1, beams)
        return chosen, self._projection.lists.ids[lists, columns], beams


def choose_lists(ensemble: RestrictedEnsemble, *, eos: int) -> Optional[VocabularyLists]:
    """Lists of the entries that steps need.

    None where the whole output projection is computed and masked: where no list is clearly shorter
    than the dictionary, and, as the log then says once, where probabilities are not the softmax of
    one linear layer whose rows can be left out.
    """
    if ensemble.models_size > 1:
        return _not_sliced("the models of an ensemble are averaged over the whole dictionary")
    model: Any = ensemble.single_model
    layer = getattr(model.decoder, "output_projection", None)
    if not is_softmax_of_logits(model) or type(layer) is not nn.Linear:
        return _not_sliced("the model's probabilities are no softmax of one linear layer")
    lists = build_lists(ensemble.mask_table, pad=ensemble.pad, eos=eos)
    return lists if lists.shortest <= _WORTH_SLICING * ensemble.mask_table.size(1) else None


@cache
def _not_sliced(reason: str) -> None:
    logger.info("output projection: computed over all entries and then masked, as %s", reason)


def can_compact(lists: VocabularyLists, search: nn.Module, beam: int) -> bool:
    """Whether search can work on columns: it is plain beam search, and has enough of them."""
    return type(search) is BeamSearch and lists.keeps_numbers and lists.width > 2 * beam


def documents_can_be_kept_once(ensemble: RestrictedEnsemble) -> bool:
    """Whether all models' decoders read documents by attention alone."""
    return all(reads_documents_by_attention_alone(model) for model in ensemble.models)
