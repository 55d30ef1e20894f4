"""Standard streams that a program has replaced by text without bytes, as a notebook does."""

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
