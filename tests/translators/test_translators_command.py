"""`command:`: programs that map lines to lines, well-behaved and not."""

import os
import re
import time
from pathlib import Path

import pytest

from mclas_fairseq.errors import ConfigError, TranslatorError
from mclas_fairseq.translators import Translator, TranslatorOptions, open_translator


def run(program: str, time_limit: float | None = 20) -> Translator:
    return open_translator(
        f"command:{program}", TranslatorOptions("en", "de", time_limit=time_limit)
    )


def is_running(pid: int) -> bool:
    """Whether a process lives; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_for_end(pid: int) -> bool:
    for _ in range(1200):
        if not is_running(pid):
            return True
        time.sleep(0.05)
    return False


def test_lines_come_back_translated_in_order_and_without_scores() -> None:
    found = run("tr a-z A-Z").translate(["one", "", "tschüß", "two 'three'"])
    assert [translation.text for translation in found] == ["ONE", "", "TSCHüß", "TWO 'THREE'"]
    assert [translation.score for translation in found] == [None] * 4


def test_arguments_are_taken_apart_as_by_a_shell_but_no_shell_runs() -> None:
    found = run("sed -e 's/one/$HOME; ls/'").translate(["one"])
    assert found[0].text == "$HOME; ls"


def test_more_than_a_pipe_holds_passes_through_both_ways() -> None:
    lines = ["word " * 50] * 20_000
    complaining = "sh -c 'head -c 300000 /dev/zero >&2; cat'"
    assert len(run(complaining).translate(lines)) == 20_000


def test_a_wrong_number_of_lines_is_shown_with_what_the_program_said() -> None:
    with pytest.raises(TranslatorError) as caught:
        run("sh -c 'echo bad line 2 >&2; head -n 1'").translate(["one", "two", "three"])
    assert str(caught.value) == (
        "command:sh -c 'echo bad line 2 >&2; head -n 1': must write one line for each it "
        "reads, but wrote 1 for 3; use a program that keeps lines apart; it said: bad line 2"
    )


def test_a_program_that_says_nothing_wrote_no_line() -> None:
    with pytest.raises(TranslatorError, match="wrote 0 for 1; .* said nothing on standard error$"):
        run("true").translate(["one"])


@pytest.mark.parametrize(
    ("program", "ending"),
    [
        ("sh -c 'cat; echo no model >&2; exit 3'", "ended with status 3"),
        ("sh -c 'echo no model >&2; kill -9 $$'", "was ended by signal SIGKILL"),
    ],
)
def test_a_program_that_fails_is_an_error_even_with_all_lines(program: str, ending: str) -> None:
    with pytest.raises(TranslatorError) as caught:
        run(program).translate(["one"])
    assert str(caught.value) == (
        f"command:{program}: must end with status 0, but {ending}; run it by itself to see why; "
        "it said: no model"
    )


def test_only_the_last_lines_of_a_long_complaint_are_shown() -> None:
    with pytest.raises(TranslatorError, match=r"it said: 96 \| 97 \| 98 \| 99 \| 100$"):
        run("sh -c 'seq 100 >&2; exit 1'").translate(["one"])


def test_a_program_that_hangs_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    for limit in (0.5, 2, 8, 32):  # on a busy machine the program may not get to its first line
        start = time.monotonic()
        with pytest.raises(TranslatorError, match=f"must end within {limit} seconds, but did not"):
            run(f"sh -c 'sleep 600 & echo $! > {file}; wait'", time_limit=limit).translate(["one"])
        assert time.monotonic() - start < limit + 60
        if file.is_file() and file.read_text(encoding="utf-8"):
            break
    assert wait_for_end(int(file.read_text(encoding="utf-8")))


def test_what_a_program_leaves_behind_is_ended_too(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    background = "sleep 600 > /dev/null 2>&1 < /dev/null & echo $!"
    run(f"sh -c '{background} > {file}; cat'").translate(["one"])
    assert wait_for_end(int(file.read_text(encoding="utf-8")))


def test_a_program_ends_with_the_process_that_started_it(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    translator = run(f"sh -c 'echo $$ > {file}; exec sleep 600'", time_limit=None)
    worker = os.fork()
    if worker == 0:
        translator.translate(["one"])
        os._exit(0)
    for _ in range(1200):
        if file.is_file() and file.read_text(encoding="utf-8").strip():
            break
        time.sleep(0.05)
    os.kill(worker, 9)
    os.waitpid(worker, 0)
    assert wait_for_end(int(file.read_text(encoding="utf-8")))


def test_output_that_is_not_utf_8_is_refused_with_its_line() -> None:
    with pytest.raises(TranslatorError, match="must write UTF-8, but its line 2 is not"):
        run(r"printf 'fine\n\377\n'").translate(["one", "two"])


def test_a_program_that_does_not_exist_is_refused_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        run("no-such-program --fast")
    assert str(caught.value) == (
        "translator 'command:no-such-program --fast': its program must exist and be executable, "
        "but 'no-such-program' is not found; give its path"
    )


def test_an_open_quote_is_refused() -> None:
    with pytest.raises(ConfigError, match="quotes must be closed, but no closing quotation"):
        run("sed 's/a/b/")


def test_a_file_that_cannot_be_run_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF and nothing else")
    program.chmod(0o755)
    message = re.escape("must be a program that can be run, but is not (Exec format error)")
    with pytest.raises(ConfigError, match=message):
        run(str(program)).translate(["one"])


def test_the_fingerprint_follows_the_files_that_the_command_names(tmp_path: Path) -> None:
    script = tmp_path / "rules.sed"
    script.write_text("s/a/b/\n", encoding="utf-8")
    first = run(f"sed -f {script}").fingerprint
    assert run(f"sed -f {script}").fingerprint == first
    script.write_text("s/a/c/\n", encoding="utf-8")
    assert run(f"sed -f {script}").fingerprint != first
    assert run(f"sed -n -f {script}").fingerprint != run(f"sed -f {script}").fingerprint


MOVES_WORDS = """\
import sys
lines = [line.split() for line in sys.stdin]
# A line that no full stop closes takes the first word of the next one, as of one long sentence.
for line, following in zip(lines, lines[1:]):
    if not line[-1].endswith(".") and len(following) > 1:
        line.append(following.pop(0))
print("\\n".join(" ".join(line) for line in lines))
"""
SEES_THE_FIRST_LINE = """\
import sys
lines = sys.stdin.read().splitlines()
print("\\n".join(f"{line} ({lines[0]})" for line in lines))
"""
TITLES = ["fire in the city", "storm over Kovwald", "market open again"]


@pytest.mark.parametrize("program", [MOVES_WORDS, SEES_THE_FIRST_LINE])
def test_a_program_that_mixes_lines_is_refused(program: str, tmp_path: Path) -> None:
    script = tmp_path / "translate.py"
    script.write_text(program)
    translator = run(f"python3 {script}")
    with pytest.raises(TranslatorError, match="must translate each line by itself, but makes") as e:
        translator.translate(TITLES)
    assert "alone and" in str(e.value)
    assert "a script that starts this one anew for each line" in str(e.value)
    # Nothing was accepted: the next lines are looked at again.
    with pytest.raises(TranslatorError):
        translator.translate(TITLES)


def test_lines_without_a_full_stop_are_looked_at_first(tmp_path: Path) -> None:
    script = tmp_path / "translate.py"
    script.write_text(MOVES_WORDS)
    closed = [f"Sentence {number} ends here." for number in range(20)]
    with pytest.raises(TranslatorError, match="of 'a title' alone and 'a title Sentence'"):
        run(f"python3 {script}").translate([*closed, "a title", *closed])
    found = run(f"python3 {script}").translate(closed)
    assert [translation.text for translation in found] == closed


def test_a_program_that_keeps_lines_apart_is_asked_a_few_times_more_and_only_once(
    tmp_path: Path,
) -> None:
    script = tmp_path / "translate.sh"
    script.write_text(f"echo started >> {tmp_path}/log; tr a-z A-Z")
    translator = run(f"sh {script}")
    assert translator.translate(["one"])[0].text == "ONE"  # nothing to mix it with
    starts = (tmp_path / "log").read_text().count("started")
    assert starts == 1
    for expected in (1 + 1 + 3, 1 + 1 + 3 + 1):
        assert [t.text for t in translator.translate(TITLES)] == [t.upper() for t in TITLES]
        assert (tmp_path / "log").read_text().count("started") == expected
