"""NCLS+MS on the toy: training from a monolingual summarizer, and decoding with either decoder."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import mclas_fairseq
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.inference.options import DecodingOptions

if TYPE_CHECKING:
    from tests.system.conftest import Toy

FLAGS = ("--arch", "ncls_ms_tiny", "--target-layout", "ncls_ms")


def weights(checkpoint: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(checkpoint, weights_only=True)["model"]
    return state


@pytest.fixture(scope="module")
def trained(toy: "Toy") -> Path:
    """Two updates from a monolingual summarizer, validated with ROUGE."""
    options = ("--eval-rouge", "--eval-rouge-args", '{"max_len_b": 20}', "--copy-attention")
    monolingual = toy.train("for-two", "--target-layout", "ms", "--copy-attention")
    start = ("--finetune-from-model", monolingual / "checkpoint_last.pt")
    return toy.train("ncls_ms", *FLAGS, *start, *options) / "checkpoint_last.pt"


def logged(log: str, name: str) -> list[float]:
    return [float(value) for value in re.findall(rf"\b{name}=?\s?([\d.]+)", log)]


def test_the_two_parts_of_the_loss_are_logged_and_add_up_over_the_tokens_of_both(
    toy: "Toy", trained: Path
) -> None:
    log = toy.logs["ncls_ms"]
    (line,) = re.findall(r"^.*valid on 'valid' subset.*num_updates 2.*$", log, re.MULTILINE)
    values = {name: float(value) for name, value in re.findall(r"(\w+) ([\d.]+)", line)}
    assert {"ms_nll_loss", "cls_nll_loss", "rouge1", "ms_rouge1"} <= set(values)
    low, high = sorted((values["ms_nll_loss"], values["cls_nll_loss"]))
    assert low < values["nll_loss"] < high
