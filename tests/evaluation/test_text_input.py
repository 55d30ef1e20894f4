"""Files, pipes and standard input are opened once, and told apart by what they hold."""

import gzip
import io
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.inputs import read_hypotheses, read_references
from mclas_fairseq.evaluation.text_input import Form, TextInput, open_inputs

LINES = "eins\nzwei äöü\n"
JSON_LINES = json.dumps({"id": "a", "summary": {"de": ["eins"]}}) + "\n"
LOG = "S-1\tone\nD-1\t-0.5\tzwei\nS-0\tnull\nD-0\t-0.5\teins\n"
FORMS = {Form.LINES: LINES, Form.JSON_LINES: JSON_LINES, Form.LOG: LOG}
TEXTS = {
    Form.LINES: ("eins", "zwei äöü"),
    Form.JSON_LINES: ("eins",),
    Form.LOG: ("eins", "zwei"),
}


def pipe(content: bytes) -> Path:
    """A pipe that can be read once, as the shell's <(...) gives it."""
    reading, writing = os.pipe()

    def write() -> None:
        with open(writing, "wb") as stream:
            stream.write(content)

    threading.Thread(target=write, daemon=True).start()
    return Path(f"/dev/fd/{reading}")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("packed", [False, True])
def test_every_form_is_read_from_files_pipes_and_standard_input(
    form: Form, packed: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = gzip.compress(FORMS[form].encode()) if packed else FORMS[form].encode()
    (tmp_path / "x").write_bytes(content)
    # Standard input is UTF-8 whatever the locale makes of its text.
    given = io.TextIOWrapper(io.BufferedReader(io.BytesIO(content)), encoding="ascii")
    monkeypatch.setattr(sys, "stdin", given)
    for path in (tmp_path / "x", pipe(content), Path("-")):
        source = TextInput(path)
        assert source.form is form
        assert read_hypotheses(source, "de").texts == TEXTS[form]


def test_references_may_be_pipes() -> None:
    both = [pipe(b"eins\n"), pipe(b"zwei\n")]
    assert read_references(both, "de").texts == (("eins", "zwei"),)
    assert read_references([pipe(JSON_LINES.encode())], "de").ids == ("a",)


def test_standard_input_has_a_name_and_numbered_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    given = io.TextIOWrapper(io.BufferedReader(io.BytesIO(b"\xef\xbb\xbfgut\nba\xff\n")))
    monkeypatch.setattr(sys, "stdin", given)
    with pytest.raises(DataError, match="^standard input:2: text must be UTF-8, but byte 3"):
        read_hypotheses(Path("-"), "de")


def test_a_byte_order_mark_is_no_character(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"\xef\xbb\xbf" + JSON_LINES.encode())
    assert TextInput(tmp_path / "x").is_json_lines


def test_what_is_named_twice_is_kept(tmp_path: Path) -> None:
    path, once = pipe(JSON_LINES.encode()), tmp_path / "once.jsonl"
    once.write_text(JSON_LINES, encoding="utf-8")
    inputs = open_inputs([path, path, once])
    assert read_hypotheses(inputs[path], "de").texts == ("eins",)
    assert read_references([inputs[path]], "de").texts == (("eins",),)
    assert list(inputs[once].lines()) == [(1, JSON_LINES.rstrip())]
    with pytest.raises(AssertionError, match="once.jsonl was read before"):
        inputs[once].lines()


def test_a_damaged_gzip_pipe_is_named(tmp_path: Path) -> None:
    path = tmp_path / "cut"
    path.write_bytes(gzip.compress(LINES.encode() * 9)[:-9])
    with pytest.raises(DataError, match="cut: .* must be whole gzip data, but it is not"):
        read_hypotheses(path, "de")


def test_an_empty_input_holds_nothing(tmp_path: Path) -> None:
    (tmp_path / "empty").write_bytes(b"")
    for path in (pipe(b""), tmp_path / "empty"):
        assert read_hypotheses(path, "de").texts == ()
        assert list(TextInput(path, keep=True).lines()) == []
