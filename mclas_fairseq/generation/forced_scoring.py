"""Forced scoring: the score that search would give to a known hypothesis.

One full pass of the decoder over the given tokens, without incremental state, under the same
grammar and the same average of the models as in search: the log-probabilities equal the beam's
`positional_scores`. A forced separator or EOS counts with its restricted log-probability (0 where
it is the only choice). n-gram blocking takes choices away without renormalising, so it plays no
part here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from fairseq.data.data_utils import collate_tokens
from torch import Tensor

from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.generation.restricted_ensemble import (
    EncoderOut,
    RestrictedEnsemble,
    row_limits,
)


@dataclass(frozen=True, eq=False)
class ForcedScore:
    """Scores of one token sequence, in nats.

    Attributes:
        positional_scores: log-probability of each token, EOS included, fp32, shape (T_tgt,);
            -inf where the grammar does not allow the token.
        score: their sum under the generator's length penalty, a scalar.
    """

    positional_scores: Tensor
    score: Tensor


@torch.no_grad()
def score_hypotheses(
    generator: SummaryGenerator,
    sample: dict[str, Any],
    hypotheses: Sequence[Sequence[Tensor]],
) -> list[list[ForcedScore]]:
    """Score token sequences as the generator's search scores its hypotheses.

    Args:
        generator: gives models, grammar, temperature and length penalty.
        sample: a batch as for `generator.generate`; its `net_input` holds B documents.
        hypotheses: for each document any number of sequences (T_tgt,), each closed by EOS.

    Returns:
        The scores, in the same order.
    """
    ensemble: RestrictedEnsemble = generator.model
    flat = [tokens for ofdocument in hypotheses for tokens in ofdocument]
    if not flat:
        return [[] for _ in hypotheses]
    device = sample["net_input"]["src_tokens"].device
    counts = torch.tensor([len(ofdocument) for ofdocument in hypotheses], device=device)
    order = torch.arange(len(hypotheses), device=device).repeat_interleave(counts)
    encoder_outs = ensemble.reorder_encoder_out(
        ensemble.forward_encoder(sample["net_input"]), order
    )
    targets = collate_tokens(flat, generator.pad).to(device)  # N x T_tgt
    inputs = torch.cat([targets.new_full((len(flat), 1), generator.bos), targets[:, :-1]], dim=1)
    log_probs = _log_probs(ensemble, inputs, encoder_outs, generator.temperature)
    scores = log_probs.gather(2, targets.unsqueeze(2)).squeeze(2)
    rows = iter(zip(scores, flat, strict=True))
    return [[_forced_score(generator, *next(rows)) for _ in group] for group in hypotheses]


def _forced_score(generator: SummaryGenerator, scores: Tensor, tokens: Tensor) -> ForcedScore:
    length = tokens.numel()
    return ForcedScore(scores[:length], generator.length_penalty(scores[:length].sum(), length))


def _log_probs(
    ensemble: RestrictedEnsemble,
    inputs: Tensor,
    encoder_outs: list[EncoderOut],
    temperature: float,
) -> Tensor:
    """Restricted log-probabilities (N, T_tgt, V) of the token after each prefix of `inputs`."""
    each = []
    for model, encoder_out in zip(ensemble.models, encoder_outs[:-1], strict=True):
        logits, extra = model.decoder(inputs, encoder_out=encoder_out)
        each.append(
            model.get_normalized_probs((logits.div_(temperature), extra), log_probs=True).float()
        )
    # The mean of the models' probabilities but for 1 / len(each), which the restriction cancels.
    average = each[0] if len(each) == 1 else torch.logsumexp(torch.stack(each), dim=0)
    states = ensemble.grammar.states(inputs, row_limits(encoder_outs))
    return ensemble.restrict(average, states)
