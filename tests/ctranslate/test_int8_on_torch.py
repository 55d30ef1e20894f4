"""`--int8` on torch, for the models that CTranslate2 cannot hold."""

import argparse
from collections.abc import Callable
from pathlib import Path

import pytest

from mclas_fairseq.cli.parts.search_flags import add_search_flags
from mclas_fairseq.cli.parts.summarizer import add_model_flags, load_summarizer
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.loading import load_checkpoints
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.modules.int8_linear import Int8Linear

Load = Callable[[str, DecodingOptions], Summarizer]


@pytest.mark.parametrize("name", ["mclas", "ncls_ms", "vhm", "many"])
def test_every_model_decodes_in_8_bits_nearly_as_before(
    name: str, old: Path, on_torch: Load, documents: list[str]
) -> None:
    options = DecodingOptions(beam=2, max_len_b=12, no_repeat_ngram_size=0)
    rounded = Summarizer.load(
        [old / "checkpoints" / f"{name}.pt"],
        old / "data-bin",
        options,
        device="cpu",
        precision="int8",
    )
    assert any(isinstance(module, Int8Linear) for module in rounded.models[0].modules())
    expected = on_torch(name, options).summarize(documents)
    found = rounded.summarize(documents)
    mean, other = (
        sum(one.best.score for one in summaries) / len(documents) for summaries in (expected, found)
    )
    assert other == pytest.approx(mean, rel=0.1)
    assert [one.best.score for one in found] != [one.best.score for one in expected]
    assert rounded.attention(documents[0]).cross.sum() > 0


def test_torch_has_no_8_bits_elsewhere_than_on_a_processor(old: Path) -> None:
    system = load_checkpoints([old / "checkpoints" / "ms.pt"], old / "data-bin")
    with pytest.raises(
        ConfigError, match=r"precision int8: .* but the device is meta; leave --int8"
    ):
        system.in_precision("int8").prepare("meta")


def test_the_flag_is_short_for_a_precision_and_contradicts_others(old: Path) -> None:
    parser = argparse.ArgumentParser()
    add_model_flags(parser)
    parser.add_argument("--cpu", action="store_true")
    add_search_flags(parser)
    words = ["--checkpoint", str(old / "checkpoints/ms.pt"), "--data", str(old / "data-bin")]
    found = load_summarizer(parser.parse_args([*words, "--cpu", "--int8"]), "summarize")
    assert any(isinstance(module, Int8Linear) for module in found.models[0].modules())
    both = parser.parse_args([*words, "--int8", "--precision", "bfloat16"])
    with pytest.raises(ConfigError, match=r"--int8 and --precision bfloat16: .* give one of them"):
        load_summarizer(both, "summarize")
