"""The MCLAS model: fairseq's Transformer, with a fingerprint and an optional copying gate."""

from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary

from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.summarization.model import MclasModel, mclas_base, mclas_small, mclas_tiny


def make_dictionary(size: int = 20) -> Dictionary:
    dictionary = Dictionary()
    for number in range(size):
        dictionary.add_symbol(f"w{number}")
    return dictionary


def make_task(dictionary: Dictionary) -> Any:
    return SimpleNamespace(
        source_dictionary=dictionary,
        target_dictionary=dictionary,
        dictionary_sha256=dictionary_fingerprint(dictionary),
        max_positions=lambda: (1024, 1024),
    )


def make_model(*, copy_attention: bool = False, **options: Any) -> Any:
    torch.manual_seed(7)
    args = Namespace(copy_attention=copy_attention, dropout=0.0, **options)
    for side in ("encoder", "decoder"):
        setattr(args, f"{side}_embed_dim", 16)
        setattr(args, f"{side}_ffn_embed_dim", 32)
    mclas_tiny(args)
    return MclasModel.build_model(args, make_task(make_dictionary())).eval()


SRC = torch.tensor([[1, 1, 5, 6, 7, 2], [8, 9, 10, 11, 12, 2]])  # padded on the left
LENGTHS = torch.tensor([4, 6])
PREV = torch.tensor([[0, 5, 6, 7], [0, 8, 9, 10]])


@pytest.mark.parametrize("copy_attention", [False, True])
def test_full_decoder_equals_incremental_decoder_at_each_position(copy_attention: bool) -> None:
    model = make_model(copy_attention=copy_attention)
    encoder_out = model.encoder(SRC, src_lengths=LENGTHS)
    full = model.get_normalized_probs(model.decoder(PREV, encoder_out=encoder_out), True)
    state: dict[str, Any] = {}
    for step in range(PREV.size(1)):
        out = model.decoder(PREV[:, : step + 1], encoder_out=encoder_out, incremental_state=state)
        one = model.get_normalized_probs(out, True)
        torch.testing.assert_close(one[:, -1], full[:, step], atol=1e-5, rtol=1.3e-6)


@pytest.mark.parametrize("copy_attention", [False, True])
def test_padding_on_the_left_does_not_change_a_row(copy_attention: bool) -> None:
    model = make_model(copy_attention=copy_attention)
    padded = model.get_normalized_probs(model(SRC, LENGTHS, PREV), True)[:1]
    alone = model.get_normalized_probs(model(SRC[:1, 2:], LENGTHS[:1], PREV[:1]), True)
    torch.testing.assert_close(padded, alone, atol=1e-5, rtol=1.3e-6)


def test_copying_gives_probabilities_of_source_tokens_and_sums_to_one() -> None:
    model = make_model(copy_attention=True)
    assert model.decoder.copy_gate is not None
    with torch.no_grad():
        model.decoder.copy_gate.projection.bias.fill_(-30.0)  # copy only
    probs = model.get_normalized_probs(model(SRC, LENGTHS, PREV), False).detach()
    torch.testing.assert_close(probs.sum(-1), torch.ones(2, 4), atol=1e-5, rtol=0.0)
    allowed = torch.zeros(len(make_dictionary()), dtype=torch.bool)
    allowed[SRC[0, 2:]] = True
    assert float(probs[0, :, ~allowed].sum()) < 1e-6


def test_embeddings_and_output_projection_are_one_parameter() -> None:
    model = make_model()
    assert model.encoder.embed_tokens.weight is model.decoder.embed_tokens.weight
    assert model.decoder.output_projection.weight is model.decoder.embed_tokens.weight


@pytest.mark.parametrize(
    ("architecture", "layers", "width"),
    [(mclas_tiny, 2, 128), (mclas_small, 3, 256), (mclas_base, 6, 512)],
)
def test_architectures_set_sizes_and_keep_what_the_user_gave(
    architecture: Any, layers: int, width: int
) -> None:
    args = Namespace(decoder_layers=1)
    architecture(args)
    assert (args.encoder_layers, args.decoder_layers) == (layers, 1)
    assert (args.encoder_embed_dim, args.decoder_embed_dim) == (width, width)
    assert args.encoder_normalize_before
    assert args.activation_fn == "gelu"


def test_bf16_on_the_command_line_does_not_mean_a_tpu() -> None:
    args = Namespace(bf16=True, tpu=True)
    mclas_tiny(args)
    assert args.tpu is False


def test_task_of_another_kind_is_refused_naming_the_flag() -> None:
    dictionary = make_dictionary()
    other = SimpleNamespace(source_dictionary=dictionary, target_dictionary=dictionary)
    args = Namespace()
    mclas_tiny(args)
    with pytest.raises(ConfigError, match="--task cross_lingual_summarization"):
        MclasModel.build_model(args, other)


def test_weights_of_a_dictionary_in_another_order_are_refused() -> None:
    model = make_model()
    state = model.state_dict()
    reordered = Dictionary()
    for number in reversed(range(20)):
        reordered.add_symbol(f"w{number}")
    args = Namespace(encoder_embed_dim=16, decoder_embed_dim=16)
    args.encoder_ffn_embed_dim = args.decoder_ffn_embed_dim = 32
    mclas_tiny(args)
    other = MclasModel.build_model(args, make_task(reordered))
    with pytest.raises(CheckpointError, match="another dictionary .* mclas prepare --like"):
        other.load_state_dict(state)


def test_weights_without_a_fingerprint_are_refused() -> None:
    model = make_model()
    state = model.state_dict()
    del state["dictionary_fingerprint"]
    with pytest.raises(CheckpointError, match="must carry the fingerprint"):
        model.load_state_dict(state)


@pytest.mark.parametrize(
    ("here", "there", "problem"),
    [
        ({"copy_attention": True}, {}, "has no decoder.copy_gate.projection.bias"),
        ({}, {"copy_attention": True}, "has decoder.copy_gate.projection.bias, which this model"),
        ({"encoder_layers": 3}, {}, "has no encoder.layers.2.fc1.bias"),
        ({}, {"decoder_layers": 1}, "has no decoder.layers.1.encoder_attn.k_proj.bias"),
    ],
)
def test_weights_that_do_not_fit_are_refused_naming_what_and_the_flags(
    here: dict[str, Any], there: dict[str, Any], problem: str
) -> None:
    state = make_model(**there).state_dict()
    with pytest.raises(CheckpointError, match=f"{problem}.*; give --arch and sizes"):
        make_model(**here).load_state_dict(state)


def test_saved_and_loaded_model_gives_the_same_logits() -> None:
    model, other = make_model(), make_model()
    with torch.no_grad():
        for parameter in other.parameters():
            parameter.add_(1.0)
    other.load_state_dict(model.state_dict())
    torch.testing.assert_close(
        other(SRC, LENGTHS, PREV)[0], model(SRC, LENGTHS, PREV)[0], atol=0.0, rtol=0.0
    )
