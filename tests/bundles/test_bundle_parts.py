"""Weights, tokenizer and model card of a bundle, each by itself."""

import io
import json
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
import torch
from torch import Tensor, nn

from mclas_fairseq.bundles.card import CardDetails, ScoreRow, model_card, read_scores
from mclas_fairseq.bundles.config import BundleConfig, declared_settings, model_settings
from mclas_fairseq.bundles.tokenizer import without_traces
from mclas_fairseq.bundles.weights import read_weights, untie, write_weights
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.errors import CheckpointError, ConfigError


class Tied(nn.Module):
    """An embedding that is the output layer as well, and a buffer."""

    steps: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(7, 4)
        self.output = nn.Linear(4, 7, bias=False)
        self.output.weight = self.embedding.weight
        self.same_values = nn.Parameter(self.embedding.weight.detach().clone())
        self.register_buffer("steps", torch.tensor([3], dtype=torch.uint8))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_weights_come_back_by_all_their_names_and_in_the_type_they_were_stored(
    tmp_path: Path, dtype: torch.dtype
) -> None:
    model = Tied()
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(value.to(dtype))  # as after loading what was stored in that type
    types = {name: dtype for name in model.state_dict() if name != "steps"}
    weights, tied = untie(model, types)
    assert tied == {"output.weight": "embedding.weight"}, "equal values alone tie nothing"
    write_weights(tmp_path, weights)
    size = (tmp_path / "model.safetensors").stat().st_size
    assert size < 2 * 28 * dtype.itemsize + 500
    found = read_weights(tmp_path, tied)
    assert set(found) == set(model.state_dict())
    for name, value in model.state_dict().items():
        assert found[name].dtype == types.get(name, torch.uint8)
        assert torch.equal(found[name], value.to(found[name].dtype))


class Bomb:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize(("kind", "named"), [("zip", "a zip file"), ("pickle", "a pickle")])
def test_a_pickle_under_the_name_of_the_weights_is_refused_and_never_run(
    tmp_path: Path, kind: str, named: str
) -> None:
    exploded = tmp_path / "exploded"
    content = io.BytesIO()
    if kind == "zip":
        torch.save({"weights": Bomb(exploded)}, content)
    else:
        pickle.dump(Bomb(exploded), content)
    (tmp_path / "model.safetensors").write_bytes(content.getvalue())
    with pytest.raises(CheckpointError, match=rf"must be a safetensors file, but is {named}.* run"):
        read_weights(tmp_path, {})
    assert not exploded.exists()
    pickle.loads(pickle.dumps(Bomb(exploded)))
    assert exploded.exists(), "the bomb works"


def test_weights_can_be_read_by_whom_the_other_files_can(tmp_path: Path) -> None:
    write_weights(tmp_path, {"a": torch.ones(3)})
    (tmp_path / "other").touch()
    (weights,) = tmp_path.glob("*.safetensors")
    assert weights.stat().st_mode == (tmp_path / "other").stat().st_mode


def test_damaged_weights_are_refused(tmp_path: Path) -> None:
    write_weights(tmp_path, {"a": torch.ones(3)})
    path = tmp_path / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-4])
    with pytest.raises(CheckpointError, match="must be a safetensors file with the model's weigh"):
        read_weights(tmp_path, {})
    write_weights(tmp_path, {"a": torch.ones(3)})
    with pytest.raises(CheckpointError, match="it has no b, which c is tied to"):
        read_weights(tmp_path, {"c": "b"})


def test_sentencepiece_keeps_its_pieces_and_loses_its_files(tmp_path: Path) -> None:
    corpus = tmp_path / "private_corpus_of_jane.txt"
    corpus.write_text("".join(f"the cat number {i} sat on the mat\n" for i in range(50)))
    sentencepiece.SentencePieceTrainer.train(
        input=str(corpus),
        model_prefix=str(tmp_path / "janes_model"),
        vocab_size=30,
        minloglevel=2,
    )
    model = (tmp_path / "janes_model.model").read_bytes()
    clean = without_traces(model)
    assert b"jane" in model
    assert b"jane" not in clean
    sample = b"\x0a\x0e" + b"\x0a\x0cthe cat sat."  # self_test_data { samples { input } }
    assert without_traces(model + b"\x22" + bytes([len(sample)]) + sample) == clean
    old = sentencepiece.SentencePieceProcessor(model_proto=model)
    new = sentencepiece.SentencePieceProcessor(model_proto=clean)
    pieces = [new.id_to_piece(i) for i in range(new.get_piece_size())]
    assert pieces == [old.id_to_piece(i) for i in range(old.get_piece_size())]
    for text in ("the mat sat on 17 cats", "unseen ΩΩ text", ""):
        assert new.encode(text) == old.encode(text)
    assert without_traces(clean) == clean


@pytest.mark.parametrize("model", [b"\x0f", b"\x0a\x7fab", b"\x08"])
def test_what_is_no_sentencepiece_model_is_noticed(model: bytes) -> None:
    with pytest.raises((ValueError, IndexError)):
        without_traces(model)


def test_settings_are_those_the_architecture_declares_and_name_no_files() -> None:
    from argparse import Namespace

    cfg = Namespace(
        _name="mclas_tiny", arch="mclas_tiny", encoder_layers=2, copy_attention=True, seed=1,
        save_dir="/home/jane/run", encoder_embed_path="/home/jane/vectors", user_dir="/home/jane",
    )  # fmt: skip
    assert model_settings(cfg) == ("mclas_tiny", {"copy_attention": True, "encoder_layers": 2})
    assert {"encoder_layers", "dropout"} <= declared_settings("mclas_tiny")


CONFIG = BundleConfig(
    architecture="mclas_tiny",
    model={"encoder_layers": 2, "encoder_embed_dim": 128, "copy_attention": True},
    target_layout="mclas",
    source_lang="en",
    target_lang="de",
    summary_langs=["en", "de"],
    max_source_positions=256,
    max_target_positions=1024,
    dictionary_size=1234,
    dictionary_sha256="ab" * 32,
    tokenizer="bpe",
    lowercase=True,
    tied_weights={},
    decoding={"beam": 4},
    precision="float32",
    training={"updates": 300, "training_subset": 200, "started_from_another_checkpoint": True},
    versions={"mclas-fairseq": "0.1.0"},
)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": {"encoder_embed_path": "/etc/passwd"}}, "model setting 'encoder_embed_path'"),
        ({"model": {"user_dir": "evil"}}, "the model setting 'user_dir': 'evil', which is none"),
        ({"model": {"dropout": {"a": 1}}}, "the model setting 'dropout'"),
        ({"architecture": "transformer"}, "must be one of this package, but is 'transformer'"),
        ({"architecture": "nothing"}, "must be one of this package, but is 'nothing'"),
        ({"target_layout": "x"}, "has the layout 'x', not ms or ncls or ncls_ms or mclas"),
        ({"summary_langs": ["de", "../x"]}, "has summaries in"),
        ({"precision": "int1"}, "has the precision 'int1'"),
        ({"lowercase": "yes"}, "has 'yes' for 'lowercase', not bool"),
        ({"more": 1}, "has an unknown 'more'"),
    ],
)
def test_configuration_from_elsewhere_is_refused(
    tmp_path: Path, changes: dict[str, Any], message: str
) -> None:
    content = {**vars(CONFIG), **changes}
    (tmp_path / "config.json").write_text(json.dumps(content))
    with pytest.raises(CheckpointError, match=message):
        BundleConfig.load(tmp_path)


def test_configuration_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    CONFIG.save(tmp_path)
    assert BundleConfig.load(tmp_path) == CONFIG
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"config\.json must be .* but is no JSON"):
        BundleConfig.load(tmp_path)


def card(details: CardDetails, scores: list[ScoreRow]) -> str:
    counts = {"train": {"documents": 3000, "document": 3000, "summary-de": 2900}}
    manifest = Manifest("en", ("de",), "bpe", True, counts, {}, "ab" * 32)
    return model_card(details, CONFIG, manifest, scores, {"parameters": 1500, "bytes": 6000})


def test_card_says_what_is_known_and_what_is_not() -> None:
    text = card(CardDetails(name="News"), [])
    for fact in (
        "# News", 'language: ["en", "de"]', "writes summaries in `en` and `de`", "1,500 (",
        "3,000 document, 2,900 summary-de", "used 200 of them", "| updates | 300 |",
        "| started from another checkpoint | yes |", "bpe, lower case", "256 tokens",
        "None given by the maker", "Not stated by the maker of this bundle (licence)",
        "Not stated by the maker of this bundle (which data", 'mclas_fairseq.load("News")',
    ):  # fmt: skip
        assert fact in text, fact
    assert "license:" not in text


def test_card_of_a_pretrained_encoder_names_it_and_what_it_needs() -> None:
    start = {"name": "bert-base", "kind": "bert", "pieces": 9}
    manifest = Manifest("en", ("de",), "pretrained", True, {}, {}, "ab" * 32, pretrained=start)
    sizes = {"parameters": 1500, "bytes": 6000}
    config = replace(CONFIG, tokenizer="pretrained", model={"pretrained_config": "{}"})
    text = model_card(CardDetails(name="News"), config, manifest, [], sizes)
    assert "| pretrained | tokenizer and encoder of `bert-base` (bert), whose terms hold" in text
    assert "pip install 'mclas-fairseq[pretrained]'" in text
    text = model_card(CardDetails(name="News"), replace(config, model={}), manifest, [], sizes)
    assert "| pretrained | tokenizer of `bert-base` (bert)" in text
    assert "[pretrained]" not in card(CardDetails(name="News"), [])


def test_card_has_what_the_maker_says() -> None:
    said = {
        "licence": "CC-BY-4.0", "author": "A. Researcher", "description": "Short news.",
        "training_data": "Reports of 2024.", "intended_use": "For reading.", "limits": "No sports.",
    }  # fmt: skip
    row = ScoreRow("de", "rouge1", 21.847, (21.41, 22.29), 619, "rouge1.f|protocol:default")
    text = card(CardDetails(name="My model", **said), [row])  # type: ignore[arg-type]
    assert all(value in text for value in said.values())
    assert 'license: "CC-BY-4.0"' in text
    assert "| de | rouge1 | 21.85 | 21.41 to 22.29 | 619 | `rouge1.f\\|protocol:default` |" in text
    assert "Not stated" not in text


def report(systems: int) -> dict[str, Any]:
    value = {"mean": 21.8, "interval": [21.4, 22.2], "signature": "rouge1.f|x"}
    only_recall = {"recall": value}
    metrics = {"rouge1": {**value, "precision": value}, "rouge2": only_recall}
    system = {"system": "/home/jane/a.jsonl", "documents": 619, "metrics": metrics}
    return {"language": "de", "systems": [system] * systems}


def test_scores_are_read_without_names_of_files(tmp_path: Path) -> None:
    path = tmp_path / "scores.json"
    path.write_text(json.dumps(report(1)))
    row = ScoreRow("de", "rouge1", 21.8, (21.4, 22.2), 619, "rouge1.f|x")
    assert read_scores(path) == [row]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (json.dumps(report(2)), "must be about one system, but is about 2; give a file that mcl"),
        ("{}", "must be a report of scores, but cannot be read as one"),
        ("no", "must be a report of scores, but cannot be read as one"),
        (None, "must be a readable file, but reading it failed"),
    ],
)
def test_other_scores_are_refused(tmp_path: Path, content: str | None, message: str) -> None:
    path = tmp_path / "scores.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError, match=f"--scores {path}: {message}"):
        read_scores(path)
