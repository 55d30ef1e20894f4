"""A pretrained encoder in fairseq's commands: prepared, trained, resumed, decoded, handed on."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor

import mclas_fairseq
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint

_LONGEST = 96  # of the recipe; the small encoders have 64 positions
_SEARCH = ("--beam", 2, "--max-len-b", 4)
_FROZEN = ("--freeze-encoder-updates", 2, "--weight-decay", 0.1)


@dataclass
class Prepared:
    """A data-bin made with the tokenizer of an encoder, and that encoder's folder."""

    toy: Any
    encoder: Path
    data: Path

    def train(self, name: str, *flags: object) -> Path:
        """Train two updates from the encoder; returns the last checkpoint."""
        flags = ("--pretrained-encoder", self.encoder, "--extend-positions", _LONGEST + 1, *flags)
        folder: Path = self.toy.train(f"{self.encoder.name}-{name}", *flags, data=self.data)
        return folder / "checkpoint_last.pt"


def prepare(toy: Any, encoder: Path, folder: Path) -> Prepared:
    """Make a data-bin of the toy corpus with the encoder's tokenizer."""
    copy = Path(shutil.copytree(encoder, folder / encoder.name))
    words: list[object] = ["prepare", "--source-lang", "en", "--target-lang", "de"]
    for split, rows in toy.rows.items():
        words += [f"--{split}", toy.write(folder / f"{split}.jsonl", rows)]
    toy.mclas(*words, "--pretrained", copy, "--out", folder / "bin")
    return Prepared(toy, copy, folder / "bin")


@pytest.fixture(scope="module")
def bert(toy: Any, pretrained_bert: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(toy, pretrained_bert, tmp_path_factory.mktemp("bert"))


@pytest.fixture(scope="module")
def xlmr(toy: Any, pretrained_xlmr: Path, tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    return prepare(toy, pretrained_xlmr, tmp_path_factory.mktemp("xlmr"))


def encoder_weights(checkpoint: Path) -> dict[str, Tensor]:
    weights: Mapping[str, Tensor] = load_checkpoint(checkpoint)["model"]
    return {name: value for name, value in weights.items() if name.startswith("encoder.")}


@pytest.mark.parametrize("kind", ["bert", "xlmr"])
def test_training_generation_and_bundle_need_the_folder_once(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    prepared: Prepared = request.getfixturevalue(kind)
    toy = prepared.toy
    checkpoint = prepared.train("once")
    hidden = prepared.encoder.rename(prepared.encoder.with_name("hidden"))
    try:
        prepared.train("once", "--max-update", 3)  # goes on from the checkpoint
        assert load_checkpoint(checkpoint)["optimizer_history"][-1]["num_updates"] == 3
        log = toy.generate(checkpoint, "--batch-size", 14, *_SEARCH, data=prepared.data)
        found = [row["summary"] for row in toy.summaries(log, prepared.data)]
        toy.mclas(
            *("export", "--checkpoint", checkpoint, "--data", prepared.data),
            *(
                "--out",
                tmp_path / "bundle",
                "--licence",
                "MIT",
                *_SEARCH,
                "--no-repeat-ngram-size",
                3,
            ),
        )
        shutil.move(prepared.data, tmp_path / "not-at-hand")
        summarizer = mclas_fairseq.load(tmp_path / "bundle", device="cpu")
        documents = [" ".join(row["document"]["en"]) for row in toy.rows["test"]]
        summaries = summarizer.summarize(documents)
        assert [summary.best.summary for summary in summaries] == found
        pieces = summarizer.attention(documents[0]).document
        assert (pieces[0], pieces[-1]) == ("[CLS]" if kind == "bert" else "<s>", "</s>")
    finally:
        hidden.rename(prepared.encoder)
        shutil.move(tmp_path / "not-at-hand", prepared.data)
    config = (tmp_path / "bundle" / "config.json").read_text(encoding="utf-8")
    assert str(prepared.encoder.parent) not in config


def test_encoder_stays_as_it_is_while_frozen_whatever_the_weight_decay(bert: Prepared) -> None:
    checkpoint = bert.train("frozen", *_FROZEN, "--max-update", 2)
    start = load_file(bert.encoder / "model.safetensors")
    for name, value in encoder_weights(checkpoint).items():
        given = start[name.removeprefix("encoder.model.")]
        torch.testing.assert_close(value[: len(given)], given, atol=0, rtol=0, msg=name)
    before = encoder_weights(checkpoint)
    checkpoint = bert.train("frozen", *_FROZEN, "--max-update", 3)  # goes on, and thaws
    after = encoder_weights(checkpoint)
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved == {name for name in after if "pooler" not in name}
    steps = {float(entry["step"]) for entry in _states(checkpoint)}
    assert steps == {1.0, 3.0}  # the encoder's averages begin with its first true step


def test_frozen_updates_with_bf16_spare_the_copies_of_32_bits(bert: Prepared) -> None:
    checkpoint = bert.train("frozen-bf16", *_FROZEN, "--bf16")
    start = load_file(bert.encoder / "model.safetensors")
    for name, value in encoder_weights(checkpoint).items():
        given = start[name.removeprefix("encoder.model.")].bfloat16()
        torch.testing.assert_close(value[: len(given)].bfloat16(), given, atol=0, rtol=0, msg=name)


def _states(checkpoint: Path) -> list[dict[str, Any]]:
    """What Adam keeps of each parameter."""
    return list(load_checkpoint(checkpoint)["last_optimizer_state"]["state"].values())


def test_data_bin_of_another_tokenizer_is_refused_in_one_line(bert: Prepared) -> None:
    toy = bert.toy
    words = (toy.data_bin, *toy.recipe, "--pretrained-encoder", bert.encoder)
    error = toy.fails("train", *words, "--save-dir", toy.folder / "refused")
    assert "mclas prepare --pretrained" in str(error)


def test_documents_longer_than_the_encoder_reads_are_refused_in_one_line(bert: Prepared) -> None:
    toy = bert.toy
    words = (bert.data, *toy.recipe, "--pretrained-encoder", bert.encoder)
    error = toy.fails("train", *words, "--save-dir", toy.folder / "refused")
    assert "--max-source-positions 63, or --extend-positions 97" in str(error)
