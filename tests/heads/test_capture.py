"""Attention maps of all heads, against those computed from queries and keys by hand."""

from typing import TYPE_CHECKING

import pytest
import torch

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.heads.capture import attention_maps, captured
from mclas_fairseq.modules.attention_heads import attentions, take_out

if TYPE_CHECKING:
    from tests.heads.conftest import HeadsWorld


@torch.no_grad()
def test_maps_are_those_of_queries_and_keys(heads_world: "HeadsWorld") -> None:
    model, _ = heads_world.model()
    batch = heads_world.batch()
    place, found = "decoder.1.cross", {one.place: one for one in attentions(model)}
    inputs = {}
    queries, keys, _ = found[place].inputs
    hooks = [
        layer.register_forward_hook(lambda _, __, out, name=name: inputs.update({name: 1 * out}))
        for name, layer in (("q", queries), ("k", keys))
    ]
    maps = attention_maps(model, batch)
    for hook in hooks:
        hook.remove()
    q = inputs["q"].unflatten(-1, (4, 4)).permute(1, 2, 0, 3)  # T x B x C -> B x H x T x D
    k = inputs["k"].unflatten(-1, (4, 4)).permute(1, 2, 3, 0)  # S x B x C -> B x H x D x S
    padding = batch["src_tokens"].eq(1)[:, None, None, :]
    expected = (q @ k / 2).masked_fill(padding, -torch.inf).softmax(-1)
    torch.testing.assert_close(maps[place], expected)
    assert sorted(maps) == sorted(found)
    assert maps["decoder.0.self"].shape == (2, 4, 5, 5)
    assert maps["encoder.0.self"].shape == (2, 4, 6, 6)
    future = torch.ones(5, 5).triu(1).bool()
    assert maps["decoder.0.self"][..., future].abs().max() == 0


@torch.no_grad()
def test_watching_changes_nothing_and_ends(heads_world: "HeadsWorld") -> None:
    model, _ = heads_world.model()
    batch = heads_world.batch()
    before = model(**batch)[0]
    with captured(model, ["decoder.0.self"]) as maps:
        torch.testing.assert_close(model(**batch)[0], before, atol=1e-5, rtol=1e-5)
    assert list(maps) == ["decoder.0.self"]
    maps.clear()
    assert torch.equal(model(**batch)[0], before)
    assert not maps


@torch.no_grad()
def test_maps_of_what_is_left(heads_world: "HeadsWorld") -> None:
    model, _ = heads_world.model()
    batch = heads_world.batch()
    before = attention_maps(model, batch, ["encoder.0.self"])["encoder.0.self"]
    take_out(model, ["encoder.0.self.1", *(f"decoder.1.cross.{n}" for n in range(4))])
    after = attention_maps(model, batch)
    torch.testing.assert_close(after["encoder.0.self"], before[:, [0, 2, 3]])
    assert "decoder.1.cross" not in after
    with pytest.raises(ConfigError, match=r"decoder.1.cross: must be one of the model's that have"):
        attention_maps(model, batch, ["decoder.1.cross"])
