"""The criterion `vhm_elbo`: what is summed, how it is weighted, what is logged."""

import logging
import math
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.logging import metrics
from torch import Tensor, nn
from torch.distributions import Independent, Normal, kl_divergence

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.summarization.cross_entropy import SummaryCrossEntropy
from mclas_fairseq.vhm.elbo import VhmElbo, VhmElboConfig, active_units
from mclas_fairseq.vhm.gaussian import Gaussian
from mclas_fairseq.vhm.latents import LatentOutput
from mclas_fairseq.vhm.noise import LatentNoise

TASKS = ("mt", "ms", "cls")
assert_close = partial(torch.testing.assert_close, atol=1e-4, rtol=1e-5)


def loop_terms(model: Any, task: str, batch: dict[str, Any], noise: LatentNoise) -> tuple[Any, Any]:
    """NLL and KL of a task's sentences, token by token and by torch's distributions."""
    logits, extra = model({task: batch}, noise=noise)[task]
    latents = extra["latents"]
    nll, kl = 0.0, 0.0
    for row, tokens in enumerate(batch["target"].tolist()):
        for step, token in enumerate(tokens):
            if token != 1:
                nll -= float(torch.log_softmax(logits[row, step].detach(), dim=0)[token])
        q, p = latents.posterior[task], latents.prior[task]
        both = (Independent(Normal(one.mean[row], one.std[row]), 1) for one in (q, p))
        kl += float(kl_divergence(*both).detach())
    return nll, kl


@pytest.mark.parametrize(("update", "weight"), [(0, 0.0), (50, 0.5), (100, 1.0), (150, 1.0)])
def test_loss_is_nll_and_weighted_kl_of_all_tasks_over_their_tokens(
    vhm: Any, update: int, weight: float
) -> None:
    model, sample = vhm.model().train(), vhm.sample()
    model.set_num_updates(update)
    loss, size, log = vhm.criterion(max_update=200)(model, sample)
    expected, noise = 0.0, LatentNoise(1, update)
    for task in TASKS:
        nll, kl = loop_terms(model, task, sample[task], noise)
        assert float(log[f"{task}_nll_loss"]) == pytest.approx(nll, rel=1e-5)
        assert float(log[f"{task}_kl"]) == pytest.approx(kl, rel=1e-4)
        expected += nll + weight * kl
    assert float(loss) == pytest.approx(expected, rel=1e-5)
    assert size == sum(int(batch["target"].ne(1).sum()) for batch in sample.values())


def test_weight_after_a_resume_is_that_of_the_update_and_not_of_the_criterion(vhm: Any) -> None:
    model, sample = vhm.model().train(), vhm.sample()
    first, resumed = vhm.criterion(), vhm.criterion()
    for update in (0, 1, 2, 30):
        model.set_num_updates(update)
        uninterrupted = first(model, sample)[0]
    torch.testing.assert_close(resumed(model, sample)[0], uninterrupted, atol=0.0, rtol=0.0)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_without_latents_the_loss_is_the_cross_entropy_of_the_plain_model(
    vhm: Any, smoothing: float
) -> None:
    model, sample = vhm.model("mt_ms_cls_tiny").train(), vhm.sample()
    model.set_num_updates(70)
    loss, size, log = vhm.criterion(label_smoothing=smoothing)(model, sample)
    task = vhm.task()
    task.summary_masks = lambda target: {"cls": torch.ones_like(target, dtype=torch.bool)}
    stock = SummaryCrossEntropy(task, sentence_avg=False, label_smoothing=smoothing)
    total, tokens = torch.zeros(()), 0
    for name, batch in sample.items():
        one, own, _ = stock(_OneTask(model, name, batch), {**batch, "net_input": {}})
        total, tokens = total + one, tokens + own
    assert size == tokens
    torch.testing.assert_close(loss, total, atol=0.0, rtol=1e-6)
    assert not [key for key in log if "_kl" in key]


class _OneTask(nn.Module):
    """A multi-task model as a criterion of one task sees it."""

    def __init__(self, model: Any, task: str, batch: dict[str, Any]):
        super().__init__()
        self.model, self.task, self.batch = model, task, batch

    def forward(self) -> Any:
        return self.model({self.task: self.batch})[self.task]

    def get_normalized_probs(self, net_output: Any, log_probs: bool) -> Tensor:
        found: Tensor = self.model.get_normalized_probs(net_output, log_probs)
        return found

    def get_targets(self, sample: dict[str, Any], net_output: Any) -> Tensor:
        target: Tensor = sample["target"]
        return target


def test_weight_zero_leaves_the_reconstruction_alone(vhm: Any) -> None:
    model, sample = vhm.model().train(), vhm.sample()
    loss, _, log = vhm.criterion(kl_annealing="constant", kl_weight=0.0)(model, sample)
    nll = sum(log[f"{task}_nll_loss"] for task in TASKS)
    torch.testing.assert_close(loss, nll, atol=0.0, rtol=1e-6)
    assert float(log["cls_kl"]) > 0


def test_evaluation_takes_the_whole_bound_and_the_same_noise_at_any_update(vhm: Any) -> None:
    model, sample = vhm.model().eval(), vhm.sample()
    criterion = vhm.criterion()
    losses = []
    for update in (0, 70):
        model.set_num_updates(update)
        loss, _, log = criterion(model, sample)
        losses.append(loss)
    assert torch.equal(*losses)
    whole = sum(log[f"{task}_nll_loss"] + log[f"{task}_kl"] for task in TASKS)
    assert_close(losses[0], whole)


def test_batches_cut_in_two_add_up_to_the_whole(vhm: Any) -> None:
    """So two processes, or --update-freq 2, equal one batch; also with free bits."""
    model, sample = vhm.model().train(), vhm.sample()
    model.set_num_updates(60)
    criterion = vhm.criterion(free_bits=2.0)
    whole, size, log = criterion(model, sample)
    parts = [
        criterion(model, {task: vhm.rows(batch, rows) for task, batch in sample.items()})
        for rows in ([1], [2, 0])
    ]
    assert_close(parts[0][0] + parts[1][0], whole)
    assert parts[0][1] + parts[1][1] == size
    for key in ("mt_kl", "cls_nll_loss", "cls_ntokens", "kl_weight"):
        both = float(parts[0][2][key]) + float(parts[1][2][key])
        assert both == pytest.approx(float(log[key]), rel=1e-4)


def test_released_scale_weighs_the_mean_over_sentences(vhm: Any) -> None:
    model, sample = vhm.model().train(), vhm.sample(("cls",))
    options = {"kl_annealing": "constant", "kl_weight": 0.5}
    loss, size, log = vhm.criterion(kl_scale="released", **options)(model, sample)
    expected = float(log["cls_nll_loss"]) / size + 0.5 * float(log["cls_kl"]) / 3
    assert float(loss) / size == pytest.approx(expected, rel=1e-5)


def test_free_bits_charge_at_least_their_minimum(vhm: Any) -> None:
    model, sample = vhm.model().train(), vhm.sample(("cls",))
    options: dict[str, Any] = {"kl_annealing": "constant"}
    loss, _, log = vhm.criterion(free_bits=500.0, **options)(model, sample)
    assert float(loss - log["cls_nll_loss"]) == pytest.approx(1500.0, rel=1e-4)
    loss, _, log = vhm.criterion(free_bits_per_dimension=100.0, **options)(model, sample)
    assert float(loss - log["cls_nll_loss"]) == pytest.approx(3 * 4 * 100.0, rel=1e-4)


def test_kl_of_local_variables_drawn_from_their_posterior_counts_in_cls(vhm: Any) -> None:
    model, sample = vhm.model(cls_local_latents="posterior").train(), vhm.sample(("cls",))
    loss, _, log = vhm.criterion(kl_annealing="constant")(model, sample)
    parts = [log["cls_kl_mt"], log["cls_kl_ms"], log["cls_kl_cls"]]
    assert_close(log["cls_kl"], sum(parts))
    assert_close(loss, log["cls_nll_loss"] + log["cls_kl"])


def test_metrics_are_bits_a_token_and_nats_a_sentence_as_floats(vhm: Any) -> None:
    model, sample = vhm.model().train(), vhm.sample()
    model.set_num_updates(40)
    criterion = vhm.criterion()
    log = criterion(model, sample)[2]
    with metrics.aggregate(new_root=True) as aggregator:
        VhmElbo.reduce_metrics([log, log])
    values = aggregator.get_smoothed_values()
    tokens = sample["cls"]["ntokens"]
    nll, kl = float(log["cls_nll_loss"]), float(log["cls_kl"])
    assert values["cls_nll_loss"] == pytest.approx(nll / tokens / math.log(2), abs=1e-3)
    assert values["cls_bound"] == pytest.approx((nll + kl) / tokens / math.log(2), abs=1e-3)
    assert values["cls_kl"] == pytest.approx(kl / 3, abs=1e-3)
    assert values["kl_weight"] == pytest.approx(0.4)
    assert {"mt_active", "ms_active", "cls_active", "ppl", "loss"} <= set(values)
    stored = [value for _, _, _, state in aggregator.state_dict() for value in state.values()]
    assert {type(value) for value in stored} <= {float, int, type(None)}


def test_validation_of_cls_alone_is_logged(vhm: Any) -> None:
    log = vhm.criterion()(vhm.model(), vhm.sample(("cls",)))[2]
    with metrics.aggregate(new_root=True) as aggregator:
        VhmElbo.reduce_metrics([log])
    assert "mt_nll_loss" not in aggregator.get_smoothed_values()


@pytest.mark.parametrize("copies", [False, True])
def test_accuracy_is_the_share_of_tokens_that_are_the_likeliest(vhm: Any, copies: bool) -> None:
    model, sample = vhm.model(copy_attention=copies).eval(), vhm.sample()
    outputs = model(sample, noise=LatentNoise(1, 0))
    hits, tokens = dict.fromkeys(TASKS, 0), dict.fromkeys(TASKS, 0)
    for task in TASKS:
        likeliest = model.get_normalized_probs(outputs[task], log_probs=True).argmax(-1)
        # Some tokens are to be right, whatever the random model says.
        sample[task]["target"][:, 0] = likeliest[:, 0]
        for row, target in enumerate(sample[task]["target"].tolist()):
            for step, token in enumerate(target):
                tokens[task] += token != 1
                hits[task] += token != 1 and token == int(likeliest[row, step])
    plain, (loss, _, log) = (
        vhm.criterion()(model, sample),
        vhm.criterion(report_accuracy=True)(model, sample),
    )
    assert_close(loss, plain[0])
    assert not [key for key in plain[2] if "correct" in key]
    with metrics.aggregate(new_root=True) as aggregator:
        VhmElbo.reduce_metrics([log, log])
    values = aggregator.get_smoothed_values()
    for task in TASKS:
        assert 0 < hits[task] < tokens[task]
        share = 100 * hits[task] / tokens[task]
        assert values[f"{task}_accuracy"] == pytest.approx(share, abs=1e-3)
    share = 100 * sum(hits.values()) / sum(tokens.values())
    assert values["accuracy"] == pytest.approx(share, abs=1e-3)


def test_accuracy_is_logged_where_cls_is_validated_alone(vhm: Any) -> None:
    log = vhm.criterion(report_accuracy=True)(vhm.model().eval(), vhm.sample(("cls",)))[2]
    with metrics.aggregate(new_root=True) as aggregator:
        VhmElbo.reduce_metrics([log])
    values = aggregator.get_smoothed_values()
    assert values["accuracy"] == values["cls_accuracy"]
    assert "mt_accuracy" not in values


def test_active_units_are_those_whose_mean_varies() -> None:
    mean = torch.tensor([[0.0, 1.0, 0.05], [0.0, -1.0, -0.05]])
    gaussian = Gaussian(mean, torch.ones(2, 3))
    latents = LatentOutput({"cls": gaussian}, {"cls": gaussian}, {})
    assert int(active_units(latents)) == 1


def collapse(model: Any, task: str) -> None:
    """Make posterior and prior of a variable the standard normal everywhere."""
    with torch.no_grad():
        for networks in (model.encoder.latents.priors, model.encoder.latents.posteriors):
            for parameter in networks[task].parameters():
                parameter.zero_()


def test_collapsed_latent_is_reported_after_annealing_and_not_before(
    vhm: Any, caplog: pytest.LogCaptureFixture
) -> None:
    model, sample = vhm.model().train(), vhm.sample()
    collapse(model, "ms")
    criterion = vhm.criterion(max_update=200)
    with caplog.at_level(logging.WARNING):
        for update in (0, 99, 101):
            model.set_num_updates(update)
            criterion(model, sample)
        assert caplog.messages == []
        model.set_num_updates(100)
        criterion(model, sample)
    assert len(caplog.messages) == 1
    assert "latent variable ms has collapsed: KL 0.0000 nats" in caplog.messages[0]
    assert "--free-bits" in caplog.messages[0]


@pytest.mark.parametrize("weight", [-0.5, 1.01])
def test_kl_weights_outside_zero_and_one_are_refused(vhm: Any, weight: float) -> None:
    with pytest.raises(ConfigError, match=r"--kl-weight .*must lie in \[0, 1\]"):
        vhm.criterion(kl_weight=weight)


def test_annealing_needs_an_end(vhm: Any) -> None:
    with pytest.raises(ConfigError, match="--kl-annealing-updates 0"):
        vhm.criterion(max_update=0)
    assert vhm.criterion(max_update=0, kl_annealing_updates=7).weight.updates == 7
    assert [vhm.criterion(max_update=end).weight.updates for end in (1, 2, 5)] == [1, 1, 2]


def test_sentence_average_is_refused(vhm: Any) -> None:
    with pytest.raises(ConfigError, match="--sentence-avg"):
        vhm.criterion(sentence_avg=True)


def test_task_of_another_kind_is_refused_naming_the_flag() -> None:
    task = SimpleNamespace(target_dictionary=Dictionary())
    with pytest.raises(ConfigError, match="add --task multitask_summarization"):
        VhmElbo(VhmElboConfig(seed=1, max_update=2, sentence_avg=False), task)
