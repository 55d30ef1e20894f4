"""Groups of parameters, the optimizer made of them and the schedule with two rates, by hand."""

from typing import Any

import pytest
import torch
from fairseq.optim import FP16Optimizer, build_optimizer
from fairseq.optim.lr_scheduler import build_lr_scheduler
from omegaconf import OmegaConf
from torch import nn

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.modules.parameter_groups import ENCODER, REST, group_of, mark_groups


class Toy(nn.Module):
    """An encoder with an embedding that the decoder shares, and one of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.ModuleDict({"embed": nn.Embedding(5, 3), "layer": nn.Linear(3, 3)})
        self.decoder = nn.ModuleDict({"layer": nn.Linear(3, 5)})
        self.decoder["embed"] = self.encoder["embed"]
        self.encoder_like = nn.Linear(2, 2)


def marked() -> list[nn.Parameter]:
    torch.manual_seed(3)
    model = Toy()
    mark_groups(model)
    return list(model.parameters())


def adam(parameters: Any, name: str = "grouped_adam", **options: Any) -> Any:
    values = {"_name": name, "lr": [0.2], "adam_betas": "(0.9, 0.999)", "adam_eps": 1e-9}
    return build_optimizer(OmegaConf.create({**values, "tpu": False, **options}), parameters)


def schedule(optimizer: Any, name: str = "grouped_inverse_sqrt", **options: Any) -> Any:
    return build_lr_scheduler(OmegaConf.create({"_name": name, "lr": [0.2], **options}), optimizer)


def rates(optimizer: Any) -> dict[str, float]:
    return {group["name"]: group["lr"] for group in optimizer.param_groups}


# -- groups ----------------------------------------------------------------------------------------


def test_encoder_group_is_what_no_other_part_shares() -> None:
    model = Toy()
    mark_groups(model)
    groups = {name: group_of(each) for name, each in model.named_parameters()}
    assert groups == {
        "encoder.embed.weight": REST,  # the decoder's too
        "encoder.layer.weight": ENCODER,
        "encoder.layer.bias": ENCODER,
        "decoder.layer.weight": REST,
        "decoder.layer.bias": REST,
        "encoder_like.weight": REST,
        "encoder_like.bias": REST,
    }


def test_marks_outlive_half_precision() -> None:
    model = Toy()
    mark_groups(model)
    before = [group_of(each) for each in model.parameters()]
    copies = FP16Optimizer.build_fp32_params(None, list(model.half().parameters()), flatten=False)
    assert [group_of(each) for each in copies] == before
    assert ENCODER in before


def test_optimizer_holds_each_parameter_once_and_lists_them_in_the_models_order() -> None:
    parameters = marked()
    optimizer = adam(parameters)
    assert [group["name"] for group in optimizer.param_groups] == [REST, ENCODER]
    held = [id(each) for group in optimizer.param_groups for each in group["params"]]
    assert sorted(held) == sorted(map(id, parameters))
    assert [id(each) for each in optimizer.params] == [id(each) for each in parameters]
    assert [group["eps"] for group in optimizer.param_groups] == [1e-9, 1e-9]


def test_a_criterions_parameters_belong_to_the_rest() -> None:
    own = nn.Parameter(torch.zeros(2))
    optimizer = adam([*marked(), own])
    rest = next(group for group in optimizer.param_groups if group["name"] == REST)
    assert any(each is own for each in rest["params"])


def test_frozen_encoder_is_refused() -> None:
    model = Toy()
    mark_groups(model)
    model.encoder["layer"].requires_grad_(False)
    with pytest.raises(ConfigError, match="group 'encoder' has none; use --optimizer adam"):
        adam(model.parameters())


def test_parameters_that_no_task_has_marked_are_refused() -> None:
    with pytest.raises(ConfigError, match="none is; add --task cross_lingual_summarization"):
        adam(Toy().parameters())


def test_flat_parameters_are_refused_naming_the_flag() -> None:
    flat = {0: nn.Parameter(torch.zeros(7))}  # as fairseq's FP16Optimizer hands them over
    with pytest.raises(ConfigError, match="--fp16 joins them to one; add --fp16-no-flatten-grads"):
        adam([flat])


def test_optimizers_of_other_names_may_be_flat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "current_device", lambda: 0)
    cfg = OmegaConf.create({"_name": "adam"})
    flat = FP16Optimizer.build_fp32_params(cfg, marked(), flatten=True)
    assert [len(each.shape) for each in flat.values()] == [1]


def test_state_of_other_groups_is_refused() -> None:
    plain = adam(marked(), "adam")
    with pytest.raises(CheckpointError, match="rest of 5, encoder of 2 .* they are all of 7; "):
        adam(marked()).load_state_dict(plain.state_dict())


# -- rates -----------------------------------------------------------------------------------------


def test_rates_are_the_papers_formula_at_every_step() -> None:
    optimizer = adam(marked())
    peaks = {REST: 0.2 * 5000**-0.5, ENCODER: 0.005 * 10000**-0.5}
    assert peaks == pytest.approx({REST: 2.83e-3, ENCODER: 5e-5}, rel=1e-3)
    scheduler = schedule(
        optimizer, lr=[peaks[REST]], warmup_updates=5000, encoder_lr=peaks[ENCODER],
        encoder_warmup_updates=10000,
    )  # fmt: skip
    for step in (1, 2, 17, 4999, 5000, 5001, 9999, 10000, 10001, 123456):
        scheduler.step_update(step)
        expected = {
            name: lr0 * min(step**-0.5, step * warmup**-1.5)
            for name, lr0, warmup in ((REST, 0.2, 5000), (ENCODER, 0.005, 10000))
        }
        assert rates(optimizer) == pytest.approx(expected, rel=1e-12)


def test_warmup_of_the_encoder_is_that_of_the_rest_unless_given() -> None:
    optimizer = adam(marked())
    scheduler = schedule(optimizer, lr=[0.4], warmup_updates=10, encoder_lr=0.1)
    assert rates(optimizer) == {REST: 0.0, ENCODER: 0.0}
    assert scheduler.step_update(5) == 0.2
    assert rates(optimizer) == {REST: 0.2, ENCODER: 0.05}
    assert scheduler.step(1, val_loss=3.0) == 0.2
    assert scheduler.state_dict() == {"best": 3.0}


def test_rates_are_set_after_a_state_was_loaded() -> None:
    # torch puts new groups in the place of those that the schedule was built with
    optimizer = adam(marked())
    scheduler = schedule(optimizer, lr=[0.4], warmup_updates=10, encoder_lr=0.1)
    optimizer.load_state_dict(adam(marked()).state_dict())
    scheduler.step_update(10)
    assert rates(optimizer) == pytest.approx({REST: 0.4, ENCODER: 0.1})


@pytest.mark.parametrize("wrapped", [False, True])
def test_schedule_of_one_rate_is_refused(wrapped: bool) -> None:
    optimizer = adam(marked())
    if wrapped:
        common = {"bf16": True, "fp16_scale_window": 1}
        cfg = OmegaConf.create({"optimizer": {}, "common": common})
        optimizer = FP16Optimizer(cfg, [], optimizer, [])
    for name in ("inverse_sqrt", "fixed"):
        with pytest.raises(ConfigError, match="add --lr-scheduler grouped_inverse_sqrt"):
            schedule(optimizer, name, warmup_updates=10).step_update(0)


def test_optimizer_without_groups_is_refused() -> None:
    with pytest.raises(ConfigError, match="add --optimizer grouped_adam, or use inverse_sqrt"):
        schedule(adam(marked(), "adam"), encoder_lr=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"encoder_lr": None}, "--encoder-lr: .* needs the encoder's peak rate, none is given"),
        ({"lr": [0.1, 0.2]}, "--lr: .* needs one peak rate, 2 are given"),
        ({"warmup_updates": 0}, "^--warmup-updates: .* needs at least 1 update, 0 given"),
        ({"encoder_warmup_updates": 0}, "^--encoder-warmup-updates: .* at least 1 update, 0 given"),
    ],
)
def test_options_of_the_schedule_are_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        schedule(adam(marked()), **{"encoder_lr": 0.1, "warmup_updates": 4, **options})
