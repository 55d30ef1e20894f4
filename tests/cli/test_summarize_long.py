"""`mclas summarize --on-long`, and the warning of a document in another language."""

import json
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.cli import main

BUNDLE = Path(__file__).resolve().parents[1] / "compatibility" / "v0_1" / "bundle"
SHORT = "The river rose in Zelburn."
LONG = " ".join(["The river rose in Zelburn.", "Six children had to leave their homes."] * 8)
GERMAN = "Der Fluss stieg am Montag, und sechs Kinder mussten ihre Häuser verlassen."


def summarize(tmp_path: Path, documents: list[str], *words: str) -> list[dict[str, Any]]:
    source = tmp_path / "documents.jsonl"
    rows = ({"id": f"d{n}", "document": {"en": text}} for n, text in enumerate(documents))
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    output = tmp_path / "out.jsonl"
    flags = ["--model", str(BUNDLE), "-i", str(source), "-o", str(output), "--cpu", "--beam", "1"]
    code = main(["summarize", *flags, *words])
    assert code == 0, code
    return [json.loads(line) for line in output.read_text().splitlines()]


def test_windows_are_told_in_the_record(tmp_path: Path) -> None:
    attention = tmp_path / "attention.jsonl"
    words = ["--on-long", "windows", "--max-len-b", "8", "--attention", str(attention)]
    short, long = summarize(tmp_path, [SHORT, LONG], *words)
    assert "windows" not in short
    assert long["windows"]["count"] > 2
    assert long["windows"]["passes"] >= 2
    assert "unread_tokens" not in long
    looked = [json.loads(line)["document"]["pieces"] for line in attention.open()]
    assert "".join(looked[0]).strip() == SHORT
    assert "".join(looked[1]).strip() == long["windows"]["joined"]
    (cut,) = summarize(tmp_path, [LONG])
    assert cut["unread_tokens"] > 100
    assert cut["summary"] != long["summary"]


def test_long_documents_can_be_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(AssertionError, match="2"):
        summarize(tmp_path, [SHORT, LONG], "--on-long", "refuse")
    assert "a document must have at most 64 tokens" in capsys.readouterr().err
    assert not (tmp_path / "out.jsonl").exists()


def test_another_language_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    right, wrong = summarize(tmp_path, [SHORT, GERMAN])
    assert "warning" not in right
    assert wrong["warning"] == "the document seems to be in 'de', but the model reads 'en'"
    assert "1 of 2 documents do not seem to be in 'en'" in caplog.text
