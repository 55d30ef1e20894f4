"""Copies that are translated, against sums written out, and as a table that travels."""

from collections.abc import Callable
from typing import Any, Optional

import pytest
import torch
from fairseq.criterions.label_smoothed_cross_entropy import label_smoothed_nll_loss
from torch import Tensor

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.modules import candidate_attention, softmax_loss
from mclas_fairseq.modules.candidate_attention import CandidateAttention
from mclas_fairseq.modules.copy_attention import mixture_log_probs
from mclas_fairseq.modules.copy_loss import Copying, smoothed_mixture_loss
from mclas_fairseq.modules.softmax_loss import Smoothing
from mclas_fairseq.modules.translation_table import (
    ALWAYS,
    Documents,
    Translations,
    TranslationTable,
)

PAD, V, SEPARATOR = 1, 11, 3
SOURCES = torch.tensor([[4, 5, 5, 9, 2, PAD], [7, 4, 4, 4, 8, 2]])
# Behind the separator stand translations; NUMBER is the table that each target token uses.
PREV = torch.tensor([[0, 7, SEPARATOR], [SEPARATOR, 6, 6]])
NUMBER = torch.tensor([[0, 0, 1], [1, 1, 1]])
TARGET = torch.tensor([[5, 10, 7], [10, 6, 4]])
C_ENC, C, HEADS = 6, 4, 2


def lexicon() -> tuple[Tensor, Tensor]:
    """4 is translated by 10 and 6, 5 by 7; the rest has no translations."""
    ids = torch.arange(V).unsqueeze(1).repeat(1, 2)
    weights = torch.tensor([[1.0, 0.0]]).repeat(V, 1)
    ids[4], weights[4] = torch.tensor([10, 6]), torch.tensor([0.75, 0.25])
    ids[5, 0] = 7
    return ids, weights


def table(
    attention: Optional[CandidateAttention] = None, announced: int = SEPARATOR
) -> TranslationTable:
    made = TranslationTable(V, attention)
    made.fill([lexicon()], ["en>de"], [announced])
    return made


def adaptive() -> CandidateAttention:
    torch.manual_seed(3)
    made = CandidateAttention(C_ENC, C, HEADS)
    with torch.no_grad():
        for parameter in made.parameters():  # norms that are not the identity
            parameter.add_(0.3 * torch.randn(parameter.shape))
    return made


def documents() -> Documents:
    draws = torch.Generator().manual_seed(6)
    states = torch.randn(6, 2, C_ENC, generator=draws)
    return Documents(SOURCES, states.requires_grad_(), torch.randn(V, C, generator=draws))


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    draws = torch.Generator().manual_seed(5)
    logits = 3 * torch.randn(2, 3, V, generator=draws)
    attention = torch.rand(2, 3, 6, generator=draws).softmax(-1) * SOURCES.ne(PAD).unsqueeze(1)
    attention = attention / attention.sum(-1, keepdim=True)
    gate = torch.rand(2, 3, 1, generator=draws)
    return logits.requires_grad_(), attention.requires_grad_(), gate.requires_grad_()


def attended(made: CandidateAttention, state: Tensor, embeddings: Tensor) -> list[Tensor]:
    """Weights of candidates by loops over heads: softmax of q k / sqrt(C / H), their mean."""
    query = made.query(made.state_norm(state)).view(HEADS, -1)
    keys = made.key(made.key_norm(embeddings)).view(len(embeddings), HEADS, -1)
    by_head = [
        torch.stack([query[head] @ key[head] / (C / HEADS) ** 0.5 for key in keys]).softmax(0)
        for head in range(HEADS)
    ]
    return list(torch.stack(by_head).mean(0))


def written_out(
    logits: Tensor,
    attention: Tensor,
    gate: Tensor,
    weigh: Callable[[int, int], Optional[list[Tensor]]] = lambda b, i: None,
) -> Tensor:
    """P by loops over rows, positions and candidates; `weigh` gives the weights of document b's
    token i, None: those of the lexicon.
    """
    ids, weights = lexicon()
    vocabulary = logits.softmax(-1)
    rows = []
    for b in range(2):
        for t in range(3):
            row = [gate[b, t, 0] * share for share in vocabulary[b, t]]
            for i, token in enumerate(SOURCES[b].tolist()):
                offered: Any = [(token, 1.0)]
                if NUMBER[b, t] == 1:
                    own = weigh(b, i) if weights[token].gt(0).sum() > 1 else None
                    offered = zip(ids[token].tolist(), own or weights[token], strict=True)
                for word, weight in offered:
                    row[word] = row[word] + (1 - gate[b, t, 0]) * attention[b, t, i] * weight
            rows.append(torch.stack(row))
    return torch.stack(rows).view(2, 3, V)


def losses(
    given: tuple[Tensor, Tensor, Tensor], offered: Optional[Translations], epsilon: float
) -> tuple[Tensor, Tensor]:
    logits, attention, gate = (value.flatten(0, 1) for value in given)
    if offered is not None:
        offered = offered._replace(number=offered.number.flatten())
    copying = Copying(attention, gate, SOURCES.repeat_interleave(3, 0), offered)
    return smoothed_mixture_loss(logits, copying, TARGET.flatten(), Smoothing(epsilon, PAD))


def test_mixture_is_the_sum_written_out_and_sums_to_one() -> None:
    logits, attention, gate = inputs()
    offered = table()(PREV, documents(), 3)
    found = mixture_log_probs(logits.softmax(-1), attention, gate, SOURCES, offered).exp()
    torch.testing.assert_close(found, written_out(logits, attention, gate))
    torch.testing.assert_close(found.sum(-1), torch.ones(2, 3))


@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("epsilon", [0.0, 0.1])
@pytest.mark.parametrize("learned", [False, True])
def test_loss_and_gradients_are_those_of_the_sum_written_out(
    rows: int, epsilon: float, learned: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(softmax_loss, "_BLOCK", V * rows)
    attention, texts = adaptive() if learned else None, documents()
    made, (mine, theirs) = table(attention), (inputs(), inputs())
    loss, nll = losses(mine, made(PREV, texts, 3), epsilon)

    def weigh(b: int, i: int) -> Optional[list[Tensor]]:
        if attention is None:
            return None
        return attended(attention, texts.states[i, b], texts.embeddings[torch.tensor([10, 6])])

    logs = written_out(*theirs, weigh).log().view(6, V)
    expected, expected_nll = label_smoothed_nll_loss(
        logs, TARGET.flatten(), epsilon, PAD, reduce=False
    )
    torch.testing.assert_close(loss, expected.view(-1))
    torch.testing.assert_close(nll, expected_nll.view(-1))
    weights = torch.arange(1.0, 7.0)
    parameters = [*made.parameters(), texts.states] if learned else []
    found = torch.autograd.grad((loss * weights).sum(), [*mine, *parameters])
    wanted = torch.autograd.grad((expected.view(-1) * weights).sum(), [*theirs, *parameters])
    assert len(found) == (3 + 7 + 1 if learned else 3)
    for own, other in zip(found, wanted, strict=True):
        assert float(other.abs().sum()) > 0
        torch.testing.assert_close(own, other, atol=1e-5, rtol=1e-4)


def test_attention_weighs_the_candidates_alone_and_sums_to_one() -> None:
    texts = documents()
    offered = table(adaptive())(PREV, texts, 3)
    torch.testing.assert_close(offered.weights.sum(2), torch.ones(offered.weights.shape[:2]))
    chosen = offered.weights[offered.number[1, 0]]  # of the second document, translated
    assert chosen[0].tolist() == [1.0, 0.0]  # 7 has no entry
    assert (chosen[1:4] > 0).all()  # 4 has two translations
    assert not torch.allclose(chosen[1], chosen[2])  # in another place, of another weight
    of_three = torch.tensor([[10, 6, 7]])
    there = torch.tensor([[True, False, True]])
    alone = adaptive()(texts.states[0, :1], of_three, there, texts.embeddings)
    assert alone[0, 1] == 0
    by_hand = attended(adaptive(), texts.states[0, 0], texts.embeddings[torch.tensor([10, 7])])
    torch.testing.assert_close(alone[0, [0, 2]], torch.stack(by_hand))


@pytest.mark.parametrize("attention", [None, adaptive()])
def test_lexicon_in_which_each_token_is_its_own_translation_copies_bit_for_bit(
    attention: Optional[CandidateAttention],
) -> None:
    same = TranslationTable(V, attention)
    same.fill([(torch.arange(V).unsqueeze(1), torch.ones(V, 1))], ["en>en"], [ALWAYS])
    made = same(PREV, documents(), 3)
    given = logits, weights, gate = inputs()
    mixed = logits.softmax(-1), weights, gate, SOURCES
    assert torch.equal(mixture_log_probs(*mixed, made), mixture_log_probs(*mixed))
    results = []
    for translations in (None, made):
        loss, _ = losses(given, translations, 0.1)
        results.append((loss, *torch.autograd.grad(loss.sum(), given, retain_graph=True)))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_token_without_translations_copies() -> None:
    _, attention, gate = inputs()
    offered = table()(PREV, documents(), 3)
    found = mixture_log_probs(torch.zeros(2, 3, V), attention, gate, SOURCES, offered).exp()
    copied = (1 - gate[0, 2, 0]) * attention[0, 2, 3]
    torch.testing.assert_close(found[0, 2, 9], copied)  # 9 has no entry
    assert found[0, 2, 4] < 1e-30  # 4 has one, in which it is not


def test_tables_are_used_behind_their_separators() -> None:
    prev = torch.tensor([[0, 4, SEPARATOR, 5], [0, 4, 8, 8], [SEPARATOR, 5, 4, 1]])
    sources = SOURCES[[0, 1, 1]]
    assert table().numbers(prev, sources).tolist() == [[0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]]
    made = table()
    made.fill([lexicon(), lexicon()], ["en>de", "en>fr"], [SEPARATOR, 8])
    assert made.numbers(prev, sources).tolist() == [[0, 0, 1, 1], [0, 0, 2, 2], [1, 1, 1, 1]]
    assert table(announced=ALWAYS).numbers(prev, sources).tolist() == [[1] * 4] * 3


def test_documents_with_a_certain_token_are_copied_as_they_are() -> None:
    made = table(announced=ALWAYS)
    made.untranslated = 9  # the first document has it
    assert made.numbers(PREV, SOURCES).tolist() == [[0, 0, 0], [1, 1, 1]]
    twice = PREV.repeat_interleave(2, 0)  # two hypotheses of each
    assert made.numbers(twice, SOURCES).tolist() == [[0] * 3] * 2 + [[1] * 3] * 2


def test_search_keeps_what_is_offered_and_moves_it_with_its_documents() -> None:
    made, texts = table(adaptive()), documents()
    full = made(PREV, texts, 3)
    state: dict[str, Any] = {}
    for step in (1, 2, 3):
        one = made(PREV[:, :step], texts, 1, state)
        last = full.number[:, step - 1]
        assert torch.equal(one.ids[one.number[:, 0]], full.ids[last])
        assert torch.equal(one.weights[one.number[:, 0]], full.weights[last])
    made.reorder_incremental_state(state, torch.tensor([1]))  # the first document is done
    other = Documents(SOURCES[1:], torch.zeros(6, 1, C_ENC), texts.embeddings)  # not looked at
    one = made(PREV[1:].repeat(3, 1), other, 1, state)  # three hypotheses
    assert torch.equal(one.weights[one.number[2, 0]], full.weights[full.number[1, 2]])


def test_table_travels_with_weights_and_stays_in_single_precision() -> None:
    made, fresh = table(adaptive()), TranslationTable(V, adaptive())
    with pytest.raises(ConfigError, match=r"--translated-copying: needs a lexicon .* --lexicon"):
        fresh(PREV, documents(), 3)
    fresh.load_state_dict(made.state_dict())
    for name, value in made.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value)
    assert fresh.half().weights.dtype == torch.float32


def test_training_refuses_lexicons_that_it_does_not_need() -> None:
    made = table()
    made.expect(["en>de"], [SEPARATOR])
    made.train()(PREV, documents(), 3)
    for pairs, announced in ((["en>fr"], [SEPARATOR]), (["en>de"], [ALWAYS])):
        made.expect(pairs, announced)
        made.eval()(PREV, documents(), 3)  # decoding goes by the checkpoint
        with pytest.raises(ConfigError, match=r"lexicons for en to .*brings are for en to de"):
            made.train()(PREV, documents(), 3)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ids", torch.full((2, V, 2), V)),
        ("ids", torch.zeros(2, V - 1, 2, dtype=torch.long)),
        ("weights", torch.full((2, V, 2), -1.0)),
        ("weights", torch.full((2, V, 2), torch.nan)),
        ("announced", torch.tensor([3, 4])),
        ("pairs", torch.zeros(3)),
    ],
)
def test_damaged_tables_are_refused(name: str, value: Tensor) -> None:
    state = {**table().state_dict(), name: value}
    with pytest.raises(CheckpointError, match=r"lexicons must be tables over 11 dictionary"):
        TranslationTable(V).load_state_dict(state)


@pytest.mark.parametrize("block", [1, 20, 1 << 18])
def test_gradients_of_the_attention_are_those_of_the_sum_written_out(
    block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(candidate_attention, "_BLOCK", block)
    draws, made = torch.Generator().manual_seed(8), adaptive().double()
    states = torch.randn(5, C_ENC, generator=draws, dtype=torch.double, requires_grad=True)
    embeddings = torch.randn(V, C, generator=draws, dtype=torch.double, requires_grad=True)
    candidates = torch.randint(V, (5, 3), generator=draws)
    there = torch.tensor([[True, True, True], [True, False, True]] * 2 + [[True, False, False]])
    wanted = [states, embeddings, *made.parameters()]
    factors = torch.rand(5, 3, generator=draws)
    found = made(states, candidates, there, embeddings)
    rows = []
    for state, ids, chosen in zip(states, candidates, there, strict=True):
        weights = iter(attended(made, state, embeddings[ids[chosen]]))
        rows.append(torch.stack([next(weights) if one else state.new_zeros(()) for one in chosen]))
    expected = torch.stack(rows)
    torch.testing.assert_close(found.double(), expected, atol=1e-6, rtol=1e-5)
    own = torch.autograd.grad((found * factors).sum(), wanted)
    other = torch.autograd.grad((expected * factors).sum(), wanted)
    for one, two in zip(own, other, strict=True):
        torch.testing.assert_close(one, two, atol=1e-6, rtol=1e-4)


def test_attention_over_no_token_has_a_gradient_of_zero() -> None:
    """So that processes that train together find every parameter in use."""
    made, none = adaptive(), torch.zeros(0, 2, dtype=torch.long)
    made(torch.zeros(0, C_ENC), none, none.bool(), torch.ones(V, C)).sum().backward()
    for parameter in made.parameters():
        assert parameter.grad is not None
        assert not parameter.grad.any()
