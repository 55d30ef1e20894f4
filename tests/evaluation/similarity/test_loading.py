import json
import shutil
import sys
from pathlib import Path

import pytest
import torch

from mclas_fairseq.errors import CheckpointError, ConfigError, SetupError
from mclas_fairseq.evaluation.similarity import Encoder, load_encoder
from mclas_fairseq.evaluation.similarity.layers import choose_layer


@pytest.fixture
def copy(small_encoder: Path, tmp_path: Path) -> Path:
    """A copy of the small encoder to break."""
    return Path(shutil.copytree(small_encoder, tmp_path / "copy"))


def change_config(folder: Path, **values: object) -> None:
    file = folder / "config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def states(folder: Path, text: str) -> tuple[torch.Tensor, ...]:
    """All layers' states (T, C) of a text, by the library alone."""
    from transformers import AutoModel, AutoTokenizer

    given = AutoTokenizer.from_pretrained(folder)(text, return_tensors="pt")
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    with torch.no_grad():
        found = model(given["input_ids"], output_hidden_states=True).hidden_states
    return tuple(layer[0] for layer in found)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_vectors_are_those_of_the_layer(small_encoder: Path, layer: int) -> None:
    encoder = load_encoder(str(small_encoder), layer=layer)
    found = encoder.vectors([encoder.pieces("the cats sat")], 1)[0]
    torch.testing.assert_close(found, states(small_encoder, "the cats sat")[layer])


def test_layers_above_are_taken_off(small_encoder: Path) -> None:
    assert len(load_encoder(str(small_encoder), layer=1).model.encoder.layer) == 1
    assert len(load_encoder(str(small_encoder), layer=2).model.encoder.layer) == 2


def test_vectors_come_in_the_order_of_the_texts_without_padding(small_encoder: Path) -> None:
    encoder = load_encoder(str(small_encoder), layer=2)
    texts = ["the cat sat on a mat", "a", "the dog"]
    together = encoder.vectors([encoder.pieces(text) for text in texts], 3)
    assert [len(found) for found in together] == [8, 3, 4]
    for text, found in zip(texts, together, strict=True):
        torch.testing.assert_close(found, states(small_encoder, text)[2])


def test_texts_of_about_one_length_share_a_batch(small_encoder: Path) -> None:
    encoder = load_encoder(str(small_encoder), layer=1)
    shapes: list[tuple[int, ...]] = []
    encoder.model.register_forward_pre_hook(
        lambda _, __, given: shapes.append(tuple(given["input_ids"].shape)), with_kwargs=True
    )
    encoder.vectors([encoder.pieces("cat " * words) for words in (9, 1, 8, 1, 2)], 2)
    assert shapes == [(2, 3), (2, 10), (1, 11)]  # 1 and 1 word, 2 and 8, and 9, with [CLS], [SEP]


def test_path_of_a_folder_is_not_shown(small_encoder: Path) -> None:
    assert load_encoder(str(small_encoder) + "/").name == "small-bert"


def test_loading_writes_nothing(small_encoder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_encoder(str(small_encoder), layer=1)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("bert-base-multilingual-cased", 9),
        ("google-bert/bert-base-multilingual-cased", 9),
        ("microsoft/mdeberta-v3-base", 10),
        ("xlm-roberta-base", 9),
        ("someone/unheard-of", 12),
    ],
)
def test_layer_not_given_is_the_tuned_one_or_the_last(name: str, layer: int) -> None:
    assert choose_layer(name, None, 12) == layer


@pytest.mark.parametrize("layer", [3, -1])
def test_layer_out_of_range_is_refused_with_the_number_there_are(
    small_encoder: Path, layer: int
) -> None:
    message = rf"'small-bert': layer must be from 0 \(the embeddings\) to 2, .* but is {layer}; "
    with pytest.raises(ConfigError, match=message + "change --layer"):
        load_encoder(str(small_encoder), layer=layer)


def test_length_limit_is_the_smaller_of_tokenizer_and_model(copy: Path) -> None:
    assert load_encoder(str(copy)).max_tokens == 24  # the tokenizer has none: 10**30
    file = copy / "tokenizer_config.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "model_max_length": 10}))
    encoder = load_encoder(str(copy))
    assert encoder.max_tokens == 10
    assert len(encoder.pieces("the cat " * 20)) == 10


@pytest.fixture(scope="module")
def small_roberta(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random RoBERTa: its positions begin after the padding's number, 1."""
    from transformers import RobertaConfig, RobertaModel, RobertaTokenizer

    folder = tmp_path_factory.mktemp("roberta")
    pieces = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "Ġ", "a", "b", "c", "Ġa", "Ġab", "ab"]
    merges = [("Ġ", "a"), ("Ġa", "b"), ("a", "b")]
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    RobertaTokenizer(vocab=vocabulary, merges=merges).save_pretrained(folder)
    config = RobertaConfig(
        vocab_size=len(pieces),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        intermediate_size=8,
        max_position_embeddings=12,
        type_vocab_size=1,
    )
    RobertaModel(config).save_pretrained(folder)
    return folder


def test_positions_that_a_roberta_cannot_use_do_not_count(small_roberta: Path) -> None:
    encoder = load_encoder(str(small_roberta))
    assert encoder.max_tokens == 10
    vectors = encoder.vectors([encoder.pieces("a b " * 20)], 1)[0]
    assert vectors.shape == (10, 8)


def test_first_word_of_a_roberta_is_a_word_like_the_others(small_roberta: Path) -> None:
    assert load_encoder(str(small_roberta)).pieces("ab ab").tokens[1:3] == ("Ġab", "Ġab")


def test_encoder_of_a_sequence_to_sequence_model_is_used(copy: Path, tmp_path: Path) -> None:
    from transformers import BartConfig, BartModel

    config = BartConfig(
        vocab_size=40,
        d_model=8,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=1,
        decoder_attention_heads=1,
        encoder_ffn_dim=8,
        decoder_ffn_dim=8,
        max_position_embeddings=16,
    )
    BartModel(config).save_pretrained(copy)
    encoder: Encoder = load_encoder(str(copy), layer=1)
    assert type(encoder.model).__name__ == "BartEncoder"
    assert encoder.max_tokens == 16
    assert encoder.vectors([encoder.pieces("the cat " * 20)], 1)[0].shape == (16, 8)


def test_missing_folder_is_named() -> None:
    with pytest.raises(
        ConfigError, match=r"'./none': .* there is no such folder; .* --model FOLDER"
    ):
        load_encoder("./none")


def test_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    message = "must be a model as the library transformers saves one .* its config.json is"
    with pytest.raises(ConfigError, match=message):
        load_encoder(str(tmp_path))
    (tmp_path / "config.json").write_text('{"model_type": "nothing"}')
    with pytest.raises(ConfigError, match=message):
        load_encoder(str(tmp_path))


def test_model_of_something_else_than_texts_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "resnet"}')
    with pytest.raises(ConfigError, match="must be an encoder of texts, but is a 'resnet' model"):
        load_encoder(str(tmp_path))


def test_missing_tokenizer_is_refused(copy: Path) -> None:
    # The library would make one that knows no word: all texts would be the same.
    (copy / "tokenizer.json").unlink()
    with pytest.raises(ConfigError, match=r"must come with its tokenizer \(tokenizer.json"):
        load_encoder(str(copy))


def test_tokenizer_of_another_model_is_refused(copy: Path) -> None:
    from transformers import BertTokenizer

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"w{number}" for number in range(50))]
    BertTokenizer(vocab={w: n for n, w in enumerate(words)}).save_pretrained(copy)
    with pytest.raises(CheckpointError, match=r"has 26 for 55 pieces; the tokenizer is another"):
        load_encoder(str(copy))


def test_missing_weights_file_is_refused(copy: Path) -> None:
    (copy / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"must have readable weights .*no file named model"):
        load_encoder(str(copy))


def test_broken_weights_are_refused(copy: Path) -> None:
    file = copy / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="must have readable weights that fit its config"):
        load_encoder(str(copy))


def test_weights_that_the_library_would_draw_at_random_are_refused(copy: Path) -> None:
    change_config(copy, num_hidden_layers=3)
    message = r"but 16 are missing, such as encoder\.layer\.2\.\S+; the weights are of another"
    with pytest.raises(CheckpointError, match=message):
        load_encoder(str(copy))


def test_weights_of_another_size_are_refused(copy: Path) -> None:
    change_config(copy, hidden_size=32)
    with pytest.raises(CheckpointError, match="must have readable weights that fit its config"):
        load_encoder(str(copy))


def test_named_model_that_cannot_be_had_names_the_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(SetupError) as caught:
        load_encoder("nobody/no-such-encoder")
    message = str(caught.value)
    assert message.startswith(
        "encoder 'nobody/no-such-encoder': a named model must be in the local cache or be"
        " downloaded, but neither worked (We couldn't connect to 'https://huggingface.co'"
    )
    assert message.endswith(
        "on a machine with a network run 'hf download nobody/no-such-encoder --local-dir FOLDER',"
        " copy the folder here and give --model FOLDER"
    )


def test_unknown_device_is_refused(small_encoder: Path) -> None:
    with pytest.raises(ConfigError, match="'warp': must be one that torch knows, such as cpu"):
        load_encoder(str(small_encoder), device="warp")


def test_gpu_that_is_not_there_is_refused(
    small_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ConfigError, match="'cuda': must be in this machine, .* give --device cpu"):
        load_encoder(str(small_encoder), device="cuda")


def test_missing_library_is_named_with_its_remedy(
    small_encoder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        SetupError, match=r"needs the package transformers.*mclas-fairseq\[metrics\]"
    ):
        load_encoder(str(small_encoder))
