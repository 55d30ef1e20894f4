"""A training that is killed and started again ends where the uninterrupted one ends.

Trainings run in processes of their own (`resume_child.py`) and end by a real SIGKILL in the middle
of epoch 3. What they print is compared exactly, and so is what their last checkpoint holds.
"""

import json
import multiprocessing
import runpy
import signal
import socket
import subprocess
import sys
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch

import mclas_fairseq
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.cli import main as mclas
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)

CHILD = Path(__file__).with_name("resume_child.py")
DOCUMENTS = 80
# Every training here has ten updates an epoch, and saves each fourth and at the end of epochs:
# killed after 27, in epoch 3, it goes on from 24.
KILLED, SAVED, NEXT_SAVE = 27, 24, 28

MODEL = (
    "--task cross_lingual_summarization --arch mclas_tiny --encoder-layers 1 --decoder-layers 1 "
    "--encoder-embed-dim 16 --decoder-embed-dim 16 --encoder-ffn-embed-dim 32 "
    "--decoder-ffn-embed-dim 32 --encoder-attention-heads 2 --decoder-attention-heads 2 "
    "--criterion summary_cross_entropy --label-smoothing 0.1 --optimizer adam --lr 0.01 "
    "--lr-scheduler inverse_sqrt --warmup-updates 10 --clip-norm 1.0 --seed 5 --cpu "
    "--distributed-world-size 1 --num-workers 0 --log-format json --log-interval 1 "
    "--save-interval-updates 4 --keep-interval-updates 2 "
    f"--user-dir {mclas_fairseq.__path__[0]}"
).split()
DROPOUT = "--dropout 0.3 --attention-dropout 0.1 --activation-dropout 0.1".split()
NO_DROPOUT = "--dropout 0 --attention-dropout 0 --activation-dropout 0".split()
# 19 batches, an update needs two of them: the last of an epoch has one only, of one document.
PAIRS = "--train-subset-size 37 --batch-size 2 --max-epoch 4".split()
TIMES = ("wps", "ups", "train_wall", "wall")  # printed, and different in every run

Lines = list[tuple[str, dict[str, Any]]]


class Training:
    """A training and its folder; `run` may be called again, as a user would after a crash."""

    def __init__(self, folder: Path, data: Path, *flags: str):
        folder.mkdir()
        self.folder = folder
        self.save_dir = folder / "checkpoints"
        self.flags = [str(data), *MODEL, *flags, "--save-dir", str(self.save_dir)]

    def run(self, name: str, **kill: object) -> int | None:
        """Start it, wait for its end and return the exit code."""
        return end(self._start(name, **kill))

    def run_in_new_interpreter(self, name: str) -> int:
        """Start it as after a restart of the machine, with other hash seeds."""
        return subprocess.run([sys.executable, str(CHILD), self._job(name)], check=False).returncode

    def run_in_two_processes(self, name: str, **kill: object) -> list[int | None]:
        """Start it once for each of two ranks; if the first is killed, so is the second."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
        flags = (
            "--ddp-backend legacy_ddp --distributed-backend gloo --distributed-no-spawn "
            f"--distributed-world-size 2 --distributed-init-method {address} --distributed-rank"
        ).split()
        first = self._start(name, *flags, "0", **kill)
        second = self._start(f"{name}.rank1", *flags, "1")
        exit_code = end(first)
        if exit_code != 0:
            second.kill()
        return [exit_code, end(second)]

    def printed(self, name: str) -> Lines:
        """What was printed in JSON, with its tag: of an update, a validation or an epoch."""
        lines = []
        for line in self._log(name).read_text(encoding="utf-8").splitlines():
            head, _, message = line.rpartition(" | ")
            if message.startswith('{"epoch": '):
                stats = json.loads(message)
                kept = {key: stats[key] for key in stats if not key.endswith(TIMES)}
                lines.append((head.rpartition(" | ")[2], kept))
        return lines

    def _start(self, name: str, *flags: str, **kill: object) -> BaseProcess:
        # Forked from a process that has imported fairseq, which takes seconds.
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["fairseq_cli.train", "mclas_fairseq"])
        job = {"JOB": self._job(name, *flags, **kill)}
        process = context.Process(target=runpy.run_path, args=(str(CHILD), job, "__main__"))
        process.start()
        return process

    def _job(self, name: str, *flags: str, **kill: object) -> str:
        return json.dumps({"flags": [*self.flags, *flags], "log": str(self._log(name)), **kill})

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"


def end(process: BaseProcess) -> int | None:
    process.join(300)
    exit_code = process.exitcode
    process.kill()
    return exit_code


def updates(lines: Lines) -> list[int]:
    return [int(stats["num_updates"]) for tag, stats in lines if tag == "train_inner"]


def assert_ends_alike(resumed: Training, whole: Training) -> None:
    """Killed and restarted, it printed what the other printed, and left the same checkpoint."""
    expected = whole.printed("whole")
    killed, restarted = resumed.printed("killed"), resumed.printed("restarted")
    assert updates(expected) == list(range(1, 41))
    assert killed == expected[: len(killed)]
    assert restarted == expected[-len(restarted) :]
    assert updates(restarted) == list(range(SAVED + 1, 41))
    ours, theirs = last_checkpoint(resumed), last_checkpoint(whole)
    torch.testing.assert_close(ours["model"], theirs["model"], rtol=0, atol=0)
    moments, expected_moments = (it["last_optimizer_state"]["state"] for it in (ours, theirs))
    torch.testing.assert_close(moments, expected_moments, rtol=0, atol=0)
    assert ours["task_state"] == theirs["task_state"]
    for part in ("train_iterator", "val_loss", "best"):
        assert ours["extra_state"][part] == theirs["extra_state"][part]


def losses(lines: Lines) -> dict[int, dict[str, float]]:
    """Update -> losses, gradient's norm and sizes printed of it and of the validation after it."""
    found: dict[int, dict[str, float]] = {}
    for tag, stats in lines:
        if tag != "train":
            update = int(stats["num_updates" if tag == "train_inner" else "valid_num_updates"])
            kept = {
                key: float(stats[key])
                for key in stats
                if key.endswith("loss") or key in ("gnorm", "wpb", "bsz")
            }
            found.setdefault(update, {}).update(kept)
    return found


def last_checkpoint(training: Training) -> dict[str, Any]:
    return load_checkpoint(training.save_dir / "checkpoint_last.pt")


@pytest.fixture(scope="module")
def data_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    news = tmp_path_factory.mktemp("news")
    size = f"--setting easy --train {DOCUMENTS} --valid 8 --test 1".split()
    assert mclas(["synthetic", *size, "--out", str(news)]) == 0
    files = f"--train {news}/train.jsonl --valid {news}/valid.jsonl --out {news}/bin".split()
    flags = "--source-lang en --target-lang de --tokenizer words".split()
    assert mclas(["prepare", *flags, *files]) == 0
    return news / "bin"


@pytest.fixture(scope="module")
def flags() -> list[str]:
    return ["--batch-size", "8", "--max-epoch", "4", *DROPOUT]


@pytest.fixture(scope="module")
def whole(data_bin: Path, flags: list[str], tmp_path_factory: pytest.TempPathFactory) -> Training:
    """The uninterrupted training."""
    training = Training(tmp_path_factory.mktemp("whole") / "run", data_bin, *flags)
    assert training.run("whole") == 0
    return training


@pytest.mark.slow
def test_training_killed_in_the_middle_of_an_epoch_ends_like_an_uninterrupted_one(
    whole: Training, data_bin: Path, flags: list[str], tmp_path: Path
) -> None:
    training = Training(tmp_path / "run", data_bin, *flags)
    assert training.run("killed", kill_after_update=KILLED) == -signal.SIGKILL
    assert updates(training.printed("killed"))[-1] == KILLED
    assert training.run_in_new_interpreter("restarted") == 0
    assert_ends_alike(training, whole)


@pytest.mark.slow
def test_training_killed_while_its_checkpoint_is_copied_ends_like_an_uninterrupted_one(
    whole: Training, data_bin: Path, flags: list[str], tmp_path: Path
) -> None:
    training = Training(tmp_path / "run", data_bin, *flags)
    saved = f"checkpoint_3_{NEXT_SAVE}.pt"
    assert training.run("killed", kill_in_copy_of=saved) == -signal.SIGKILL
    half = (training.save_dir / saved).stat().st_size // 2
    assert any(path.stat().st_size == half for path in training.save_dir.iterdir())
    assert training.run("restarted") == 0
    assert_ends_alike(training, whole)


@pytest.mark.slow
def test_killed_training_on_a_subset_with_accumulated_batches_ends_alike(
    data_bin: Path, tmp_path: Path
) -> None:
    flags = [*PAIRS, "--update-freq", "2", *DROPOUT]
    whole = Training(tmp_path / "whole", data_bin, *flags)
    training = Training(tmp_path / "run", data_bin, *flags)
    assert whole.run("whole") == 0
    assert training.run("killed", kill_after_update=KILLED) == -signal.SIGKILL
    assert training.run("restarted") == 0
    assert_ends_alike(training, whole)
    ids = (training.save_dir / "train_subset.txt").read_text(encoding="utf-8").split()
    assert len(set(ids)) == 37
    assert last_checkpoint(training)["task_state"]["subset_ids"] == ids


@pytest.mark.slow
def test_two_processes_train_resume_and_fine_tune_like_one_with_accumulated_batches(
    whole: Training, data_bin: Path, tmp_path: Path
) -> None:
    start = ["--finetune-from-model", str(whole.save_dir / "checkpoint_last.pt")]
    one = Training(tmp_path / "one", data_bin, *PAIRS, "--update-freq", "2", *NO_DROPOUT, *start)
    two = Training(tmp_path / "two", data_bin, *PAIRS, *NO_DROPOUT, *start)
    assert one.run("whole") == 0
    killed = two.run_in_two_processes("killed", kill_after_update=KILLED)
    assert killed[0] == -signal.SIGKILL
    assert two.run_in_two_processes("restarted") == [0, 0]

    expected = losses(one.printed("whole"))
    scratch = losses(whole.printed("whole"))
    assert expected[1]["loss"] < scratch[1]["loss"] - 1
    for name, first, last in (("killed", 1, KILLED), ("restarted", SAVED + 1, 40)):
        found = losses(two.printed(name))
        assert list(found) == list(range(first, last + 1))
        for update, values in found.items():
            # Sums over two processes are rounded otherwise: the last digit printed may differ.
            assert values == pytest.approx(expected[update], rel=1e-3, abs=2e-3)


@pytest.mark.slow
def test_two_decoders_train_in_two_processes_like_in_one_with_accumulated_batches(
    data_bin: Path, tmp_path: Path
) -> None:
    more = ["--arch", "ncls_ms_tiny", "--target-layout", "ncls_ms", "--max-update", "6"]
    more += ["--eval-rouge", "--eval-rouge-args", '{"beam": 1, "max_len_b": 8}', *NO_DROPOUT]
    one = Training(tmp_path / "one", data_bin, *PAIRS, *more, "--update-freq", "2")
    two = Training(tmp_path / "two", data_bin, *PAIRS, *more)
    assert one.run("whole") == 0
    assert two.run_in_two_processes("both") == [0, 0]
    expected, found = losses(one.printed("whole")), losses(two.printed("both"))
    assert list(found) == list(expected) == list(range(1, 7))
    for update, values in found.items():
        assert {"ms_nll_loss", "cls_nll_loss"} < set(values)
        assert values == pytest.approx(expected[update], rel=1e-3, abs=2e-3)


@pytest.mark.filterwarnings("ignore:'pin_memory' argument:UserWarning")
def test_order_of_batches_depends_on_seed_and_epoch_alone(data_bin: Path) -> None:
    resumed = batches(data_bin, seed=1, start=3, epoch=3)
    assert resumed == batches(data_bin, seed=1, start=1, epoch=3)
    assert sorted(sum(resumed, [])) == list(range(DOCUMENTS))
    others = (
        batches(data_bin, seed=1, start=3, epoch=4),
        batches(data_bin, seed=2, start=3, epoch=3),
    )
    for other in others:
        assert other != resumed
        assert sorted(sum(other, [])) == list(range(DOCUMENTS))


def batches(data_bin: Path, *, seed: int, start: int, epoch: int) -> list[list[int]]:
    """Rows of the batches of an epoch, in a training that was started in an earlier one."""
    cfg = CrossLingualSummarizationConfig(data=str(data_bin))
    task = CrossLingualSummarizationTask.setup_task(cfg)
    task.load_dataset("train")
    iterator = task.get_batch_iterator(
        task.dataset("train"), max_sentences=4, seed=seed, epoch=start
    )
    order: list[list[int]] = []
    for _ in range(start, epoch + 1):
        order = [batch["id"].tolist() for batch in iterator.next_epoch_itr(shuffle=True)]
    return order
