"""Averages of weights: the numbers, and what may not be averaged."""

import argparse
import copy
from collections import OrderedDict
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from mclas_fairseq.checkpoints.averaging import average_checkpoints, write_checkpoint
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.checkpoints.selection import best_checkpoints, last_checkpoints
from mclas_fairseq.errors import CheckpointError, ConfigError

State = dict[str, Any]


def weights(seed: int, dtype: torch.dtype = torch.float32) -> "OrderedDict[str, Tensor]":
    """Weights in the manner of fairseq's, the embedding tied to the output."""
    generator = torch.Generator().manual_seed(seed)
    embedding = torch.randn(7, 4, generator=generator).to(dtype)
    return OrderedDict(
        {
            "dictionary_fingerprint": torch.arange(32, dtype=torch.uint8),
            "encoder.version": torch.tensor([3.0]),
            "encoder.embed_tokens.weight": embedding,
            "decoder.output_projection.weight": embedding,
            "decoder.layers.0.fc1.bias": torch.randn(5, generator=generator).to(dtype),
            "steps": torch.tensor(12),
        }
    )


def state_of(seed: int, *, updates: int = 100, dtype: torch.dtype = torch.float32) -> State:
    """A checkpoint as fairseq-train writes it."""
    return {
        "args": None,
        "cfg": {
            "model": argparse.Namespace(
                arch="mclas_tiny", encoder_layers=2, encoder_layerdrop=0.0, seed=seed
            ),
            "checkpoint": {
                "best_checkpoint_metric": "rouge1",
                "maximize_best_checkpoint_metric": True,
            },
        },
        "model": weights(seed, dtype),
        "criterion": None,
        "optimizer_history": [{"optimizer_name": "Adam", "num_updates": updates}],
        "task_state": {"target_layout": "mclas", "dictionary_sha256": "ab" * 32},
        "extra_state": {
            "train_iterator": {"epoch": updates},
            "val_loss": 20.5,
            "best": 21.0,
            "metrics": {"loss": 3.0},
        },
        "last_optimizer_state": {"exp_avg": torch.zeros(1000)},
    }


def save(path: Path, state: State, **options: Any) -> Path:
    torch.save(state, path, **options)
    return path


def slow_mean(tensors: list[Tensor]) -> Tensor:
    """Element by element, in Python's numbers."""
    rows = [tensor.double().flatten().tolist() for tensor in tensors]
    means = [sum(values) / len(values) for values in zip(*rows, strict=True)]
    return torch.tensor(means, dtype=torch.float64).view_as(tensors[0]).to(tensors[0].dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_average_is_that_of_a_slow_loop(tmp_path: Path, dtype: torch.dtype) -> None:
    states = [state_of(seed, dtype=dtype) for seed in range(5)]
    paths = [save(tmp_path / f"{seed}.pt", state) for seed, state in enumerate(states)]
    average = average_checkpoints(paths)["model"]
    for name in ("encoder.embed_tokens.weight", "decoder.layers.0.fc1.bias"):
        expected = slow_mean([state["model"][name] for state in states])
        assert average[name].dtype == dtype
        assert torch.equal(average[name], expected)


def test_sums_are_made_in_double_precision(tmp_path: Path) -> None:
    states = [state_of(1) for _ in range(3)]
    for state, value in zip(states, (2.0**30, 1.0, -(2.0**30)), strict=True):
        state["model"]["decoder.layers.0.fc1.bias"] = torch.full((5,), value)
    paths = [save(tmp_path / f"{n}.pt", state) for n, state in enumerate(states)]
    average = average_checkpoints(paths)["model"]["decoder.layers.0.fc1.bias"]
    assert torch.equal(average, torch.full((5,), 1 / 3))


@pytest.mark.parametrize("zip_format", [True, False])
def test_the_average_of_one_is_itself(tmp_path: Path, zip_format: bool) -> None:
    state = state_of(3, dtype=torch.float16)
    state["model"]["decoder.layers.0.fc1.bias"][0] = -0.0
    path = save(tmp_path / "a.pt", state, _use_new_zipfile_serialization=zip_format)
    average = average_checkpoints([path])["model"]
    assert list(average) == list(state["model"])
    for name, value in state["model"].items():
        assert average[name].dtype == value.dtype
        assert torch.equal(average[name], value)
    assert str(average["decoder.layers.0.fc1.bias"][0].item()) == "-0.0"


@settings(max_examples=25, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 50), min_size=1, max_size=4),
    repeated=st.integers(1, 3),
    scale=st.floats(-100, 100),
)
def test_averages_are_linear_and_know_no_order(
    tmp_path_factory: pytest.TempPathFactory, seeds: list[int], repeated: int, scale: float
) -> None:
    folder = tmp_path_factory.mktemp("linear")
    paths, scaled = [], []
    for number, seed in enumerate(seeds):
        state = state_of(seed)
        paths.append(save(folder / f"{number}.pt", state))
        state["model"]["decoder.layers.0.fc1.bias"] *= scale
        scaled.append(save(folder / f"scaled-{number}.pt", state))
    name = "decoder.layers.0.fc1.bias"
    plain = average_checkpoints(paths)["model"][name]
    again = average_checkpoints(paths[::-1] * repeated)["model"][name]
    torch.testing.assert_close(again, plain, atol=1e-6, rtol=1e-6)
    times = average_checkpoints(scaled)["model"][name]
    torch.testing.assert_close(times, plain * scale, atol=1e-4, rtol=1e-5)
    stacked = torch.stack([weights(seed)[name] for seed in seeds])
    assert bool((plain <= stacked.amax(0) + 1e-6).all())
    assert bool((plain >= stacked.amin(0) - 1e-6).all())


def test_what_is_no_weight_stays_and_what_an_average_has_not_is_left_out(tmp_path: Path) -> None:
    paths = [
        save(tmp_path / f"{updates}.pt", state_of(updates, updates=updates))
        for updates in (200, 300, 100)
    ]
    average = average_checkpoints(paths)
    assert torch.equal(average["model"]["dictionary_fingerprint"], torch.arange(32).to(torch.uint8))
    assert int(average["model"]["steps"]) == 12
    assert "last_optimizer_state" not in average
    assert average["optimizer_history"][-1]["num_updates"] == 300
    assert average["cfg"]["model"].seed == 300  # all else is the newest one's
    assert average["extra_state"] == {
        "train_iterator": {"epoch": 300},
        "averaged_from": [
            {"file": "200.pt", "num_updates": 200},
            {"file": "300.pt", "num_updates": 300},
            {"file": "100.pt", "num_updates": 100},
        ],
    }


def test_tied_weights_stay_tied_in_the_file(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{seed}.pt", state_of(seed)) for seed in (1, 2)]
    write_checkpoint(tmp_path / "new" / "average.pt", average_checkpoints(paths))
    average = load_checkpoint(tmp_path / "new" / "average.pt")["model"]
    tied = [
        average[f"{name}.weight"] for name in ("encoder.embed_tokens", "decoder.output_projection")
    ]
    assert tied[0].data_ptr() == tied[1].data_ptr()
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["average.pt"]


def test_weights_that_are_tied_in_some_only_are_averaged_apart(tmp_path: Path) -> None:
    untied = state_of(1)
    untied["model"]["decoder.output_projection.weight"] = torch.ones(7, 4)
    tied = state_of(2, updates=200)  # the newest, whose ties would be taken over
    paths = [save(tmp_path / "a.pt", untied), save(tmp_path / "b.pt", tied)]
    average = average_checkpoints(paths)["model"]
    expected = slow_mean([torch.ones(7, 4), tied["model"]["decoder.output_projection.weight"]])
    assert torch.equal(average["decoder.output_projection.weight"], expected)


def test_the_same_checkpoints_make_the_same_bytes(tmp_path: Path) -> None:
    paths = [save(tmp_path / f"{seed}.pt", state_of(seed)) for seed in (1, 2)]
    for name in ("x.pt", "y.pt"):
        write_checkpoint(tmp_path / name, average_checkpoints(paths))
    assert (tmp_path / "x.pt").read_bytes() == (tmp_path / "y.pt").read_bytes()


def _set(state: State, *keys: Any, value: Any) -> None:
    for key in keys[:-1]:
        state = state[key]
    if isinstance(state, argparse.Namespace):
        setattr(state, keys[-1], value)
    else:
        state[keys[-1]] = value


BIAS = "decoder.layers.0.fc1.bias"


@pytest.mark.parametrize(
    ("keys", "value", "message"),
    [
        (
            ("task_state", "dictionary_sha256"),
            "cd" * 32,
            "must have the same dictionary (SHA-256) as",
        ),
        (("task_state", "target_layout"), "ncls", "same target_layout .* has ncls where .* mclas"),
        (("cfg", "model", "arch"), "mclas_base", "same setting arch .* has mclas_base where"),
        (("cfg", "model", "encoder_layers"), 3, "same setting encoder_layers .* has 3 where .* 2"),
        (("model", "extra"), torch.ones(1), "same weights extra .* has float32 .* none of that"),
        (
            ("model", BIAS),
            torch.ones(6),
            f"same weights {BIAS} .* has float32 .6,. where that has float32 .5,.",
        ),
        (("model", BIAS), torch.ones(5).half(), f"same weights {BIAS} .* has float16"),
        (
            ("model", "dictionary_fingerprint"),
            torch.zeros(32, dtype=torch.uint8),
            "same values of dictionary_fingerprint",
        ),
        (("model", "steps"), torch.tensor(13), "same values of steps"),
        (("model", "encoder.version"), torch.tensor([2.0]), "same values of encoder.version"),
    ],
)
def test_checkpoints_that_do_not_belong_together_are_refused_with_the_difference(
    tmp_path: Path, keys: tuple[Any, ...], value: Any, message: str
) -> None:
    first, other = state_of(1), copy.deepcopy(state_of(2))
    _set(other, *keys, value=value)
    paths = [save(tmp_path / "a.pt", first), save(tmp_path / "b.pt", other)]
    with pytest.raises(CheckpointError, match=message.replace("(", r"\(").replace(")", r"\)")) as e:
        average_checkpoints(paths)
    assert str(e.value).startswith(f"checkpoint {tmp_path}/b.pt: must have the same ")
    assert str(e.value).endswith("average checkpoints of one training only")


def test_weights_that_are_missing_are_named(tmp_path: Path) -> None:
    other = state_of(2)
    del other["model"][BIAS]
    paths = [save(tmp_path / "a.pt", state_of(1)), save(tmp_path / "b.pt", other)]
    with pytest.raises(CheckpointError, match=f"weights {BIAS} as .* has none of that name where"):
        average_checkpoints(paths)


def test_how_it_was_trained_may_differ(tmp_path: Path) -> None:
    other = state_of(2)
    other["cfg"]["model"].encoder_layerdrop = 0.2
    paths = [save(tmp_path / "a.pt", state_of(1)), save(tmp_path / "b.pt", other)]
    assert len(average_checkpoints(paths)["extra_state"]["averaged_from"]) == 2


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_a_training_that_diverged_is_refused(tmp_path: Path, value: float) -> None:
    other = state_of(2)
    other["model"][BIAS][3] = value
    paths = [save(tmp_path / "a.pt", state_of(1)), save(tmp_path / "b.pt", other)]
    with pytest.raises(CheckpointError, match=rf"b.pt: its weights must be finite .* {BIAS} holds"):
        average_checkpoints(paths)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.pt", {"model": OrderedDict(), "extra_state": {}})
    with pytest.raises(CheckpointError, match="a.pt: must be one .* but lacks optimizer_history"):
        average_checkpoints([path])


SCORES = {"checkpoint_1_100": 10.0, "checkpoint_1_200": 12.5, "checkpoint2": 11.0}


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """Names as fairseq gives them; the best and the last are copies, one has no score."""
    folder = tmp_path / "run"
    folder.mkdir()
    for number, (name, score) in enumerate(SCORES.items(), start=1):
        state = state_of(number, updates=100 * number)
        state["extra_state"]["val_loss"] = score
        save(folder / f"{name}.pt", state)
        if score == 12.5:
            save(folder / "checkpoint_best.pt", state)
            save(folder / "checkpoint.best_rouge1_12.5001.pt", state)
    last = state_of(4, updates=430)
    last["extra_state"]["val_loss"] = None
    save(folder / "checkpoint_last.pt", last)
    save(folder / "other.pt", state_of(5, updates=900))
    (folder / "checkpoint_notes.txt").touch()
    return folder


def names(found: list[Any]) -> list[str]:
    return [candidate.path.name for candidate in found]


def test_the_last_are_those_with_the_most_updates_each_once(run_folder: Path) -> None:
    assert names(last_checkpoints(run_folder, 2)) == ["checkpoint2.pt", "checkpoint_last.pt"]
    assert names(last_checkpoints(run_folder, 4))[:2] == [
        "checkpoint_1_100.pt",
        "checkpoint_1_200.pt",
    ]


def test_the_best_go_by_the_score_and_direction_in_the_checkpoints(run_folder: Path) -> None:
    assert names(best_checkpoints(run_folder, 2)) == ["checkpoint_1_200.pt", "checkpoint2.pt"]
    for path in run_folder.glob("checkpoint*.pt"):
        state = load_checkpoint(path)
        state["cfg"]["checkpoint"]["maximize_best_checkpoint_metric"] = False
        save(path, state)
    assert names(best_checkpoints(run_folder, 2)) == ["checkpoint_1_100.pt", "checkpoint2.pt"]


def test_of_equal_scores_the_later_is_better(run_folder: Path) -> None:
    for path in run_folder.glob("checkpoint*.pt"):
        state = load_checkpoint(path)
        if state["extra_state"]["val_loss"] is not None:
            save(path, {**state, "extra_state": {**state["extra_state"], "val_loss": 9.0}})
    assert names(best_checkpoints(run_folder, 1)) == ["checkpoint2.pt"]


def test_averages_among_the_checkpoints_are_passed_over(run_folder: Path) -> None:
    average = average_checkpoints([run_folder / "checkpoint_1_100.pt"])
    average["optimizer_history"][-1]["num_updates"] = 5000
    write_checkpoint(run_folder / "checkpoint_9_9000.pt", average)
    assert names(last_checkpoints(run_folder, 1)) == ["checkpoint_last.pt"]


def test_too_few_checkpoints_are_an_error_that_lists_them(run_folder: Path) -> None:
    with pytest.raises(CheckpointError, match=r"--last 5: needs 5 .* has 4 \(checkpoint_1_100.pt,"):
        last_checkpoints(run_folder, 5)
    with pytest.raises(CheckpointError, match=r"--best 4: .*with a validation score.* has 3 \("):
        best_checkpoints(run_folder, 4)
    with pytest.raises(ConfigError, match="--last: must be at least 1, but is 0"):
        last_checkpoints(run_folder, 0)
    with pytest.raises(CheckpointError, match="--folder: must be a folder of checkpoints"):
        last_checkpoints(run_folder / "no", 1)


def test_scores_of_different_kinds_are_not_compared(run_folder: Path) -> None:
    path = run_folder / "checkpoint2.pt"
    state = load_checkpoint(path)
    state["cfg"]["checkpoint"]["best_checkpoint_metric"] = "loss"
    save(path, state)
    with pytest.raises(CheckpointError, match=r"checkpoint2.pt has loss .* checkpoint_1_100.pt"):
        best_checkpoints(run_folder, 1)
