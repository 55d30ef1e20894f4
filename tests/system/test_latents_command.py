"""`mclas latents`, and decoding with draws of the latent variables, through the commands."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.errors import ConfigError

if TYPE_CHECKING:
    from tests.system.conftest import Toy

TASK = "multitask_summarization"
CHOICES = ("prior mean", "sample", "posterior mean", "another document's", "mean of the split")


@pytest.fixture(scope="module")
def data(toy: "Toy") -> Path:
    """A data-bin with news, translations and the tags of the tasks."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for split, size in (("train", 12), ("valid", 4), ("test", 5)):
        rows[split] = [json.loads(json.dumps(row)) for row in generate("easy", split, size, seed=4)]
    return toy.prepare("latents", rows, "--task-tags")


@pytest.fixture(scope="module")
def train(toy: "Toy", data: Path) -> Callable[[str], Path]:
    """Train an architecture for two updates; returns the checkpoint."""

    def run(arch: str) -> Path:
        folder = toy.folder / "latents-checkpoints" / arch
        words = (data, *toy.recipe, "--criterion", "vhm_elbo", "--target-lang", "de")
        more = ("--arch", arch, "--latent-dim", "8", "--save-dir", folder)
        toy.fairseq("train", *words, *more, task=TASK)
        return folder / "checkpoint_last.pt"

    return run


@pytest.fixture(scope="module")
def checkpoint(train: Callable[[str], Path]) -> Path:
    return train("vhm_tiny")


def test_it_compares_values_of_z_and_bounds_and_draws_a_picture(
    toy: "Toy", data: Path, checkpoint: Path, tmp_path: Path
) -> None:
    files = ("--json", tmp_path / "latents.json", "--plot", tmp_path / "latents.png")
    model = ("--checkpoint", checkpoint, "--data", data, "--cpu")
    search = ("--beam", 2, "--max-len-b", 8, "--samples", 4, "--batch-size", 2)
    printed = toy.mclas("latents", *model, *search, *files)
    assert all(f"\n{choice} " in printed for choice in (*CHOICES, "zero"))
    assert "z matters" in printed or "z does not matter" in printed
    report = json.loads((tmp_path / "latents.json").read_text())
    assert report["documents"] == 5
    assert report["choices"]["prior mean"]["nll_cost"] == [0.0, 0.0, 0.0]
    assert report["choices"]["zero"]["nll"] != report["choices"]["prior mean"]["nll"]
    assert report["kl"] > 0
    assert report["elbo"] < 0
    assert report["active_units"]["cls"][1] == 8
    assert (tmp_path / "latents.png").read_bytes().startswith(b"\x89PNG")
    again = toy.mclas("latents", *model, *search[:-2], "--batch-size", 5)
    assert numbers(again) == pytest.approx(numbers(printed), abs=0.006)


def numbers(printed: str) -> list[float]:
    """NLL of each value of z."""
    rows = [line for line in printed.splitlines() if line.startswith((*CHOICES, "zero"))]
    return [float(row[20:].split()[3]) for row in rows]


def test_a_model_without_latents_is_refused(
    toy: "Toy", data: Path, train: Callable[[str], Path]
) -> None:
    from mclas_fairseq.cli import build_parser
    from mclas_fairseq.cli.latents import run

    words = ["latents", "--checkpoint", str(train("mt_ms_cls_tiny")), "--data", str(data), "--cpu"]
    with pytest.raises(ConfigError, match="decoder must read latent variables"):
        run(build_parser().parse_args(words))


def test_draws_do_not_depend_on_the_batch_and_several_can_be_put_in_order(
    toy: "Toy", data: Path, checkpoint: Path
) -> None:
    model = ("--path", checkpoint, "--target-lang", "de")

    def lines(*flags: object) -> list[str]:
        words = (data, *model, "--beam", 2, "--max-len-b", 8, *flags)
        log = toy.fairseq("generate", *words, task=TASK)
        return sorted(line for line in log.splitlines() if line.startswith("D-"))

    draws = ("--sample-latent", 2)
    alone, together = lines(*draws, "--batch-size", 1), lines(*draws, "--batch-size", 5)
    assert [line.split("\t")[2] for line in alone] == [line.split("\t")[2] for line in together]
    assert lines(*draws, "--latent-reranking", "joint", "--batch-size", 5)
    error = toy.fails("generate", data, *model, "--latent-reranking", "joint", task=TASK)
    assert "there must be draws to put in order" in str(error)
