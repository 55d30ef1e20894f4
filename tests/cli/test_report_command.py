"""`mclas report`: the table, the verdict, and records that cannot serve."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mclas_fairseq.cli import main
from mclas_fairseq.corpus.synthetic_news import generate

Row = Mapping[str, object]


def write(path: Path, rows: Sequence[Row]) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return str(path)


@pytest.fixture
def flags(tmp_path: Path) -> list[str]:
    """A report on 20 documents, of a system that writes the references themselves."""
    test = list(generate("easy", "test", 20, seed=1))
    perfect = [{"id": row["id"], "summary": _first(row)} for row in test]
    files = {
        "--train": write(tmp_path / "train.jsonl", list(generate("easy", "train", 40, seed=1))),
        "--ref": write(tmp_path / "test.jsonl", test),
        "--system": "PERFECT=" + write(tmp_path / "perfect.jsonl", perfect),
    }
    return [
        "--source-lang",
        "en",
        "--lang",
        "de",
        *(word for pair in files.items() for word in pair),
    ]


def _first(row: Row) -> dict[str, str]:
    summary = row["summary"]
    assert isinstance(summary, dict)
    return {language: texts[0] for language, texts in summary.items()}


def test_a_system_stands_below_the_baselines_with_a_verdict_and_an_example(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = tmp_path / "report.json"
    more = ["--margin", "15", "--examples", "1", "--json", str(report)]
    assert main(["report", *flags, *more]) == 0
    printed = capsys.readouterr().out
    assert "\nPERFECT: learned\n" in printed
    assert "\n--- easy-test-0\n" in printed
    written = json.loads(report.read_text(encoding="utf-8"))
    assert [row["system"] for row in written["rows"]] == [
        "best constant summary",
        "best constant summary by content words",
        "random training summary",
        "nearest training document's summary",
        "lead sentence translated",
        "first ten words untranslated",
        "untranslated reference",
        "PERFECT",
    ]
    assert written["checks"][0]["learned"] is True
    assert written["checks"][0]["measure"] == "C-1"
    assert written["people"] is None
    metrics = written["rows"][-1]["metrics"]
    assert metrics["rouge1"]["mean"] == metrics["content1"]["mean"] == 100.0
    assert metrics["matched_rouge1"]["mean"] > 5


def test_people_have_a_row_where_documents_have_two_references(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(flags[flags.index("--ref") + 1])
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    for row in rows[:12]:
        row["summary"]["de"] += ["In Berlin gab es Regen.", "In Berlin gab es heute Regen."]
        row["title"] = {"en": "A title"}
    write(path, rows)
    report = tmp_path / "report.json"
    assert main(["report", *flags, "--learned-by", "rouge1", "--json", str(report)]) == 0
    printed = capsys.readouterr().out
    assert "Beside people, on the 12 documents with two references or more." in printed
    assert "refs:max,leave-one-out" in printed
    written = json.loads(report.read_text(encoding="utf-8"))
    beside = [row["system"] for row in written["beside_people"]]
    assert beside[0] == "people (leave one reference out)"
    assert beside[1:] == [row["system"] for row in written["rows"]]
    # People write of Berlin whatever the document is: they do not clear what is asked.
    assert "PEOPLE THEMSELVES ARE not" in printed
    assert written["people"]["verdict"] == "did not learn"
    assert "first ten words untranslated" in beside, "not all documents have a title"


def test_a_pipeline_of_two_steps_is_one_baseline_more(flags: list[str], tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    pipeline = ["--tltran", str(tmp_path / "perfect.jsonl"), "--examples", "1"]
    assert main(["report", *flags, *pipeline, "--json", str(report)]) == 0
    written = json.loads(report.read_text(encoding="utf-8"))
    assert [row["system"] for row in written["rows"]][-2:] == ["TLTran", "PERFECT"]
    assert "not above TLTran (C-1 +0.00" in written["checks"][0]["failures"][0]


def test_a_language_without_content_words_needs_another_measure(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    serbian = [*flags[:3], "sr", *flags[4:]]
    assert main(["report", *serbian]) == 2
    assert "content words in 'sr': needs a list" in capsys.readouterr().err


def test_a_system_that_writes_one_summary_for_all_did_not_learn(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [json.loads(line)["id"] for line in (tmp_path / "test.jsonl").read_text().splitlines()]
    same = [{"id": item, "summary": {"de": "In Berlin gab es heute Regen."}} for item in ids]
    system = ["--system", "SAME=" + write(tmp_path / "same.jsonl", same)]
    assert main(["report", *flags, *system]) == 0
    printed = capsys.readouterr().out
    assert "SAME: DID NOT LEARN (not above best constant summary" in printed
    assert "only 5.0 % distinct summaries" in printed


def test_a_system_in_another_script_is_refused_with_the_share(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ids = [json.loads(line)["id"] for line in (tmp_path / "test.jsonl").read_text().splitlines()]
    chinese = [{"id": item, "summary": {"de": "柏林今天下雨"}} for item in ids]
    system = ["--system", "WRONG=" + write(tmp_path / "wrong.jsonl", chinese)]
    assert main(["report", *flags, *system]) == 2
    message = capsys.readouterr().err
    assert "WRONG: texts in 'de' must be in its script, but 100 % of the words" in message


def test_a_tokenizer_goes_to_the_protocol(
    flags: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *flags, "--protocol", "subword"]) == 2
    assert "'subword' in 'de': needs a SentencePiece model" in capsys.readouterr().err
    assert main(["report", *flags, "--protocol", "subword", "--tokenizer", "missing"]) == 2
    assert "tokenizer missing: must be a file" in capsys.readouterr().err


@pytest.mark.parametrize("flag", ["--ref", "--train"])
def test_records_without_a_document_are_refused_by_line(
    flags: list[str], flag: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = Path(flags[flags.index(flag) + 1])
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows[1]["document"] = {"fr": "Il pleut."}
    write(path, rows)
    assert main(["report", *flags]) == 2
    message = capsys.readouterr().err
    assert message.startswith(f"mclas report: error: {path}:2: ")
    assert "must have a document in en, but has fr; give whole records to --ref" in message


def test_pipes_and_plain_lines_are_read_and_pieces_and_marks_refused(
    flags: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in (tmp_path / "test.jsonl").read_text().splitlines()]
    texts = [row["summary"]["de"][0] for row in rows]
    reading, writing = os.pipe()
    with open(writing, "w", encoding="utf-8") as stream:
        stream.write("".join(f"{text}\n" for text in texts))
    plain = flags[:-1] + [f"PERFECT=/dev/fd/{reading}"]
    assert main(["report", *plain, "--examples", "1"]) == 0
    printed = capsys.readouterr().out
    assert "\nPERFECT: learned\n" in printed
    assert f"\nPERFECT (de): {texts[0]}\n" in printed
    assert "\nPERFECT (en): " not in printed  # plain lines hold one summary each
    bad = tmp_path / "bad.txt"
    for mark, message in ((" <q>", "marks of another program"), ("@@ x", "a model's pieces")):
        bad.write_text("".join(f"{text}{mark}\n" for text in texts), encoding="utf-8")
        assert main(["report", *flags[:-1], f"BAD={bad}"]) == 2
        assert message in capsys.readouterr().err
