"""Models on a pretrained encoder: sizes of the paper, what the decoder takes over, refusals."""

import json
import shutil
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from torch import Tensor, nn

from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.data.indexed_dictionary import IndexedDictionary, storable_pieces
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.modules.parameter_groups import ENCODER, REST, group_of, mark_groups
from mclas_fairseq.modules.pretrained_encoder import PretrainedEncoder
from mclas_fairseq.modules.pretrained_loading import read_vocabulary
from mclas_fairseq.summarization.model import MclasModel, mclas_mbert, mclas_tiny
from mclas_fairseq.summarization.two_decoders import NclsMsModel, ncls_ms_mbert

KINDS = ["pretrained_bert", "pretrained_xlmr"]
MBERT = {  # config.json of bert-base-multilingual-uncased, as far as it tells sizes
    "model_type": "bert",
    "vocab_size": 105879,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 512,
    "type_vocab_size": 2,
    "pad_token_id": 0,
}


def make_task(dictionary: IndexedDictionary, layout: str, longest: int = 63) -> Any:
    return SimpleNamespace(
        source_dictionary=dictionary,
        target_dictionary=dictionary,
        dictionary_sha256=dictionary_fingerprint(dictionary),
        max_positions=lambda: (longest, 100),
        layout=layout,
    )


def make_dictionary(folder: Path) -> IndexedDictionary:
    vocabulary = read_vocabulary(str(folder))
    pieces = [piece for piece, _ in sorted(vocabulary.items(), key=lambda item: item[1])]
    return IndexedDictionary.from_pieces(storable_pieces(pieces))


def make_model(folder: Path, dictionary: IndexedDictionary | None = None, **options: Any) -> Any:
    torch.manual_seed(3)
    given = {"decoder_embed_dim": 16, "decoder_ffn_embed_dim": 32, "dropout": 0.0, **options}
    args = Namespace(pretrained_encoder=str(folder), **given)
    mclas_tiny(args)
    return build(args, dictionary or make_dictionary(folder))


def build(args: Namespace, dictionary: IndexedDictionary) -> Any:
    return MclasModel.build_model(args, make_task(dictionary, "mclas")).eval()


def make_batch(dictionary: IndexedDictionary) -> tuple[Tensor, Tensor, Tensor]:
    """Two documents, the first padded on the left, and what the decoder reads."""
    pad, eos, bos = dictionary.pad(), dictionary.eos(), dictionary.bos()
    src = torch.tensor([[pad, pad, 20, 21, 22, eos], [23, 24, 25, 26, 27, eos]])
    return src, torch.tensor([4, 6]), torch.tensor([[bos, 30, 31, 32], [bos, 33, 34, 35]])


@pytest.mark.parametrize(
    ("model_class", "architecture", "layout", "parameters"),
    [
        (MclasModel, mclas_mbert, "mclas", 296_046_231),
        (NclsMsModel, ncls_ms_mbert, "ncls_ms", 343_315_095),
    ],
)
def test_paper_configuration_has_exactly_the_papers_parameters(
    model_class: Any, architecture: Any, layout: str, parameters: int
) -> None:
    entries = 105_879
    named = {0: "[PAD]", 100: "[UNK]", 101: "[CLS]", 102: "[SEP]", 103: "[MASK]"}
    pieces = [named.get(n, f"[unused{n}]" if n < 100 else f"w{n}") for n in range(entries)]
    args = Namespace(pretrained_config=json.dumps(MBERT))
    architecture(args)
    task = make_task(IndexedDictionary.from_pieces(pieces), layout, longest=511)
    with torch.device("meta"):
        model = model_class.build_model(args, task)
    assert sum(value.numel() for value in model.parameters()) == parameters
    frozen = sum(value.numel() for value in model.parameters() if not value.requires_grad)
    assert frozen == 590_592  # the pooler
    layer = model.decoder.layers[0]
    assert (len(model.decoder.layers), layer.self_attn.num_heads, layer.nh) == (6, 8, 8)
    assert (layer.dropout_module.p, layer.self_attn.dropout_module.p) == (0.1, 0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_decoder_embedding_is_a_copy_of_the_encoders_tied_to_the_output(
    kind: str, request: pytest.FixtureRequest
) -> None:
    model = make_model(request.getfixturevalue(kind))
    assert isinstance(model.encoder, PretrainedEncoder)
    decoder, rows = model.decoder, model.encoder.word_embeddings.weight
    torch.testing.assert_close(decoder.embed_tokens.weight, rows, atol=0, rtol=0)
    assert decoder.embed_tokens.weight is not rows
    assert decoder.output_projection.weight is decoder.embed_tokens.weight
    assert decoder.output_projection.bias.shape == (rows.shape[0],)
    assert not decoder.output_projection.bias.any()
    norms = [module for module in decoder.modules() if isinstance(module, nn.LayerNorm)]
    assert {module.eps for module in norms} == {1e-6}
    assert len(norms) == 2 * 3 + 1  # of two pre-norm layers, and the final one
    assert decoder.embed_scale == 4.0  # sqrt(16)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("copy_attention", [False, True])
def test_full_decoder_equals_incremental_decoder_and_padding_changes_nothing(
    kind: str, copy_attention: bool, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    model = make_model(folder, copy_attention=copy_attention)
    src, lengths, prev = make_batch(make_dictionary(folder))
    full = model.get_normalized_probs(model(src, lengths, prev), True)
    torch.testing.assert_close(full.exp().sum(-1), torch.ones(2, 4), atol=1e-5, rtol=0)
    alone = model.get_normalized_probs(model(src[:1, 2:], lengths[:1], prev[:1]), True)
    torch.testing.assert_close(full[:1], alone, atol=1e-5, rtol=1.3e-6)
    encoder_out = model.encoder(src, src_lengths=lengths)
    state: dict[str, Any] = {}
    for step in range(prev.size(1)):
        out = model.decoder(prev[:, : step + 1], encoder_out, incremental_state=state)
        one = model.get_normalized_probs(out, True)
        torch.testing.assert_close(one[:, -1], full[:, step], atol=1e-5, rtol=1.3e-6)


def test_checkpoint_loads_without_the_folder_it_came_from(
    pretrained_xlmr: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(pretrained_xlmr, tmp_path / "gone"))
    dictionary = make_dictionary(folder)
    args = Namespace(pretrained_encoder=str(folder), decoder_embed_dim=16, extend_positions=90)
    mclas_tiny(args)
    model = build(args, dictionary)
    shutil.rmtree(folder)
    assert str(tmp_path) not in args.pretrained_config
    again = Namespace(**vars(args))
    mclas_tiny(again)  # fairseq calls it for checkpoints as well
    other = build(again, dictionary)
    other.load_state_dict(model.state_dict())
    batch = make_batch(dictionary)
    torch.testing.assert_close(other(*batch)[0], model(*batch)[0], atol=0, rtol=0)


def test_options_from_hydra_carry_the_encoder_into_checkpoints(pretrained_bert: Path) -> None:
    args = Namespace(pretrained_encoder=str(pretrained_bert), decoder_embed_dim=16)
    mclas_tiny(args)
    options: Any = OmegaConf.create(vars(args))
    OmegaConf.set_struct(options, True)
    build(options, make_dictionary(pretrained_bert))
    assert json.loads(options.pretrained_config)["hidden_size"] == 16


def test_two_rates_tell_the_pretrained_encoder_from_the_rest(pretrained_bert: Path) -> None:
    model = make_model(pretrained_bert)
    mark_groups(model)
    groups = {name: group_of(value) for name, value in model.named_parameters()}
    assert groups["encoder.model.embeddings.word_embeddings.weight"] == ENCODER
    assert groups["decoder.embed_tokens.weight"] == groups["decoder.output_projection.bias"] == REST
    assert {name.split(".")[0] for name, group in groups.items() if group == ENCODER} == {"encoder"}


def test_dropout_flag_rules_the_encoder_only_when_it_is_given(pretrained_bert: Path) -> None:
    def rates(**options: Any) -> set[float]:
        args = Namespace(pretrained_encoder=str(pretrained_bert), decoder_embed_dim=16, **options)
        for _ in range(2):  # once for the command line, once for the model
            mclas_tiny(args)
        model = build(args, make_dictionary(pretrained_bert))
        modules = model.encoder.modules()
        return {module.p for module in modules if isinstance(module, nn.Dropout)}

    assert rates() == {0.1}  # as its config.json says
    assert rates(dropout=0.25) == {0.25}
    assert rates(dropout=0.25, pretrained_dropout=0.4) == {0.4}


def test_decoder_of_another_width_is_refused_naming_the_flag(pretrained_bert: Path) -> None:
    with pytest.raises(ConfigError, match="--decoder-embed-dim 8: .* give --decoder-embed-dim 16"):
        make_model(pretrained_bert, decoder_embed_dim=8)


def test_data_bin_of_another_tokenizer_is_refused(
    pretrained_bert: Path, pretrained_xlmr: Path
) -> None:
    with pytest.raises(ConfigError, match="must be made with its tokenizer.*mclas prepare"):
        make_model(pretrained_bert, make_dictionary(pretrained_xlmr))


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        ({"extend_positions": 600}, "--extend-positions"),
        ({"sentence_segments": True}, "--sentence-segments"),
        ({"freeze_encoder_updates": 5}, "--freeze-encoder-updates"),
    ],
)
def test_options_of_a_pretrained_encoder_without_one_are_refused(
    options: dict[str, Any], flag: str, pretrained_bert: Path
) -> None:
    args = Namespace(**options)
    mclas_tiny(args)
    with pytest.raises(ConfigError, match=f"{flag}: needs .* add --pretrained-encoder"):
        build(args, make_dictionary(pretrained_bert))


def test_two_pretrained_encoders_at_once_are_refused(pretrained_bert: Path) -> None:
    with pytest.raises(ConfigError, match="--init-from-mbart DIR: .* leave out --pretrained-enc"):
        make_model(pretrained_bert, init_from_mbart="DIR")


@pytest.mark.parametrize(
    "settings",
    [
        {"_attn_implementation": "somebody/kernel"},
        {"auto_map": {"AutoModel": "code.Model"}},
        {"model_type": "gpt2"},
        {"hidden_act": ["gelu"]},
    ],
)
def test_settings_from_elsewhere_can_only_tell_sizes(
    settings: dict[str, Any], pretrained_bert: Path
) -> None:
    args = Namespace(pretrained_config=json.dumps({**MBERT, **settings}))
    mclas_mbert(args)
    with pytest.raises(CheckpointError, match="pretrained_config: may hold .* alone"):
        build(args, make_dictionary(pretrained_bert))


def test_architecture_of_the_paper_needs_an_encoder(pretrained_bert: Path) -> None:
    args = Namespace()
    mclas_mbert(args)
    with pytest.raises(ConfigError, match="_mbert: .* add --pretrained-encoder NAME_OR_PATH"):
        build(args, make_dictionary(pretrained_bert))
