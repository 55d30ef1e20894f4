"""What the `mclas` command imports when it starts, seen in processes of its own."""

import json
import os
import sys
from pathlib import Path

import pytest

from tests.processes import output_of

# Runs commands in turn as the installed program does; says what each returned and what is loaded.
PROGRAM = """
import json, sys
from mclas_fairseq.cli import main
for words in json.loads(sys.stdin.read()):
    try:
        code = main(words)
    except SystemExit as stopped:
        code = stopped.code
    loaded = [name for name in ("torch", "fairseq", "transformers") if name in sys.modules]
    registered = "fairseq.tasks" in sys.modules and (
        "cross_lingual_summarization" in sys.modules["fairseq.tasks"].TASK_REGISTRY
    )
    print(json.dumps(["ANSWER", code, loaded, registered]), file=sys.stderr)
"""


def run(
    commands: list[list[str]], folder: Path, program: str = PROGRAM
) -> tuple[list[tuple[int, list[str], bool]], str]:
    """Run `mclas` commands in one process; what each did, and all that was written."""
    command = [sys.executable, "-c", program]
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    said = output_of(command, folder, given=json.dumps(commands), PYTHONPATH=path)
    lines = [line for line in said.splitlines() if line.startswith('["ANSWER"')]
    return [tuple(json.loads(line)[1:]) for line in lines], said


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with documents and two systems' summaries, the second as JSON lines."""
    ids = [f"document-{number}" for number in range(3)]
    records = [
        {
            "id": one,
            "document": {"en": f"A report of {one}. It is long."},
            "summary": {"de": f"Bericht über {one}."},
        }
        for one in ids
    ]
    written = [{"id": one, "summary": {"de": "Ein Bericht."}} for one in ids]
    for name, rows in (("records", records), ("hyp", written)):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (tmp_path / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    return tmp_path


def test_help_and_commands_without_a_model_do_not_wait_for_torch(files: Path) -> None:
    score = ["score", "--hyp", "hyp.jsonl", "--ref", "records.jsonl", "--lang", "de"]
    report = ["report", "--train", "records.jsonl", "--ref", "records.jsonl", "--system"]
    report += ["A=hyp.jsonl", "--source-lang", "en", "--lang", "de"]
    synthetic = ["synthetic", "--setting", "easy", "--train", "5", "--out", "news"]
    convert = ["convert", "--in", "records.jsonl", "--out", "own.jsonl", "--id", "id"]
    convert += ["--map", "document.en=document.en,summary.de=summary.de"]
    human = ["human", "sample", "--help"]
    commands = [["--help"], ["summarize", "--help"], score, report, synthetic, convert, human]
    answers, said = run(commands, files)
    assert [code for code, _, _ in answers] == [0] * len(commands), said
    assert [loaded for _, loaded, _ in answers] == [[]] * len(commands), said
    assert "best constant summary" in said
    assert (files / "news" / "train.jsonl").exists()


def test_a_command_with_a_model_registers_the_plugin_first(files: Path) -> None:
    score = ["score", "--hyp", "hyp.jsonl", "--ref", "records.jsonl", "--lang", "de"]
    answers, said = run([[*score, "--data", "no-data-bin"]], files)
    ((code, loaded, registered),) = answers
    assert code == 2
    assert registered
    assert "fairseq" in loaded
    assert "no-data-bin" in said
    assert "tensorboardX" not in said, "fairseq's import is heard"


def test_a_program_waits_for_fairseq_only_when_it_registers_the_plugin(tmp_path: Path) -> None:
    program = """
import sys
import mclas_fairseq
from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.evaluation.rouge import score_rouge
print("BEFORE", "torch" in sys.modules, "fairseq" in sys.modules)
mclas_fairseq.register()
print("AFTER", "cross_lingual_summarization" in sys.modules["fairseq.tasks"].TASK_REGISTRY)
"""
    _, said = run([], tmp_path, program)
    assert "BEFORE False False" in said
    assert "AFTER True" in said


# fairseq itself, or something that it needs: then a part of it was imported before.
@pytest.fixture(params=["fairseq", "bitarray"])
def without_fairseq(files: Path, request: pytest.FixtureRequest) -> Path:
    """A folder that stands before the installed packages, and hides one of them."""
    fails = "raise ImportError('made to fail')"
    (files / f"{request.param}.py").write_text(fails, encoding="utf-8")
    return files


def test_without_fairseq_scoring_works_and_what_needs_it_says_what_is_missing(
    without_fairseq: Path,
) -> None:
    score = ["score", "--hyp", "hyp.jsonl", "--ref", "records.jsonl", "--lang", "de"]
    summarize = ["summarize", "--model", "bundle"]
    # Twice: not only the first command of a process is refused.
    answers, said = run([score, summarize, summarize], without_fairseq)
    assert [code for code, _, _ in answers] == [0, 2, 2], said
    rule = "mclas summarize: error: installation: fairseq and what it needs must be importable"
    assert said.count(f"{rule}, made to fail; run mclas doctor") == 2


def test_from_python_the_package_can_be_imported_without_fairseq_and_load_says_so(
    without_fairseq: Path,
) -> None:
    program = """
import mclas_fairseq
from mclas_fairseq.errors import SetupError
try:
    mclas_fairseq.load("bundle")
except SetupError as error:
    print("SAID", error)
"""
    _, said = run([], without_fairseq, program)
    assert "SAID installation: fairseq and what it needs must be importable, made to fail" in said
