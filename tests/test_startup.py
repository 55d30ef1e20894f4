"""Corpus and evaluation start at once: what takes seconds to import is imported when it is used."""

import json
import sys
from pathlib import Path

from tests.processes import output_of

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ["torch", "fairseq", "transformers", "scipy", "sklearn", "pandas", "matplotlib", "nltk"]

MODULES = """
import importlib, json, pkgutil, sys
import mclas_fairseq.corpus, mclas_fairseq.evaluation

found, count = {}, 0
for package in (mclas_fairseq.corpus, mclas_fairseq.evaluation):
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if module.name.startswith("mclas_fairseq.evaluation.similarity"):
            continue  # works on an encoder's tensors
        before = set(sys.modules)
        importlib.import_module(module.name)
        count += 1
        new = set(json.loads(sys.argv[1])) & (set(sys.modules) - before)
        found |= {module.name: sorted(new)} if new else {}
print("ANSWER", json.dumps([count, found]))
"""

TEST_FILE = """
import json, sys
import pytest

code = pytest.main(["-q", "-p", "no:cacheprovider", "tests/evaluation/test_scripts.py"])
found = sorted(set(json.loads(sys.argv[1])) & set(sys.modules))
print("ANSWER", json.dumps([int(code), found]))
"""


def answer(program: str) -> list[object]:
    printed = output_of([sys.executable, "-c", program, json.dumps(HEAVY)], ROOT)
    (line,) = [line for line in printed.splitlines() if line.startswith("ANSWER ")]
    found: list[object] = json.loads(line.removeprefix("ANSWER "))
    return found


def test_no_module_imports_what_takes_seconds() -> None:
    count, found = answer(MODULES)
    assert isinstance(count, int)
    assert count > 60
    assert found == {}


def test_a_test_file_of_evaluation_does_not_wait_for_torch() -> None:
    assert answer(TEST_FILE) == [0, []]
