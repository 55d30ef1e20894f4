"""Forced scoring: the score that search would give to a known hypothesis.

One full pass of the decoder over the given tokens, without incremental state, under the same
grammar and the same average of the models as in search: the log-probabilities equal the beam's
`positional_scores`. A forced separator or EOS counts with its restricted log-probability (0 where
it is the only choice). A penalty of repetition counts as in search. n-gram blocking takes choices
away without renormalising, so it plays no part here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from fairseq.data.data_utils import collate_tokens
from torch import Tensor

from mclas_fairseq.generation.generator import SummaryGenerator, with_plans
from mclas_fairseq.generation.restricted_ensemble import RestrictedEnsemble, row_plans


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
        hypotheses: for each document any number of sequences (T_tgt,), each closed by EOS. Where
            the decoder starts from a symbol of the target language, they begin with it, as in
            search.

    Returns:
        The scores, in the same order.
    """
    ensemble: RestrictedEnsemble = generator.model
    flat = [tokens for ofdocument in hypotheses for tokens in ofdocument]
    if not flat:
        return [[] for _ in hypotheses]
    device = sample["net_input"]["src_tokens"].device
    counts = torch.tensor([len(ofdocument) for ofdocument in hypotheses], device=device)
    # B -> N: the document of each sequence
    order = torch.arange(len(hypotheses), device=device).repeat_interleave(counts)
    encoder_outs = ensemble.reorder_encoder_out(
        ensemble.forward_encoder(with_plans(sample)["net_input"]), order
    )
    given = int(ensemble.grammar.start is not None)  # symbols that are read, not written
    targets = collate_tokens([tokens[given:] for tokens in flat], generator.pad).to(device)
    starts = targets.new_empty(len(flat), 1)  # N x 1
    starts[:, 0] = torch.as_tensor(generator.starts(row_plans(encoder_outs)), device=device)
    inputs = torch.cat([starts, targets[:, :-1]], dim=1)  # N x T_tgt
    outputs = [
        model.decoder(inputs, encoder_out=encoder_out)
        for model, encoder_out in zip(ensemble.models, encoder_outs[:-1], strict=True)
    ]
    states = ensemble.states(inputs, encoder_outs)
    log_probs = ensemble.restricted(outputs, states, generator.temperature)
    # N x T_tgt x V -> N x T_tgt: of each position the entry that is there
    scores = log_probs.gather(2, targets.unsqueeze(2)).squeeze(2)
    scores = scores * generator.repetition.factors(targets)
    if given:
        first = torch.stack([tokens[0] for tokens in flat]).to(device)
        # N x 1 and N x T_tgt -> N x (1 + T_tgt)
        scores = torch.cat([_score_of_given(first, starts[:, 0]), scores], dim=1)
    rows = iter(zip(scores, flat, strict=True))
    return [[_forced_score(generator, *next(rows), given) for _ in group] for group in hypotheses]


def _score_of_given(found: Tensor, expected: Tensor) -> Tensor:
    """0 where the first symbol (N,) is the one that the decoder was given, else -inf: (N, 1)."""
    zeros = torch.zeros(found.numel(), 1, device=found.device)
    # N -> N x 1
    return zeros.masked_fill_(found.ne(expected).unsqueeze(1), -torch.inf)


def _forced_score(
    generator: SummaryGenerator, scores: Tensor, tokens: Tensor, given: int
) -> ForcedScore:
    length = tokens.numel()
    total = scores[:length].sum()
    return ForcedScore(scores[:length], generator.length_penalty(total, length - given))
