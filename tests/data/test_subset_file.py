"""The ids of a low-resource run are written once, whole, whatever the number of processes."""

from pathlib import Path

import pytest
from fairseq.distributed import utils as distributed_utils

from mclas_fairseq.data.subset_file import write_train_subset


def test_ids_are_written_one_a_line_into_a_new_folder(tmp_path: Path) -> None:
    write_train_subset(tmp_path / "new", ["b", "a 1"])
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["train_subset.txt"]
    assert (tmp_path / "new" / "train_subset.txt").read_text(encoding="utf-8") == "b\na 1\n"


def test_of_several_processes_only_the_first_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(distributed_utils, "get_global_rank", lambda: 1)
    write_train_subset(tmp_path, ["a"])
    assert list(tmp_path.iterdir()) == []
