"""mclas summarize: text and records straight to summaries, the same as fairseq-generate's."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.system.conftest import Toy

SEARCH = "--beam 3 --max-len-b 20 --no-repeat-ngram-size 3 --batch-size 4 --cpu".split()


@pytest.fixture(scope="module")
def expected(toy: "Toy") -> list[dict[str, Any]]:
    """What fairseq-generate and mclas extract give, for the records with both summaries."""
    return toy.summaries(toy.generate(toy.trained("mclas")))


@pytest.fixture(scope="module")
def records(toy: "Toy", expected: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The records that were decoded, without their summaries."""
    wanted = {row["id"] for row in expected}
    return [
        {"id": row["id"], "document": row["document"]}
        for row in toy.rows["test"]
        if row["id"] in wanted
    ]


def summarize(toy: "Toy", *arguments: object, stdin: str = "") -> str:
    model = ("--checkpoint", toy.trained("mclas"), "--data", toy.data_bin)
    return toy.mclas("summarize", *model, *SEARCH, *arguments, stdin=stdin)


def test_records_give_the_summaries_of_fairseq_generate_in_input_order(
    toy: "Toy", expected: list[dict[str, Any]], records: list[dict[str, Any]]
) -> None:
    stdin = "".join(json.dumps(row) + "\n" for row in reversed(records))
    rows = [json.loads(line) for line in summarize(toy, stdin=stdin).splitlines()]
    for row, other in zip(rows, reversed(expected), strict=True):
        assert (row["id"], row["summary"]) == (other["id"], other["summary"])
        assert row["score"] == pytest.approx(other["score"], abs=1e-4)


@pytest.mark.parametrize(
    ("flags", "languages"),
    [((), ("de",)), (("--write", "source"), ("en",)), (("--write", "both"), ("en", "de"))],
)
def test_text_gives_one_line_for_each_line(
    toy: "Toy",
    expected: list[dict[str, Any]],
    records: list[dict[str, Any]],
    flags: tuple[str, ...],
    languages: tuple[str, ...],
) -> None:
    stdin = "".join(" ".join(row["document"]["en"]) + "\n" for row in records)
    written = summarize(toy, *flags, stdin=stdin).splitlines()
    wanted = ["\t".join(row["summary"][lang] for lang in languages) for row in expected]
    assert written == wanted


def test_files_and_nbest(
    toy: "Toy", expected: list[dict[str, Any]], records: list[dict[str, Any]], tmp_path: Path
) -> None:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in records))
    assert summarize(toy, "-i", source, "-o", target, "--nbest", "2") == ""
    rows = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [row["summary"] for row in rows] == [row["summary"] for row in expected]
    assert [len(row["nbest"]) for row in rows] == [2] * len(records)
    assert all(row["nbest"][0]["summary"] == row["summary"] for row in rows)


def test_empty_line_is_refused_before_anything_is_written(toy: "Toy", tmp_path: Path) -> None:
    source, target = tmp_path / "in.txt", tmp_path / "out.txt"
    source.write_text("Today 50 children fell ill.\n\nThe shops stayed open.\n")
    with pytest.raises(AssertionError, match=r"in.txt:2: a document must have text"):
        summarize(toy, "-i", source, "-o", target)
    assert list(tmp_path.iterdir()) == [source]


def test_precision_is_that_of_fairseq_generate_with_bf16(
    toy: "Toy", records: list[dict[str, Any]]
) -> None:
    reference = toy.summaries(toy.generate(toy.trained("mclas"), "--bf16"))
    stdin = "".join(json.dumps(row) + "\n" for row in records)
    rows = {
        precision: [
            json.loads(line)
            for line in summarize(toy, "--precision", precision, stdin=stdin).splitlines()
        ]
        for precision in ("float32", "bfloat16")
    }
    expected = {row["id"]: row for row in reference}
    for row in rows["bfloat16"]:
        assert row["summary"] == expected[row["id"]]["summary"]
        # Padding differs from batch to batch, and with it what is rounded.
        assert row["score"] == pytest.approx(expected[row["id"]]["score"], abs=0.05)
    scores = {name: [row["score"] for row in found] for name, found in rows.items()}
    assert scores["float32"] != scores["bfloat16"]
