"""Heads that are masked in training alone, as in the released code of Ma et al. (2021)."""

import copy
from typing import TYPE_CHECKING

import pytest
import torch

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.heads.gates import gated, gates_without

if TYPE_CHECKING:
    from tests.heads.conftest import HeadsWorld

NAMES = ["encoder.0.self.3", "encoder.1.self.0", "decoder.1.cross.2"]


@pytest.mark.parametrize("pretrained", [False, True])
def test_masked_heads_give_nothing_in_training_and_all_in_evaluation(
    heads_world: "HeadsWorld", pretrained: bool
) -> None:
    whole = heads_world.build(heads_world.arguments("mclas_tiny", pretrained=pretrained))
    names = ["encoder.0.self.1", NAMES[2]] if pretrained else NAMES
    args = heads_world.arguments("mclas_tiny", pretrained=pretrained, masked_heads=",".join(names))
    masked = copy.deepcopy(heads_world.build(args))
    masked.load_state_dict(whole.state_dict())
    batch = heads_world.batch(pretrained=pretrained)
    with torch.no_grad():
        torch.testing.assert_close(masked(**batch)[0], whole(**batch)[0], atol=1e-5, rtol=1e-5)
        with gated(whole, gates_without(whole, names)):
            expected = whole(**batch)[0]
    assert not torch.allclose(expected, masked(**batch)[0], atol=1e-2)
    masked.train()
    for module in masked.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0  # of the pretrained encoder
    found = masked(**batch)[0]
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)
    if pretrained:
        return
    found.logsumexp(-1).sum().backward()
    rows = masked.encoder.layers[0].self_attn.v_proj.weight.grad.view(4, 4, 16)
    assert rows[3].abs().max() == 0
    assert rows[:3].abs().amax((1, 2)).min() > 0


def test_heads_that_are_none_are_refused(heads_world: "HeadsWorld") -> None:
    for names, told in (("encoder.7.self.0", "must be one of the"), ("x", "must say place")):
        with pytest.raises(ConfigError, match=told):
            heads_world.model(masked_heads=names)
