"""Words of pieces, word links from files and learned, mean maps."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mclas_fairseq.corpus.plain_words import split_words
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.corpus.synthetic_news.links import generate_links
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.heads.probe.links import Pair, learned_links, read_links
from mclas_fairseq.heads.probe.mean_maps import pooled
from mclas_fairseq.heads.probe.words import words_of


class Pieces:
    """What `words_of` asks of a tokenizer: "_" begins a word."""

    def shares(self, pieces: Sequence[str], language: str) -> list[str]:
        text = ""
        found = []
        for piece in pieces:
            whole = (text + piece).replace("_", " ").lstrip()
            before = text.replace("_", " ").lstrip()
            found.append(whole.rstrip()[len(before.rstrip()) :])
            text += piece
        return found


def test_pieces_know_their_words() -> None:
    words = words_of(["_the", "_", "riv", "er", ".", "_Ufer", "_7,", "模型"], Pieces(), "en")  # type: ignore[arg-type]
    assert words.texts == ("the", "river", ".", "Ufer", "7", ",", "模", "型")
    assert words.of_piece == ((0,), (1,), (1,), (1,), (2,), (3,), (4, 5), (6, 7))
    assert [words.ends_sentence(number) for number in range(8)] == [
        *(False, False, False, False, True, False, False, False)
    ]


PAIR = Pair("x", ["7", "women", "."], ["Frauen", "7", "."])


def write(path: Path, *rows: object) -> Path:
    path.write_text("\n".join(map(json.dumps, rows)) + "\n")
    return path


def test_links_are_read_and_checked(tmp_path: Path) -> None:
    file = tmp_path / "links.jsonl"
    other = {"id": "other", "links": []}
    write(file, other, {"id": "x", "links": ["0-1", "1-0", "2-2"]})
    assert read_links(file, [PAIR]) == [[(0, 1), (1, 0)]]  # punctuation is no link
    for row, message in (
        ({"id": "y", "links": []}, "must have links of every document that is probed, but has no"),
        (
            {"id": "x", "links": ["0-3"]},
            "3 in the first summary and 3 in the second, but one is 0-3",
        ),
        ({"id": "x", "links": ["-1-0"]}, r"links.jsonl:1: must be as"),
        ({"id": "x", "links": "0-1"}, r"links.jsonl:1: must be as"),
        ({"id": "x"}, r"links.jsonl:1: must be as"),
        ([1], r"links.jsonl:1: must be as"),
    ):
        with pytest.raises(DataError, match=message):
            read_links(write(file, row), [PAIR])


@pytest.mark.parametrize("setting", ["easy", "hard"])
def test_learned_links_are_those_of_the_corpus(setting: str) -> None:
    """And those of the corpus link what is the same: numbers and names by their letters."""
    records = list(generate(setting, "train", 300, 1))
    gold = list(generate_links(setting, "train", 300, 1, "de"))
    pairs = []
    same = total = 0
    for record, row in zip(records, gold, strict=True):
        assert record["id"] == row["id"]
        summary = record["summary"]
        assert isinstance(summary, dict)
        first, second = (split_words(summary[code][0]) for code in ("en", "de"))
        pairs.append(Pair(str(record["id"]), first, second))
        links = row["links"]
        assert isinstance(links, list)
        for link in links:
            i, j = map(int, link.split("-"))
            word = first[i]
            total += 1
            same += word == second[j]
            assert not (word.isdigit() or second[j].isdigit()) or word == second[j]
    assert same > 0.4 * total > 300
    found = learned_links(pairs, [], "intersection")
    hits = sum(
        f"{i}-{j}" in row["links"]  # type: ignore[operator]
        for row, links in zip(gold, found, strict=True)
        for i, j in links
    )
    assert hits > 0.9 * total


def test_links_to_a_language_that_is_not_there_are_refused() -> None:
    with pytest.raises(ConfigError, match="--links fr: must be one of de, zh"):
        generate_links("easy", "train", 1, 1, "fr")


def test_maps_of_any_length_are_pooled() -> None:
    """Rows keep their sum of 1; a part with fewer positions than bins is spread over them."""
    maps = np.random.default_rng(1).dirichlet(np.ones(7), (2, 5))
    rows = [("BOS", 1, 1), ("A", 4, 2)]
    columns = [("BOS", 1, 1), ("A", 6, 12)]
    found = pooled(maps, rows, columns)
    assert found.shape == (2, 3, 13)
    np.testing.assert_allclose(found.sum(-1), 1)
    np.testing.assert_allclose(found[:, 0, 0], maps[:, 0, 0])
    np.testing.assert_allclose(found[:, 1, 0], maps[:, 1:3, 0].mean(1))
    np.testing.assert_allclose(found[:, 2, 1:3], maps[:, 3:5, 1:2].mean(1) / 2 * [1, 1])
    empty = pooled(maps[:, :1], [("BOS", 1, 1), ("A", 0, 2)], columns)
    assert np.isnan(empty[:, 1:]).all()
