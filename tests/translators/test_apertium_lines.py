"""The program of examples/en2it_roundtrip that sends lines through Apertium.

Its programs are stand-ins here; what the real ones do is tested where they are installed.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).parents[2] / "examples" / "en2it_roundtrip" / "apertium_lines.py"
MODES = Path("/usr/share/apertium/modes")
UPPER = "tee -a $LOG/upper | tr a-z A-Z"
# What it says with -d of texts that have a word of new readings, here "known".
TAGGER = """case "$*" in
*-d*) sed 's/KNOWN/&Error: A new ambiguity class was found./g' ;;
*) cat ;;
esac"""
# After the first of these Apertium's tagger reads a word of the second otherwise.
SPANISH = [
    "Sinergia y Redundancia entre Celdas de Cerebro de Behaving Monos",
    "Obtenemos soluciones robustas por solucionar el problema de minimización interior exactamente"
    " y aplicar el refuerzo que Aprende para aprender un heurístico para el problema exterior.",
    "Aprendizaje que utiliza regla de física [inexacta]",
]


def run(
    folder: Path, lines: str, *directions: str, **programs: str
) -> "subprocess.CompletedProcess[str]":
    """Translate by stand-ins: name, with _ for -, and what it does as a shell script."""
    (folder / "modes").mkdir()
    given = {key.replace("_", "-"): does for key, does in programs.items()}
    written = {"apertium": "exit 1", "lt-upper": UPPER, "apertium-tagger": TAGGER, **given}
    for name, does in written.items():
        program = folder / name
        program.write_text(f'#!/bin/sh\nLOG={folder}\necho "$0 $*" >> $LOG/log\n{does}\n')
        program.chmod(0o755)
    mode = "lt-upper 'a file' $1 | apertium-tagger -g $2 'x.prob'\n"
    for name in ("eng-spa", "spa-ita"):
        (folder / "modes" / f"{name}.mode").write_text(mode)
    return subprocess.run(
        [sys.executable, "-S", str(PROGRAM), *directions],
        input=lines,
        capture_output=True,
        text=True,
        env={
            **os.environ,
            "PATH": f"{folder}:{os.environ['PATH']}",
            "APERTIUM_DATADIR": str(folder),
        },
        check=False,
    )


def test_each_line_is_a_text_of_its_own_closed_and_opened_again(tmp_path: Path) -> None:
    done = run(tmp_path, "deep nets\nit works.\n\nwhy?\n a\tb [c]\\d \n", "eng-spa")
    assert done.stdout == "DEEP NETS\nIT WORKS.\n\nWHY?\nA B [C]\\D\n", done.stderr
    sent = (tmp_path / "upper").read_text().split("\0")
    closed = ["deep nets.[]", "it works.[]", ".[]", "why?[]", "a b \\[c\\]\\\\d.[]", ""]
    assert sent == closed


def test_the_tagger_is_started_anew_for_lines_with_words_of_new_readings(tmp_path: Path) -> None:
    done = run(tmp_path, "well known\ndeep\nnets\nknown\n", "eng-spa", "spa-ita")
    assert done.stdout == "WELL KNOWN\nDEEP\nNETS\nKNOWN\n", done.stderr
    called = [line.removeprefix(f"{tmp_path}/") for line in (tmp_path / "log").open()]
    upper, tagger = "lt-upper -z a file -n\n", "apertium-tagger -z -g x.prob\n"
    asked = f"{tagger.strip()} -d\n"
    assert called == [upper, asked, tagger, tagger, tagger] * 2


@pytest.mark.parametrize(
    ("does", "message"),
    [
        ("tr -d '\\000'", "lt-upper: must keep 2 texts apart, but gave 0"),
        ("cat; printf 'more\\0'", "must keep 2 texts apart, but gave 3"),
        ("cat > /dev/null; echo no such file >&2; exit 1", "ended with status 1: no such file"),
        ("cat; echo odd >&2", "lt-upper: ended with status 0: odd"),
    ],
)
def test_what_a_program_does_wrong_ends_the_whole(tmp_path: Path, does: str, message: str) -> None:
    done = run(tmp_path, "one\ntwo\n", "eng-spa", lt_upper=does)
    assert (done.returncode, done.stdout) == (1, "")
    assert message in done.stderr


def test_zero_bytes_at_the_end_are_no_texts(tmp_path: Path) -> None:
    done = run(tmp_path, "one\ntwo\n", "eng-spa", lt_upper="cat; printf '\\0\\0'")
    assert done.stdout == "one\ntwo\n", done.stderr


def test_a_program_that_is_missing_is_named(tmp_path: Path) -> None:
    done = run(tmp_path, "one\n", "eng-spa", lt_upper="exec lt-lower")
    assert done.returncode == 1
    assert "lt-lower" in done.stderr


def test_an_unknown_direction_is_refused_with_those_that_there_are(tmp_path: Path) -> None:
    done = run(tmp_path, "one\n", "eng-eus")
    assert done.returncode == 1
    assert f"eng-eus: must be a direction in {tmp_path}/modes" in done.stderr
    assert "which has eng-spa, spa-ita" in done.stderr


def test_without_apertium_it_says_so(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-S", str(PROGRAM), "eng-spa"], input="one\n", capture_output=True,
        text=True, env={"PATH": str(tmp_path)}, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("apertium: is not installed")


@pytest.mark.skipif(
    shutil.which("apertium") is None or not (MODES / "spa-ita.mode").exists(),
    reason="Apertium with apertium-spa-ita is not installed",
)
def test_a_line_is_translated_alike_alone_and_among_others() -> None:
    def translate(lines: list[str]) -> list[str]:
        words = [sys.executable, "-S", str(PROGRAM), "spa-ita"]
        done = subprocess.run(words, input="\n".join(lines), capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    alone = [translate([line])[0] for line in SPANISH]
    assert translate(SPANISH) == alone
    assert translate(SPANISH[::-1]) == alone[::-1]
    assert "[inexacta]" in alone[2]
    assert " per " in alone[1], "not a form of partorire, to give birth"
