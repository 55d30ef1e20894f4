"""Pretraining that is stopped, spread over processes, and in half precision."""

import json
import re
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import mclas_fairseq
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from tests.mglm.texts import make_text_bin
from tests.system.conftest import fairseq

CHILD = Path(__file__).with_name("resume_child.py")
# 7 updates an epoch or so: stopped in the second one.
FLAGS = (
    "--task glm_pretraining --arch glm_tiny --stack-layers 1 --stack-embed-dim 16 "
    "--stack-ffn-embed-dim 32 --stack-attention-heads 2 --criterion glm_cross_entropy "
    "--optimizer adam --lr 0.01 --clip-norm 1.0 --batch-size 12 --tokens-per-sample 40 "
    "--valid-samples 1 --seed 7 --cpu --log-format json --log-interval 1 --no-epoch-checkpoints "
    f"--user-dir {mclas_fairseq.__path__[0]}"
).split()
ALONE = "--distributed-world-size 1 --num-workers 0".split()


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_text_bin(tmp_path_factory.mktemp("texts")).folder


def train(text: Path, save: Path, *flags: object) -> str:
    return fairseq("train", text, *FLAGS, *flags, "--save-dir", save)


def losses(log: str) -> dict[int, tuple[str, str]]:
    """Update -> loss and norm of the gradient, as they are printed."""
    rows = (json.loads(line) for line in re.findall(r"train_inner \| (\{.*\})", log))
    return {int(row["num_updates"]): (row["loss"], row["gnorm"]) for row in rows}


def weights(save: Path) -> dict[str, Any]:
    found: dict[str, Any] = load_checkpoint(save / "checkpoint_last.pt")["model"]
    return found


def test_a_training_that_goes_on_ends_where_the_whole_one_ends(text: Path, tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    expected = losses(train(text, whole, *ALONE, "--max-update", 15))
    epochs = load_checkpoint(whole / "checkpoint_last.pt")["extra_state"]["train_iterator"]
    assert epochs["epoch"] >= 2
    first = losses(train(text, parts, *ALONE, "--max-update", 9))
    rest = losses(train(text, parts, *ALONE, "--max-update", 15))
    assert sorted(rest) == list(range(10, 16))
    assert {**first, **rest} == expected
    torch.testing.assert_close(weights(parts), weights(whole), rtol=0, atol=0)


def test_two_processes_are_one_with_twice_the_batches(text: Path, tmp_path: Path) -> None:
    flags = "--dropout 0 --attention-dropout 0 --max-update 5".split()
    one = losses(train(text, tmp_path / "one", *ALONE, *flags, "--update-freq", 2))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    both = (
        "--ddp-backend legacy_ddp --distributed-backend gloo --distributed-no-spawn --num-workers "
        f"0 --distributed-world-size 2 --distributed-init-method {address} --distributed-rank"
    ).split()
    log = tmp_path / "log"
    children = []
    for rank in ("0", "1"):
        words = [str(text), *FLAGS, *flags, "--save-dir", str(tmp_path / "two"), *both, rank]
        job = json.dumps({"flags": words, "log": str(log if rank == "0" else tmp_path / "other")})
        children.append(subprocess.Popen([sys.executable, str(CHILD), job]))
    assert [child.wait(300) for child in children] == [0, 0], log.read_text()[-2000:]
    two = losses(log.read_text(encoding="utf-8"))
    assert sorted(two) == sorted(one) == list(range(1, 6))
    for update, found in two.items():
        assert [float(value) for value in found] == pytest.approx(
            [float(value) for value in one[update]], rel=2e-3
        )
    torch.testing.assert_close(
        weights(tmp_path / "two"), weights(tmp_path / "one"), rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize("precision", ["--bf16", "--fp16 --fp16-no-flatten-grads"])
def test_half_precision_trains(text: Path, tmp_path: Path, precision: str) -> None:
    flags = [*ALONE, "--max-update", 4, *precision.split()]
    half = losses(train(text, tmp_path / "half", *flags))
    full = losses(train(text, tmp_path / "full", *ALONE, "--max-update", 4))
    assert float(half[1][0]) == pytest.approx(float(full[1][0]), rel=0.02)
    assert float(half[4][0]) < float(half[1][0])
