"""Heads of VHM and its baselines: gates, maps and slices of all decoders, also separate ones."""

from typing import Any

import pytest
import torch
from torch import Tensor

from mclas_fairseq.heads.capture import captured
from mclas_fairseq.heads.gates import gated, gates_without
from mclas_fairseq.heads.slicing import prune_state
from mclas_fairseq.modules.attention_heads import attentions, head_names
from mclas_fairseq.vhm.model import VhmModel
from mclas_fairseq.vhm.noise import LatentNoise
from tests.vhm.conftest import VhmWorld

FAMILIES = {
    "vhm_tiny": ("mt", "ms", "cls"),
    "mt_ms_cls_tiny": ("mt", "ms", "cls"),
    "ms_cls_tiny": ("ms", "cls"),
}


def outputs(model: Any, sample: dict[str, Any]) -> dict[str, Tensor]:
    found = model(sample, noise=LatentNoise(1, 2))
    return {task: logits for task, (logits, _) in found.items()}


@pytest.mark.parametrize("arch", FAMILIES)
@torch.no_grad()
def test_masked_is_sliced_in_every_task(arch: str, tmp_path: Any) -> None:
    world, tasks = VhmWorld(), FAMILIES[arch]
    model, sample = world.model(arch, tasks=tasks), world.sample(tasks)
    args = world.arguments(arch, latent_dim=4)
    for parameter in model.parameters():
        parameter.mul_(1.5)  # so large that heads differ
    names = ["encoder.0.self.1", "decoder.0.cross.0", "decoder.0.self.0", "decoder.0.self.1"]
    if arch == "ms_cls_tiny":
        names += ["other_decoders.ms.0.cross.1", "other_decoders.ms.0.self.0"]
    with gated(model, gates_without(model, names)):
        masked = outputs(model, sample)
    stored = {"cfg": {"model": args}, "model": model.state_dict(), "extra_state": {}}
    state = prune_state(tmp_path / "model.pt", stored, names)
    smaller = VhmModel.build_model(state["cfg"]["model"], world.task(*tasks)).eval()
    smaller.load_state_dict(state["model"], strict=True)
    whole, sliced = outputs(model, sample), outputs(smaller, sample)
    assert list(sliced) == list(tasks)
    for task in tasks:
        scale = whole[task].abs().max()
        assert (masked[task] - sliced[task]).abs().max() <= 1e-5 * scale
        assert (whole[task] - sliced[task]).abs().max() > 1e-3 * scale
    assert sorted([*head_names(smaller), *names]) == sorted(head_names(model))


@torch.no_grad()
def test_every_decoder_shows_its_maps() -> None:
    world = VhmWorld()
    model = world.model("ms_cls_tiny", tasks=("ms", "cls"))
    with captured(model) as maps:
        outputs(model, world.sample(("ms", "cls")))
    places = [one.place for one in attentions(model)]
    assert "other_decoders.ms.0.cross" in places
    assert sorted(maps) == sorted(places)
    for weights in maps.values():
        torch.testing.assert_close(weights.sum(-1), torch.ones(weights.shape[:-1]))
