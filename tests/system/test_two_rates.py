"""Training at two rates: from the command line, resumed, in 16 bits and in two processes."""

import json
import multiprocessing
import runpy
import socket
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.errors import CheckpointError, ConfigError

if TYPE_CHECKING:
    from tests.system.conftest import Toy

CHILD = Path(__file__).with_name("resume_child.py")
GROUPED = (
    "--optimizer grouped_adam --lr-scheduler grouped_inverse_sqrt --lr 0.02 --warmup-updates 2 "
    "--encoder-lr 0.004 --encoder-warmup-updates 4 --clip-norm 0.5"
).split()
SAME = "--lr-scheduler grouped_inverse_sqrt --encoder-lr 0.02 --optimizer grouped_adam".split()
PLAIN = "--lr-scheduler inverse_sqrt --optimizer adam".split()
SHORT = "--max-update 4 --log-format json --disable-validation".split()


def logged(text: str) -> list[dict[str, float]]:
    """What training logged of each update."""
    lines = [line.rpartition(" | ")[2] for line in text.splitlines() if "train_inner" in line]
    return [json.loads(line) for line in lines]


def rates(text: str) -> list[tuple[float, float]]:
    """The rates of the rest and of the encoder after each update."""
    return [(float(line["lr"]), float(line["lr_encoder"])) for line in logged(text)]


def last(folder: Path) -> dict[str, Any]:
    return load_checkpoint(folder / "checkpoint_last.pt")


def assert_same(state: Any, other: Any) -> None:
    """Compare nested values of checkpoints exactly."""
    if isinstance(state, dict):
        assert list(state) == list(other)
        for key in state:
            assert_same(state[key], other[key])
    elif isinstance(state, list):
        assert len(state) == len(other)
        for one, two in zip(state, other, strict=True):
            assert_same(one, two)
    elif isinstance(state, torch.Tensor):
        assert torch.equal(state, other)
    else:
        assert state == other


@pytest.fixture(scope="module")
def uninterrupted(toy: "Toy") -> Path:
    return toy.train("two-rates", *GROUPED, *SHORT)


def test_both_rates_are_logged_apart(toy: "Toy", uninterrupted: Path) -> None:
    assert rates(toy.logs["two-rates"]) == [
        pytest.approx((rest, encoder), rel=1e-3)
        for rest, encoder in (
            (0.01, 0.001),
            (0.02, 0.002),
            (0.02 * (2 / 3) ** 0.5, 0.003),
            (0.02 * (2 / 4) ** 0.5, 0.004),
        )
    ]
    groups = last(uninterrupted)["last_optimizer_state"]["param_groups"]
    assert [group["name"] for group in groups] == ["rest", "encoder"]
    assert [group["lr"] for group in groups] == pytest.approx([0.02 * 0.5**0.5, 0.004])


def test_a_bundle_tells_both_rates(toy: "Toy", uninterrupted: Path, tmp_path: Path) -> None:
    model = ("--checkpoint", uninterrupted / "checkpoint_last.pt", "--data", toy.data_bin)
    toy.mclas("export", *model, "--out", tmp_path / "bundle")
    card = (tmp_path / "bundle" / "README.md").read_text(encoding="utf-8")
    assert "| learning rate | 0.02 |\n| encoder learning rate | 0.004 |" in card


def test_resumed_training_ends_exactly_where_the_uninterrupted_one_ends(
    toy: "Toy", uninterrupted: Path
) -> None:
    toy.train("two-rates-resumed", *GROUPED, *SHORT, "--max-update", 2)
    folder = toy.train("two-rates-resumed", *GROUPED, *SHORT)
    assert rates(toy.logs["two-rates-resumed"]) == rates(toy.logs["two-rates"])[2:]
    whole, resumed = last(uninterrupted), last(folder)
    for part in ("model", "last_optimizer_state"):
        assert_same(resumed[part], whole[part])


def test_equal_rates_give_fairseqs_adam_and_inverse_sqrt_bit_for_bit(toy: "Toy") -> None:
    shared = [*SHORT, "--lr", 0.02, "--warmup-updates", 2, "--clip-norm", 0.5]
    shared += ["--weight-decay", 0.01]
    grouped = last(toy.train("two-rates-same", *shared, *SAME))
    plain = last(toy.train("two-rates-plain", *shared, *PLAIN))
    assert_same(grouped["model"], plain["model"])
    # and another rate makes another model
    other = last(toy.train("two-rates-other", *shared, *SAME, "--encoder-lr", 0.01))
    same = [torch.equal(other["model"][name], plain["model"][name]) for name in plain["model"]]
    assert not all(same)


def test_a_rate_of_zero_leaves_the_encoder_where_it_was(toy: "Toy") -> None:
    flags = [*GROUPED, "--encoder-lr", 0]
    first = last(toy.train("two-rates-still", *flags, *SHORT, "--max-update", 1))["model"]
    later = last(toy.train("two-rates-still", *flags, *SHORT))["model"]
    moved = {name for name in first if not torch.equal(first[name], later[name])}
    assert not {name for name in moved if name.startswith("encoder.layers")}
    assert {name for name in moved if name.startswith("decoder.layers")}
    assert "encoder.embed_tokens.weight" in moved  # shared with the decoder


def test_fine_tuning_starts_with_a_fresh_optimizer_and_rates(toy: "Toy") -> None:
    start = toy.trained("ms")  # trained by Adam with one rate
    folder = toy.train(
        "two-rates-tuned", *GROUPED, *SHORT, "--max-update", 1, "--finetune-from-model", start
    )
    assert rates(toy.logs["two-rates-tuned"]) == [pytest.approx((0.01, 0.001))]
    moments = last(folder)["last_optimizer_state"]["state"]
    assert {state["step"] for state in moments.values()} == {1}


def test_optimizer_of_another_kind_can_be_reset(toy: "Toy") -> None:
    start = toy.trained("ms")
    flags = [*GROUPED, *SHORT, "--restore-file", start, "--target-layout", "ms"]
    with pytest.raises(CheckpointError, match=r"Optimizer does not match.*--reset-optimizer"):
        toy.train("two-rates-wrong", *flags)
    reset = ["--reset-optimizer", "--reset-lr-scheduler", "--reset-meters", "--reset-dataloader"]
    toy.train("two-rates-reset", *flags, *reset, "--max-update", 1)
    assert rates(toy.logs["two-rates-reset"]) == [pytest.approx((0.01, 0.001))]


@pytest.mark.parametrize("flags", [["--bf16"], ["--fp16", "--fp16-no-flatten-grads"]])
def test_16_bits_keep_both_groups(toy: "Toy", flags: list[str]) -> None:
    name = "two-rates" + flags[0]
    folder = toy.train(name, *GROUPED, *SHORT, *flags, "--max-update", 2)
    assert rates(toy.logs[name]) == rates(toy.logs["two-rates"])[:2]
    groups = last(folder)["last_optimizer_state"]["param_groups"]
    assert [group["lr"] for group in groups] == pytest.approx([0.02, 0.002])
    toy.train(name, *GROUPED, *SHORT, *flags)  # goes on
    assert rates(toy.logs[name]) == rates(toy.logs["two-rates"])[2:]


def test_fp16_that_joins_the_parameters_is_refused_naming_the_flag(
    toy: "Toy", tmp_path: Path
) -> None:
    error = toy.fails(
        "train", toy.data_bin, *toy.recipe, *GROUPED, "--fp16", "--save-dir", tmp_path
    )
    assert isinstance(error, ConfigError)
    assert "add --fp16-no-flatten-grads" in str(error)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ("--optimizer grouped_adam --lr-scheduler inverse_sqrt", "--lr-scheduler grouped_inverse"),
        ("--lr-scheduler grouped_inverse_sqrt --encoder-lr 1", "add --optimizer grouped_adam"),
    ],
)
def test_one_without_the_other_is_refused(
    toy: "Toy", tmp_path: Path, flags: str, message: str
) -> None:
    error = toy.fails("train", toy.data_bin, *toy.recipe, *flags.split(), "--save-dir", tmp_path)
    assert isinstance(error, ConfigError)
    assert message in str(error)


# -- two processes ---------------------------------------------------------------------------------


def train_in_two_processes(flags: list[str], folder: Path) -> list[dict[str, float]]:
    """Run fairseq-train once for each of two ranks; returns what the first logged."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    distributed = (
        "--ddp-backend legacy_ddp --distributed-backend gloo --distributed-no-spawn "
        f"--distributed-world-size 2 --distributed-init-method {address} --distributed-rank"
    ).split()
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fairseq_cli.train", "mclas_fairseq"])
    processes = []
    for rank in ("0", "1"):
        job = {"flags": [*flags, *distributed, rank], "log": str(folder / f"rank{rank}.log")}
        processes.append(
            context.Process(
                target=runpy.run_path, args=(str(CHILD), {"JOB": json.dumps(job)}, "__main__")
            )
        )
    for process in processes:
        process.start()
    for process in processes:
        process.join(300)
        process.kill()
    text = (folder / "rank0.log").read_text(encoding="utf-8")
    assert [process.exitcode for process in processes] == [0, 0], text[-3000:]
    return logged(text)


def test_two_processes_equal_one_with_update_freq_2(toy: "Toy", tmp_path: Path) -> None:
    flags = [*GROUPED, *SHORT, "--dropout", 0, "--batch-size", 4, "--max-update", 3]
    alone = toy.train("two-rates-alone", *flags, "--update-freq", 2)
    save = ["--save-dir", tmp_path / "save"]
    words = [toy.data_bin, *toy.recipe, *flags, *toy.flags(), *save]
    lines = train_in_two_processes([str(word) for word in words], tmp_path)
    expected = logged(toy.logs["two-rates-alone"])
    for key in ("loss", "lr", "lr_encoder", "gnorm", "ms_nll_loss", "cls_nll_loss"):
        assert [line[key] for line in lines] == [line[key] for line in expected]
    together = last(tmp_path / "save")
    torch.testing.assert_close(together["model"], last(alone)["model"], atol=1e-5, rtol=1e-4)
