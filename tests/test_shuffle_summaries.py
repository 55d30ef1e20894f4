"""The low-resource study's control: every record gets the summary of another one."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

SCRIPT = Path(__file__).parent.parent / "examples" / "low_resource" / "shuffle_summaries.py"
Row = dict[str, Any]


@pytest.fixture(scope="module")
def script() -> Any:
    spec = importlib.util.spec_from_file_location("shuffle_summaries", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def call(records: Path, out: Path, seed: int = 1) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, SCRIPT, records, out, "--lang", "en", "--seed", str(seed)]
    environment = {**os.environ, "MCLAS_REGISTER": "later"}  # nothing there needs fairseq
    return subprocess.run(
        list(map(str, words)), check=False, capture_output=True, text=True, env=environment
    )


@pytest.mark.parametrize("count", [2, 3, 7, 100])
def test_everyone_gets_something_of_another_one_and_nothing_is_lost(
    script: Any, count: int
) -> None:
    for seed in range(20):
        source = script.cycle(count, seed)
        assert sorted(source) == list(range(count))
        assert all(place != other for place, other in enumerate(source))


def test_the_seed_alone_decides(script: Any) -> None:
    assert script.cycle(50, 3) == script.cycle(50, 3)
    assert script.cycle(50, 3) != script.cycle(50, 4)


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
    assert call(records, out).returncode == 0
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
    done = call(records, tmp_path / "out.jsonl")
    assert done.returncode == 1
    assert "two records or more must have a summary in en" in done.stderr
    assert not (tmp_path / "out.jsonl").exists()
