"""Weights to a file one by one: the library reads them as its own."""

from pathlib import Path

import pytest
import safetensors.torch
import torch
from torch import Tensor

from mclas_fairseq.bundles.streaming import read_one_by_one, read_shapes, write_one_by_one

WEIGHTS = {
    "odd": torch.arange(3, dtype=torch.int8),
    "half": torch.randn(2, 3, generator=torch.Generator().manual_seed(1)).half(),
    "brain": torch.tensor([1.5, -2.0], dtype=torch.bfloat16),
    "full": torch.tensor([[0.1], [0.2]]),
    "double": torch.tensor([3.0], dtype=torch.float64),
    "count": torch.tensor(7),
    "bytes": torch.tensor([1, 255], dtype=torch.uint8),
    "truth": torch.tensor([True, False]),
    "turned": torch.arange(6.0).view(2, 3).t(),
}


def shapes() -> dict[str, Tensor]:
    return {name: value.to("meta") for name, value in WEIGHTS.items()}


def test_the_library_reads_what_was_written_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    write_one_by_one(path, shapes(), reversed(WEIGHTS.items()))
    found = safetensors.torch.load_file(path)
    assert found.keys() == WEIGHTS.keys()
    for name, value in WEIGHTS.items():
        assert found[name].dtype == value.dtype
        assert torch.equal(found[name], value)
    again = tmp_path / "again"
    write_one_by_one(again, shapes(), iter(WEIGHTS.items()))
    assert again.read_bytes() == path.read_bytes()


def test_what_the_library_wrote_is_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    contiguous = {name: value.contiguous() for name, value in WEIGHTS.items()}
    safetensors.torch.save_file(contiguous, path)
    known = read_shapes(path)
    assert {n: (v.shape, v.dtype) for n, v in known.items()} == {
        name: (value.shape, value.dtype) for name, value in WEIGHTS.items()
    }
    assert all(value.is_meta for value in known.values())
    found = list(read_one_by_one(path, ["full", "odd"]))
    assert [name for name, _ in found] == ["full", "odd"]
    assert torch.equal(found[1][1], WEIGHTS["odd"])


@pytest.mark.parametrize("left_out", ["odd", "full"])
def test_a_file_that_lacks_a_weight_is_not_written_in_silence(
    left_out: str, tmp_path: Path
) -> None:
    some = [(name, value) for name, value in WEIGHTS.items() if name != left_out]
    with pytest.raises(AssertionError, match=left_out):
        write_one_by_one(tmp_path / "weights", shapes(), some)
    with pytest.raises(AssertionError, match="odd"):
        write_one_by_one(tmp_path / "weights", shapes(), [("odd", WEIGHTS["odd"].float())])
