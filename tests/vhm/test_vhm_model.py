"""The model VHM, its baselines and its ablations (Liang et al. 2022, section 3)."""

from argparse import Namespace
from functools import partial
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.models import ARCH_CONFIG_REGISTRY, MODEL_REGISTRY
from torch import Tensor

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.vhm.model import VhmModel
from mclas_fairseq.vhm.noise import LatentNoise
from mclas_fairseq.vhm.parts import LATENT, pool

Batch = dict[str, Any]
assert_close = partial(torch.testing.assert_close, atol=1e-5, rtol=1.3e-6)


def parameters(vhm: Any, arch: str, tasks: tuple[str, ...] = ()) -> int:
    args = Namespace()
    ARCH_CONFIG_REGISTRY[arch](args)
    with torch.device("meta"):
        model = VhmModel.build_model(args, vhm.task(*tasks))
    return sum(parameter.numel() for parameter in model.parameters())


def test_base_model_adds_exactly_the_papers_parameters(vhm: Any) -> None:
    added = parameters(vhm, "vhm_base") - parameters(vhm, "mt_ms_cls_base")
    assert added == 2_494_976


def test_architectures_are_registered_under_our_class() -> None:
    assert MODEL_REGISTRY["vhm"] is VhmModel
    families = ("vhm", "tncls", "ms_cls", "mt_cls", "mt_ms_cls")
    wanted = {f"{family}_{size}" for family in families for size in ("tiny", "small", "base")}
    assert wanted <= set(ARCH_CONFIG_REGISTRY)


@pytest.mark.parametrize(
    ("arch", "tasks", "decoders"),
    [
        ("tncls_tiny", ("cls",), 1),
        ("ms_cls_tiny", ("ms", "cls"), 2),
        ("mt_cls_tiny", ("mt", "cls"), 2),
        ("mt_ms_cls_tiny", ("mt", "ms", "cls"), 1),
    ],
)
def test_baselines_have_no_latents_and_the_papers_decoders(
    vhm: Any, arch: str, tasks: tuple[str, ...], decoders: int
) -> None:
    model = vhm.model(arch, tasks=tasks)
    assert 1 + len(model.other_decoders) == decoders
    assert not [name for name, _ in model.named_parameters() if "latent" in name]
    own = {id(model.decoder_of(task).layers[0].fc1.weight) for task in tasks}
    assert len(own) == decoders
    for task in tasks:
        assert model.decoder_of(task).embed_tokens.weight is model.encoder.embed_tokens.weight
        assert model.decoder_of(task).output_projection.weight is model.encoder.embed_tokens.weight
    sample = vhm.sample(tasks)
    for batch in sample.values():
        del batch["tgt_src_tokens"]  # a baseline reads no reference
    outputs = model(sample)
    assert list(outputs) == list(tasks)


def test_without_latents_each_task_is_the_plain_transformer(vhm: Any) -> None:
    model = vhm.model("mt_ms_cls_tiny")
    for task, batch in vhm.sample().items():
        net_input = batch["net_input"]
        out = model.encoder.encode(net_input["src_tokens"])
        plain, _ = model.decoder(net_input["prev_output_tokens"], encoder_out=out)
        assert_close(model({task: batch})[task][0], plain)


@pytest.mark.parametrize("task", ["mt", "ms", "cls"])
def test_logits_are_those_of_equation_8_with_the_tasks_latent(vhm: Any, task: str) -> None:
    model, batch = vhm.model(), vhm.sample()[task]
    logits, extra = model({task: batch}, noise=LatentNoise(1, 2))[task]
    net_input = batch["net_input"]
    out = model.encoder.encode(net_input["src_tokens"])
    states, _ = super(type(model.decoder), model.decoder).extract_features(
        net_input["prev_output_tokens"], encoder_out=out
    )
    projection = model.decoder.latent_projections[task].linear
    z = extra["latents"].z[task]
    for row in range(len(z)):
        for step in range(states.size(1)):
            joined = torch.cat([states[row, step], z[row]])
            features = torch.tanh(projection.weight @ joined + projection.bias)
            expected = model.encoder.embed_tokens.weight @ features
            assert_close(logits[row, step], expected)


BARE: dict[str, Any] = {"arch": "mt_ms_cls_tiny", "projection_without_latents": True}


@pytest.mark.parametrize("task", ["mt", "ms", "cls"])
def test_without_latents_the_layer_of_equation_8_reads_the_states_alone(
    vhm: Any, task: str
) -> None:
    model, batch = vhm.model(**BARE), vhm.sample()[task]
    del batch["tgt_src_tokens"]  # no reference is read
    logits, extra = model({task: batch}, noise=LatentNoise(1, 2))[task]
    net_input = batch["net_input"]
    out = model.encoder.encode(net_input["src_tokens"])
    states, _ = super(type(model.decoder), model.decoder).extract_features(
        net_input["prev_output_tokens"], encoder_out=out
    )
    layer = model.decoder.latent_projections[task].linear
    assert layer.weight.shape == (16, 16)
    features = torch.tanh(states @ layer.weight.t() + layer.bias)
    assert_close(logits, features @ model.encoder.embed_tokens.weight.t())
    assert not extra["latents"].kl()
    decoding = model.encoder(net_input["src_tokens"], task_name=task)
    moved = model.encoder.reorder_encoder_out(decoding, torch.tensor([2, 2, 0]))
    there, _ = model.decoder(net_input["prev_output_tokens"][[2, 2, 0]], encoder_out=moved)
    assert_close(there, logits[[2, 2, 0]])


def test_the_layer_without_latents_differs_from_equation_8_by_z_alone(vhm: Any) -> None:
    whole, bare = vhm.model(), vhm.model(**BARE)
    assert set(bare.decoder.latent_projections) == set(whole.decoder.latent_projections)
    names = {name for name, _ in whole.named_parameters()} - {
        name for name, _ in bare.named_parameters()
    }
    assert names
    assert all(name.startswith("encoder.latents.") for name in names)


def test_the_layer_without_latents_is_refused_where_there_are_some(vhm: Any) -> None:
    with pytest.raises(ConfigError, match="--projection-without-latents: .* has mt, ms, cls; give"):
        vhm.model(projection_without_latents=True)


def test_references_are_encoded_by_the_shared_encoder(vhm: Any) -> None:
    model, batch = vhm.model(), vhm.sample()["mt"]
    _, extra = model({"mt": batch})["mt"]
    x = pool(model.encoder.encode(batch["net_input"]["src_tokens"]))
    y = pool(model.encoder.encode(batch["tgt_src_tokens"]))
    expected = model.encoder.latents.posterior("mt", x, y, {})
    found = extra["latents"].posterior["mt"]
    assert_close(found.mean, expected.mean)
    assert_close(found.std, expected.std)


def test_padding_changes_neither_latents_nor_logits(vhm: Any) -> None:
    model, noise = vhm.model(), LatentNoise(1, 2)
    tight, wide = vhm.batch(), vhm.batch(pads=10)
    assert wide["tgt_src_tokens"].size(1) == tight["tgt_src_tokens"].size(1) + 10
    one, other = (model({"cls": batch}, noise=noise)["cls"] for batch in (tight, wide))
    assert_close(one[0], other[0])
    for name, z in one[1]["latents"].z.items():
        assert_close(z, other[1]["latents"].z[name])


def test_a_row_alone_is_as_in_its_batch(vhm: Any) -> None:
    model, noise, batch = vhm.model(), LatentNoise(1, 2), vhm.batch()
    together, extra = model({"cls": batch}, noise=noise)["cls"]
    for row in range(3):
        alone, own = model({"cls": vhm.rows(batch, [row])}, noise=noise)["cls"]
        assert_close(alone[0], together[row])
        assert_close(own["latents"].z["cls"][0], extra["latents"].z["cls"][row])


def test_noise_follows_update_and_seed_and_none_gives_means(vhm: Any) -> None:
    model, batch = vhm.model(), vhm.batch()

    def z(noise: LatentNoise | None) -> Tensor:
        value: Tensor = model({"cls": batch}, noise=noise)["cls"][1]["latents"].z["cls"]
        return value

    assert torch.equal(z(LatentNoise(1, 2)), z(LatentNoise(1, 2)))
    assert not torch.allclose(z(LatentNoise(1, 2)), z(LatentNoise(1, 3)))
    assert not torch.allclose(z(LatentNoise(1, 2)), z(LatentNoise(2, 2)))
    latents = model({"cls": batch})["cls"][1]["latents"]
    assert torch.equal(latents.z["cls"], latents.posterior["cls"].mean)


@pytest.mark.parametrize(
    ("options", "kl"),
    [
        ({"latents": "ms,cls"}, {"mt": [], "ms": ["ms"], "cls": ["cls"]}),
        ({"latents": "mt,cls"}, {"mt": ["mt"], "ms": [], "cls": ["cls"]}),
        ({"latents": "cls"}, {"mt": [], "ms": [], "cls": ["cls"]}),
        ({"latents": "mt,ms"}, {"mt": ["mt"], "ms": ["ms"], "cls": []}),
        ({"no_latent_hierarchy": True}, {"mt": ["mt"], "ms": ["ms"], "cls": ["cls"]}),
    ],
)
def test_ablations_of_table_5_keep_what_is_left_and_use_every_parameter(
    vhm: Any, options: dict[str, Any], kl: dict[str, list[str]]
) -> None:
    model = vhm.model(**options).train()
    criterion = vhm.criterion(kl_annealing="constant")
    sample = vhm.sample()
    outputs = model(sample)
    assert {task: list(out[1]["latents"].kl()) for task, out in outputs.items()} == kl
    loss, _, _ = criterion(model, sample)
    loss.backward()
    # DDP fails where a parameter is left out.
    unused = {name for name, one in model.named_parameters() if one.grad is None}
    assert unused == set()


def test_full_decoder_equals_incremental_decoder_with_a_latent(vhm: Any) -> None:
    model, batch = vhm.model(), vhm.batch()
    previous = batch["net_input"]["prev_output_tokens"].clamp_min(4)
    out = model.encoder(batch["net_input"]["src_tokens"])
    full, _ = model.decoder(previous, encoder_out=out)
    state: dict[str, Any] = {}
    for step in range(previous.size(1)):
        one, _ = model.decoder(previous[:, : step + 1], encoder_out=out, incremental_state=state)
        assert_close(one[:, -1], full[:, step])


def test_reordering_moves_latents_with_their_rows(vhm: Any) -> None:
    model, batch = vhm.model(), vhm.batch()
    out = model.encoder(batch["net_input"]["src_tokens"])
    moved = model.encoder.reorder_encoder_out(out, torch.tensor([2, 2, 0]))
    assert torch.equal(moved[LATENT][0], out[LATENT][0][[2, 2, 0]])
    previous = batch["net_input"]["prev_output_tokens"]
    here, _ = model.decoder(previous, encoder_out=out)
    there, _ = model.decoder(previous[[2, 2, 0]], encoder_out=moved)
    assert_close(there, here[[2, 2, 0]])


def test_encoder_gives_the_prior_mean_and_knows_no_reference(vhm: Any) -> None:
    model, batch = vhm.model(), vhm.batch()
    out = model.encoder(batch["net_input"]["src_tokens"])
    prior = model.encoder.latents.from_prior("cls", pool(out), lambda name, gaussian: gaussian.mean)
    assert torch.equal(out[LATENT][0], prior.z["cls"])


def test_summary_option_without_summaries_is_refused(vhm: Any) -> None:
    model, batch = vhm.model(cls_local_latents="summary"), vhm.batch()
    assert sorted(model({"cls": batch})["cls"][1]["latents"].kl()) == ["cls", "ms"]
    del batch["ms_tgt_src_tokens"]
    with pytest.raises(ConfigError, match="--cls-local-latents summary: .*give .* prior"):
        model({"cls": batch})


def test_task_of_another_kind_is_refused_naming_the_flag(vhm: Any) -> None:
    other = SimpleNamespace(
        source_dictionary=vhm.dictionary, target_dictionary=vhm.dictionary, dictionary_sha256="0"
    )
    with pytest.raises(ConfigError, match="--task multitask_summarization"):
        VhmModel.build_model(vhm.arguments(), other)


def test_latents_without_their_task_are_refused(vhm: Any) -> None:
    with pytest.raises(ConfigError, match="--latents mt,ms,cls: .*mt is not in --train-tasks cls"):
        vhm.model(tasks=("cls",))


def test_baseline_with_other_tasks_is_refused(vhm: Any) -> None:
    with pytest.raises(ConfigError, match="--train-tasks cls: this architecture is for ms,cls"):
        vhm.model("ms_cls_tiny", tasks=("cls",))


def test_checkpoint_decides_about_tasks_when_it_is_loaded(vhm: Any) -> None:
    args = vhm.arguments("ms_cls_tiny")
    VhmModel.build_model(args, vhm.task("ms", "cls"))
    again = VhmModel.build_model(args, vhm.task("mt", "ms", "cls"))
    assert list(again.other_decoders) == ["ms"]


def test_saved_and_loaded_model_gives_the_same_logits(vhm: Any) -> None:
    model, other, sample = vhm.model(), vhm.model(seed=8), vhm.sample()
    other.load_state_dict(model.state_dict())
    for task, (logits, _) in model(sample).items():
        assert torch.equal(other(sample)[task][0], logits)


def test_copying_works_with_latents(vhm: Any) -> None:
    model, batch = vhm.model(copy_attention=True), vhm.batch()
    output = model({"cls": batch})["cls"]
    probs = model.get_normalized_probs(output, log_probs=False)
    torch.testing.assert_close(probs.sum(-1), torch.ones(probs.shape[:2]), atol=1e-5, rtol=0.0)
