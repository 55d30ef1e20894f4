"""The program of examples/en2it_roundtrip that sends lines through Apertium, here a stand-in."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "examples" / "en2it_roundtrip" / "apertium_lines.py"
UPPER = 'shift; echo "$1" >> $LOG; tee -a $LOG | tr a-z A-Z'


def run(
    folder: Path, apertium: str, lines: str, *directions: str
) -> "subprocess.CompletedProcess[str]":
    stand_in = folder / "apertium"
    stand_in.write_text(f"#!/bin/sh\nexport LOG={folder}/log\n{apertium}\n")
    stand_in.chmod(0o755)
    return subprocess.run(
        [sys.executable, "-S", str(PROGRAM), *directions],
        input=lines,
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
        check=False,
    )


def test_lines_are_closed_numbered_and_opened_again(tmp_path: Path) -> None:
    done = run(tmp_path, UPPER, "deep nets\nit works.\n\nwhy?\n a\tb \n", "eng-spa")
    assert done.stdout == "DEEP NETS\nIT WORKS.\n\nWHY?\nA B\n", done.stderr
    sent = (tmp_path / "log").read_text()
    assert sent == "eng-spa\n1.\ndeep nets.\n2.\nit works.\n3.\n.\n4.\nwhy?\n5.\na b.\n6.\n\n"


def test_directions_follow_one_another(tmp_path: Path) -> None:
    done = run(tmp_path, UPPER, "nets\n", "eng-spa", "spa-ita")
    assert done.stdout == "NETS\n"
    assert (tmp_path / "log").read_text() == "eng-spa\n1.\nnets.\n2.\n\nspa-ita\n1.\nNETS.\n2.\n\n"


@pytest.mark.parametrize(
    ("apertium", "message"),
    [
        # A word crosses the end of its line, while their number stays right.
        ("sed 's/^2[.]$/nets 2./'", "must keep lines apart, but where '2.' was sent before 'two'"),
        ("head -n 3", "where '3.' was sent before 'the end', '' came back"),
        ("sed 's/two[.]/two. 3./; s/^3[.]$//'", "was sent before 'the end', '' came back"),
        ("cat > /dev/null", "where '1.' was sent before 'one', '' came back"),
        ("echo no such mode >&2; exit 1", "eng-spa: ended with status 1: no such mode"),
        ("cat; echo cg-proc: not found >&2", "ended with status 0: cg-proc: not found"),
    ],
)
def test_what_apertium_does_wrong_ends_the_program(
    tmp_path: Path, apertium: str, message: str
) -> None:
    done = run(tmp_path, apertium, "one\ntwo\n", "eng-spa")
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr


def test_without_apertium_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-S", str(PROGRAM), "eng-spa"], input="one\n", capture_output=True,
        text=True, env={"PATH": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("apertium: is not installed")
