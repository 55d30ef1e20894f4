"""NCLS+MS: two decoders with one embedding, and what they start from (Bai et al. 2021, Eq. 2)."""

import logging
from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary

from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.summarization.model import MclasModel, mclas_tiny
from mclas_fairseq.summarization.two_decoders import (
    NclsMsModel,
    ncls_ms_base,
    ncls_ms_small,
    ncls_ms_tiny,
)

SRC = torch.tensor([[1, 1, 5, 6, 7, 2], [8, 9, 10, 11, 12, 2]])  # padded on the left
LENGTHS = torch.tensor([4, 6])
PREV = torch.tensor([[0, 5, 6, 7], [0, 8, 9, 10]])
MS_PREV = torch.tensor([[0, 7, 7], [0, 4, 9]])


def make_task(layout: Layout) -> Any:
    dictionary = Dictionary()
    for number in range(20):
        dictionary.add_symbol(f"w{number}")
    return SimpleNamespace(
        source_dictionary=dictionary,
        target_dictionary=dictionary,
        dictionary_sha256=dictionary_fingerprint(dictionary),
        max_positions=lambda: (1024, 1024),
        layout=layout,
    )


def make_args(**options: Any) -> Namespace:
    args = Namespace(dropout=0.0, **options)
    for side in ("encoder", "decoder"):
        setattr(args, f"{side}_embed_dim", 16)
        setattr(args, f"{side}_ffn_embed_dim", 32)
    return args


def make_ms(*, seed: int = 5, **options: Any) -> Any:
    torch.manual_seed(seed)
    args = make_args(**options)
    mclas_tiny(args)
    return MclasModel.build_model(args, make_task(Layout.MS)).eval()


def make_two(*, seed: int = 7, **options: Any) -> Any:
    torch.manual_seed(seed)
    args = make_args(**options)
    ncls_ms_tiny(args)
    return NclsMsModel.build_model(args, make_task(Layout.NCLS_MS)).eval()


def test_both_decoders_have_one_embedding_and_one_output_projection_and_nothing_else() -> None:
    model = make_two(copy_attention=True)
    assert model.ms_decoder.embed_tokens is model.decoder.embed_tokens
    assert model.ms_decoder.output_projection is model.decoder.output_projection
    assert model.ms_decoder.output_projection.weight is model.encoder.embed_tokens.weight
    ms, cls = (
        {id(weight) for weight in decoder.parameters()}
        for decoder in (model.ms_decoder, model.decoder)
    )
    assert ms & cls == {id(model.encoder.embed_tokens.weight)}


def test_second_decoder_adds_its_layers_and_its_last_norm_alone() -> None:
    def count(model: Any) -> int:
        return sum(weight.numel() for weight in model.parameters())

    one = make_ms()
    layers = sum(weight.numel() for weight in one.decoder.layers.parameters())
    assert count(make_two()) == count(one) + layers + 2 * 16


@pytest.mark.parametrize("copy_attention", [False, True])
def test_forward_is_that_of_each_decoder_alone(copy_attention: bool) -> None:
    model = make_two(copy_attention=copy_attention)
    logits, extra = model(SRC, LENGTHS, PREV, MS_PREV)
    for name, net_output, read in (("cls", (logits, extra), PREV), ("ms", extra["ms"], MS_PREV)):
        alone = model.one_decoder(name)
        expected = alone.get_normalized_probs(alone(SRC, LENGTHS, read), True)
        found = model.get_normalized_probs(net_output, True)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1.3e-6)
    assert not torch.allclose(extra["ms"][0][:, :1], logits[:, :1]), "two decoders, not one twice"


def test_without_something_to_read_the_second_decoder_writes_nothing() -> None:
    model = make_two()
    logits, extra = model(SRC, LENGTHS, PREV)
    assert "ms" not in extra
    torch.testing.assert_close(logits, model(SRC, LENGTHS, PREV, MS_PREV)[0])


@pytest.mark.parametrize("name", ["cls", "ms"])
def test_full_decoder_equals_incremental_decoder_at_each_position(name: str) -> None:
    model = make_two(copy_attention=True).one_decoder(name)
    encoder_out = model.encoder(SRC, src_lengths=LENGTHS)
    full = model.get_normalized_probs(model.decoder(PREV, encoder_out=encoder_out), True)
    state: dict[str, Any] = {}
    for step in range(PREV.size(1)):
        out = model.decoder(PREV[:, : step + 1], encoder_out=encoder_out, incremental_state=state)
        one = model.get_normalized_probs(out, True)
        torch.testing.assert_close(one[:, -1], full[:, step], atol=1e-5, rtol=1.3e-6)


def test_padding_on_the_left_does_not_change_a_row_of_either_decoder() -> None:
    model = make_two()
    padded, padded_extra = model(SRC, LENGTHS, PREV, MS_PREV)
    alone, alone_extra = model(SRC[:1, 2:], LENGTHS[:1], PREV[:1], MS_PREV[:1])
    torch.testing.assert_close(padded[:1], alone, atol=1e-5, rtol=1.3e-6)
    torch.testing.assert_close(
        padded_extra["ms"][0][:1], alone_extra["ms"][0], atol=1e-5, rtol=1.3e-6
    )


@pytest.mark.parametrize("copy_attention", [False, True])
def test_both_decoders_start_bit_for_bit_from_that_of_the_monolingual_summarizer(
    copy_attention: bool, caplog: pytest.LogCaptureFixture
) -> None:
    ms, model = make_ms(copy_attention=copy_attention), make_two(copy_attention=copy_attention)
    with caplog.at_level(logging.INFO):
        model.load_state_dict(ms.state_dict())
    assert "both decoders start from it" in caplog.text
    expected = ms.decoder.state_dict()
    for decoder in (model.decoder, model.ms_decoder):
        found = decoder.state_dict()
        assert found.keys() == expected.keys()
        assert all(torch.equal(found[name], expected[name]) for name in expected)
    for name, weight in ms.encoder.state_dict().items():
        assert torch.equal(model.encoder.state_dict()[name], weight)
    logits, extra = model(SRC, LENGTHS, PREV, PREV)
    assert torch.equal(logits, extra["ms"][0])
    torch.testing.assert_close(logits, ms(SRC, LENGTHS, PREV)[0], atol=0.0, rtol=0.0)


def test_control_leaves_the_decoder_of_the_target_language_as_it_was(
    caplog: pytest.LogCaptureFixture,
) -> None:
    ms = make_ms(copy_attention=True)
    model = make_two(copy_attention=True, ncls_ms_init="cls-random")
    before = {name: value.clone() for name, value in model.decoder.state_dict().items()}
    with caplog.at_level(logging.INFO):
        model.load_state_dict(ms.state_dict())
    assert "the other at random (--ncls-ms-init cls-random)" in caplog.text
    after, wanted = model.decoder.state_dict(), ms.decoder.state_dict()
    shared = {"embed_tokens.weight", "output_projection.weight"}
    assert shared < after.keys()
    for name, value in after.items():
        assert torch.equal(value, (wanted if name in shared else before)[name]), name
    own = [
        name for name in after if name not in shared and not torch.equal(after[name], wanted[name])
    ]
    assert any("fc1.weight" in name for name in own)
    for name, value in model.ms_decoder.state_dict().items():
        assert torch.equal(value, wanted[name]), name


@pytest.mark.parametrize("init", ["both", "cls-random"])
def test_a_model_of_two_decoders_is_loaded_as_it_is(init: str) -> None:
    model, other = make_two(seed=1), make_two(seed=2, ncls_ms_init=init)
    other.load_state_dict(model.state_dict())
    for name, value in model.state_dict().items():
        assert torch.equal(other.state_dict()[name], value), name


@pytest.mark.parametrize(
    ("ms", "two", "problem"),
    [
        ({"decoder_layers": 1}, {}, "has no decoder.layers.1"),
        ({"decoder_layers": 3}, {}, "has decoder.layers.2.* which this model has not"),
        ({"copy_attention": True}, {}, "has decoder.copy_gate.* which this model has not"),
        ({}, {"copy_attention": True}, "has no decoder.copy_gate"),
        ({"encoder_layers": 1}, {}, "has no encoder.layers.1"),
        (
            {},
            {"decoder_ffn_dim": 48},
            r"has decoder.layers.0.fc1.bias of shape \(32,\), not \(48,\)",
        ),
    ],
)
def test_decoder_that_does_not_fit_is_refused_naming_what_and_the_flags(
    ms: dict[str, Any], two: dict[str, Any], problem: str
) -> None:
    if "decoder_ffn_dim" in two:
        args = make_args()
        args.decoder_ffn_embed_dim = two["decoder_ffn_dim"]
        ncls_ms_tiny(args)
        model: Any = NclsMsModel.build_model(args, make_task(Layout.NCLS_MS))
    else:
        model = make_two(**two)
    with pytest.raises(CheckpointError, match=f"{problem}.*; give --arch and sizes"):
        model.load_state_dict(make_ms(**ms).state_dict())


def test_weights_of_two_decoders_are_refused_by_a_model_of_one() -> None:
    with pytest.raises(CheckpointError, match=r"has two .*; give --arch ncls_ms_tiny"):
        make_ms().load_state_dict(make_two().state_dict())


def test_weights_of_another_dictionary_are_refused() -> None:
    state = make_ms().state_dict()
    state["dictionary_fingerprint"] = state["dictionary_fingerprint"].flip(0)
    with pytest.raises(CheckpointError, match="another dictionary"):
        make_two().load_state_dict(state)


def test_layout_and_architecture_must_go_together() -> None:
    one, two = make_args(), make_args()
    mclas_tiny(one)
    ncls_ms_tiny(two)
    with pytest.raises(ConfigError, match="--target-layout ncls_ms: .*give --arch ncls_ms_tiny"):
        MclasModel.build_model(one, make_task(Layout.NCLS_MS))
    with pytest.raises(ConfigError, match="--target-layout mclas: .*give --target-layout ncls_ms"):
        NclsMsModel.build_model(two, make_task(Layout.MCLAS))


@pytest.mark.parametrize(
    ("architecture", "layers", "width"),
    [(ncls_ms_tiny, 2, 128), (ncls_ms_small, 3, 256), (ncls_ms_base, 6, 512)],
)
def test_architectures_have_the_sizes_of_mclas(architecture: Any, layers: int, width: int) -> None:
    args = Namespace()
    architecture(args)
    assert (args.encoder_layers, args.decoder_layers) == (layers, layers)
    assert (args.encoder_embed_dim, args.decoder_embed_dim) == (width, width)
    assert args.share_all_embeddings
