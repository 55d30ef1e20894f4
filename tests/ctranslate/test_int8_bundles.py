"""Bundles in 8 bits: they decode as `--precision int8` does, and are refused where not whole."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from mclas_fairseq.bundles.card import CardDetails
from mclas_fairseq.bundles.format import CONFIG_FILE, INDEX_FILE, INT8_FILE, write_index
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.exporting import convert_bundle, export_bundle
from mclas_fairseq.inference.loading import load_bundle
from mclas_fairseq.inference.summarizer import Summarizer

OPTIONS = DecodingOptions(beam=2, max_len_b=12, no_repeat_ngram_size=0)
Export = Callable[[str, bool], Path]


@pytest.fixture(scope="module")
def export(old: Path, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Gives a bundle for torch of one of the fixture's models, in 8 bits or as it was trained."""

    @cache
    def bundle(name: str, int8: bool) -> Path:
        out = tmp_path_factory.mktemp("bundles") / f"{name}-{int8}"
        checkpoint, data = old / "checkpoints" / f"{name}.pt", old / "data-bin"
        export_bundle(checkpoint, data, out, CardDetails(name=name), options=OPTIONS, int8=int8)
        return out

    return bundle


@pytest.mark.parametrize("name", ["mclas", "ncls_ms", "vhm", "many"])
def test_a_bundle_in_8_bits_gives_what_rounding_at_loading_gives(
    name: str, old: Path, export: Export, documents: list[str]
) -> None:
    files = [old / "checkpoints" / f"{name}.pt"]
    rounded = Summarizer.load(files, old / "data-bin", OPTIONS, device="cpu", precision="int8")
    expected = rounded.summarize(documents)
    folder = export(name, True)
    found = Summarizer.from_bundle(folder, device="cpu").summarize(documents)
    assert [one.best for one in found] == [one.best for one in expected]
    assert json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))["format_version"] == 3
    assert (folder / INT8_FILE).stat().st_mode == (folder / CONFIG_FILE).stat().st_mode


def test_a_bundle_for_torch_can_be_rounded_afterwards(export: Export, tmp_path: Path) -> None:
    convert_bundle(export("mclas", False), tmp_path / "rounded", (), int8=True)
    one, other = (tmp_path / "rounded" / INT8_FILE, export("mclas", True) / INT8_FILE)
    assert one.read_bytes() == other.read_bytes()
    card = (tmp_path / "rounded" / "README.md").read_text(encoding="utf-8")
    assert "It has the linear layers of the model in 8 bits" in card
    found = load_bundle(tmp_path / "rounded")
    assert (found.precision, found.options.max_len_b) == ("int8", OPTIONS.max_len_b)


def test_weights_that_are_gone_cannot_be_had_again(export: Export, tmp_path: Path) -> None:
    folder = export("mclas", True)
    with pytest.raises(ConfigError, match=r"precision float32: .* in 8 bits, .* made from"):
        load_bundle(folder).in_precision("float32")
    assert load_bundle(folder).in_precision("int8").precision == "int8"
    with pytest.raises(CheckpointError, match="must be a bundle for torch .* in 8 bits already"):
        convert_bundle(folder, tmp_path / "again", (), int8=True)


def without_a_layer(weights: dict[str, Tensor]) -> None:
    del weights["decoder.layers.0.self_attn.out_proj.weight"]


def without_scales(weights: dict[str, Tensor]) -> None:
    del weights["decoder.layers.0.self_attn.out_proj.weight_scales"]


def in_full(weights: dict[str, Tensor]) -> None:
    name = "decoder.layers.0.self_attn.out_proj.weight"
    weights[name] = weights[name].float()


def of_another_shape(weights: dict[str, Tensor]) -> None:
    name = "encoder.layers.0.self_attn.out_proj.weight"
    weights[name] = weights[name][:, :-1].contiguous()


def without_a_norm(weights: dict[str, Tensor]) -> None:
    del weights["encoder.layers.0.final_layer_norm.weight"]


def with_something_else(weights: dict[str, Tensor]) -> None:
    weights["encoder.extra"] = torch.zeros(2)


def of_another_dictionary(weights: dict[str, Tensor]) -> None:
    weights["dictionary_fingerprint"][0] ^= 1


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (without_a_layer, "decoder.layers.0.self_attn.out_proj.weight is missing"),
        (without_scales, "decoder.layers.0.self_attn.out_proj.weight_scales is missing"),
        (in_full, "decoder.layers.0.self_attn.out_proj.weight has other numbers"),
        (of_another_shape, "encoder.layers.0.self_attn.out_proj.weight has other numbers"),
        (without_a_norm, "encoder.layers.0.final_layer_norm.weight is missing"),
        (with_something_else, "encoder.extra is unknown"),
        (of_another_dictionary, "trained with another dictionary"),
    ],
)
def test_weights_of_another_model_are_refused(
    damage: Callable[[dict[str, Tensor]], None], problem: str, export: Export, tmp_path: Path
) -> None:
    folder = tmp_path / "damaged"
    copy_but(export("mclas", True), folder)
    weights = safetensors.torch.load_file(folder / INT8_FILE)
    damage(weights)
    safetensors.torch.save_file(weights, folder / INT8_FILE)
    write_index(folder, "0")
    with pytest.raises(CheckpointError, match=f"its weights must be those of .*{problem}"):
        load_bundle(folder)


def test_a_bundle_says_that_it_is_in_8_bits_and_is(export: Export, tmp_path: Path) -> None:
    folder = tmp_path / "lying"
    copy_but(export("mclas", True), folder)
    config = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
    config["precision"] = "float32"
    (folder / CONFIG_FILE).write_text(json.dumps(config), encoding="utf-8")
    write_index(folder, "0")
    with pytest.raises(CheckpointError, match="has the precision 'float32', not int8"):
        load_bundle(folder)


def copy_but(bundle: Path, out: Path) -> None:
    """A copy of a bundle without its list of files."""
    for path in bundle.rglob("*"):
        if path.is_file() and path.name != INDEX_FILE:
            target = out / path.relative_to(bundle)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(path.read_bytes())
