"""A small corpus of all kinds of records, and how to prepare it with plain words."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions

Row = dict[str, object]
EN = ("the", "cat", "dog", "sees", "a", "red", "house", "and", "runs", "home", "42", ".")
DE = ("die", "Katze", "sieht", "ein", "rotes", "Haus", "und", "läuft", "heim", "42", "!")


def sentence(words: Sequence[str], number: int, length: int) -> str:
    """A text of `length` words that differs from number to number."""
    return " ".join(
        words[(number * 7 + step * (number % 5 + 1)) % len(words)] for step in range(length)
    )


def triple(name: str, number: int) -> Row:
    """A complete record; its summaries have two references."""
    return {
        "id": f"{name}-{number}",
        "document": {"en": [sentence(EN, number, 9), sentence(EN, number + 3, 7)]},
        "summary": {
            "en": [sentence(EN, number, 5), "second reference"],
            "de": [sentence(DE, number, 4), "zweite Referenz"],
        },
    }


def write(path: Path, rows: Sequence[Row]) -> Path:
    """Write rows as JSON lines."""
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(lines, encoding="utf-8")
    return path


def mixed_rows(name: str, count: int) -> list[Row]:
    """Triples, and one each of: ms only, ncls only, translation pair."""
    rows = [triple(name, number) for number in range(count)]
    ms, ncls, pair = (triple(name, count + extra) for extra in range(3))
    ms["summary"] = {"en": "only a cat"}
    ncls["summary"] = {"de": "nur Katze"}
    del pair["summary"]
    pair["translation"] = {"de": ["die Katze", "und ein Haus ."]}
    return [*rows[:2], ms, ncls, pair, *rows[2:]]


@pytest.fixture
def corpus(tmp_path: Path) -> dict[str, tuple[Path, ...]]:
    """Split -> its files: 13 training records of all kinds, 4 and 4 others."""
    return {
        "train": (write(tmp_path / "train.jsonl", mixed_rows("train", 10)),),
        "valid": (write(tmp_path / "valid.jsonl", [triple("valid", n) for n in range(4)]),),
        "test": (write(tmp_path / "test.jsonl", [triple("test", n) for n in range(5, 9)]),),
    }


@pytest.fixture
def options(tmp_path: Path, corpus: dict[str, tuple[Path, ...]]) -> PrepareOptions:
    """English to German with plain words, into `tmp_path/bin`."""
    return PrepareOptions(
        source_lang="en",
        target_langs=("de",),
        out=tmp_path / "bin",
        inputs=corpus,
        tokenizer=TokenizerOptions(name="words"),
    )


@pytest.fixture
def with_tokenizer(options: PrepareOptions) -> Callable[..., PrepareOptions]:
    """The options with a tokenizer changed in some fields."""

    def change(**fields: object) -> PrepareOptions:
        tokenizer = replace(options.tokenizer, **fields)  # type: ignore[arg-type]
        return replace(options, tokenizer=tokenizer)

    return change
