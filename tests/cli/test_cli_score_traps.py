"""Inputs of `mclas score` that would score without an error, and mean something else."""

import argparse
import json
import logging
from pathlib import Path

import pytest

from mclas_fairseq.cli import score
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.scoring_run import default_names

TEXTS = {"a": "große Bäume", "b": "kleine Häuser"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """References with and without ids, and a system with ids in both orders."""
    monkeypatch.chdir(tmp_path)
    rows = [json.dumps({"id": id_, "summary": {"de": text}}) + "\n" for id_, text in TEXTS.items()]
    (tmp_path / "one.jsonl").write_text("".join(rows), encoding="utf-8")
    (tmp_path / "other.jsonl").write_text("".join(rows[::-1]), encoding="utf-8")
    (tmp_path / "ref.jsonl").write_text("".join(rows), encoding="utf-8")
    lines = "".join(f"{text}\n" for text in TEXTS.values())
    (tmp_path / "ref.txt").write_text(lines, encoding="utf-8")
    return tmp_path


def run(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    score.add_arguments(parser)
    return score.run(parser.parse_args([*arguments, "--lang", "de", "--resamples", "20"]))


@pytest.mark.parametrize("arguments", [["one.jsonl", "other.jsonl"],
                                       ["one.jsonl", "--compare", "other.jsonl"]])  # fmt: skip
def test_ids_in_different_orders_need_references_with_ids(
    folder: Path, arguments: list[str]
) -> None:
    assert run("--hyp", *arguments, "--ref", "ref.jsonl") == 0
    with pytest.raises(DataError, match=r"other.jsonl: .* document 1 is 'b' here and 'a' there"):
        run("--hyp", *arguments, "--ref", "ref.txt")


def test_ids_in_one_order_do_without_references_with_ids(folder: Path) -> None:
    assert run("--hyp", "one.jsonl", "ref.txt", "--compare", "ref.jsonl", "--ref", "ref.txt") == 0


@pytest.mark.parametrize("kind", ["H", "D"])
def test_lines_cut_out_of_a_log_are_refused(folder: Path, kind: str) -> None:
    lines = [f"{kind}-{row}\t-0.5\t{text}\n" for row, text in enumerate(TEXTS.values())]
    (folder / "cut.txt").write_text("".join(lines), encoding="utf-8")
    with pytest.raises(DataError, match=r"cut.txt: must be a whole log .* holds 2 lines of one"):
        run("--hyp", "cut.txt", "--ref", "ref.txt")


@pytest.mark.parametrize("flag", ["--hyp", "--ref"])
def test_texts_in_pieces_are_refused(folder: Path, flag: str) -> None:
    (folder / "pieces.txt").write_text("▁große ▁Bäum e\n▁kleine ▁Häuser\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"pieces.txt: texts must be whole words, but 2 of 2"):
        run("--hyp", "ref.txt", "--ref", "ref.txt", flag, "pieces.txt")


def test_systems_that_would_have_one_name_need_names() -> None:
    groups = [[Path("a.txt"), Path("b.txt")], [Path("a.txt"), Path("c.txt")]]
    with pytest.raises(ConfigError, match=r"--name: .* they are a.txt \(\+1\), a.txt \(\+1\);"):
        default_names(groups)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layer", "3"], "--layer: is for the encoder of --model, but is 3 without one"),
        (["--seed", "-1"], "--seed: must be 0 or more, but is -1"),
        (["--json", "x", "--markdown", "x"], "--markdown: .* x is also that of --json"),
        (["--html", "."], r"--html \.: must be a file in a folder, but \. is a folder"),
        (["--json", "ref.txt/x/y"], r"--json ref.txt/x/y: .*/ref.txt is a file"),
    ],
)
def test_what_would_be_ignored_or_fail_late_is_refused_at_once(
    folder: Path, arguments: list[str], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        run("--hyp", "missing.txt", "--ref", "missing.txt", *arguments)


def test_few_documents_are_warned_of(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        run("--hyp", "ref.txt", "--ref", "ref.txt")
    assert "mean little with fewer than 20 documents, and these are 2" in caplog.text
    caplog.clear()
    (folder / "many.txt").write_text("große Bäume\n" * 20, encoding="utf-8")
    with caplog.at_level(logging.WARNING):
        run("--hyp", "many.txt", "--ref", "many.txt")
    assert not caplog.records
