"""Copies that are translated, against sums written out, and as a table that travels."""

import pytest
import torch
from fairseq.criterions.label_smoothed_cross_entropy import label_smoothed_nll_loss
from torch import Tensor

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.modules import copy_loss
from mclas_fairseq.modules.copy_attention import mixture_log_probs
from mclas_fairseq.modules.copy_loss import Copying, Smoothing, smoothed_mixture_loss
from mclas_fairseq.modules.translation_table import (
    ALWAYS,
    Translations,
    TranslationTable,
    with_own_lexicons,
)

PAD, V, SEPARATOR = 1, 11, 3
SOURCES = torch.tensor([[4, 5, 5, 9, 2, PAD], [7, 4, 4, 4, 8, 2]])
# Which table each of 2 times 3 target tokens uses.
NUMBER = torch.tensor([[0, 0, 1], [1, 1, 0]])
TARGET = torch.tensor([[5, 10, 7], [10, 6, 4]])


def table() -> TranslationTable:
    """4 is translated by 10 and 6, 5 by 7; the rest has no translations."""
    ids = torch.arange(V).unsqueeze(1).repeat(1, 2)
    weights = torch.tensor([[1.0, 0.0]]).repeat(V, 1)
    ids[4], weights[4] = torch.tensor([10, 6]), torch.tensor([0.75, 0.25])
    ids[5, 0] = 7
    made = TranslationTable(V)
    made.fill([(ids, weights)], [SEPARATOR])
    return made


def inputs() -> tuple[Tensor, Tensor, Tensor]:
    draws = torch.Generator().manual_seed(5)
    logits = 3 * torch.randn(2, 3, V, generator=draws)
    attention = torch.rand(2, 3, 6, generator=draws).softmax(-1) * SOURCES.ne(PAD).unsqueeze(1)
    attention = attention / attention.sum(-1, keepdim=True)
    gate = torch.rand(2, 3, 1, generator=draws)
    return logits.requires_grad_(), attention.requires_grad_(), gate.requires_grad_()


def offered() -> Translations:
    made = table()
    return Translations(made.ids, made.weights, NUMBER)


def written_out(logits: Tensor, attention: Tensor, gate: Tensor) -> Tensor:
    """P by loops over rows, positions and candidates."""
    made, vocabulary = table(), logits.softmax(-1)
    rows = []
    for b in range(2):
        for t in range(3):
            row = [gate[b, t, 0] * share for share in vocabulary[b, t]]
            for i, token in enumerate(SOURCES[b].tolist()):
                for m in range(2):
                    word = int(made.ids[NUMBER[b, t], token, m])
                    weight = made.weights[NUMBER[b, t], token, m]
                    row[word] = row[word] + (1 - gate[b, t, 0]) * attention[b, t, i] * weight
            rows.append(torch.stack(row))
    return torch.stack(rows).view(2, 3, V)


def test_mixture_is_the_sum_written_out_and_sums_to_one() -> None:
    logits, attention, gate = inputs()
    found = mixture_log_probs(logits.softmax(-1), attention, gate, SOURCES, offered()).exp()
    torch.testing.assert_close(found, written_out(logits, attention, gate))
    torch.testing.assert_close(found.sum(-1), torch.ones(2, 3))


@pytest.mark.parametrize("rows", [1, 4, 100])
@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_loss_and_gradients_are_those_of_the_sum_written_out(
    rows: int, epsilon: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copy_loss, "_BLOCK", V * rows)
    mine, theirs = inputs(), inputs()
    logits, attention, gate = (value.flatten(0, 1) for value in mine)
    made = offered()
    copying = Copying(
        attention,
        gate,
        SOURCES.repeat_interleave(3, 0),
        made._replace(number=made.number.flatten()),
    )
    loss, nll = smoothed_mixture_loss(logits, copying, TARGET.flatten(), Smoothing(epsilon, PAD))
    logs = written_out(*theirs).log().view(6, V)
    expected, expected_nll = label_smoothed_nll_loss(
        logs, TARGET.flatten(), epsilon, PAD, reduce=False
    )
    torch.testing.assert_close(loss, expected.view(-1))
    torch.testing.assert_close(nll, expected_nll.view(-1))
    weights = torch.arange(1.0, 7.0)
    (loss * weights).sum().backward()
    (expected.view(-1) * weights).sum().backward()
    for own, other in zip(mine, theirs, strict=True):
        assert own.grad is not None
        torch.testing.assert_close(own.grad, other.grad, atol=1e-5, rtol=1e-4)


def test_lexicon_in_which_each_token_is_its_own_translation_copies_bit_for_bit() -> None:
    same = TranslationTable(V)
    same.fill([(torch.arange(V).unsqueeze(1), torch.ones(V, 1))], [ALWAYS])
    made = Translations(same.ids, same.weights, torch.ones_like(NUMBER))
    logits, attention, gate = inputs()
    given = (logits.softmax(-1), attention, gate, SOURCES)
    assert torch.equal(mixture_log_probs(*given, made), mixture_log_probs(*given))
    flat = [value.flatten(0, 1) for value in (logits, attention, gate)]
    source, target = SOURCES.repeat_interleave(3, 0), TARGET.flatten()
    results = []
    for translations in (None, made._replace(number=made.number.flatten())):
        copying = Copying(flat[1], flat[2], source, translations)
        loss, _ = smoothed_mixture_loss(flat[0], copying, target, Smoothing(0.1, PAD))
        results.append((loss, *torch.autograd.grad(loss.sum(), flat, retain_graph=True)))
    for one, other in zip(*results, strict=True):
        assert torch.equal(one, other)


def test_token_without_translations_copies() -> None:
    _, attention, gate = inputs()
    nothing = torch.zeros(2, 3, V)
    found = mixture_log_probs(nothing, attention, gate, SOURCES, offered()).exp()
    copied = (1 - gate[0, 2, 0]) * attention[0, 2, 3]
    torch.testing.assert_close(found[0, 2, 9], copied)  # 9 has no entry
    assert found[0, 2, 4] < 1e-30  # 4 has one, in which it is not


def test_tables_are_used_behind_their_separators() -> None:
    prev = torch.tensor([[0, 4, SEPARATOR, 5], [0, 4, 8, 8], [SEPARATOR, 5, 4, 1]])
    assert table()(prev).number.tolist() == [[0, 0, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]]
    made = table()
    one = (made.ids[1], made.weights[1])
    made.fill([one, one], [SEPARATOR, 8])
    assert made(prev).number.tolist() == [[0, 0, 1, 1], [0, 0, 2, 2], [1, 1, 1, 1]]
    made.fill([one], [ALWAYS])
    assert made(prev).number.tolist() == [[1] * 4] * 3


def test_table_travels_with_weights_and_stays_in_single_precision() -> None:
    made, fresh = table(), TranslationTable(V)
    with pytest.raises(ConfigError, match=r"--translated-copying: needs a lexicon .* --lexicon"):
        fresh(SOURCES)
    fresh.load_state_dict(made.state_dict())
    for name, value in made.state_dict().items():
        assert torch.equal(fresh.state_dict()[name], value)
    assert fresh.half().weights.dtype == torch.float32
    own = {"decoder.translations.ids": made.ids, "decoder.fc": made.weights}
    assert set(with_own_lexicons(own, {"x": 1})) == {"x", "decoder.translations.ids"}
    assert with_own_lexicons(own, {"decoder.translations.ids": 7}) == {
        "decoder.translations.ids": 7
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ids", torch.full((2, V, 2), V)),
        ("ids", torch.zeros(2, V - 1, 2, dtype=torch.long)),
        ("weights", torch.full((2, V, 2), -1.0)),
        ("weights", torch.full((2, V, 2), torch.nan)),
        ("announced", torch.tensor([3, 4])),
    ],
)
def test_damaged_tables_are_refused(name: str, value: Tensor) -> None:
    state = {**table().state_dict(), name: value}
    with pytest.raises(CheckpointError, match=r"lexicons must be tables over 11 dictionary"):
        TranslationTable(V).load_state_dict(state)
