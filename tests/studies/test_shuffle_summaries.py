"""The low-resource study's control: every record gets the summary of another one."""

import json
from pathlib import Path
from typing import Any

import pytest

from studies.shuffle_summaries import cycle, shuffle

Row = dict[str, Any]


@pytest.mark.parametrize("count", [2, 3, 7, 100])
def test_everyone_gets_something_of_another_one_and_nothing_is_lost(count: int) -> None:
    for seed in range(20):
        source = cycle(count, seed)
        assert sorted(source) == list(range(count))
        assert all(place != other for place, other in enumerate(source))


def test_the_seed_alone_decides() -> None:
    assert cycle(50, 3) == cycle(50, 3)
    assert cycle(50, 3) != cycle(50, 4)


def test_only_the_summaries_of_one_language_change_places(tmp_path: Path) -> None:
    rows: list[Row] = [
        {
            "id": str(number),
            "document": {"en": [f"Text {number} ."]},
            "summary": {"en": [f"short {number}", f"other {number}"], "de": [f"kurz {number}"]},
        }
        for number in range(8)
    ]
    del rows[3]["summary"]["en"]
    records, out = tmp_path / "records.jsonl", tmp_path / "shuffled.jsonl"
    records.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    shuffle(records, out, "en", seed=1)
    found: list[Row] = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    had = [row["summary"].pop("en", None) for row in rows]
    got = [row["summary"].pop("en", None) for row in found]
    assert found == rows, "all else stays"
    assert got[3] is None
    pairs = list(zip(got, had, strict=True))
    assert all(one != other for one, other in pairs[:3] + pairs[4:])
    assert sorted(filter(None, got)) == sorted(filter(None, had)), "references stay together"


def test_one_summary_cannot_be_exchanged(tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    records.write_text('{"id": "1", "summary": {"en": "short"}}\n', encoding="utf-8")
    with pytest.raises(SystemExit, match="two records or more must have a summary in en"):
        shuffle(records, tmp_path / "out.jsonl", "en", seed=1)
    assert not (tmp_path / "out.jsonl").exists()
