"""A head at gate 0, and a model without it: the same; and gates are what gradients say they are."""

from typing import TYPE_CHECKING, Any

import pytest
import torch
from torch import Tensor

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.heads.gates import gated, gates_without
from mclas_fairseq.heads.slicing import prunable_heads, prune_state, weights_fingerprint
from mclas_fairseq.modules.attention_heads import attentions, head_names, rows_of

if TYPE_CHECKING:
    from tests.heads.conftest import HeadsWorld

FAMILIES: dict[str, dict[str, Any]] = {
    "mclas": {"arch": "mclas_tiny"},
    "copying": {"arch": "mclas_tiny", "copy_attention": True},
    "ncls_ms": {"arch": "ncls_ms_tiny"},
    "pretrained": {"arch": "mclas_tiny", "pretrained": True},
}
# Some of a layer, all of one, of every kind of attention.
GONE = [
    *("encoder.0.self.1", "decoder.0.cross.2", "decoder.1.self.3", "decoder.1.self.0"),
    *(f"decoder.0.self.{number}" for number in range(4)),
]
OF_FAMILY = {
    "mclas": [
        *(f"encoder.1.self.{n}" for n in range(4)),
        *(f"decoder.1.cross.{n}" for n in "3012"),
    ],
    "copying": ["encoder.0.self.3", "decoder.1.cross.1", "decoder.1.cross.3"],
    "ncls_ms": [*(f"ms_decoder.1.cross.{n}" for n in range(4)), "ms_decoder.0.self.2"],
    "pretrained": [f"encoder.1.self.{number}" for number in range(2)],
}


def state_of(model: Any, args: Any) -> dict[str, Any]:
    """What fairseq-train would store."""
    return {
        "cfg": {"model": args},
        "model": model.state_dict(),
        "optimizer_history": [{"num_updates": 3}],
        "extra_state": {"train_iterator": {"epoch": 1}},
        "last_optimizer_state": {},
    }


def pruned(world: "HeadsWorld", model: Any, args: Any, names: list[str], tmp_path: Any) -> Any:
    """The model that the checkpoint without those heads loads as, in the type of its weights."""
    state = prune_state(tmp_path / "model.pt", state_of(model, args), names)
    smaller = world.build(state["cfg"]["model"]).to(next(model.parameters()).dtype)
    smaller.load_state_dict(state["model"], strict=True)
    return smaller


def outputs(model: Any, batch: dict[str, Any]) -> list[Tensor]:
    logits, extra = model(**batch)
    return [logits, extra["ms"][0]] if "ms" in extra else [logits]


def steps(model: Any, batch: dict[str, Any]) -> list[Tensor]:
    """Logits of incremental decoding, both decoders where there are two."""
    encoder_out = model.encoder(batch["src_tokens"], src_lengths=batch["src_lengths"])
    found = []
    for decoder in [model.decoder, getattr(model, "ms_decoder", None)]:
        state: dict[str, Any] = {}
        read = batch["prev_output_tokens"][:, :4]
        for length in range(1, 1 + read.size(1) if decoder is not None else 0):
            out, _ = decoder(read[:, :length], encoder_out=encoder_out, incremental_state=state)
            found.append(out[:, -1])
    return found


@pytest.mark.parametrize("double", [False, True])
@pytest.mark.parametrize("family", FAMILIES)
@torch.no_grad()
def test_masked_is_sliced(
    family: str, double: bool, heads_world: "HeadsWorld", tmp_path: Any, request: Any
) -> None:
    model, args = heads_world.model(**FAMILIES[family])
    if double:
        request.getfixturevalue("in_double")
        model.double()
    names = [*GONE, *OF_FAMILY[family]]
    batch = heads_world.batch(two=family == "ncls_ms", pretrained=family == "pretrained")
    with gated(model, gates_without(model, names)):
        masked = [*outputs(model, batch), *steps(model, batch)]
    smaller = pruned(heads_world, model, args, names, tmp_path)
    sliced = [*outputs(smaller, batch), *steps(smaller, batch)]
    whole = [*outputs(model, batch), *steps(model, batch)]
    for ours, theirs, full in zip(masked, sliced, whole, strict=True):
        tolerance = 1e-12 if double else 1e-6
        assert (ours - theirs).abs().max() <= tolerance * full.abs().max()
        assert (full - theirs).abs().max() > 1e-2
    assert sorted([*head_names(smaller), *names]) == sorted(head_names(model))


def test_heads_are_taken_out_again_by_the_names_that_they_had(
    heads_world: "HeadsWorld", tmp_path: Any
) -> None:
    model, args = heads_world.model()
    path = tmp_path / "model.pt"
    once = prune_state(path, state_of(model, args), ["encoder.0.self.0", "decoder.1.cross.2"])
    twice = prune_state(path, once, ["encoder.0.self.3", "encoder.0.self.1"])
    at_once = prune_state(
        path,
        state_of(model, args),
        ["encoder.0.self.0", "encoder.0.self.1", "encoder.0.self.3", "decoder.1.cross.2"],
    )
    assert weights_fingerprint(twice["model"]) == weights_fingerprint(at_once["model"])
    assert "encoder.0.self.2" in prunable_heads(path, twice)
    with pytest.raises(ConfigError, match="encoder.0.self has heads 2; name others"):
        prune_state(path, twice, ["encoder.0.self.0"])


def test_gates_are_exact_at_one_and_gone_afterwards(heads_world: "HeadsWorld") -> None:
    model, _ = heads_world.model()
    batch = heads_world.batch()
    before = outputs(model, batch)[0]
    ones = {found.place: torch.ones(len(found.kept)) for found in attentions(model)}
    with gated(model, ones):
        torch.testing.assert_close(outputs(model, batch)[0], before, atol=1e-5, rtol=1e-5)
    assert torch.equal(outputs(model, batch)[0], before)
    assert not any(found.output._forward_pre_hooks for found in attentions(model))


@pytest.mark.parametrize("family", ["mclas", "pretrained"])
def test_the_gradient_of_a_gate_is_the_finite_difference(
    family: str, heads_world: "HeadsWorld", in_double: None
) -> None:
    model, _ = heads_world.model(**FAMILIES[family])
    model.double()
    for module in model.modules():
        if hasattr(module, "activation_fn"):
            module.activation_fn = torch.nn.functional.gelu  # fairseq's is in single precision
    batch = heads_world.batch(pretrained=family == "pretrained")

    def loss(gates: dict[str, Tensor]) -> Tensor:
        with gated(model, gates):
            scores = outputs(model, batch)[0].log_softmax(-1)
        return -scores[:, :, 4].sum(1)  # B: of each example

    sizes = {found.place: len(found.kept) for found in attentions(model)}
    gates = {
        place: torch.ones(2, heads, dtype=torch.double, requires_grad=True)
        for place, heads in sizes.items()
    }
    gradients = torch.autograd.grad(loss(gates).sum(), list(gates.values()))
    for (place, heads), gradient in zip(sizes.items(), gradients, strict=True):
        for head in range(heads):
            moved = []
            for step in (1e-5, -1e-5):
                gate = torch.ones(heads, dtype=torch.double)
                gate[head] += step
                moved.append(loss({place: gate}))
            difference = (moved[0] - moved[1]) / 2e-5
            torch.testing.assert_close(gradient[:, head], difference, atol=1e-4, rtol=1e-4)
            assert difference.abs().max() > 1e-3


def test_heads_lie_in_rows_not_in_columns(heads_world: "HeadsWorld") -> None:
    """A view of a projection's columns as heads, as in a released code, is another thing."""
    model, _ = heads_world.model()
    batch = heads_world.batch()
    attention = attentions(model)[0]
    head = 2
    with torch.no_grad():
        value = attention.inputs[2]
        kept = value.weight.clone(), value.bias.clone()
        with gated(model, gates_without(model, [attention.names[head]])):
            masked = outputs(model, batch)[0]
        rows = rows_of([head], attention.head_dim)
        assert rows.tolist() == [8, 9, 10, 11]
        value.weight[rows] = 0
        value.bias[rows] = 0
        by_rows = outputs(model, batch)[0]
        value.weight.copy_(kept[0])
        value.bias.copy_(kept[1])
        value.weight[:, rows] = 0
        by_columns = outputs(model, batch)[0]
    torch.testing.assert_close(by_rows, masked, atol=1e-5, rtol=1e-5)
    assert (by_columns - masked).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["encoder.self.1"], "head 'encoder.self.1': a name must say place and number"),
        (["encoder.7.self.1"], "its attentions are encoder.0.self, encoder.1.self, decoder.0.self"),
        (["decoder.0.cross.4"], "but decoder.0.cross has heads 0, 1, 2, 3; name others"),
        (["decoder.0.cross.1"] * 2, "must be named once, but is named twice"),
        (["decoder.1.cross.0"], "must stay, as it points at what the model copies"),
    ],
)
def test_heads_that_cannot_go_are_refused(
    names: list[str], message: str, heads_world: "HeadsWorld", tmp_path: Any
) -> None:
    model, args = heads_world.model(copy_attention=True)
    with pytest.raises(ConfigError, match=message):
        prune_state(tmp_path / "model.pt", state_of(model, args), names)
    args.pruned_heads = ",".join(names)
    with pytest.raises(ConfigError, match=message):
        heads_world.build(args)


def test_gates_of_other_models_are_refused(heads_world: "HeadsWorld") -> None:
    model, _ = heads_world.model()
    with (
        pytest.raises(ConfigError, match="must be one for each of its 4 heads, but are 3"),
        gated(model, {"encoder.0.self": torch.ones(3)}),
    ):
        pass
    with (
        pytest.raises(ConfigError, match="must be of a place of the model"),
        gated(model, {"encoder.4.self": torch.ones(4)}),
    ):
        pass
    with pytest.raises(ConfigError, match="head encoder.4.self.0: must be one of the model's"):
        gates_without(model, ["encoder.4.self.0"])


def test_weights_that_do_not_fit_the_settings_are_refused(
    heads_world: "HeadsWorld", tmp_path: Any
) -> None:
    model, args = heads_world.model()
    args.pruned_heads = "encoder.0.self.1"
    with pytest.raises(CheckpointError, match="encoder.0.self must have 3 heads of 4, .* is 16"):
        prune_state(tmp_path / "model.pt", state_of(model, args), ["decoder.0.self.1"])
