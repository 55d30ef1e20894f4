"""Loss and gradient of `summary_cross_entropy` by hand, and its logs (Bai et al. 2021, Eq. 4)."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.logging import metrics
from torch import Tensor, nn

from mclas_fairseq.data.layouts import first_summary_mask
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.summarization.cross_entropy import SummaryCrossEntropy

PAD, EOS = 1, 2
WORD, OTHER, SEPARATOR = 4, 5, 6
SIZE = 7  # V: bos, pad, eos, unk, and the three above


class TableModel(nn.Module):
    """A model whose logits (B, T_tgt, V) are its parameters, whatever it reads."""

    def __init__(self, logits: Tensor):
        super().__init__()
        self.logits = nn.Parameter(logits)

    def forward(self) -> tuple[Tensor, None]:
        return self.logits, None

    def get_normalized_probs(self, net_output: Any, log_probs: bool) -> Tensor:
        assert log_probs
        return torch.log_softmax(net_output[0], dim=-1)

    def get_targets(self, sample: dict[str, Any], net_output: Any) -> Tensor:
        target: Tensor = sample["target"]
        return target


def make_criterion(**options: Any) -> SummaryCrossEntropy:
    dictionary = Dictionary()
    for symbol in ("word", "other", "[LSEP]"):
        dictionary.add_symbol(symbol)
    assert (dictionary.pad(), dictionary.eos(), len(dictionary)) == (PAD, EOS, SIZE)

    def summary_masks(target: Tensor) -> dict[str, Tensor]:
        first = first_summary_mask(target, SEPARATOR)
        return {"ms": first, "cls": ~first}

    task = SimpleNamespace(target_dictionary=dictionary, summary_masks=summary_masks)
    return SummaryCrossEntropy(task, **{"sentence_avg": False, "label_smoothing": 0.1, **options})


def sample_of(*targets: list[int]) -> dict[str, Any]:
    longest = max(len(target) for target in targets)
    rows = [target + [PAD] * (longest - len(target)) for target in targets]
    tokens = sum(len(target) for target in targets)
    return {"net_input": {}, "target": torch.tensor(rows), "ntokens": tokens}


def random_logits(rows: int, length: int) -> Tensor:
    return torch.randn(rows, length, SIZE, generator=torch.Generator().manual_seed(3))


MCLAS = [WORD, OTHER, SEPARATOR, OTHER, EOS]


@pytest.mark.parametrize("epsilon", [0.0, 0.1, 0.4])
def test_loss_and_gradient_of_two_tokens_by_hand(epsilon: float) -> None:
    logits = random_logits(1, 2)
    model = TableModel(logits.clone())
    loss, sample_size, _ = make_criterion(label_smoothing=epsilon)(model, sample_of([WORD, EOS]))
    loss.backward()
    expected, gradient = 0.0, torch.zeros(1, 2, SIZE)
    for position, token in enumerate((WORD, EOS)):
        exponentials = [math.exp(float(logit)) for logit in logits[0, position]]
        for entry, value in enumerate(exponentials):
            probability = value / sum(exponentials)
            wanted = 1 - epsilon if entry == token else epsilon / (SIZE - 1)
            expected -= wanted * math.log(probability)
            gradient[0, position, entry] = probability - wanted
    assert loss.item() == pytest.approx(expected, abs=1e-5)
    assert sample_size == 2
    assert model.logits.grad is not None
    torch.testing.assert_close(model.logits.grad, gradient, atol=1e-5, rtol=1.3e-6)


def test_without_smoothing_the_loss_is_the_negative_log_likelihood() -> None:
    model = TableModel(random_logits(1, 5))
    loss, _, log = make_criterion(label_smoothing=0.0)(model, sample_of(MCLAS))
    plain = torch.nn.functional.cross_entropy(model.logits[0], torch.tensor(MCLAS), reduction="sum")
    torch.testing.assert_close(loss, plain)
    torch.testing.assert_close(log["nll_loss"], plain.detach())


def test_padding_adds_nothing() -> None:
    logits = random_logits(2, 5)
    criterion = make_criterion()
    short = [WORD, SEPARATOR, EOS]
    together, size, log = criterion(TableModel(logits), sample_of(MCLAS, short))
    alone = [
        criterion(TableModel(logits[:1]), sample_of(MCLAS)),
        criterion(TableModel(logits[1:, :3]), sample_of(short)),
    ]
    torch.testing.assert_close(together, alone[0][0] + alone[1][0])
    assert size == alone[0][1] + alone[1][1] == 8
    for name in ("loss", "nll_loss", "ms_nll_loss", "cls_nll_loss", "ms_ntokens", "cls_ntokens"):
        torch.testing.assert_close(log[name], alone[0][2][name] + alone[1][2][name])


def test_unreduced_loss_sums_to_the_reduced_one() -> None:
    model = TableModel(random_logits(2, 5))
    sample = sample_of(MCLAS, [WORD, SEPARATOR, EOS])
    criterion = make_criterion()
    each, _, each_log = criterion(model, sample, reduce=False)
    loss, _, log = criterion(model, sample)
    assert each.shape == (10,)
    torch.testing.assert_close(each.sum(), loss)
    assert each[8:].tolist() == [0.0, 0.0], "padding"
    torch.testing.assert_close(each_log["nll_loss"], log["nll_loss"])


@pytest.mark.parametrize("ignored", [0, 1])
def test_the_two_parts_add_up_to_the_whole_and_end_with_separator_and_eos(ignored: int) -> None:
    model = TableModel(random_logits(1, 5))
    _, _, log = make_criterion(label_smoothing=0.0, ignore_prefix_size=ignored)(
        model, sample_of(MCLAS)
    )
    log_probs = torch.log_softmax(model.logits[0].detach(), dim=-1)
    each = [-float(log_probs[place, token]) for place, token in enumerate(MCLAS)]
    assert float(log["ms_nll_loss"]) == pytest.approx(sum(each[ignored:3]), abs=1e-5)
    assert float(log["cls_nll_loss"]) == pytest.approx(sum(each[3:]), abs=1e-5)
    assert (int(log["ms_ntokens"]), int(log["cls_ntokens"])) == (3 - ignored, 2)
    assert float(log["ms_nll_loss"] + log["cls_nll_loss"]) == pytest.approx(
        float(log["nll_loss"]), abs=1e-5
    )


def test_sentence_average_divides_by_sentences() -> None:
    model = TableModel(random_logits(2, 5))
    _, size, log = make_criterion(sentence_avg=True)(model, sample_of(MCLAS, MCLAS))
    assert (size, log["sample_size"], log["nsentences"]) == (2, 2, 2)


def test_metrics_of_several_workers_are_bits_a_token_and_floats() -> None:
    criterion = make_criterion(report_accuracy=True)
    outputs = [
        criterion(TableModel(random_logits(1, len(target))), sample_of(target))[2]
        for target in (MCLAS, [WORD, SEPARATOR, EOS])
    ]
    with metrics.aggregate(new_root=True) as aggregator:
        SummaryCrossEntropy.reduce_metrics(outputs)
    values = aggregator.get_smoothed_values()
    for name, tokens in (("nll_loss", 8), ("ms_nll_loss", 5), ("cls_nll_loss", 3)):
        total = sum(float(output[name]) for output in outputs)
        assert values[name] == pytest.approx(total / tokens / math.log(2), abs=1e-3)
    meters = aggregator.state_dict()
    stored = [value for _, _, _, state in meters for value in state.values()]
    assert {type(value) for value in stored} <= {float, int, type(None)}


def test_task_without_layouts_is_refused_naming_the_flag() -> None:
    task = SimpleNamespace(target_dictionary=Dictionary())
    with pytest.raises(ConfigError, match="add --task cross_lingual_summarization"):
        SummaryCrossEntropy(task, sentence_avg=False, label_smoothing=0.1)


class TwoTablesModel(TableModel):
    """The same with two decoders: logits (B, T_tgt, V) of `S^B` and (B, T_ms, V) of `S^A`."""

    def __init__(self, logits: Tensor, ms_logits: Tensor):
        super().__init__(logits)
        self.ms_logits = nn.Parameter(ms_logits)

    def forward(self) -> Any:
        return self.logits, {"ms": (self.ms_logits, {})}


def two_targets(cls: list[list[int]], ms: list[list[int]]) -> dict[str, Any]:
    sample, other = sample_of(*cls), sample_of(*ms)
    tokens = sample["ntokens"] + other["ntokens"]
    return {**sample, "ms_target": other["target"], "ntokens": tokens}


CLS_TARGETS = [[WORD, OTHER, EOS], [EOS]]
MS_TARGETS = [[OTHER, EOS], [WORD, WORD, OTHER, EOS]]


def make_two_decoder_criterion(**options: Any) -> SummaryCrossEntropy:
    criterion = make_criterion(**options)
    criterion.task.summary_masks = lambda target: {"cls": torch.ones_like(target).bool()}
    return criterion


@pytest.mark.parametrize("epsilon", [0.0, 0.1])
def test_two_decoders_sum_both_losses_over_the_tokens_of_both_by_hand(epsilon: float) -> None:
    tables = {"logits": random_logits(2, 3), "ms_logits": random_logits(2, 5)[:, 1:]}
    model = TwoTablesModel(*(table.clone() for table in tables.values()))
    criterion = make_two_decoder_criterion(label_smoothing=epsilon)
    loss, sample_size, log = criterion(model, two_targets(CLS_TARGETS, MS_TARGETS))
    (loss / sample_size).backward()
    total, plain = 0.0, {"logits": 0.0, "ms_logits": 0.0}
    gradients = {name: torch.zeros_like(table) for name, table in tables.items()}
    for name, targets in (("logits", CLS_TARGETS), ("ms_logits", MS_TARGETS)):
        for row, target in enumerate(targets):
            for place, token in enumerate(target):
                exponentials = [math.exp(float(logit)) for logit in tables[name][row, place]]
                plain[name] -= math.log(exponentials[token] / sum(exponentials))
                for entry, value in enumerate(exponentials):
                    probability = value / sum(exponentials)
                    wanted = 1 - epsilon if entry == token else epsilon / (SIZE - 1)
                    total -= wanted * math.log(probability)
                    # Eq. 2 over the tokens of both summaries: 4 of `S^B` and 6 of `S^A`.
                    gradients[name][row, place, entry] = (probability - wanted) / 10
    assert loss.item() == pytest.approx(total, abs=1e-5)
    assert (sample_size, log["sample_size"], log["ntokens"]) == (10, 10, 10)
    assert model.logits.grad is not None
    assert model.ms_logits.grad is not None
    torch.testing.assert_close(model.logits.grad, gradients["logits"], atol=1e-5, rtol=1.3e-6)
    torch.testing.assert_close(model.ms_logits.grad, gradients["ms_logits"], atol=1e-5, rtol=1.3e-6)
    assert float(log["cls_nll_loss"]) == pytest.approx(plain["logits"], abs=1e-5)
    assert float(log["ms_nll_loss"]) == pytest.approx(plain["ms_logits"], abs=1e-5)
    assert float(log["nll_loss"]) == pytest.approx(sum(plain.values()), abs=1e-5)
    assert (int(log["cls_ntokens"]), int(log["ms_ntokens"])) == (4, 6)


def test_unreduced_loss_and_accuracy_of_two_decoders_cover_both() -> None:
    model = TwoTablesModel(random_logits(2, 3), random_logits(2, 4))
    sample = two_targets(CLS_TARGETS, MS_TARGETS)
    criterion = make_two_decoder_criterion(report_accuracy=True)
    each, _, _ = criterion(model, sample, reduce=False)
    loss, _, log = criterion(model, sample)
    assert each.shape == (2 * 3 + 2 * 4,)
    torch.testing.assert_close(each.sum(), loss)
    assert int(log["total"]) == 10
    right = sum(
        int(table[row].argmax(dim=-1)[place]) == token
        for table, targets in ((model.logits, CLS_TARGETS), (model.ms_logits, MS_TARGETS))
        for row, target in enumerate(targets)
        for place, token in enumerate(target)
    )
    assert int(log["n_correct"]) == right
