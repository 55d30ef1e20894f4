"""VHM on MT, MS and CLS through fairseq's commands: trained, resumed, shared out, decoded."""

import json
import multiprocessing
import runpy
import socket
from collections.abc import Callable
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from tests.system.conftest import Toy

CHILDREN = {name: Path(__file__).with_name(f"{name}_child.py") for name in ("resume", "ddp")}
TASK = "multitask_summarization"
VHM = (
    "--arch vhm_tiny --criterion vhm_elbo --target-lang de --kl-annealing-updates 6 --latent-dim 8 "
    "--log-format json"
).split()
TRAIN = 28  # samples of MT and MS: 7 updates an epoch; CLS has 12, three batches
FEW = "--cls-subset-size 12 --batch-size 4".split()


@pytest.fixture(scope="module")
def data(toy: "Toy") -> Path:
    """A data-bin with news, translations and the tags of the tasks."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for split, size in (("train", TRAIN), ("valid", 8), ("test", 6)):
        rows[split] = [json.loads(json.dumps(row)) for row in generate("easy", split, size, seed=4)]
        for number, row in enumerate(rows[split]):
            row["id"] = f"{split}/{number}"
    return toy.prepare("multitask", rows, "--task-tags")


@pytest.fixture(scope="module")
def train(toy: "Toy", data: Path) -> Callable[..., Path]:
    """Train VHM; returns the folder of the checkpoints."""

    def run(name: str, *flags: str) -> Path:
        folder = toy.folder / "multitask-checkpoints" / name
        words = (data, *toy.recipe, *VHM, *FEW, *flags, "--save-dir", folder)
        toy.logs[f"multitask {name}"] = toy.fairseq("train", *words, task=TASK)
        return folder

    return run


def logged(text: str) -> list[dict[str, str]]:
    """What was logged of each update, without times."""
    lines = [line.rpartition(" | ")[2] for line in text.splitlines() if "train_inner" in line]
    times = ("wps", "ups", "train_wall", "wall")
    return [
        {key: value for key, value in json.loads(line).items() if key not in times}
        for line in lines
    ]


def losses(text: str) -> list[float]:
    return [
        float(line[key]) for line in logged(text) for key in sorted(line) if key.endswith("loss")
    ]


def start(child: str, job: dict[str, Any]) -> BaseProcess:
    # Forked from a process that has imported fairseq, which takes seconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fairseq_cli.train", "mclas_fairseq"])
    content = {"JOB": json.dumps(job)}
    process = context.Process(
        target=runpy.run_path, args=(str(CHILDREN[child]), content, "__main__")
    )
    process.start()
    return process


def end(process: BaseProcess) -> int | None:
    process.join(120)
    process.kill()
    return process.exitcode


@pytest.fixture(scope="module")
def whole(train: Callable[..., Path]) -> Path:
    """A training of four epochs, uninterrupted."""
    return train("whole", "--max-update", "28")


def test_a_training_stopped_in_the_middle_of_epoch_three_ends_as_an_uninterrupted_one(
    toy: "Toy", train: Callable[..., Path], whole: Path
) -> None:
    train("stopped", "--max-update", "17")
    folder = train("stopped", "--max-update", "28")
    expected = logged(toy.logs["multitask whole"])
    resumed = logged(toy.logs["multitask stopped"])
    assert [line["num_updates"] for line in resumed] == [str(n) for n in range(18, 29)]
    assert resumed == expected[17:]
    ours, theirs = (load_checkpoint(it / "checkpoint_last.pt") for it in (folder, whole))
    torch.testing.assert_close(ours["model"], theirs["model"], rtol=0, atol=0)
    assert ours["task_state"] == theirs["task_state"]


def test_a_checkpoint_knows_tasks_subset_and_vocabularies_and_is_chosen_by_cls(
    toy: "Toy", whole: Path
) -> None:
    state = load_checkpoint(whole / "checkpoint_best.pt")
    assert state["task_state"]["train_tasks"] == ["mt", "ms", "cls"]
    assert len(state["task_state"]["subset_ids"]) == 12
    assert sorted(state["task_state"]["vocabularies"]) == ["de", "en"]
    lines = [line for line in toy.logs["multitask whole"].splitlines() if "valid_cls_nll" in line]
    assert len(lines) == 4
    assert not any("valid_mt" in line or "valid_ms" in line for line in lines)


@pytest.mark.slow
def test_two_processes_train_like_one_with_accumulated_batches(
    toy: "Toy", train: Callable[..., Path], data: Path
) -> None:
    flags = "--dropout 0 --max-update 6 --disable-validation".split()
    train("one", *flags, "--update-freq", "2")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    shared = (
        "--ddp-backend legacy_ddp --distributed-backend gloo --distributed-no-spawn "
        f"--distributed-init-method {address}"
    ).split()
    own = [*toy.flags(TASK), *shared, "--distributed-world-size", "2", "--distributed-rank"]
    folder = toy.folder / "multitask-checkpoints" / "two"
    words = [data, *toy.recipe, *VHM, *FEW, *flags, "--save-dir", folder, *own]
    logs = [toy.folder / f"rank{rank}.log" for rank in range(2)]
    ranks = [
        start("resume", {"flags": [*map(str, words), str(rank)], "log": str(log)})
        for rank, log in enumerate(logs)
    ]
    assert [end(rank) for rank in ranks] == [0, 0]
    found = losses(logs[0].read_text(encoding="utf-8"))
    assert len(found) == 6 * 5  # of the bound, of all NLL and of each task's
    assert found == pytest.approx(losses(toy.logs["multitask one"]), rel=1e-3, abs=2e-3)


@pytest.mark.slow
def test_no_parameter_is_left_without_a_gradient_when_ranks_share_an_update(
    data: Path, tmp_path: Path
) -> None:
    outs = [tmp_path / f"{rank}.json" for rank in range(2)]
    ranks = [
        start(
            "ddp",
            {"data": str(data), "rank": rank, "init": str(tmp_path / "init"), "out": str(out)},
        )
        for rank, out in enumerate(outs)
    ]
    # With a parameter that no task uses, torch ends the second update with an error.
    assert [end(rank) for rank in ranks] == [0, 0]
    first, second = (json.loads(out.read_text(encoding="utf-8")) for out in outs)
    assert len(first) == 2
    assert first == second, "gradients are the same on both ranks"
    assert all(norm > 0 for norm in first[1].values())


@pytest.mark.parametrize("precision", [("--fp16", "--fp16-no-flatten-grads"), ("--bf16",)])
def test_16_bits_train(toy: "Toy", train: Callable[..., Path], precision: tuple[str, ...]) -> None:
    name = precision[0].lstrip("-")
    train(name, *precision, "--max-update", "3", "--disable-validation")
    found = losses(toy.logs[f"multitask {name}"])
    assert len(found) == 3 * 5
    assert all(0 < loss < 20 for loss in found)


@pytest.mark.parametrize(("task", "language"), [("cls", "de"), ("ms", "en"), ("mt", "de")])
def test_each_task_is_decoded_alike_by_fairseq_generate_and_mclas_summarize(
    toy: "Toy", data: Path, whole: Path, task: str, language: str
) -> None:
    checkpoint = whole / "checkpoint_best.pt"
    chosen = ["--generate-task", task]
    scoring = [] if task == "mt" else ["--scoring", "rouge"]
    words = (data, "--path", checkpoint, "--target-lang", "de", *toy.search, *chosen, *scoring)
    log = toy.fairseq("generate", *words, task=TASK)
    if scoring:
        assert "ROUGE" in log
    generated = toy.summaries(log, data)
    flags = ["--beam", 3, "--max-len-b", 20, "--no-repeat-ngram-size", 3, "--cpu", *chosen]
    records = data.parent / "test.jsonl"
    printed = toy.mclas(
        "summarize", "--checkpoint", checkpoint, "--data", data, "-i", records, *flags
    )
    summarized = [json.loads(line) for line in printed.splitlines()]
    assert [row["summary"] for row in summarized] == [row["summary"] for row in generated]
    assert all(list(row["summary"]) == [language] for row in generated)
    scores = [[row["score"] for row in rows] for rows in (summarized, generated)]
    assert scores[0] == pytest.approx(scores[1], abs=1e-3)


@pytest.mark.parametrize(
    "flags",
    [(), ("--generate-task", "ms"), ("--sample-latent", "2", "--latent-reranking", "joint")],
)
def test_a_bundle_gives_the_checkpoints_texts_of_each_task_and_draw(
    toy: "Toy", data: Path, whole: Path, flags: tuple[str, ...], tmp_path: Path
) -> None:
    made = ("--checkpoint", whole / "checkpoint_best.pt", "--data", data)
    toy.mclas("export", *made, "--out", tmp_path / "bundle", "--max-len-b", 9, *flags)
    asked = ("-i", data.parent / "test.jsonl", "--cpu")
    found = toy.mclas("summarize", "--model", tmp_path / "bundle", *asked)
    expected = toy.mclas("summarize", *made, *asked, "--max-len-b", 9, *flags)
    assert found == expected
    other = toy.mclas("summarize", "--model", tmp_path / "bundle", *asked, "--generate-task", "mt")
    assert other != expected
    assert "mt, ms, cls" in (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")


def test_interactive_decoding_puts_the_tag_before_raw_text(
    toy: "Toy", data: Path, whole: Path
) -> None:
    words = (data, "--path", whole / "checkpoint_best.pt", "--target-lang", "de")
    line = json.loads((data.parent / "test.jsonl").read_text(encoding="utf-8").splitlines()[0])
    text = " ".join(line["document"]["en"])
    flags = ("--beam", "3", "--max-len-b", "20", "--generate-task", "ms")
    log = toy.fairseq("interactive", *words, *flags, task=TASK, stdin=f"{text}\n")
    sources = [line for line in log.splitlines() if line.startswith("S-0")]
    assert sources[0].split("\t")[1].startswith("<MS> ")
    assert any(line.startswith("D-0") for line in log.splitlines())


def test_what_does_not_go_together_is_refused(toy: "Toy", data: Path, whole: Path) -> None:
    checkpoint = whole / "checkpoint_best.pt"
    words = (data, "--path", checkpoint, "--target-lang", "de", *toy.search)
    error = toy.fails("generate", *words, "--generate-task", "mt", "--scoring", "rouge", task=TASK)
    assert isinstance(error, ConfigError)
    assert "--scoring rouge: needs raw references" in str(error)
    error = toy.fails("generate", *words)
    assert isinstance(error, CheckpointError)
    assert "trained with --task multitask_summarization" in str(error)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--arch", "mclas_tiny"), "--arch mclas_tiny: must be of the family vhm"),
        (("--criterion", "summary_cross_entropy"), "give --criterion vhm_elbo"),
    ],
)
def test_models_and_criterions_of_one_task_are_refused(
    toy: "Toy", data: Path, flags: tuple[str, str], message: str
) -> None:
    words = [data, *toy.recipe, "--target-lang", "de", "--label-smoothing", "0.1"]
    words += [*VHM[:4], *flags, "--max-update", "1", "--save-dir", toy.folder / "refused"]
    error = toy.fails("train", *words, task=TASK)
    assert isinstance(error, ConfigError)
    assert message in str(error)
