"""mclas pipeline on the toy, with programs as translators."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.system.conftest import Toy

SEARCH = "--beam 3 --max-len-b 20 --no-repeat-ngram-size 3 --batch-size 4 --cpu".split()
CAPITALS = "command:tr a-z A-Z"
# A line of its own for each sentence: the mark shows where lines begin.
MARKED = "command:sed s/^/The/"


@pytest.fixture(scope="module")
def french(toy: "Toy") -> tuple[object, ...]:
    """Flags of a monolingual summarizer of documents that pass for French."""
    rows = {
        split: [
            {
                "id": row["id"],
                "document": {"fr": row["document"]["en"]},
                "summary": {"fr": row["summary"]["en"]},
            }
            for row in rows
            if "en" in row["summary"]
        ]
        for split, rows in toy.rows.items()
    }
    folder = toy.folder / "french"
    folder.mkdir()
    files: list[object] = []
    for split, content in rows.items():
        files += [f"--{split}", toy.write(folder / f"{split}.jsonl", content)]
    languages = ("--source-lang", "fr", "--target-lang", "de")
    toy.mclas("prepare", *languages, *files, "--vocab-size", 300, "--out", folder / "bin")
    trained = toy.train("french", "--target-layout", "ms", data=folder / "bin")
    return ("--checkpoint", trained / "checkpoint_last.pt", "--data", folder / "bin")


def english(toy: "Toy") -> tuple[object, ...]:
    return ("--checkpoint", toy.trained("ms"), "--data", toy.data_bin)


def records(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def parsed(printed: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in printed.splitlines()]


def tltran(toy: "Toy", *words: object, stdin: str = "") -> str:
    model = (*english(toy), *SEARCH, "--target-lang", "de")
    return toy.mclas("pipeline", "tltran", *model, *words, stdin=stdin)


def test_tltran_writes_the_summarizers_summaries_and_their_translations(toy: "Toy") -> None:
    stdin = records(toy.rows["test"])
    own = parsed(toy.mclas("summarize", *english(toy), *SEARCH, stdin=stdin))
    found = parsed(tltran(toy, "--translator", CAPITALS, stdin=stdin))
    assert [row["id"] for row in found] == [row["id"] for row in toy.rows["test"]]
    for row, other in zip(found, own, strict=True):
        text = other["summary"]["en"]
        assert row["summary"] == {"en": text, "de": "".join(map(capital, text))}
        assert row["score"] == other["score"]
    text = "".join(" ".join(row["document"]["en"]) + "\n" for row in toy.rows["test"][:3])
    lines = tltran(toy, "--translator", CAPITALS, stdin=text).splitlines()
    assert lines == [row["summary"]["de"] for row in found[:3]]


def capital(character: str) -> str:
    return character.upper() if character in "abcdefghijklmnopqrstuvwxyz" else character


def test_tetran_summarises_the_documents_translation_sentence_by_sentence(
    toy: "Toy", french: tuple[object, ...], tmp_path: Path
) -> None:
    rows = toy.rows["test"][:5]
    marked = [
        {
            "id": row["id"],
            "document": {"fr": " ".join("The" + sentence for sentence in row["document"]["en"])},
        }
        for row in rows
    ]
    expected = parsed(toy.mclas("summarize", *french, *SEARCH, stdin=records(marked)))
    out = tmp_path / "tetran.jsonl"
    words = ("--source-lang", "en", "--translator", MARKED)
    command = ("pipeline", "tetran", *french, *SEARCH, *words)
    assert toy.mclas(*command, "-o", out, stdin=records(rows)) == ""
    found = toy.read(out)
    assert [(row["id"], row["summary"]) for row in found] == [
        (row["id"], row["summary"]) for row in expected
    ]
    assert {tuple(row["summary"]) for row in found} == {("fr",)}
    assert [row["score"] for row in found] == [row["score"] for row in expected]
    # Documents given as one text are cut into sentences first.
    whole = [{**row, "document": {"en": " ".join(row["document"]["en"])}} for row in rows]
    again = parsed(toy.mclas(*command, stdin=records(whole)))
    assert again == found


def refused(toy: "Toy", *words: object, stdin: str) -> str:
    with pytest.raises(AssertionError) as caught:
        toy.mclas("pipeline", *words, stdin=stdin)
    return str(caught.value)


def test_nothing_half_written_is_left_when_the_translator_loses_a_line(
    toy: "Toy", tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    words = ("tltran", *english(toy), *SEARCH, "--target-lang", "de", "-o", out)
    stdin = records(toy.rows["test"])
    message = refused(toy, *words, "--translator", "command:sed 2d", stdin=stdin)
    assert "mclas pipeline: error: command:sed 2d: must " in message
    assert list(tmp_path.iterdir()) == []


def test_remedies_name_the_translators_flags_as_this_command_calls_them(toy: "Toy") -> None:
    words = ("tltran", *english(toy), *SEARCH, "--target-lang", "de")
    slow = ("--translator", "command:sleep 9", "--translator-time-limit", "0.1")
    message = refused(toy, *words, *slow, stdin=records(toy.rows["test"]))
    assert "must end within 0.1 seconds" in message
    assert "; raise --translator-time-limit" in message


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (("--translator-beam", 0), "--translator-beam 0: must be at least 1"),
        (("--translator-device", "tpu"), "--translator-device tpu: must be cpu"),
        (("--nbest", 2), "--nbest 2: a pipeline goes on with the best hypothesis alone"),
        (("--batch-size", 0), "--batch-size 0: it must be at least 1"),
        (("--translator", "google:x"), "translator 'google:x': must be one of fairseq:"),
        (("--target-lang", "en"), "both are in en; give another language"),
        (("--target-lang", "xx-yy-zz"), "--target-lang 'xx-yy-zz': must be a known code"),
        (("--model", "bundle"), "--model: a bundle brings all it needs"),
    ],
)
def test_flags_that_cannot_be_followed_are_refused(
    toy: "Toy", flags: tuple[object, ...], message: str
) -> None:
    words = ("tltran", *english(toy), *SEARCH, "--target-lang", "de", "--translator", CAPITALS)
    assert message in refused(toy, *words, *flags, stdin="A text .\n")


def test_summarizers_and_documents_of_other_languages_are_refused(
    toy: "Toy", french: tuple[object, ...]
) -> None:
    model = ("--checkpoint", toy.trained("ncls"), "--data", toy.data_bin, *SEARCH)
    words = ("tltran", *model, "--target-lang", "de", "--translator", CAPITALS)
    message = refused(toy, *words, stdin="A text .\n")
    assert "this one writes de; give a checkpoint trained with --target-layout ms" in message
    words = ("tetran", *french, *SEARCH, "--source-lang", "it", "--translator", CAPITALS)
    message = refused(toy, *words, stdin=records(toy.rows["test"]))
    assert "standard input:1: the tetran pipeline reads documents in 'it'" in message
