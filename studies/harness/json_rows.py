"""Rows of a small study in one JSON file, a line each, which a rerun goes on with."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

JsonRow = dict[str, Any]
FOLDER = Path(__file__).parents[1] / "results"


def read_rows(path: Path) -> list[JsonRow]:
    """The rows that are there; none where there is no file."""
    rows: list[JsonRow] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return rows


def write_rows(path: Path, rows: Sequence[JsonRow]) -> None:
    """Write all rows; the file appears whole."""
    lines = ",\n".join(json.dumps(row) for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.unfinished")
    beside.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    beside.replace(path)
