"""The generated Python client against a server: `make test-client`, apart from `make test`."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.serve.test_process import Process

ROOT = Path(__file__).resolve().parents[2]
PYTHON = ROOT / "build" / "generator" / "bin" / "python"
pytestmark = pytest.mark.skipif(
    not (ROOT / "build" / "mclas_client").is_dir(), reason="needs the client: make client"
)


def run(address: str, text: str) -> "subprocess.CompletedProcess[str]":
    command = [str(PYTHON), str(ROOT / "examples" / "serve" / "client.py"), address, text]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "build")}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment)


def test_the_generated_client_is_answered() -> None:
    process = Process()
    try:
        done = run(process.address, "The river rose in Zelburn.")
        assert done.returncode == 0, done.stderr
        models, *summaries = done.stdout.splitlines()
        assert models == "models: bundle"
        assert [line.split(": ")[0] for line in summaries] == ["en", "de"]
        assert all(len(line) > 6 for line in summaries)
        failed = run(process.address, " ")
        assert failed.returncode == 1
        assert "422: a document has no text" in failed.stderr
    finally:
        process.close()
