"""What is installed and what works, tried part by part."""

import importlib.metadata
import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Optional

from mclas_fairseq.doctor.rows import (
    OPTIONAL_PARTS,
    PARTS,
    Finding,
    Row,
    check_row,
    compiler_row,
    fairseq_row,
    package_row,
    pip,
    python_row,
    torch_row,
    torchaudio_row,
)

PROBE = Path(__file__).with_name("probe.py")
FLAVOURS = ("fairseq", "fairseq-fixed")
COMPILERS = ("g++", "c++", "clang++")
LONGEST_PROBE_S = 300


def examine() -> list[Row]:
    """Look at every part of the installation that this interpreter belongs to."""
    python = sys.executable
    reinstall = pip(python, "install", "--no-build-isolation", *source())
    extras = [part.module for part in OPTIONAL_PARTS if version_of(part.distribution)]
    extras += ["torchaudio"] if version_of("torchaudio") else []
    modules = ["torch", *(part.module for part in PARTS), "fairseq", *extras]
    said = probe([*modules, "plugin", "checkpoints"])
    compiler = find_compiler()
    flavours = {name: version for name in FLAVOURS if (version := version_of(name))}
    base = [
        torch_row(_finding("torch", "torch", said), python),
        fairseq_row(flavours, _finding("fairseq", "fairseq", said), python, compiler),
    ]
    fairseq_works = not any(row.stops_work for row in base)
    packages = [
        package_row(part, _finding(part.distribution, part.module, said), python)
        for part in (*PARTS, *OPTIONAL_PARTS)
    ]
    audio = torchaudio_row(_finding("torchaudio", "torchaudio", said), python)
    return [
        python_row(sys.version_info[:3], python),
        *base,
        compiler_row(compiler, fairseq_works),
        *packages,
        *([audio] if audio else []),
        *(
            check_row(name, _finding(name, name, said), reinstall, possible=fairseq_works)
            for name in ("plugin", "checkpoints")
        ),
    ]


def probe(names: Sequence[str]) -> dict[str, Finding]:
    """Try the named checks or modules in a child process.

    Whatever ends the child before its time is reported as broken, and the rest goes on in another.
    """
    findings: dict[str, Finding] = {}
    while left := [name for name in names if name not in findings]:
        # -P: the probe's folder is not searched for modules, so no file there can shadow one.
        command = [sys.executable, "-P", str(PROBE), *left]
        ended = "it takes too long"
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=LONGEST_PROBE_S, check=False
            )
            output, ended = done.stdout, f"it ends Python with exit code {done.returncode}"
        except subprocess.TimeoutExpired as late:
            output = late.stdout.decode() if isinstance(late.stdout, bytes) else ""
        findings |= parse_answers(output.splitlines())
        culprit = next((name for name in left if name not in findings), None)
        if culprit is not None:
            findings[culprit] = Finding(None, error=ended)
    return findings


def parse_answers(lines: Iterable[str]) -> dict[str, Finding]:
    """Read the probe's lines; what others printed in between is passed over."""
    findings = {}
    for line in lines:
        if line.startswith('{"name": '):
            answer = json.loads(line)
            findings[answer["name"]] = Finding(None, answer.get("detail", ""), answer.get("error"))
    return findings


def version_of(distribution: str) -> Optional[str]:
    """The installed version of a distribution, None without."""
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def source() -> list[str]:
    """What pip is given to install this package: the checkout it runs from, or its name."""
    checkout = PROBE.parents[2]
    return ["-e", str(checkout)] if (checkout / "setup.py").exists() else ["mclas-fairseq"]


def find_compiler() -> Optional[str]:
    """The path of a C++ compiler, None without."""
    return next((path for name in COMPILERS if (path := shutil.which(name))), None)


def _finding(distribution: str, name: str, said: dict[str, Finding]) -> Finding:
    tried = said.get(name, Finding(None, error="not tried"))
    return Finding(version_of(distribution), tried.detail, tried.error)
