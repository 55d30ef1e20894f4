"""The pretrained encoder: states as transformers gives them, positions, segments, freezing."""

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary
from torch import Tensor

from mclas_fairseq.data.indexed_dictionary import IndexedDictionary, storable_pieces
from mclas_fairseq.errors import CheckpointError, ConfigError, SetupError
from mclas_fairseq.modules.frozen_updates import drop_frozen_gradients
from mclas_fairseq.modules.pretrained_encoder import PretrainedEncoder, PretrainedOptions
from mclas_fairseq.modules.pretrained_loading import (
    check_vocabulary,
    load_pretrained_weights,
    read_settings,
    read_vocabulary,
)
from tests.processes import output_of

KINDS = ["pretrained_bert", "pretrained_xlmr"]


def make_dictionary(folder: Path) -> IndexedDictionary:
    vocabulary = read_vocabulary(str(folder))
    pieces = [piece for piece, _ in sorted(vocabulary.items(), key=lambda item: item[1])]
    return IndexedDictionary.from_pieces(storable_pieces(pieces))


def make_encoder(folder: Path, **options: Any) -> PretrainedEncoder:
    options = {"max_source_positions": 63, "dropout": 0.0, **options}
    encoder = PretrainedEncoder(
        read_settings(str(folder)), make_dictionary(folder), PretrainedOptions(**options)
    )
    load_pretrained_weights(encoder, str(folder))
    encoder.eval()
    return encoder


def sources(folder: Path) -> list[Tensor]:
    """Documents of 9, 4 and 1 tokens, each closed by the dictionary's EOS."""
    dictionary = make_dictionary(folder)
    ordinary = list(range(20, 80))
    return [
        torch.tensor([*ordinary[first : first + length], dictionary.eos()])
        for first, length in ((0, 9), (12, 4), (30, 1))
    ]


def padded(rows: list[Tensor], pad: int, *, left: bool) -> Tensor:
    longest = max(len(row) for row in rows)
    batch = torch.full((len(rows), longest), pad)
    for number, row in enumerate(rows):
        first = longest - len(row) if left else 0
        batch[number, first : first + len(row)] = row
    return batch


def states_by_the_library(folder: Path, row: Tensor) -> Tensor:
    """States (T, C) of `[CLS] x1 ... xn [SEP]`, one document alone, by transformers."""
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = [tokenizer.cls_token_id, *row[:-1].tolist(), tokenizer.sep_token_id]
    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states: Tensor = model(torch.tensor([ids])).last_hidden_state[0]
    return states


@pytest.mark.parametrize("layout", ["left", "right", "alone"])
@pytest.mark.parametrize("kind", KINDS)
def test_states_are_those_of_transformers_however_a_batch_is_padded(
    kind: str, layout: str, request: pytest.FixtureRequest
) -> None:
    folder = request.getfixturevalue(kind)
    encoder, rows = make_encoder(folder), sources(folder)
    pad = encoder.padding_idx
    for number, row in enumerate(rows):
        if layout == "alone":
            out, place = encoder(row.unsqueeze(0)), 0
        else:
            out, place = encoder(padded(rows, pad, left=layout == "left")), number
        read = ~out["encoder_padding_mask"][0][place]
        torch.testing.assert_close(
            out["encoder_out"][0][:, place][read],
            states_by_the_library(folder, row),
            atol=1e-5,
            rtol=1.3e-6,
        )
        assert out["src_lengths"][0][place].item() == len(row) + 1


@pytest.mark.parametrize("kind", KINDS)
def test_rows_follow_the_beam(kind: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(kind)
    encoder, rows = make_encoder(folder), sources(folder)
    out = encoder(padded(rows, encoder.padding_idx, left=True), return_all_hiddens=True)
    before = {name: [value.clone() for value in values] for name, values in out.items()}
    moved = encoder.reorder_encoder_out(out, torch.tensor([2, 2, 0]))
    for name in ("encoder_out", "encoder_states"):
        for old, new in zip(before[name], moved[name], strict=True):
            torch.testing.assert_close(new, old[:, [2, 2, 0]], atol=0, rtol=0)
    for name in ("encoder_padding_mask", "src_tokens", "src_lengths"):
        torch.testing.assert_close(moved[name][0], before[name][0][[2, 2, 0]], atol=0, rtol=0)
    assert len(moved["encoder_states"]) == 3
    torch.testing.assert_close(moved["encoder_states"][-1], moved["encoder_out"][0])


def test_source_ids_hold_the_start_behind_padding_and_eos_of_the_dictionary(
    pretrained_bert: Path,
) -> None:
    encoder = make_encoder(pretrained_bert)
    dictionary = make_dictionary(pretrained_bert)
    row = [dictionary.pad(), dictionary.pad(), 20, 21, dictionary.eos()]
    found = encoder(torch.tensor([row]))["src_tokens"][0].tolist()
    assert [dictionary[number] for number in found[0]] == (
        ["<pad>", "<pad>", "[CLS]", dictionary[20], dictionary[21], "</s>"]
    )


def test_position_beyond_the_last_repeats_it_and_the_others_stay(pretrained_xlmr: Path) -> None:
    plain, longer = make_encoder(pretrained_xlmr), make_encoder(pretrained_xlmr, positions=70)
    rows = longer.model.embeddings.position_embeddings.weight
    assert rows.shape[0] == 72  # counted from 2
    torch.testing.assert_close(rows[:66], plain.model.embeddings.position_embeddings.weight)
    torch.testing.assert_close(rows[66:], rows[65:66].expand(6, -1))
    row = sources(pretrained_xlmr)[0].unsqueeze(0)
    torch.testing.assert_close(longer(row)["encoder_out"][0], plain(row)["encoder_out"][0])
    assert (plain.max_positions(), longer.max_positions()) == (63, 63)
    assert (
        make_encoder(pretrained_xlmr, positions=70, max_source_positions=69).max_positions() == 69
    )


def test_documents_longer_than_the_positions_are_refused_naming_both_ways_out(
    pretrained_bert: Path,
) -> None:
    with pytest.raises(ConfigError, match="--max-source-positions 63, or --extend-positions 101"):
        make_encoder(pretrained_bert, max_source_positions=100)
    with pytest.raises(ConfigError, match="--extend-positions 10: must be more .* it has 64"):
        make_encoder(pretrained_bert, positions=10)


def test_sentences_are_framed_and_token_types_alternate(pretrained_bert: Path) -> None:
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(pretrained_bert)
    dictionary = make_dictionary(pretrained_bert)
    sentences = ["a b, d!", 'of 3.5 j. "in?"', "the"]
    text = tokenizer(" ".join(sentences), add_special_tokens=False)["input_ids"]
    row = torch.tensor([[dictionary.pad(), dictionary.pad(), *text, dictionary.eos()]])
    ids, types = [], []
    for number, sentence in enumerate(sentences):
        framed = tokenizer(sentence)["input_ids"]  # [CLS] ... [SEP]
        ids += framed
        types += [number % 2] * len(framed)
    model = AutoModel.from_pretrained(pretrained_bert).eval()
    out = make_encoder(pretrained_bert, sentence_segments=True)(row)
    with torch.no_grad():
        expected = model(torch.tensor([ids]), token_type_ids=torch.tensor([types]))
    torch.testing.assert_close(
        out["encoder_out"][0][:, 0], expected.last_hidden_state[0], atol=1e-5, rtol=1.3e-6
    )
    assert out["src_tokens"][0].tolist() == [[*ids[:-1], dictionary.eos()]]


def test_framed_sentences_beyond_the_positions_are_cut(pretrained_bert: Path) -> None:
    encoder = make_encoder(pretrained_bert, sentence_segments=True)
    dictionary = make_dictionary(pretrained_bert)
    letter, stop = dictionary.index("the"), dictionary.index(".")
    long = [letter, stop] * 30  # 60 tokens, and 2 more a sentence
    short = [dictionary.pad()] * 59 + [letter]
    out = encoder(torch.tensor([[*long, dictionary.eos()], [*short, dictionary.eos()]]))
    first, second = out["src_tokens"][0].tolist()
    start, end = encoder.frame.start, encoder.frame.end
    assert len(first) == 64
    assert first[:6] == [start, letter, stop, end, start, letter]
    assert first[-3:] == [letter, stop, dictionary.eos()]
    assert second[-3:] == [start, letter, dictionary.eos()]
    assert set(second[:-3]) == {dictionary.pad()}


def test_segments_of_an_encoder_with_one_token_type_are_refused(pretrained_xlmr: Path) -> None:
    with pytest.raises(ConfigError, match="--sentence-segments: .* two token types"):
        make_encoder(pretrained_xlmr, sentence_segments=True)


def test_entries_behind_the_vocabulary_get_rows_of_their_own(pretrained_xlmr: Path) -> None:
    encoder = make_encoder(pretrained_xlmr)  # XLM-R has no piece for the separator
    vocabulary = read_vocabulary(str(pretrained_xlmr))
    assert encoder.word_embeddings.weight.shape[0] == len(vocabulary) + 1
    assert encoder.word_embeddings.weight[-1].std() > 0.1


def test_dropout_is_the_encoders_own_unless_given(pretrained_bert: Path) -> None:
    own = make_encoder(pretrained_bert, dropout=None).model
    given = make_encoder(pretrained_bert, dropout=0.3).model
    rates = [
        {module.p for module in model.modules() if isinstance(module, torch.nn.Dropout)}
        for model in (own, given)
    ]
    assert rates == [{0.1}, {0.3}]


def test_pooler_is_counted_but_never_trained(pretrained_bert: Path) -> None:
    encoder = make_encoder(pretrained_bert)
    still = {name for name, value in encoder.named_parameters() if not value.requires_grad}
    assert still == {"model.pooler.dense.weight", "model.pooler.dense.bias"}
    row = sources(pretrained_bert)[0].unsqueeze(0)
    encoder(row)["encoder_out"][0].sum().backward()
    for name, value in encoder.named_parameters():
        assert (value.grad is not None) is value.requires_grad, name


# -- freezing --------------------------------------------------------------------------------------


def test_frozen_encoder_gives_zero_gradients_and_the_same_states(pretrained_bert: Path) -> None:
    row = sources(pretrained_bert)[0].unsqueeze(0)
    encoder = make_encoder(pretrained_bert, frozen_updates=2)
    expected = encoder(row)["encoder_out"][0]
    encoder.train()
    encoder.set_num_updates(1)
    states = encoder(row)["encoder_out"][0]
    torch.testing.assert_close(states, expected)
    states.sum().backward()
    for name, value in encoder.named_parameters():
        if value.requires_grad:
            assert value.grad is not None, name
            assert not value.grad.any(), name
    drop_frozen_gradients(SimpleNamespace(), encoder)
    assert all(value.grad is None for value in encoder.parameters())


def test_encoder_learns_from_the_first_update_after_the_frozen_ones(pretrained_bert: Path) -> None:
    encoder = make_encoder(pretrained_bert, frozen_updates=2).train()
    encoder.set_num_updates(2)
    encoder(sources(pretrained_bert)[0].unsqueeze(0))["encoder_out"][0].pow(2).sum().backward()
    drop_frozen_gradients(SimpleNamespace(), encoder)
    gradient = encoder.word_embeddings.weight.grad
    assert gradient is not None
    assert gradient.any()


def test_copies_of_32_bits_lose_their_gradients_as_well(pretrained_bert: Path) -> None:
    encoder = make_encoder(pretrained_bert, frozen_updates=1).train()
    low = [encoder.word_embeddings.weight, torch.nn.Parameter(torch.ones(2))]
    high = [torch.nn.Parameter(value.detach().clone()) for value in low]
    for value in high:
        value.grad = torch.ones_like(value)
    drop_frozen_gradients(SimpleNamespace(fp16_params=low, fp32_params=high), encoder)
    assert high[0].grad is None
    assert high[1].grad is not None
    with pytest.raises(ConfigError, match="--fp16-no-flatten-grads"):
        drop_frozen_gradients(SimpleNamespace(has_flat_params=True), encoder)


def gradient_norms_of_distributed_training(folder: Path, meeting: Path) -> list[float]:
    """Norms of the gradients of three updates, the first with a frozen encoder."""
    row = sources(folder)[0].unsqueeze(0)
    encoder = make_encoder(folder, frozen_updates=1).train()
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{meeting}", rank=0, world_size=1
    )
    wrapped = torch.nn.parallel.DistributedDataParallel(encoder)
    norms = []
    for update in range(3):
        encoder.set_num_updates(update)
        wrapped(row)["encoder_out"][0].pow(2).sum().backward()
        trained = [value for value in encoder.parameters() if value.requires_grad]
        norms.append(sum(float(value.grad.norm()) for value in trained if value.grad is not None))
        encoder.zero_grad()
    torch.distributed.destroy_process_group()
    return norms


def test_distributed_training_finds_every_parameter_in_use(
    pretrained_bert: Path, tmp_path: Path
) -> None:
    # fairseq's default kind; a parameter that has no part in the loss ends its second update. In a
    # process of its own: beside pytest's threads gloo's were seen to wait for ever.
    program = f"""
import json, pathlib
from tests.modules.test_pretrained_encoder import gradient_norms_of_distributed_training
folder, meeting = map(pathlib.Path, ({str(pretrained_bert)!r}, {str(tmp_path / "meeting")!r}))
print("NORMS", json.dumps(gradient_norms_of_distributed_training(folder, meeting)))
"""
    said = output_of([sys.executable, "-c", program], Path(__file__).parents[2])
    (line,) = [line for line in said.splitlines() if line.startswith("NORMS ")]
    norms = json.loads(line.removeprefix("NORMS "))
    assert norms[0] == 0
    assert min(norms[1:]) > 1


# -- what is refused -------------------------------------------------------------------------------


def copied(folder: Path, to: Path) -> Path:
    """A copy of a checkpoint to break."""
    return Path(shutil.copytree(folder, to / "copy"))


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"model_type": "gpt2"}, "is of kind gpt2"),
        ({"model_type": "t5", "is_encoder_decoder": True}, r"is an encoder with a decoder \(t5\)"),
        ({"is_decoder": True}, "is a decoder"),
        ({"model_type": "no such kind"}, "names no known kind of model"),
        ({"model_type": "bert", "hidden_size": "many"}, "names no known kind of model"),
    ],
)
def test_models_that_are_no_encoders_are_refused(
    pretrained_bert: Path, tmp_path: Path, config: dict[str, object], message: str
) -> None:
    folder = copied(pretrained_bert, tmp_path)
    (folder / "config.json").write_text(json.dumps({"model_type": "bert", **config}))
    with pytest.raises(ConfigError, match=f"--pretrained-encoder .* {message}"):
        read_settings(str(folder))


def test_folders_that_are_none_or_hold_no_model_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no such folder"):
        read_settings(str(tmp_path / "missing"))
    with pytest.raises(ConfigError, match=r"its config\.json is missing"):
        read_settings(str(tmp_path))


def test_names_that_cannot_be_reached_name_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("transformers.utils.cached_file", _unreachable)
    with pytest.raises(SetupError, match="hf download nobody/nothing --local-dir FOLDER"):
        read_settings("nobody/nothing")


def _unreachable(*_: object, **__: object) -> None:
    raise OSError("We couldn't connect")


def test_missing_and_misshapen_weights_are_refused(pretrained_bert: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    folder = copied(pretrained_bert, tmp_path)
    encoder = make_encoder(pretrained_bert)
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.bias"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(CheckpointError, match="1 are missing, such as encoder.layer.1.output"):
        load_pretrained_weights(encoder, str(folder))
    (folder / "model.safetensors").write_bytes(b"none")
    with pytest.raises(CheckpointError, match="must have readable weights"):
        load_pretrained_weights(encoder, str(folder))


@pytest.mark.parametrize("kind", KINDS)
def test_dictionary_of_the_same_tokenizer_fits(kind: str, request: pytest.FixtureRequest) -> None:
    folder = request.getfixturevalue(kind)
    check_vocabulary(str(folder), read_vocabulary(str(folder)), make_dictionary(folder))


def test_dictionary_of_another_tokenizer_is_refused(
    pretrained_bert: Path, pretrained_xlmr: Path
) -> None:
    vocabulary = read_vocabulary(str(pretrained_bert))
    with pytest.raises(ConfigError, match="entry 4 .* mclas prepare --pretrained"):
        check_vocabulary("NAME", vocabulary, Dictionary())
    with pytest.raises(ConfigError, match="must be made with its tokenizer"):
        check_vocabulary("NAME", vocabulary, make_dictionary(pretrained_xlmr))
    shorter = dict(list(vocabulary.items()))
    shorter["another"] = len(vocabulary) + 5
    with pytest.raises(ConfigError, match="is 'nothing' and the tokenizer's is 'another'"):
        check_vocabulary("NAME", shorter, make_dictionary(pretrained_bert))


def test_encoder_without_its_tokenizer_is_refused(pretrained_bert: Path, tmp_path: Path) -> None:
    folder = copied(pretrained_bert, tmp_path)
    for file in folder.glob("*token*"):
        file.unlink()
    with pytest.raises(ConfigError, match="must come with its tokenizer"):
        read_vocabulary(str(folder))
