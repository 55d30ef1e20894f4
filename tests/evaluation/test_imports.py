"""Scoring needs neither torch nor fairseq: it starts at once, and runs where they are not."""

import subprocess
import sys
from pathlib import Path

import mclas_fairseq

PACKAGE = Path(mclas_fairseq.__path__[0])
# BERTScore and MoverScore compute with torch; they are imported when they are asked for.
WITH_TORCH = PACKAGE / "evaluation" / "similarity"
_CHILD = """
import importlib, sys
heavy = ("torch", "fairseq", "transformers", "sklearn", "pandas")
for name in sys.argv[1:]:
    importlib.import_module(name)
    found = [package for package in heavy if package in sys.modules]
    if found:
        sys.exit(f"{name} imports {', '.join(found)}")
"""


def test_no_file_of_evaluation_imports_torch_or_fairseq() -> None:
    files = [
        path
        for path in sorted((PACKAGE / "evaluation").rglob("*.py"))
        if WITH_TORCH not in path.parents
    ]
    assert len(files) > 40
    names = [
        ".".join(["mclas_fairseq", *path.relative_to(PACKAGE).with_suffix("").parts])
        for path in files
    ]
    modules = [name.removesuffix(".__init__") for name in names]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *modules], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
