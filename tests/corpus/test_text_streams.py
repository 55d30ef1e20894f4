"""Standard input whatever the locale, and streams that a program has replaced by plain text."""

import io
from pathlib import Path

import pytest

from mclas_fairseq.corpus.output import open_output
from mclas_fairseq.corpus.text_files import read_lines


def test_text_without_bytes_is_read_and_written(monkeypatch: pytest.MonkeyPatch) -> None:
    printed = io.StringIO()
    monkeypatch.setattr("sys.stdout", printed)
    monkeypatch.setattr("sys.stdin", io.StringIO("ä\n模\n"))
    with open_output("-") as stream:
        stream.writelines(f"{number} {line}\n" for number, line in read_lines(Path("-")))
    assert printed.getvalue() == "1 ä\n2 模\n"


def test_standard_input_is_utf8_whatever_the_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    content = io.BufferedReader(io.BytesIO("\ufeffä\n模\n".encode()))
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content, encoding="latin-1"))
    assert list(read_lines(Path("-"))) == [(1, "ä"), (2, "模")]
