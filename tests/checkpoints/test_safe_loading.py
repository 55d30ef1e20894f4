"""Loading checkpoints: what is allowed, what is refused, and what the user is told."""

import argparse
import inspect
import os
import pickle
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from fairseq import checkpoint_utils
from fairseq.logging.meters import AverageMeter, StopwatchMeter, TimeMeter

import mclas_fairseq
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.errors import CheckpointError


class Malicious:
    """Pickles as a call of `os.system`."""

    def __init__(self, witness: Path) -> None:
        self.witness = witness

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.witness}",)


class Foreign:
    """A class that the list does not name."""


def fairseq_state(**extra: Any) -> dict[str, Any]:
    """Make a checkpoint's dictionary, small, in the layout that `fairseq-train` writes."""
    return {
        "args": argparse.Namespace(arch="transformer", task="translation", data="d"),
        "cfg": None,
        "model": OrderedDict(weight=torch.arange(6.0).view(2, 3)),
        "optimizer_history": [
            {
                "criterion_name": "X",
                "optimizer_name": "Y",
                "lr_scheduler_state": {"best": None},
                "num_updates": 3,
            }
        ],
        "extra_state": {"train_iterator": {"epoch": 1}, "val_loss": 1.5},
        "last_optimizer_state": {},
        **extra,
    }


def one_line(caught: pytest.ExceptionInfo[CheckpointError]) -> str:
    message = str(caught.value)
    assert "\n" not in message
    return message


@pytest.fixture(autouse=True)
def _fresh_allowlist() -> Iterator[None]:
    before = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    yield
    torch.serialization.clear_safe_globals()
    torch.serialization.add_safe_globals(before)


@pytest.mark.parametrize("zip_format", [True, False])
def test_load_checkpoint_returns_namespace_and_tensors(tmp_path: Path, zip_format: bool) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(fairseq_state(), path, _use_new_zipfile_serialization=zip_format)
    state = load_checkpoint(path)
    assert state["args"].arch == "transformer"
    torch.testing.assert_close(state["model"]["weight"], torch.arange(6.0).view(2, 3))


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64, np.int32, np.bool_])
def test_load_checkpoint_reads_numpy_arrays_and_scalars(tmp_path: Path, dtype: Any) -> None:
    path = tmp_path / "checkpoint.pt"
    stored = np.array([1, 0, 3], dtype=dtype)
    torch.save({"counts": stored, "best": dtype(1)}, path)
    state = load_checkpoint(path)
    assert state["counts"].dtype == stored.dtype
    np.testing.assert_array_equal(state["counts"], stored)
    assert state["best"] == dtype(1)


def test_load_checkpoint_reads_arrays_under_the_module_names_of_numpy_1(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"a": np.ones(2), "b": np.float64(2.5)}, path, _use_new_zipfile_serialization=False)
    renamed = path.read_bytes().replace(b"numpy._core.multiarray", b"numpy.core.multiarray")
    assert b"numpy._core" not in renamed
    path.write_bytes(renamed)
    state = load_checkpoint(path)
    np.testing.assert_array_equal(state["a"], np.ones(2))
    assert state["b"] == 2.5


def test_load_checkpoint_reads_meters_pickled_under_their_old_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "checkpoint.pt"
    for meter in (AverageMeter, TimeMeter, StopwatchMeter):
        monkeypatch.setattr(meter, "__module__", "fairseq.meters")
    average = AverageMeter()
    average.update(3.0, n=2)
    state = {"train_meters": OrderedDict(loss=average, wps=TimeMeter(), wall=StopwatchMeter())}
    torch.save(state, path, _use_new_zipfile_serialization=False)
    assert b"fairseq.meters" in path.read_bytes()
    loaded = load_checkpoint(path)["train_meters"]
    assert loaded["loss"].avg == 3.0
    assert isinstance(loaded["wall"], StopwatchMeter)


def test_object_arrays_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save({"a": np.array([None, "x"], dtype=object)}, path)
    with pytest.raises(CheckpointError, match="ObjectDType"):
        load_checkpoint(path)


@pytest.mark.parametrize("zip_format", [True, False])
def test_malicious_pickle_is_refused_in_one_line_and_not_run(
    tmp_path: Path, zip_format: bool
) -> None:
    path, witness = tmp_path / "evil.pt", tmp_path / "witness"
    state = fairseq_state(extra=Malicious(witness))
    torch.save(state, path, _use_new_zipfile_serialization=zip_format)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = one_line(caught)
    assert message.startswith(f"checkpoint {path}: may hold tensors and plain values only")
    assert "wants to run posix.system" in message
    assert "weights_only" not in message
    assert not witness.exists()
    # The file is a real attack: Python's own loader falls for it.
    pickle.loads(pickle.dumps(Malicious(witness)))
    assert witness.exists()


@pytest.mark.parametrize("zip_format", [True, False])
def test_foreign_class_is_named(tmp_path: Path, zip_format: bool) -> None:
    path = tmp_path / "foreign.pt"
    torch.save({"x": Foreign()}, path, _use_new_zipfile_serialization=zip_format)
    with pytest.raises(CheckpointError, match=r"wants to run \S*test_safe_loading\.Foreign;"):
        load_checkpoint(path)


def test_missing_checkpoint_names_those_beside_it(tmp_path: Path) -> None:
    (tmp_path / "checkpoint_best.pt").touch()
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(tmp_path / "checkpoint_bets.pt")
    assert one_line(caught) == (
        f"checkpoint {tmp_path}/checkpoint_bets.pt: must be an existing file, but there is none; "
        f"{tmp_path} holds checkpoint_best.pt"
    )


def test_folder_in_place_of_a_checkpoint_names_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "checkpoint_best.pt").touch()
    with pytest.raises(CheckpointError, match=r"is a folder; \S+ holds checkpoint_best\.pt"):
        load_checkpoint(tmp_path)


def test_empty_checkpoint_is_said_to_be_empty(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.touch()
    with pytest.raises(CheckpointError, match="must not be empty, but has 0 bytes"):
        load_checkpoint(path)


@pytest.mark.parametrize("zip_format", [True, False])
@pytest.mark.parametrize("kept", [0.3, 0.6, 0.99])
def test_truncated_checkpoint_looks_cut_short(
    tmp_path: Path, zip_format: bool, kept: float
) -> None:
    path = tmp_path / "checkpoint.pt"
    state = fairseq_state(big=torch.zeros(1000))
    torch.save(state, path, _use_new_zipfile_serialization=zip_format)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    assert "looks cut short" in one_line(caught)
    assert str(path) in str(caught.value)


def test_file_of_another_kind_cannot_be_decoded(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    path.write_text("this is a text\n" * 20)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = one_line(caught)
    assert "must be a file that torch.save wrote" in message
    assert "weights_only" not in message


def test_checkpoint_that_is_no_dictionary_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tensor.pt"
    torch.save(torch.zeros(3), path)
    with pytest.raises(CheckpointError, match="must hold a dictionary, but holds Tensor"):
        load_checkpoint(path)


def test_environment_variable_cannot_switch_the_safety_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mclas_fairseq.register()
    path, witness = tmp_path / "evil.pt", tmp_path / "witness"
    torch.save(fairseq_state(extra=Malicious(witness)), path)
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    for load in (load_checkpoint, checkpoint_utils.load_checkpoint_to_cpu):
        with pytest.raises(CheckpointError, match="TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD=1 .* unset it"):
            load(str(path))
    assert not witness.exists()


def test_fairseq_loader_reads_command_line_checkpoints(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(fairseq_state(), path)
    mclas_fairseq.register()
    state = checkpoint_utils.load_checkpoint_to_cpu(str(path), arg_overrides={"data": "other"})
    assert state["cfg"].task.data == "other"


@pytest.mark.parametrize("loader", ["load_checkpoint_to_cpu", "load_ema_from_checkpoint"])
def test_fairseq_loaders_refuse_a_malicious_pickle_in_one_line(tmp_path: Path, loader: str) -> None:
    path, witness = tmp_path / "evil.pt", tmp_path / "witness"
    torch.save(fairseq_state(extra=Malicious(witness)), path)
    mclas_fairseq.register()
    with pytest.raises(CheckpointError, match=r"wants to run posix\.system;") as caught:
        getattr(checkpoint_utils, loader)(str(path))
    assert "\n" not in str(caught.value)
    assert not witness.exists()


def test_fairseq_loader_says_when_a_file_is_not_one_of_fairseqs(tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({"weight": torch.zeros(2)}, path)
    mclas_fairseq.register()
    with pytest.raises(CheckpointError, match=r"lacks its parts \(KeyError: 'best_loss'\)"):
        checkpoint_utils.load_checkpoint_to_cpu(str(path))


def test_fairseq_loader_does_not_blame_the_file_for_other_errors(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    torch.save(fairseq_state(), path)
    mclas_fairseq.register()
    with pytest.raises(AttributeError, match="items"):
        checkpoint_utils.load_checkpoint_to_cpu(str(path), arg_overrides=Overrides())


class Overrides:
    """Overrides that break when fairseq asks for them."""

    def items(self) -> Any:
        raise AttributeError("items of the overrides")


def test_registering_twice_wraps_once() -> None:
    mclas_fairseq.register()
    first = checkpoint_utils.load_checkpoint_to_cpu
    mclas_fairseq.register()
    assert checkpoint_utils.load_checkpoint_to_cpu is first
    assert not hasattr(first.__wrapped__, "__wrapped__")


def test_the_package_never_turns_the_safety_off() -> None:
    package = Path(inspect.getfile(mclas_fairseq)).parent
    sources = list(package.rglob("*.py"))
    assert package / "errors.py" in sources
    for source in sources:
        text = source.read_text(encoding="utf-8").replace(" ", "")
        assert "weights_only=" + "False" not in text, source
