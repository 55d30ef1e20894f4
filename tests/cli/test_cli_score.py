"""`mclas score` from the command line: systems, runs, logs, reports, and what it refuses."""

import argparse
import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mclas_fairseq.cli import score
from mclas_fairseq.corpus.generation_log import GenerationRun, describe_run
from mclas_fairseq.errors import ConfigError, DataError, MclasError
from mclas_fairseq.evaluation.scoring_run import default_names

DOCUMENTS = ["44 people saw big trees", "small houses burned", "a long way", "cold water"]
SUMMARIES = ["große Bäume", "kleine Häuser", "weite Wege", "kaltes Wasser"]
IDS = ["a", "b", "c", "d"]


def write_json(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def write_lines(path: Path, lines: Sequence[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Records, and systems that get all, three, two and one of four summaries right."""
    monkeypatch.chdir(tmp_path)
    records = [
        {"id": id_, "document": {"en": document}, "summary": {"en": ["x"], "de": [summary]}}
        for id_, document, summary in zip(IDS, DOCUMENTS, SUMMARIES, strict=True)
    ]
    write_json(tmp_path / "test.jsonl", records)
    write_lines(tmp_path / "ref.txt", SUMMARIES)
    for right in range(1, 5):
        texts = [*SUMMARIES[:right], *["ganz falsch"] * (4 - right)]
        write_lines(tmp_path / f"{right}.txt", texts)
        rows = [
            {"id": id_, "summary": {"en": "46 trees", "de": text}}
            for id_, text in zip(IDS, texts, strict=True)
        ]
        write_json(tmp_path / f"{right}.jsonl", rows[::-1])
    return tmp_path


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    score.add_arguments(parser)
    return score.run(parser.parse_args([*arguments, "--lang", "de"]))


def report(folder: Path, *arguments: str) -> dict[str, object]:
    """The JSON report of a call with few resamples."""
    run(*arguments, "--resamples", "50", "--json", "report.json")
    found: dict[str, object] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return found


def mean(system: object, metric: str = "rouge1") -> float:
    assert isinstance(system, dict)
    return float(system["metrics"][metric]["mean"])


def test_several_files_are_runs_of_one_system_and_several_compares_several_systems(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = report(
        folder, "--hyp", "4.txt", "2.txt", "--compare", "1.txt", "--compare", "3.txt", "1.txt",
        "--ref", "ref.txt", "--name", "A", "--name", "B", "--name", "C", "--holm",
    )  # fmt: skip
    systems = found["systems"]
    assert isinstance(systems, list)
    assert [system["system"] for system in systems] == ["A", "B", "C"]
    assert [mean(system) for system in systems] == [75.0, 25.0, 50.0]
    assert systems[0]["metrics"]["rouge1"]["runs"] == [100.0, 50.0]
    assert systems[0]["files"] == ["4.txt", "2.txt"]
    comparisons = found["comparisons"]
    assert isinstance(comparisons, list)
    assert [(one["first"], one["second"]) for one in comparisons] == [("A", "B"), ("A", "C")]
    assert comparisons[0]["metrics"]["rougeL"]["difference"] == 50.0
    assert "p_value_randomisation_holm" in comparisons[0]["metrics"]["rougeL"]
    assert found["resampling"] == {
        "interval": "percentile bootstrap over documents and training runs",
        "confidence": 0.95,
        "resamples": 50,
        "randomisation_rounds": 10000,
        "seed": 12345,
    }
    printed = capsys.readouterr().out
    assert "A minus B, paired bootstrap over documents and training runs (boot.)" in printed
    assert max(map(len, printed.splitlines())) <= 105  # signatures are not cut


def test_numbers_do_not_depend_on_workers(folder: Path) -> None:
    arguments = ["--hyp", "3.txt", "--compare", "2.txt", "--ref", "ref.txt"]
    assert report(folder, *arguments) == report(folder, *arguments, "--workers", "2")


def test_precision_and_recall_are_shown_on_request(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(folder / "long.txt", [f"{text} und noch mehr" for text in SUMMARIES])
    run("--hyp", "long.txt", "--ref", "ref.txt", "--precision-recall")
    rouge, content, *_ = capsys.readouterr().out.split("\n\n")
    rows = [line.split() for line in rouge.splitlines()]
    # Two of the five words of each summary are right, and all of the reference is there.
    found = {row[1]: float(row[2]) for row in rows if row[:1] == ["long.txt"]}
    assert found == {"P": 40.0, "R": 100.0, "F1": 57.14}
    # The three words too many are function words.
    rows = [line.split() for line in content.splitlines()]
    found = {row[1]: float(row[2]) for row in rows if row[:1] == ["long.txt"]}
    assert found == {"P": 100.0, "R": 100.0, "F1": 100.0}


def test_mean_over_references_is_another_rule_and_another_signature(folder: Path) -> None:
    write_lines(folder / "other.txt", ["ganz anders"] * 4)
    arguments = ["--hyp", "4.txt", "--ref", "ref.txt", "other.txt"]
    for rule, expected in (("max", 100.0), ("mean", 50.0)):
        systems = report(folder, *arguments, "--multi-reference", rule)["systems"]
        assert isinstance(systems, list)
        assert mean(systems[0]) == expected
        assert f"refs:{rule}" in systems[0]["metrics"]["rouge1"]["signature"]


def test_statistics_are_a_table_of_their_own(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(folder / "odd.txt", ["", "eins zwei drei eins zwei drei", *SUMMARIES[2:]])
    found = report(folder, "--hyp", "odd.txt", "--ref", "test.jsonl", "--statistics")
    statistics = found["statistics"]
    assert isinstance(statistics, list)
    assert statistics[0]["empty"] == 0.25
    assert statistics[0]["length"] == 2.5
    assert statistics[0]["difference"] == 0.5
    # One of the four trigrams of the second summary stood there before; the others have none.
    assert statistics[0]["repeated_trigrams"] == pytest.approx(0.25 / 4)
    assert statistics[0]["languages"]["und"] == 0.25
    printed = capsys.readouterr().out
    assert "empty summaries" in printed
    assert "new bigrams" not in printed  # the documents are in English
    assert statistics[0]["signature"] in printed


def test_novelty_needs_documents_in_the_language_of_the_summaries(folder: Path) -> None:
    records = [
        {"id": id_, "document": {"en": "x"}, "translation": {"de": text}, "summary": {}}
        for id_, text in zip(IDS, ["große alte Bäume", *SUMMARIES[1:]], strict=True)
    ]
    write_json(folder / "documents.jsonl", records)
    arguments = ["--hyp", "4.jsonl", "--ref", "test.jsonl", "--statistics"]
    statistics = report(folder, *arguments, "--documents", "documents.jsonl")["statistics"]
    assert isinstance(statistics, list)
    assert statistics[0]["novelty1"] == 0.0
    assert statistics[0]["novelty2"] == 0.25
    assert statistics[0]["novelty3"] is None


def test_rows_by_document_have_every_score_in_both_forms(folder: Path) -> None:
    arguments = ["--hyp", "3.jsonl", "1.jsonl", "--compare", "4.jsonl", "--ref", "test.jsonl"]
    run(*arguments, "--per-document", "rows.csv")
    run(*arguments, "--per-document", "rows.jsonl")
    with (folder / "rows.csv").open(encoding="utf-8", newline="") as stream:
        table = list(csv.DictReader(stream))
    rows = [json.loads(line) for line in (folder / "rows.jsonl").read_text().splitlines()]
    assert [{key: str(value) for key, value in row.items()} for row in rows] == table
    assert [(row["system"], row["run"], row["document"]) for row in rows[3:6]] == [
        ("3.jsonl (+1)", 1, "d"),
        ("3.jsonl (+1)", 2, "a"),
        ("3.jsonl (+1)", 2, "b"),
    ]
    assert [row["rouge2"] for row in rows[:4]] == [100.0, 100.0, 100.0, 0.0]
    assert rows[0]["length"] == 2
    assert len(rows) == 12


def test_all_reports_are_written_and_nothing_else(folder: Path) -> None:
    before = {path.name for path in folder.iterdir()}
    run(
        "--hyp", "3.jsonl", "--compare", "2.jsonl", "--ref", "test.jsonl", "--statistics",
        "--markdown", "out/tables.md", "--plot", "out/plot.png", "--html", "out/page.html",
        "--html-documents", "2",
    )  # fmt: skip
    assert {path.name for path in folder.iterdir()} - before == {"out"}
    assert {path.name for path in (folder / "out").iterdir()} == {
        "tables.md",
        "plot.png",
        "page.html",
    }
    markdown = (folder / "out" / "tables.md").read_text(encoding="utf-8")
    rules = [line for line in markdown.splitlines() if line.startswith(("|--", "|:-"))]
    assert len(rules) == 4  # ROUGE, other scores, comparison, statistics
    page = (folder / "out" / "page.html").read_text(encoding="utf-8")
    assert '<mark class="number" title="number not in the document">46</mark>' in page
    assert "44 people saw big trees" in page


def test_reports_are_written_also_when_nobody_reads_the_tables_to_the_end(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise BrokenPipeError

    monkeypatch.setattr("builtins.print", closed)
    with pytest.raises(BrokenPipeError):
        run("--hyp", "3.txt", "--ref", "ref.txt", "--markdown", "tables.md")
    assert (folder / "tables.md").exists()


def log(*rows: tuple[int, str], run: GenerationRun | None = None) -> list[str]:
    """Lines as fairseq-generate prints them."""
    lines = ["2026-01-01 | INFO | fairseq_cli.generate | loading model(s)"]
    if run is not None:
        lines.append("2026-01-01 | INFO | mclas_fairseq | " + describe_run(run))
    for row, text in rows:
        lines += [f"S-{row}\tsource", f"H-{row}\t-0.5\t▁pieces", f"D-{row}\t-0.5\t{text}"]
        lines += [f"D-{row}\t-0.9\tschlechter [LSEP] schlechter"] if "[LSEP]" in text else []
    return lines


def test_a_log_of_fairseq_generate_is_read_by_row(folder: Path) -> None:
    rows = [(row, f"x [LSEP] {SUMMARIES[row]}") for row in (2, 0, 3, 1)]
    write_lines(folder / "generate.log", log(*rows, run=GenerationRun("test", ("en", "de"), 4)))
    systems = report(folder, "--hyp", "generate.log", "--ref", "ref.txt")["systems"]
    assert isinstance(systems, list)
    assert mean(systems[0]) == 100.0


def test_a_log_without_languages_needs_to_be_told_which_half(folder: Path) -> None:
    rows = [(row, f"x [LSEP] {SUMMARIES[row]}") for row in (2, 0, 3, 1)]
    write_lines(folder / "stock.log", log(*rows))
    arguments = ["--hyp", "stock.log", "--ref", "ref.txt"]
    systems = report(folder, *arguments, "--half", "target")["systems"]
    assert isinstance(systems, list)
    assert mean(systems[0]) == 100.0
    with pytest.raises(DataError, match=r"stock.log: .* must hold one summary, but holds 2"):
        run(*arguments)


def test_a_log_of_single_summaries_needs_nothing(folder: Path) -> None:
    write_lines(folder / "stock.log", log(*[(row, SUMMARIES[row]) for row in (3, 2, 1, 0)]))
    systems = report(folder, "--hyp", "stock.log", "--ref", "ref.txt")["systems"]
    assert isinstance(systems, list)
    assert mean(systems[0]) == 100.0


def test_lines_that_only_speak_of_hypotheses_are_plain_lines(folder: Path) -> None:
    write_lines(folder / "plain.txt", ["D-1 ist ein Name", "H-2", *SUMMARIES[2:]])
    systems = report(folder, "--hyp", "plain.txt", "--ref", "ref.txt")["systems"]
    assert isinstance(systems, list)
    assert mean(systems[0]) == 50.0


@pytest.mark.parametrize(
    ("rows", "run_", "message"),
    [
        ([0, 1, 2], GenerationRun("test", ("de",), 4), "all 4 documents .* 3 have one"),
        ([0, 1, 3], GenerationRun("test", ("de",), 3), "no hypothesis of row 2; .*--data"),
        ([0, 1, 2], None, "has 3, and ref.txt has 4"),
        ([0, 1, 2, 3], GenerationRun("test", ("en",), 4), "summaries in 'de', but .* in en"),
    ],
)
def test_logs_that_do_not_fit_are_refused(
    folder: Path, rows: list[int], run_: GenerationRun | None, message: str
) -> None:
    write_lines(folder / "generate.log", log(*[(row, SUMMARIES[row]) for row in rows], run=run_))
    with pytest.raises(DataError, match=message):
        run("--hyp", "generate.log", "--ref", "ref.txt")


def test_half_of_a_log_must_be_in_the_language_that_is_scored(folder: Path) -> None:
    rows = [(row, f"x [LSEP] {SUMMARIES[row]}") for row in range(4)]
    write_lines(folder / "generate.log", log(*rows, run=GenerationRun("test", ("en", "de"), 4)))
    with pytest.raises(ConfigError, match=r"--half source: .* is the one in 'en', and --lang is"):
        run("--hyp", "generate.log", "--ref", "ref.txt", "--half", "source")


def test_systems_are_called_by_the_shortest_names_that_differ() -> None:
    assert default_names([[Path("a/x.txt")], [Path("a/y.txt")]]) == ["x.txt", "y.txt"]
    assert default_names([[Path("a/x.txt")], [Path("b/x.txt")]]) == ["a/x.txt", "b/x.txt"]
    assert default_names([[Path("a/1.txt"), Path("a/2.txt")]]) == ["1.txt (+1)"]


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (["--name", "A", "--name", "B"], ConfigError, r"--name: .* 2 names and 1 systems"),
        (["--compare", "3.txt", "--name", "A", "--name", "A"], ConfigError, "--name: .* A, A"),
        (["--holm"], ConfigError, "--holm: .* no --compare"),
        (["--bertscore"], ConfigError, "--model: .* no model is given"),
        (["--model", "x"], ConfigError, "--model: .* no metric is given"),
        (["--resamples", "0"], ConfigError, "--resamples: must be 1 or more, but is 0"),
        (["--html-documents", "0"], ConfigError, "--html-documents: must be 1 or more"),
        (["--workers", "0"], ConfigError, "--workers: must be 1 or more"),
        (["--per-document", "x.tsv"], ConfigError, r"must end in .csv or .jsonl, but is x.tsv"),
        (["--plot", "x.pdf"], ConfigError, r"--plot: the name must end in .png, but is x.pdf"),
        (["--protocol", "bleu"], ConfigError, "must be one of default, .*, but is 'bleu'"),
        (["--tokenizer", "x"], ConfigError, "tokenizer x: .*'default'"),
        (["--documents", "short.jsonl", "--html", "x"], DataError, "holds 1, and there are 4"),
        (["--documents", "two.jsonl", "--html", "x"], ConfigError, "--source-lang: .* en, fr"),
        (
            ["--documents", "test.jsonl", "--source-lang", "fr", "--html", "x"],
            DataError,
            r"test.jsonl:1: record 'a' must have a document in fr, but has en",
        ),
        (["--data", "nowhere"], DataError, "nowhere"),
    ],
)
def test_what_cannot_be_done_is_refused(
    folder: Path, arguments: list[str], kind: type[MclasError], message: str
) -> None:
    write_json(folder / "short.jsonl", [{"id": "a", "document": {"en": "x"}}])
    two = [{"id": id_, "document": {"en": "x", "fr": "y"}} for id_ in IDS]
    write_json(folder / "two.jsonl", two)
    with pytest.raises(kind, match=message):
        run("--hyp", "4.txt", "--ref", "ref.txt", *arguments)


def test_documents_of_another_split_are_refused(folder: Path) -> None:
    write_json(folder / "other.jsonl", [{"id": "z", "document": {"en": "x"}}])
    with pytest.raises(DataError, match=r"other.jsonl: .* 4 of 4 are missing \(a, b, c, d\)"):
        run("--hyp", "4.jsonl", "--ref", "test.jsonl", "--documents", "other.jsonl",
            "--html", "x.html")  # fmt: skip


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        ("großer Baum\n".encode() * 3, None, r"hyp.txt: .* has 3, and ref.txt has 4"),
        (b"gut\n" + "große Bäume\n".encode("latin-1") * 3, None, "hyp.txt:2: text must be UTF-8"),
        ("大树很大\n".encode() * 4, None, "hyp.txt: texts in 'de' .* 100 % of the words"),
        (None, b"Baum\n\nBaum\nBaum\n", "ref.txt:2: a reference must not be empty"),
        (None, b"Baum\n...\nBaum\nBaum\n", "document 2: .* at least one token"),
        (None, "大树很大\n".encode() * 4, "ref.txt: texts in 'de' .* 100 % of the words"),
    ],
)
def test_bad_texts_are_refused_with_file_and_line(
    folder: Path, hypotheses: bytes | None, references: bytes | None, message: str
) -> None:
    (folder / "hyp.txt").write_bytes(hypotheses or (folder / "4.txt").read_bytes())
    if references is not None:
        (folder / "ref.txt").write_bytes(references)
    with pytest.raises(DataError, match=message):
        run("--hyp", "hyp.txt", "--ref", "ref.txt", "--json", "report.json")
    assert not (folder / "report.json").exists()


def test_metrics_of_an_encoder_stand_in_every_report(
    folder: Path, small_encoder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_lines(folder / "en.txt", ["the cat sat", "a dog"])
    write_lines(folder / "worse.txt", ["the cat sat", "the mat"])
    parser = argparse.ArgumentParser()
    score.add_arguments(parser)
    arguments = (
        f"--hyp en.txt --compare worse.txt --ref en.txt --lang en --bertscore --moverscore --holm"
        f" --model {small_encoder} --layer 1 --precision-recall --json r.json --per-document d.csv"
        " --markdown m.md"
    )
    score.run(parser.parse_args(arguments.split()))
    found = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    bertscore = found["systems"][0]["metrics"]["bertscore"]
    assert bertscore["mean"] == pytest.approx(100.0, abs=1e-3)
    assert bertscore["signature"].startswith("bertscore.f|")
    assert bertscore["recall"]["signature"].startswith("bertscore.r|")
    assert found["systems"][0]["metrics"]["moverscore"]["mean"] == pytest.approx(100.0, abs=1e-3)
    cells = found["comparison"]
    assert {"bertscore", "moverscore"} <= set(cells)
    assert cells["bertscore"]["difference"] > 0
    printed = capsys.readouterr().out
    assert "BERTScore" in printed
    assert bertscore["signature"] in printed
    with (folder / "d.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert float(rows[0]["bertscore.precision"]) == pytest.approx(100.0, abs=1e-3)
    assert "MoverScore" in (folder / "m.md").read_text(encoding="utf-8")
