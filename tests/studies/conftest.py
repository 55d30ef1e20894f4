"""The scripts of examples/ as modules, and cells of theirs with made-up scores.

Nothing is trained here.
"""

import hashlib
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLES = Path(__file__).parent.parent.parent / "examples"


@pytest.fixture(autouse=True)
def examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)


def module(name: str) -> Any:
    return importlib.import_module(name)


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], list[str]]:
    """Runs a study's test.py on cells in tmp_path; the names of the cells that it scores."""

    def run(name: str) -> list[str]:
        script, scored = module(f"{name}.test"), []
        corpus = script.CORPORA["xscitldr"]

        def evaluate(_: Any, training: str, __: Any, split: str) -> dict[str, Any]:
            scored.append(f"{training.removesuffix('_lr2e-3')} {split}")
            return {split: {"de": "scores"}}

        def score(_: Any, file: Path, cell: Any, split: str) -> dict[str, Any]:
            assert file.exists()
            scored.append(f"{cell.name} {split}")
            return {"de": "scores"}

        def study(_: Any) -> Any:
            folder = type("Study", (), {"out": tmp_path, "material": None})
            material = {"corpus": corpus, "records": {"test": None}}
            folder.material = type("Material", (), material)  # type: ignore[attr-defined]
            return folder

        for place in (script, module(f"{name}.run")):
            monkeypatch.setattr(place, "CELLS", tmp_path / "cells")
        monkeypatch.setattr(script, "open_study", study)
        monkeypatch.setattr(script, "evaluate", evaluate, raising=False)
        monkeypatch.setattr(script, "score", score, raising=False)
        monkeypatch.setattr(script, "measure", lambda *_: {}, raising=False)
        monkeypatch.setattr("sys.argv", ["test.py", str(tmp_path), "--corpus", "xscitldr"])
        script.main()
        return scored

    return run


def write_cells(name: str, folder: Path) -> list[Path]:
    grid = module(f"{name}.grid")
    files = [folder / f"{cell.name}.json" for cell in grid.cells(grid.XSCITLDR)]
    folder.mkdir()
    ours = [*files, folder / "xscitldr_ms.json"] if name == "low_resource" else files
    for file in ours:
        summaries = folder / "test" / "summaries" / f"{file.stem}.jsonl.gz"
        summaries.parent.mkdir(parents=True, exist_ok=True)
        summaries.write_text(file.stem, encoding="utf-8")
        sha256 = {"test_summaries": hashlib.sha256(file.stem.encode()).hexdigest()}
        file.write_text(json.dumps({"rate": "2e-3", "sha256": sha256}), encoding="utf-8")
    return files
