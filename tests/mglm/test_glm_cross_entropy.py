"""The loss of mGLM: over what is written, and reported by objective and language."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.logging import metrics

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.mglm.cross_entropy import GlmCrossEntropy
from tests.mglm.small import SYMBOLS, make_dictionary, make_model, one_pass, pad_rows

DICTIONARY = make_dictionary()
TEXTS = [
    torch.tensor([SYMBOLS.cls, 4, SYMBOLS.mask, 7]),
    torch.tensor([SYMBOLS.cls, SYMBOLS.sentence_mask, 5, 6, 8]),
]
READ = [torch.tensor([SYMBOLS.sop, 9, 10]), torch.tensor([SYMBOLS.sop, 11])]
TARGETS = [torch.tensor([9, 10, SYMBOLS.eop]), torch.tensor([11, SYMBOLS.eop])]
PLACES = [2, 1]


def criterion(smoothing: float = 0.0, **options: Any) -> GlmCrossEntropy:
    task: Any = SimpleNamespace(target_dictionary=DICTIONARY, languages=("en", "de"))
    return GlmCrossEntropy(task, False, smoothing, **options)


def batch() -> dict[str, Any]:
    return {
        "net_input": {
            "src_tokens": pad_rows(TEXTS, SYMBOLS.pad),
            "src_lengths": None,
            "prev_output_tokens": pad_rows(READ, SYMBOLS.pad),
            "tgt_pos1": torch.tensor([[2, 2, 2], [1, 1, 0]]),
            "tgt_pos2": torch.tensor([[1, 2, 3], [1, 2, 0]]),
        },
        "target": pad_rows(TARGETS, SYMBOLS.pad),
        "ntokens": 5,
        "language": torch.tensor([1, 0]),
        "objective": torch.tensor([0, 1]),
    }


def by_hand(model: Any) -> list[torch.Tensor]:
    """NLL of each target token, of each row, by the one masked pass."""
    found = []
    for text, read, target, place in zip(TEXTS, READ, TARGETS, PLACES, strict=True):
        inside = torch.arange(1, len(read) + 1)
        logits = one_pass(model, text, read, torch.full_like(read, place), inside)
        found.append(-logits.log_softmax(-1).gather(1, target[:, None])[:, 0].detach())
    return found


def test_the_loss_is_that_of_the_tokens_of_part_b() -> None:
    model = make_model()
    loss, divisor, logged = criterion()(model, batch())
    expected = torch.cat(by_hand(model))
    assert divisor == 5
    torch.testing.assert_close(loss, expected.sum(), atol=1e-4, rtol=1e-5)
    each, _, _ = criterion()(model, batch(), reduce=False)
    torch.testing.assert_close(each, expected, atol=1e-4, rtol=1e-5)
    assert float(logged["nll_loss"]) == pytest.approx(float(expected.sum()), rel=1e-4)


def test_smoothing_spreads_over_the_other_entries() -> None:
    model = make_model()
    loss, _, logged = criterion(0.1)(model, batch())
    spread = []
    for text, read, target, place in zip(TEXTS, READ, TARGETS, PLACES, strict=True):
        inside = torch.arange(1, len(read) + 1)
        logged_probs = one_pass(model, text, read, torch.full_like(read, place), inside)
        logged_probs = logged_probs.log_softmax(-1).detach()
        nll = -logged_probs.gather(1, target[:, None])[:, 0]
        each = 0.1 / (logged_probs.size(1) - 1)
        spread.append((1 - 0.1 - each) * nll - each * logged_probs.sum(1))
    torch.testing.assert_close(loss, torch.cat(spread).sum(), atol=1e-3, rtol=1e-5)
    plain = float(torch.cat(by_hand(model)).sum())
    assert float(logged["nll_loss"]) == pytest.approx(plain, rel=1e-4)


def test_perplexities_are_by_objective_and_in_validation_by_language() -> None:
    model = make_model()
    first, second = by_hand(model)
    with metrics.aggregate() as shown:
        for training in (False, False):  # two batches: the mean is over tokens, of NLL
            model.train(training)
            _, _, logged = criterion()(model, batch())
            GlmCrossEntropy.reduce_metrics([logged])
    values = shown.get_smoothed_values()
    ppl_first, ppl_second = (math.exp(float(nll.mean())) for nll in (first, second))
    for name, expected in {
        "ppl_token": ppl_first,
        "ppl_token_de": ppl_first,
        "ppl_de": ppl_first,
        "ppl_sentence": ppl_second,
        "ppl_sentence_en": ppl_second,
        "ppl_en": ppl_second,
    }.items():
        assert values[name] == pytest.approx(expected, rel=1e-2), name
    assert "ppl_document" not in values
    assert not any(name.startswith("_") for name in values)
    model.train()
    with metrics.aggregate() as shown:
        GlmCrossEntropy.reduce_metrics([criterion()(model, batch())[2]])
    assert "ppl_token" in shown.get_smoothed_values()
    assert "ppl_de" not in shown.get_smoothed_values()


def test_sums_of_two_processes_are_one_mean() -> None:
    model = make_model().eval()
    _, _, logged = criterion()(model, batch())
    with metrics.aggregate() as shown:
        GlmCrossEntropy.reduce_metrics([logged, logged])
    first, _ = by_hand(model)
    expected = math.exp(float(first.mean()))
    assert shown.get_smoothed_values()["ppl_token_de"] == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("option", ["ignore_prefix_size", "report_accuracy"])
def test_options_that_mean_nothing_here_are_refused(option: str) -> None:
    with pytest.raises(ConfigError, match="glm_cross_entropy does not take it; leave it out"):
        criterion(**{option: 1})
