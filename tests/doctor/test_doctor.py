"""`mclas doctor`: what each finding says, how it is mended, and that nothing broken stops it."""

import importlib.metadata
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Optional

import pytest
import torch

import mclas_fairseq
from mclas_fairseq.cli import doctor
from mclas_fairseq.doctor import examination
from mclas_fairseq.doctor import probe as doctor_probe
from mclas_fairseq.doctor import rows as doctor_rows
from mclas_fairseq.doctor.rows import Finding, Part, Row, State

PYTHON = "/venv/bin/python"
WORKS = Finding("1.2.3", detail="as it should be")
PART = Part("sentencepiece", "sentencepiece", "tokenizer sentencepiece")
OPTIONAL = Part("bert_score", "bert-score", "BERTScore", needed=False)
INSTALL_FAIRSEQ = (
    f"{PYTHON} -m pip install numpy cython wheel 'setuptools<81' && "
    f"{PYTHON} -m pip install --no-build-isolation --no-deps fairseq-fixed==0.12.3.1"
)


@pytest.mark.parametrize("version", [(3, 11, 7), (3, 12, 1)])
def test_supported_pythons_are_fine(version: tuple[int, ...]) -> None:
    assert doctor_rows.python_row(version, PYTHON).state is State.OK


@pytest.mark.parametrize("version", [(3, 10, 9), (3, 13, 0)])
def test_other_pythons_need_a_new_environment(version: tuple[int, ...]) -> None:
    row = doctor_rows.python_row(version, PYTHON)
    assert row.stops_work
    assert "python3.11 -m venv .venv" in row.remedy


def test_package_that_works() -> None:
    row = doctor_rows.package_row(PART, WORKS, PYTHON)
    assert row == Row("sentencepiece", State.OK, "1.2.3 (tokenizer sentencepiece)")


def test_missing_package_is_installed_by_one_line() -> None:
    row = doctor_rows.package_row(PART, Finding(None, error="not tried"), PYTHON)
    assert row.state is State.MISSING
    assert row.stops_work
    assert row.remedy == f"{PYTHON} -m pip install sentencepiece"


def test_package_that_cannot_be_imported_is_installed_again() -> None:
    row = doctor_rows.package_row(PART, Finding("0.2", error="ImportError: no libfoo"), PYTHON)
    assert row.state is State.BROKEN
    assert row.found.startswith("0.2 cannot be imported: ImportError: no libfoo")
    assert row.remedy == f"{PYTHON} -m pip install --force-reinstall sentencepiece==0.2"


def test_optional_package_may_be_absent() -> None:
    row = doctor_rows.package_row(OPTIONAL, Finding(None, error="not tried"), PYTHON)
    assert row == Row("bert-score", State.ABSENT, "not installed (BERTScore)")


def test_optional_package_that_cannot_be_imported_is_a_warning() -> None:
    row = doctor_rows.package_row(OPTIONAL, Finding("1", error="OSError: x"), PYTHON)
    assert row.state is State.WARNING
    assert not row.stops_work
    assert row.remedy


@pytest.mark.parametrize(
    ("finding", "state", "remedy"),
    [
        (Finding("2.13.0+cpu", detail="CPU build"), State.OK, ""),
        (Finding("2.9.1", detail="CPU build"), State.WARNING, "pip install torch==2.13.0"),
        (Finding("2.13.0", error="OSError: x"), State.BROKEN, "--force-reinstall torch==2.13.0"),
        (Finding(None, error="not tried"), State.MISSING, "pip install torch==2.13.0"),
    ],
)
def test_torch(finding: Finding, state: State, remedy: str) -> None:
    row = doctor_rows.torch_row(finding, PYTHON)
    assert row.state is state
    assert row.remedy.endswith(remedy)
    assert bool(row.remedy) is bool(remedy)


def test_fairseq_of_the_right_flavour() -> None:
    row = doctor_rows.fairseq_row({"fairseq-fixed": "0.12.3.1"}, WORKS, PYTHON, "/usr/bin/g++")
    assert row == Row("fairseq", State.OK, "fairseq-fixed 0.12.3.1 (as it should be)")


def test_missing_fairseq_is_built_after_what_it_needs() -> None:
    missing = Finding(None, error="ModuleNotFoundError: No module named 'fairseq'")
    row = doctor_rows.fairseq_row({}, missing, PYTHON, "/usr/bin/g++")
    assert row.state is State.MISSING
    assert row.remedy == INSTALL_FAIRSEQ


def test_missing_fairseq_without_a_compiler_needs_that_first() -> None:
    row = doctor_rows.fairseq_row({}, Finding(None, error="x"), PYTHON, None)
    assert row.remedy == f"sudo apt-get install g++ && {INSTALL_FAIRSEQ}"


def test_upstream_fairseq_that_fails_is_replaced() -> None:
    failed = Finding(None, error="ValueError: mutable default")
    row = doctor_rows.fairseq_row({"fairseq": "0.12.2"}, failed, PYTHON, "/usr/bin/g++")
    assert row.state is State.BROKEN
    assert row.found == "fairseq 0.12.2 cannot be imported: ValueError: mutable default"
    assert row.remedy == f"{PYTHON} -m pip uninstall -y fairseq && {INSTALL_FAIRSEQ}"


def test_another_flavour_that_works_is_a_warning() -> None:
    row = doctor_rows.fairseq_row({"fairseq": "0.12.2"}, WORKS, PYTHON, "/usr/bin/g++")
    assert row.state is State.WARNING
    assert row.found.endswith("tested with fairseq-fixed==0.12.3.1")


def test_two_flavours_in_one_folder_are_both_removed() -> None:
    both = {"fairseq-fixed": "0.12.3.1", "fairseq": "0.12.2"}
    row = doctor_rows.fairseq_row(both, WORKS, PYTHON, "/usr/bin/g++")
    assert row.state is State.BROKEN
    assert row.remedy.startswith(f"{PYTHON} -m pip uninstall -y fairseq fairseq-fixed && ")


@pytest.mark.parametrize(
    ("compiler", "fairseq_works", "state"),
    [
        ("/usr/bin/g++", False, State.OK),
        (None, True, State.ABSENT),
        (None, False, State.MISSING),
    ],
)
def test_compiler_matters_only_until_fairseq_is_installed(
    compiler: Optional[str], fairseq_works: bool, state: State
) -> None:
    row = doctor_rows.compiler_row(compiler, fairseq_works)
    assert row.state is state
    assert bool(row.remedy) is (state is State.MISSING)


def test_torchaudio_that_cannot_be_imported_is_to_be_removed() -> None:
    row = doctor_rows.torchaudio_row(Finding("2.13.0", error="OSError: libcudart"), PYTHON)
    assert row is not None
    assert row.state is State.WARNING
    assert row.remedy == f"{PYTHON} -m pip uninstall -y torchaudio"


@pytest.mark.parametrize("finding", [Finding(None, error="not tried"), Finding("2.13.0")])
def test_torchaudio_that_is_absent_or_works_is_not_mentioned(finding: Finding) -> None:
    assert doctor_rows.torchaudio_row(finding, PYTHON) is None


def test_checks_wait_for_fairseq() -> None:
    row = doctor_rows.check_row("plugin", Finding(None), "reinstall", possible=False)
    assert row.stops_work
    assert row.remedy == "mend torch and fairseq first"


def test_failed_check_is_mended_by_installing_again() -> None:
    failed = Finding(None, error="LookupError: scorer rouge")
    row = doctor_rows.check_row("plugin", failed, "pip install x", possible=True)
    assert row == Row("plugin", State.BROKEN, "LookupError: scorer rouge", "pip install x")


def test_report_puts_each_remedy_under_its_row_and_sums_up() -> None:
    rows = [
        Row("torch", State.OK, "2.13.0"),
        Row("regex", State.MISSING, "not installed", "pip install regex"),
    ]
    lines = doctor.format_report(rows).splitlines()
    at = next(i for i, line in enumerate(lines) if "MISSING  regex" in line)
    assert lines[at + 1].strip() == "to mend: pip install regex"
    assert lines[-1] == "does not work: regex"
    assert doctor.format_report(rows[:1]).splitlines()[-1] == "all needed parts work"


def test_every_requirement_of_the_package_is_examined() -> None:
    required = importlib.metadata.requires("mclas-fairseq") or []
    names = {re.split(r"[^\w.-]", line)[0].lower() for line in required if "extra ==" not in line}
    examined = {part.distribution for part in doctor_rows.PARTS} | {"torch"}
    assert names
    assert names <= examined


def test_probe_tells_what_works_from_what_does_not() -> None:
    findings = examination.probe(["json", "no_such_module_at_all"])
    assert findings["json"].error is None
    assert findings["no_such_module_at_all"].error == (
        "ModuleNotFoundError: No module named 'no_such_module_at_all'"
    )


def test_probe_survives_a_module_that_ends_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "ends_python.py").write_text("import os; os._exit(77)", encoding="utf-8")
    (tmp_path / "talks.py").write_text("print('{not an answer')", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    findings = examination.probe(["talks", "ends_python", "json"])
    assert findings["talks"].error is None
    assert findings["ends_python"].error == "it ends Python with exit code 77"
    assert findings["json"].error is None


def test_probe_gives_up_on_a_module_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hangs.py").write_text("import time; time.sleep(600)", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(examination, "LONGEST_PROBE_S", 5)
    findings = examination.probe(["json", "hangs"])
    assert findings["json"].error is None
    assert findings["hangs"].error == "it takes too long"


def test_plugin_check_finds_our_classes() -> None:
    said = doctor_probe.run_check("plugin")
    assert said["detail"].startswith("task cross_lingual_summarization multitask_summarization,")
    assert "optimizer grouped_adam" in said["detail"]


def test_plugin_check_sees_a_name_taken_by_another(monkeypatch: pytest.MonkeyPatch) -> None:
    from fairseq import scoring

    mclas_fairseq.register()
    monkeypatch.setitem(scoring.SCORER_REGISTRY, "rouge", dict)
    said = doctor_probe.run_check("plugin")
    assert said["error"] == (
        "LookupError: scorer rouge should be the plugin's, but was found in builtins"
    )


def test_checkpoint_check_passes() -> None:
    assert "error" not in doctor_probe.run_check("checkpoints")


def test_checkpoint_check_notices_when_hostile_files_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from mclas_fairseq.checkpoints import safe_loading

    real = safe_loading.load_checkpoint
    answers = iter([real])
    monkeypatch.setattr(
        safe_loading, "load_checkpoint", lambda path: next(answers, lambda _: {})(path)
    )
    said = doctor_probe.run_check("checkpoints")
    assert said["error"].endswith("a checkpoint that runs a program was not refused")


@pytest.mark.slow
@pytest.mark.parametrize("broken", ["fairseq", "torch"])
def test_doctor_reports_a_broken_package_and_returns_1(tmp_path: Path, broken: str) -> None:
    (tmp_path / f"{broken}.py").write_text("raise ImportError('made to fail')", encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-m", "mclas_fairseq", "doctor"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    assert done.returncode == 1, done.stderr
    assert "ImportError: made to fail" in done.stdout
    assert "to mend: " in done.stdout
    assert broken in done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_doctor_finds_nothing_wrong_with_this_installation() -> None:
    rows = examination.examine()
    assert [row for row in rows if row.stops_work] == []
    assert {"python", "torch", "fairseq", "plugin", "checkpoints"} <= {row.part for row in rows}


@pytest.mark.parametrize("has_bf16", [True, False])
def test_emulated_bf16_is_said_with_what_to_do(
    has_bf16: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: True)
    asked = SimpleNamespace(_is_mkldnn_bf16_supported=lambda: has_bf16)
    monkeypatch.setattr(torch.ops, "mkldnn", asked)
    said = doctor_probe.run_check("torch")["detail"]
    advice = "bf16 emulated: leave out --bf16, decode with --precision float32"
    assert (advice in said) is not has_bf16
