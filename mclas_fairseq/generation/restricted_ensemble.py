"""The models of a search, under a grammar: what cannot be chosen has probability 0.

Stands between fairseq's `SequenceGenerator` and the models: each step's distribution is
restricted to what the grammar allows after each hypothesis and renormalised over it. An ensemble's
models are averaged first and the average is restricted, so that p(w | allowed) is the ensemble's
p(w) / p(allowed).
"""

import math
from collections.abc import Sequence
from typing import Any, Optional

import torch
import torch.nn.functional as F
from fairseq.models import BaseFairseqModel, FairseqDecoder
from fairseq.models.transformer import TransformerModelBase
from fairseq.sequence_generator import EnsembleModel
from torch import Tensor, nn

from mclas_fairseq.generation.grammar import SummaryGrammar

EncoderOut = dict[str, list[Tensor]]
DecoderOut = tuple[Tensor, Any]
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
        outputs, attention = [], []
        for number, model in enumerate(self.models):
            kept = {"incremental_state": incremental_states[number]}
            logits, extra = model.decoder(
                tokens,
                encoder_out=encoder_outs[number],
                **(kept if self.has_incremental_states() else {}),
            )
            outputs.append((logits[:, -1:], extra))
            attention += [attn[:, -1] for attn in extra["attn"][:1] if attn is not None]
        states = self.states(tokens, encoder_outs)[:, -1:]
        # N x 1 x V -> N x V
        log_probs = self.restricted(outputs, states, temperature)[:, 0]
        # models x N x T_src -> N x T_src
        return log_probs, torch.stack(attention).mean(dim=0) if attention else None

    def restricted(
        self, outputs: Sequence[DecoderOut], states: Tensor, temperature: float
    ) -> Tensor:
        """Log-probabilities over what the grammar allows, of a step or of a whole hypothesis.

        Args:
            outputs: of each model, logits (N, T_tgt, V), which are overwritten, and fairseq's extra
                dictionary.
            states: state of the grammar at each position, int64, shape (N, T_tgt).
            temperature: what logits are divided by, before the restriction.

        Returns:
            In nats, fp32, shape (N, T_tgt, V); -inf where nothing may be chosen.
        """
        mask = self.mask_table[states]  # N x T_tgt x V
        if self.models_size == 1 and is_softmax_of_logits(self.single_model):
            # One softmax in place of two: at V of some thousands it is a few per cent of a step.
            ((logits, extra),) = outputs
            masked = logits.div_(temperature).add_(mask)
            return self._normalized(self.single_model, masked, extra)
        each = [
            self._normalized(model, logits.div_(temperature), extra)
            for model, (logits, extra) in zip(self.models, outputs, strict=True)
        ]
        average = each[0]
        if len(each) > 1:
            # models x N x T_tgt x V -> N x T_tgt x V
            average = torch.logsumexp(torch.stack(each), dim=0) - math.log(len(each))
        return F.log_softmax(average.add_(mask), dim=-1, dtype=torch.float32)

    def _normalized(self, model: Any, logits: Tensor, extra: Any) -> Tensor:
        log_probs: Tensor = model.get_normalized_probs((logits, extra), log_probs=True)
        return log_probs.float()


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
