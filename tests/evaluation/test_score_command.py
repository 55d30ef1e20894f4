import argparse
import csv
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from mclas_fairseq.cli import score
from mclas_fairseq.errors import ConfigError, DataError, MclasError
from mclas_fairseq.evaluation.content import CONTENT, MATCHED, MATCHED_CONTENT
from mclas_fairseq.evaluation.rouge import METRICS


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with references in two forms and two systems' summaries; the working directory."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ref.txt").write_text("große Bäume\nkleine Häuser\n", encoding="utf-8")
    (tmp_path / "good.txt").write_text("große Bäume\nkleine Häuser\n", encoding="utf-8")
    (tmp_path / "bad.txt").write_text("große Tiere\nalte Wege\n", encoding="utf-8")
    rows = [
        {"id": "1", "summary": {"en": ["big trees"], "de": ["große Bäume", "Bäume"]}},
        {"id": "2", "summary": {"en": ["small houses"], "de": ["kleine Häuser"]}},
    ]
    write_json(tmp_path / "references.test.jsonl", rows)
    write_json(
        tmp_path / "summaries.jsonl",
        [
            {"id": "2", "summary": {"en": "houses", "de": "kleine Häuser"}, "score": -1.0},
            {"id": "1", "summary": {"en": "big trees", "de": "Bäume"}, "score": -0.1},
        ],
    )
    return tmp_path


def write_json(path: Path, rows: Sequence[Mapping[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    score.add_arguments(parser)
    return score.run(parser.parse_args(arguments))


def test_table_has_scores_intervals_and_signature(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--hyp", "bad.txt", "--ref", "ref.txt", "--lang", "de") == 0
    lines = capsys.readouterr().out.splitlines()
    # "große" is the one word of the first pair that is right, the second pair has none.
    assert lines[2].split()[:4] == ["bad.txt", "25.00", "[0.00,", "50.00]"]
    assert "protocol:default|lang:de|tok:word|stem:no|lsum:both|split:marks|refs:1" in lines[4]


def test_summaries_are_scored_by_id_against_all_references(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--hyp", "summaries.jsonl", "--ref", "references.test.jsonl"]
    assert run(*arguments, "--lang", "de", "--json", "out/scores.json") == 0
    report = json.loads((files / "out" / "scores.json").read_text())
    # Second references count: "Bäume" is one of two references of document 1.
    metrics = report["systems"][0]["metrics"]
    assert metrics["rouge1"]["mean"] == 100.0
    assert "refs:max" in metrics["rouge1"]["signature"]
    assert list(metrics) == [*METRICS, *CONTENT, MATCHED, MATCHED_CONTENT]
    capsys.readouterr()
    run(*arguments, "--lang", "en")
    # "houses" of "small houses" 2/3, "big trees" 1: their mean.
    lines = capsys.readouterr().out.splitlines()
    assert lines[2].split()[:2] == ["summaries.jsonl", "83.33"]
    assert lines[3].strip().startswith("[66.67, 100.00]")


def test_compare_adds_a_paired_test(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--hyp", "good.txt", "--compare", "bad.txt", "--ref", "ref.txt", "--lang", "de"]
    assert run(*arguments, "--json", "scores.json") == 0
    assert "good.txt minus bad.txt, paired bootstrap over documents" in capsys.readouterr().out
    report = json.loads((files / "scores.json").read_text())
    assert [system["system"] for system in report["systems"]] == ["good.txt", "bad.txt"]
    assert report["comparison"]["rouge1"]["difference"] == 75.0
    assert report["comparison"]["rouge1"]["win_rate"] == 1.0


def test_half_of_plain_lines_is_scored(files: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (files / "both.txt").write_text(
        "big trees [LSEP] große Bäume\nx [LSEP] kleine Häuser\n", encoding="utf-8"
    )
    run("--hyp", "both.txt", "--ref", "ref.txt", "--lang", "de", "--half", "target")
    assert capsys.readouterr().out.splitlines()[2].split()[1] == "100.00"


def test_documents_left_out_are_said(files: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    rows = [
        {"id": "1", "summary": {"de": ["Bäume"]}},
        {"id": "2", "summary": {"en": ["houses"]}},
    ]
    write_json(files / "partly.jsonl", rows)
    run("--hyp", "summaries.jsonl", "--ref", "partly.jsonl", "--lang", "de")
    assert "left out for want of a reference in de: 1\n" in caplog.text


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        (["--hyp", "bad.txt", "--ref", "no.txt", "--lang", "de"], DataError, "no.txt: .*exist"),
        (
            ["--hyp", "bad.txt", "--ref", "ref.txt", "--lang", "de", "--protocol", "ncls"],
            ConfigError,
            "'de': must be one of default, mclas, .*, but is 'ncls'",
        ),
        (["--hyp", "bad.txt", "--ref", "ref.txt", "--lang", "german"], DataError, "'german'"),
        (
            ["--hyp", "summaries.jsonl", "--ref", "references.test.jsonl", "--lang", "zh"],
            DataError,
            "must hold references in 'zh', but holds some in de, en",
        ),
    ],
)
def test_bad_arguments_are_refused(
    files: Path, arguments: list[str], kind: type[MclasError], message: str
) -> None:
    with pytest.raises(kind, match=message):
        run(*arguments)


def test_hypotheses_in_a_script_that_vanishes_are_refused_with_the_share(files: Path) -> None:
    (files / "zh.txt").write_text("大树\n小房子 ok\n", encoding="utf-8")
    (files / "en.txt").write_text("big trees\nsmall houses\n", encoding="utf-8")
    # Of 5 Chinese characters and a word of Latin letters.
    with pytest.raises(DataError, match=r"zh.txt: texts in 'en' .* 83 % of the words are in anoth"):
        run("--hyp", "zh.txt", "--ref", "en.txt", "--lang", "en", "--protocol", "ncls")


def test_json_report_is_not_written_when_scoring_fails(files: Path) -> None:
    (files / "short.txt").write_text("große Bäume\n", encoding="utf-8")
    arguments = ["--hyp", "good.txt", "--compare", "short.txt", "--ref", "ref.txt", "--lang", "de"]
    with pytest.raises(DataError, match=r"short.txt: .*has 1, and ref.txt has 2"):
        run(*arguments, "--json", "scores.json")
    assert not (files / "scores.json").exists()


def test_csv_by_document_holds_no_formula(files: Path) -> None:
    ids = ['=HYPERLINK("http://x","y")', "-17"]
    rows = [{"id": id_, "summary": {"de": "große Bäume"}} for id_ in ids]
    write_json(files / "odd.jsonl", rows)
    arguments = ("--hyp", "odd.jsonl", "--ref", "odd.jsonl", "--lang", "de", "--name", "@me")
    run(*arguments, "--per-document", "scores.csv")
    with (files / "scores.csv").open(encoding="utf-8", newline="") as stream:
        found = [(row["document"], row["system"]) for row in csv.DictReader(stream)]
    assert found == [(f"'{ids[0]}", "'@me"), (ids[1], "'@me")]
    run(*arguments, "--per-document", "scores.jsonl")
    lines = (files / "scores.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(lines[0])["document"] == ids[0]


@pytest.mark.parametrize(("given", "written"), [("DE", "de"), ("pt-br", "pt-BR"), ("iw", "he")])
def test_one_number_has_one_signature_however_its_language_is_written(
    files: Path, given: str, written: str
) -> None:
    (files / "any.txt").write_text("123 456\n123\n", encoding="utf-8")
    run("--hyp", "any.txt", "--ref", "any.txt", "--lang", given, "--statistics", "--json", "x.json")
    report = json.loads((files / "x.json").read_text(encoding="utf-8"))
    signatures = [
        *(metric["signature"] for metric in report["systems"][0]["metrics"].values()),
        report["statistics"][0]["signature"],
    ]
    assert all(f"|lang:{written}|" in signature for signature in signatures), signatures
    assert report["language"] == written


def test_texts_that_are_marks_of_a_missing_one_are_told(
    files: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (files / "nan.txt").write_text("nan\nNone \n", encoding="utf-8")
    (files / "fine.txt").write_text("nan gut\nnein\n", encoding="utf-8")
    run("--hyp", "nan.txt", "--ref", "fine.txt", "--lang", "de")
    told = [text for text in caplog.messages if "missing" in text]
    assert len(told) == 1
    assert told[0].startswith("nan.txt: 2 texts are nothing but 'nan', 'None', as programs write")


def test_rouge_alone_leaves_the_other_measures_out(files: Path) -> None:
    run("--hyp", "bad.txt", "--ref", "ref.txt", "--lang", "de", "--rouge-only", "--json", "x.json")
    report = json.loads((files / "x.json").read_text(encoding="utf-8"))
    assert list(report["systems"][0]["metrics"]) == list(METRICS)


def test_marks_of_other_programs_are_refused_or_read(files: Path) -> None:
    (files / "marked.txt").write_text("alte Wege<q>\nrote &amp; große Tiere\n", encoding="utf-8")
    arguments = ("--hyp", "marked.txt", "--ref", "ref.txt", "--lang", "de")
    with pytest.raises(DataError, match=r"marked.txt: .* 2 of 2 have marks .*\(<q>, &amp;\)"):
        run(*arguments)
    run(*arguments, "--marks", "--json", "x.json")
    report = json.loads((files / "x.json").read_text(encoding="utf-8"))
    assert report["systems"][0]["length"] == 2.5


def test_references_that_are_a_pipe_give_their_documents_too(files: Path) -> None:
    rows = [
        {"id": id_, "document": {"en": f"text {id_}"}, "summary": {"de": ["große Bäume"]}}
        for id_ in ("1", "2")
    ]
    write_json(files / "whole.jsonl", rows)
    with (files / "whole.jsonl").open("rb") as stream:
        reading, writing = os.pipe()
        os.write(writing, stream.read())
        os.close(writing)
    pipe = f"/dev/fd/{reading}"
    run("--hyp", "summaries.jsonl", "--ref", pipe, "--lang", "de", "--html", "page.html")
    assert "text 2" in (files / "page.html").read_text(encoding="utf-8")


def test_systems_stand_beside_people_where_there_are_two_references(
    files: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = [["große Bäume im Wald", "große Bäume im Park"], ["kleine Häuser", "kleine Häuser"]]
    rows = [{"id": str(n), "summary": {"de": texts}} for n, texts in enumerate(wanted, 1)]
    write_json(files / "two.jsonl", rows)
    written = [{"id": "1", "summary": {"de": "große Bäume"}}, {"id": "2", "summary": {"de": "x"}}]
    write_json(files / "hyp.jsonl", written)
    run("--hyp", "hyp.jsonl", "--ref", "two.jsonl", "--lang", "de", "--json", "o.json")
    people, system = json.loads((files / "o.json").read_text(encoding="utf-8"))["beside_people"]
    # People: 3 of 4 words of each reference of the first document, all of the second.
    assert people["metrics"]["rouge1"]["mean"] == pytest.approx(87.5)
    # The system: 2 of 2 and 2 of 4 words against either, nothing of the second.
    assert system["metrics"]["rouge1"]["mean"] == pytest.approx(100 * 2 / 3 / 2, abs=1e-3)
    assert "Beside people, on the 2 documents" in capsys.readouterr().out
    run("--hyp", "hyp.jsonl", "--ref", "two.jsonl", "--lang", "de", "--rouge-only")
    assert "people" not in capsys.readouterr().out
