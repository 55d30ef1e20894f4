"""The input is cut in order, and what is wrong with it is said before anything is translated."""

import gzip
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from mclas_fairseq.errors import DataError
from mclas_fairseq.roundtrip.cutting import cut_input
from mclas_fairseq.roundtrip.run_folder import RunFolder
from mclas_fairseq.roundtrip.shard_files import read_shard
from mclas_fairseq.roundtrip.steps import RecordStep, record_of, rejection_of

Records = Callable[[int], list[dict[str, Any]]]
Write = Callable[..., Path]


def cut(path: Path, *steps: PipelineStep, lines: int = 4) -> list[list[Document]]:
    folder = RunFolder(path.parent / "out")
    made = cut_input([path], folder, lines, ("en", "de"), steps)
    shards = [list(read_shard(folder.shard(number))) for number in range(made.shards)]
    assert [len(shard) for shard in shards] == [made.size(n) for n in range(made.shards)]
    assert not folder.shard(made.shards).exists()
    return shards


def test_shards_hold_all_records_in_order(tmp_path: Path, records: Records, write: Write) -> None:
    shards = cut(write(tmp_path / "in.jsonl", records(10)))
    assert [len(shard) for shard in shards] == [4, 4, 2]
    assert [record_of(one) for shard in shards for one in shard] == records(10)


def test_a_full_last_shard_is_followed_by_no_empty_one(
    tmp_path: Path, records: Records, write: Write
) -> None:
    assert [len(shard) for shard in cut(write(tmp_path / "in.jsonl", records(8)))] == [4, 4]


def test_what_an_unfinished_cut_left_is_removed(
    tmp_path: Path, records: Records, write: Write
) -> None:
    cut(write(tmp_path / "in.jsonl", records(12)))
    assert len(cut(write(tmp_path / "in.jsonl", records(5)))) == 2


class Odd(RecordStep):
    name = "odd"

    def judge(self, record: dict[str, Any]) -> str | None:
        record["page"] += 100
        return "odd" if int(record["id"]) % 2 else None


class Loses(PipelineStep):
    name = "loses"
    type = "test"

    def run(self, data: Iterable[Document], rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        for number, document in enumerate(data):
            if number != 1:
                yield document


def test_steps_over_the_whole_input_change_and_reject_records(
    tmp_path: Path, records: Records, write: Write
) -> None:
    first = cut(write(tmp_path / "in.jsonl", records(5)), Odd())[0]
    assert [rejection_of(one) for one in first] == [None, "odd", None, "odd"]
    assert [record_of(one)["page"] for one in first] == [100, 101, 102, 103]


def test_a_step_that_drops_records_is_refused(
    tmp_path: Path, records: Records, write: Write
) -> None:
    with pytest.raises(DataError, match="5 records must leave the steps, .* but 4 do; a cleaning"):
        cut(write(tmp_path / "in.jsonl", records(5)), Loses())


def test_a_gzip_file_that_is_cut_off_is_refused(
    tmp_path: Path, records: Records, write: Write
) -> None:
    whole = gzip.compress(write(tmp_path / "all.jsonl", records(300)).read_bytes())
    path = tmp_path / "in.jsonl.gz"
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match=r"in\.jsonl\.gz: .* must be whole gzip data"):
        cut(path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "must be one JSON object, but this one cannot be read"),
        ("[1]", "must be a record"),
        ('{"id": "x", "summary": "text"}', "must be a record"),
        ('{"id": "x", "summary": {"en": 3}}', "summary.en must be a string or a list"),
        ('{"id": "x", "summary": {"de": ["a", 3]}}', "summary.de must be a string or a list"),
    ],
)
def test_a_line_that_is_no_record_is_named(
    tmp_path: Path, records: Records, write: Write, line: str, message: str
) -> None:
    path = write(tmp_path / "in.jsonl", records(2))
    path.write_text(path.read_text(encoding="utf-8") + line + "\n", encoding="utf-8")
    with pytest.raises(DataError, match=rf"in\.jsonl:3: .*{message}"):
        cut(path)


def test_an_empty_input_is_refused(tmp_path: Path, write: Write) -> None:
    with pytest.raises(DataError, match="must hold at least one record, but there is none"):
        cut(write(tmp_path / "in.jsonl", []))
