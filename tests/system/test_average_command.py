"""Averages of what fairseq-train wrote: generation, summarizing and fine-tuning take them."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint

if TYPE_CHECKING:
    from tests.system.conftest import Toy


@pytest.fixture(scope="module")
def run(toy: "Toy") -> Path:
    """Four updates, a checkpoint after each, the three with the lowest loss kept twice."""
    saving = "--max-update 4 --save-interval-updates 1 --keep-best-checkpoints 3".split()
    return toy.train("averaged", "--target-layout", "mclas", *saving)


def test_last_and_best_are_found_under_the_names_that_fairseq_gives(
    toy: "Toy", run: Path, tmp_path: Path
) -> None:
    printed = toy.mclas("average", "--folder", run, "--last", 2, "--out", tmp_path / "l.pt")
    assert [line.split(",")[0] for line in printed.splitlines()[:2]] == [
        "checkpoint_1_3.pt  3 updates",
        "checkpoint_1_4.pt  4 updates",
    ]
    printed = toy.mclas("average", "--folder", run, "--best", 3, "--out", tmp_path / "b.pt")
    assert printed.startswith("best by loss (less is better)\n")
    kept = {load_checkpoint(path)["extra_state"]["val_loss"] for path in run.glob("*.best_loss_*")}
    assert len(kept) == 3
    named = [float(line.split()[-1]) for line in printed.splitlines()[1:4]]
    assert named == pytest.approx(sorted(kept), rel=1e-5)
    sums = [load_checkpoint(run / f"checkpoint_1_{number}.pt")["model"] for number in (3, 4)]
    name = "decoder.layers.0.fc1.weight"
    expected = ((sums[0][name].double() + sums[1][name].double()) / 2).float()
    assert torch.equal(load_checkpoint(tmp_path / "l.pt")["model"][name], expected)


def test_the_average_of_one_decodes_as_it_does_and_is_smaller(
    toy: "Toy", run: Path, tmp_path: Path
) -> None:
    one, average = run / "checkpoint_1_4.pt", tmp_path / "average.pt"
    toy.mclas("average", "--inputs", one, "--out", average)
    assert average.stat().st_size < 0.6 * one.stat().st_size
    assert toy.summaries(toy.generate(average)) == toy.summaries(toy.generate(one))


def test_an_average_summarizes_and_is_tuned_further(toy: "Toy", run: Path, tmp_path: Path) -> None:
    average = tmp_path / "average.pt"
    toy.mclas("average", "--folder", run, "--last", 4, "--out", average)
    decoding = ["--data", toy.data_bin, "--cpu", "--max-len-b", "20"]
    printed = toy.mclas(
        "summarize", "--checkpoint", average, *decoding, stdin="The council met in Berlin.\n"
    )
    assert len(printed.splitlines()) == 1
    toy.train("tuned", "--target-layout", "mclas", "--finetune-from-model", average, "--lr", "0")
    tuned = load_checkpoint(toy.folder / "checkpoints" / "tuned" / "checkpoint_last.pt")
    assert tuned["optimizer_history"][-1]["num_updates"] == 2
    for name, value in load_checkpoint(average)["model"].items():
        assert torch.equal(tuned["model"][name], value), name
