"""A small corpus, and runs over it with translators that are plain programs."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.roundtrip.options import (
    Direction,
    FilterOptions,
    Outputs,
    RunOptions,
    Translators,
)
from mclas_fairseq.roundtrip.progress import Progress
from mclas_fairseq.roundtrip.report import Report
from mclas_fairseq.roundtrip.running import RoundTrip, run_roundtrip
from mclas_fairseq.translators import TranslatorOptions

WORDS = "dogs cats birds rain snow wind run sleep sing fall over under houses trees roads".split()


def summary(number: int) -> str:
    """Seven words that differ from record to record."""
    chosen = [WORDS[(number * 7 + place * (number % 5 + 1)) % len(WORDS)] for place in range(7)]
    return " ".join(chosen).capitalize() + "."


def english(count: int) -> list[dict[str, Any]]:
    """Records with an English summary only, and another key."""
    return [
        {"id": str(n), "document": {"en": f"Text {n}."}, "summary": {"en": summary(n)}, "page": n}
        for n in range(count)
    ]


def write_lines(path: Path, records: Sequence[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def records() -> Callable[[int], list[dict[str, Any]]]:
    return english


@pytest.fixture
def write() -> Callable[[Path, Sequence[Mapping[str, Any]]], Path]:
    return write_lines


@pytest.fixture
def read() -> Callable[[Path], list[dict[str, Any]]]:
    return read_lines


@pytest.fixture(autouse=True)
def _quiet_plots(monkeypatch: pytest.MonkeyPatch) -> None:
    """Matplotlib takes seconds to load; the test of plots draws one itself."""
    monkeypatch.setattr("mclas_fairseq.roundtrip.collecting.draw_scores", lambda report: b"png")


@pytest.fixture
def asked(tmp_path: Path) -> Callable[..., RoundTrip]:
    """Options of a run over `in.jsonl`: there `s` becomes `z`, and back "dogz" is lost."""

    def make(**changes: Any) -> RoundTrip:
        options = TranslatorOptions("en", "de")
        made = RoundTrip(
            run=RunOptions(
                inputs=(tmp_path / "in.jsonl",),
                direction=Direction("en", "de", made="de"),
                translators=Translators(
                    forward="command:sed y/s/z/",
                    backward="command:sed -e s/dogz/lost/g -e s/Rain.*/Sun./ -e y/z/s/",
                    forward_options=options,
                    backward_options=TranslatorOptions("de", "en"),
                ),
                shard_lines=9,
            ),
            filter=FilterOptions(t1=0.8, t2=0.5),
            outputs=Outputs(tmp_path / "out"),
        )
        for room in ("run", "filter", "outputs", "execution"):
            names = set(getattr(made, room).__dataclass_fields__) & set(changes)
            values = {name: changes.pop(name) for name in names}
            made = replace(made, **{room: replace(getattr(made, room), **values)})
        return replace(made, **changes)

    return make


@pytest.fixture
def go() -> Callable[[RoundTrip], Report]:
    """Run it without saying how far it is."""
    return lambda trip: run_roundtrip(trip, Progress(lambda line: None))


@pytest.fixture
def commands() -> Callable[[str, str], Translators]:
    """Two programs as translators."""

    def make(forward: str, backward: str) -> Translators:
        return Translators(
            f"command:{forward}", f"command:{backward}",
            TranslatorOptions("en", "de"), TranslatorOptions("de", "en"),
        )  # fmt: skip

    return make


@pytest.fixture
def results() -> Callable[[Path], dict[str, bytes]]:
    """Bytes of everything that a run is made for."""
    names = ("corpus.jsonl", "rejected.jsonl", "report.json")
    return lambda folder: {name: (folder / name).read_bytes() for name in names}
