"""The models of a search, under a grammar: what cannot be chosen has probability 0.

Stands between fairseq's `SequenceGenerator` and the models: each step's distribution is
restricted to what the grammar allows after each hypothesis and renormalised over it. An ensemble's
models are averaged first and the average is restricted, so that p(w | allowed) is the ensemble's
p(w) / p(allowed).
"""

from types import SimpleNamespace
from typing import Any, Optional

import torch
import torch.nn.functional as F
from fairseq.models import BaseFairseqModel, FairseqDecoder
from fairseq.models.transformer import TransformerModelBase
from fairseq.sequence_generator import EnsembleModel
from torch import Tensor, nn

from mclas_fairseq.generation.grammar import SummaryGrammar

EncoderOut = dict[str, list[Tensor]]
IncrementalState = dict[str, dict[str, Optional[Tensor]]]

PLANS = "target_plans"

# fairseq's own ways from logits to probabilities: the decoder's softmax.
_PLAIN = (BaseFairseqModel.get_normalized_probs, TransformerModelBase.get_normalized_probs)


class RestrictedEnsemble(EnsembleModel):
    """fairseq's ensemble of one or several models, restricted to a grammar.

    Behind the models' own encoder outputs it carries one more: the length limit of each row
    (`summary_limits`) and, where batches have it, the plan of each row's target language
    (`target_plans`), which follow the rows wherever search moves them.
    """

    def __init__(self, models: list[nn.Module], grammar: SummaryGrammar, pad: int):
        super().__init__(models)
        self.grammar = grammar
        self.pad = pad
        self.max_positions = int(self.max_decoder_positions())
        device = next(self.parameters()).device
        self.register_buffer("mask_table", grammar.mask_table().to(device), persistent=False)

    def set_decoder_beam_size(self, beam_size: int) -> None:
        """Set nothing: the number would stay on the modules for later searches of other beams.

        What it is for, keys and values once per document, is done in `sentence_rows.py`.
        """

    def forward_encoder(self, net_input: dict[str, Tensor]) -> list[EncoderOut]:
        """Encode documents; see fairseq. src_tokens (B, T_src) may be padded on either side.

        `target_plans` (B,), which `generator.with_plans` adds, is not for the encoders.
        """
        net_input = dict(net_input)
        plans = net_input.pop(PLANS, None)
        outs: list[EncoderOut] = super().forward_encoder(net_input)
        lengths = net_input["src_tokens"].ne(self.pad).sum(dim=1)
        rows = {"summary_limits": [self.grammar.limits(lengths, self.max_positions)]}
        return [*outs, rows if plans is None else {**rows, PLANS: [plans]}]

    def reorder_encoder_out(
        self, encoder_outs: Optional[list[EncoderOut]], new_order: Tensor
    ) -> list[EncoderOut]:
        """Choose and repeat rows: row i becomes what row new_order[i] was."""
        assert encoder_outs is not None
        outs: list[EncoderOut] = super().reorder_encoder_out(encoder_outs[:-1], new_order)
        return [*outs, reorder_rows(encoder_outs[-1], new_order)]

    def states(self, tokens: Tensor, encoder_outs: list[EncoderOut]) -> Tensor:
        """State of the grammar after each prefix of tokens (N, T_tgt), int64, same shape."""
        return self.grammar.states(tokens, row_limits(encoder_outs), row_plans(encoder_outs))

    def forward_decoder(
        self,
        tokens: Tensor,
        encoder_outs: list[EncoderOut],
        incremental_states: list[IncrementalState],
        temperature: float = 1.0,
    ) -> tuple[Tensor, Optional[Tensor]]:
        """Distribution of the next token after each hypothesis.

        Args:
            tokens: hypotheses so far, BOS first, shape (N, T_tgt).
            encoder_outs: what `forward_encoder` gave, reordered to N rows.
            incremental_states: one for each model.
            temperature: what logits are divided by, before the restriction.

        Returns:
            Log-probabilities in nats, fp32, (N, V), -inf where nothing may be chosen, and the
            attention over the source (N, T_src), if any.
        """
        states = self.states(tokens, encoder_outs)[:, -1]
        if self.models_size == 1 and is_softmax_of_logits(self.single_model):
            return self._restrict_before_softmax(
                states, tokens, encoder_outs, incremental_states, temperature
            )
        log_probs, attention = super().forward_decoder(
            tokens, encoder_outs, incremental_states, temperature
        )
        return self.restrict(log_probs, states), attention

    def restrict(self, log_probs: Tensor, states: Tensor) -> Tensor:
        """Renormalise over what the grammar allows.

        Args:
            log_probs: log-probabilities (..., V); overwritten.
            states: state of the grammar at each, int64, shape (...).
        """
        log_probs.add_(self.mask_table[states])
        return F.log_softmax(log_probs, dim=-1, dtype=torch.float32)

    def _restrict_before_softmax(
        self,
        states: Tensor,
        tokens: Tensor,
        encoder_outs: list[EncoderOut],
        incremental_states: list[IncrementalState],
        temperature: float,
    ) -> tuple[Tensor, Optional[Tensor]]:
        # One softmax in place of two: fairseq's own step, run on a model whose logits are masked
        # before it normalises them. At V of some thousands a softmax is a few per cent of a step.
        masked = _MaskedModel(self.single_model, self.mask_table.index_select(0, states))
        one = SimpleNamespace(
            models=[masked],
            models_size=1,
            has_encoder=self.has_encoder,
            has_incremental_states=self.has_incremental_states,
        )
        step: tuple[Tensor, Optional[Tensor]] = EnsembleModel.forward_decoder(
            one, tokens, encoder_outs, incremental_states, temperature
        )
        return step


def reorder_rows(rows: EncoderOut, new_order: Tensor) -> EncoderOut:
    """What the grammar knows of each row, in another order; row i becomes row new_order[i]."""
    return {
        name: [tensor.index_select(0, new_order) for tensor in tensors]
        for name, tensors in rows.items()
    }


def row_limits(encoder_outs: list[EncoderOut]) -> Tensor:
    """Length limits of the rows, shape (N,), from `RestrictedEnsemble`'s encoder outputs."""
    return encoder_outs[-1]["summary_limits"][0]


def row_plans(encoder_outs: list[EncoderOut]) -> Optional[Tensor]:
    """Numbers of the rows' plans, shape (N,); None where all rows follow the first."""
    plans = encoder_outs[-1].get(PLANS)
    return None if plans is None else plans[0]


def is_softmax_of_logits(model: Any) -> bool:
    """Whether a model's probabilities are the softmax of its logits, and nothing else.

    A model that normalises in its own way says so by `softmax_of_logits`; else it is so for
    fairseq's own methods, save for an adaptive softmax.
    """
    said = getattr(model, "softmax_of_logits", None)
    if said is not None:
        return bool(said)
    return (
        isinstance(model, BaseFairseqModel)
        and type(model).get_normalized_probs in _PLAIN
        and type(model.decoder).get_normalized_probs is FairseqDecoder.get_normalized_probs
        and getattr(model.decoder, "adaptive_softmax", None) is None
    )


class _MaskedModel:
    """A model as fairseq's decoding step sees it, for one step: some logits are -inf."""

    def __init__(self, model: Any, mask: Tensor):
        self.decoder = model.decoder
        self._model = model
        self._mask = mask  # N x V

    def get_normalized_probs(
        self, net_output: tuple[Tensor, Any], log_probs: bool, sample: Optional[Any] = None
    ) -> Tensor:
        logits, extra = net_output
        logits = logits.add_(self._mask.unsqueeze(1))  # N x 1 x V
        normalized: Tensor = self._model.get_normalized_probs((logits, extra), log_probs, sample)
        return normalized
