"""Writing small files of every kind and converting them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.corpus.conversion.convert import convert
from mclas_fairseq.corpus.conversion.mapping import parse_map
from mclas_fairseq.corpus.conversion.options import ConvertOptions
from mclas_fairseq.corpus.conversion.report import ConversionReport

Record = dict[str, Any]


@dataclass
class Converted:
    """What a conversion wrote and said."""

    report: ConversionReport
    records: list[Record]
    dropped: list[Record]

    @property
    def reasons(self) -> dict[str, int]:
        return {reason: tally.count for reason, tally in self.report.dropped.items()}


def read_rows(path: Path) -> list[Record]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write_file(path: Path, content: str | bytes) -> Path:
    path.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return path


@pytest.fixture
def convert_files(tmp_path: Path) -> Callable[..., Converted]:
    """Convert files with a mapping; further keywords are fields of `ConvertOptions`."""

    def run(paths: Sequence[Path], columns: str, id_column: str | None = None, **more: Any) -> Any:
        out, dropped = tmp_path / "out.jsonl", tmp_path / "dropped.jsonl"
        fields = parse_map([columns], id_column)
        options = ConvertOptions(
            inputs=paths, fields=fields, out=out, dropped=dropped, overwrite=True, **more
        )
        report = convert(options)
        return Converted(report, read_rows(out), read_rows(dropped))

    return run
