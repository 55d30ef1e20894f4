"""JSON lines, lists of objects, and keys inside of keys."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.corpus.conversion import json_items
from mclas_fairseq.corpus.conversion.guessing import Encoding
from mclas_fairseq.corpus.conversion.json_items import JsonSource
from mclas_fairseq.corpus.conversion.rows import Row
from mclas_fairseq.errors import DataError


def read(path: Path, content: str, *wanted: str) -> list[Row]:
    path.write_text(content, encoding="utf-8")
    source = JsonSource(path, wanted, Encoding(), by_line=path.suffix == ".jsonl")
    return list(source.rows())


ITEMS: Sequence[dict[str, Any]] = [
    {"a": 'x "y"\u2028z', "n": {"b": [1, "two"]}},
    {"a": ""},
    {"a": "é" * 50},
]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.jsonl", "\n".join(map(json.dumps, ITEMS))),
        ("t.jsonl", "\n".join(json.dumps(item, ensure_ascii=False) for item in ITEMS) + "\n"),
        ("t.json", json.dumps(ITEMS)),
        ("t.json", json.dumps(ITEMS, indent=2, ensure_ascii=False) + "\n"),
        ("t.json", "\n".join(json.dumps(item, indent=1) for item in ITEMS)),
        ("t.json", "\ufeff " + json.dumps(ITEMS)),
    ],
)
def test_objects_are_read_from_lines_lists_and_rows_of_values(
    tmp_path: Path, name: str, content: str
) -> None:
    assert [row.raw for row in read(tmp_path / name, content, "a")] == list(ITEMS)


@settings(max_examples=60, deadline=None)
@given(
    items=st.lists(
        st.dictionaries(st.text(max_size=3), st.text(max_size=30), max_size=3), max_size=6
    ),
    indent=st.sampled_from([None, 1]),
    chunk=st.integers(1, 40),
    as_list=st.booleans(),
)
def test_objects_are_read_whole_wherever_the_file_is_cut_into_chunks(
    tmp_path_factory: pytest.TempPathFactory,
    items: list[dict[str, str]],
    indent: int | None,
    chunk: int,
    as_list: bool,
) -> None:
    content = (
        json.dumps(items, indent=indent)
        if as_list
        else " ".join(json.dumps(item, indent=indent) for item in items)
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_items, "_CHUNK", chunk)
        rows = read(tmp_path_factory.mktemp("j") / "t.json", content)
    assert [row.raw for row in rows] == items


def test_keys_are_followed_into_objects_and_lists(tmp_path: Path) -> None:
    item = {"a": {"b": {"c": "deep"}, "l": ["x", {"y": "in"}]}, "a.b.c": "whole", "p.q": "plain"}
    wanted = ("a.b.c", "a.l.0", "a.l.1.y", "p.q", "a.l")
    row = read(tmp_path / "t.jsonl", json.dumps(item), *wanted)[0]
    assert row.values == {
        "a.b.c": "whole",  # a key with dots in its name comes first
        "a.l.0": "x",
        "a.l.1.y": "in",
        "p.q": "plain",
        "a.l": ["x", {"y": "in"}],
    }


def test_a_key_that_only_some_objects_have_is_fine_and_one_that_none_has_is_not(
    tmp_path: Path,
) -> None:
    content = '{"id": 1}\n{"id": 2, "meta": {"text": "x"}}\n'
    rows = read(tmp_path / "t.jsonl", content, "meta.text")
    assert [row.values for row in rows] == [{}, {"meta.text": "x"}]
    with pytest.raises(DataError) as caught:
        read(tmp_path / "t.jsonl", content, "meta.txt")
    assert str(caught.value) == (
        f"{tmp_path}/t.jsonl: must have the column 'meta.txt', but has 'id', 'meta.text';"
        " did you mean 'meta.text'? correct --map or --id"
    )


def test_lines_that_are_no_objects_are_problems_with_their_place(tmp_path: Path) -> None:
    rows = read(tmp_path / "t.jsonl", '{"a": "x"}\n{"a": \n[1]\n\n"y"\n', "a")
    assert [(row.origin, row.problem.split(" (")[0]) for row in rows] == [
        ("t.jsonl line 1", ""),
        ("t.jsonl line 2", "not JSON"),
        ("t.jsonl line 3", "not a JSON object, but a list"),
        ("t.jsonl line 4", ""),
        ("t.jsonl line 5", "not a JSON object, but a str"),
    ]
    assert [row.raw for row in rows[1:4]] == ['{"a": \n', [1], "\n"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('[{"a": "x"}, {"a": "y"', "breaks off after 1 of them"),
        ('[{"a": "x"}', "breaks off after 1 of them"),
        ('[{"a": "x"}] {"a": "y"}', 'after the list stands \'{"a": "y"}\''),
        ('{"a": "x"} nonsense', "breaks off after 1 of them"),
        ("nonsense", "breaks off after 0 of them"),
    ],
)
def test_a_broken_file_is_an_error_that_says_where(
    tmp_path: Path, content: str, reason: str
) -> None:
    with pytest.raises(DataError, match=reason.replace("[", r"\[").replace("{", r"\{")):
        read(tmp_path / "t.json", content, "a")


def test_an_empty_file_has_no_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must have the column 'a', but has no columns at all"):
        read(tmp_path / "t.json", "", "a")
