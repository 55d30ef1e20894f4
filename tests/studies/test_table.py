"""The table of a study: what is added comes back as it was, whoever adds it, in whatever order."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studies.harness.table import RESULTS, Table, flattened, nested

KEYS = st.text(min_size=1, max_size=6).filter(lambda key: not key.startswith("#"))
LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text(max_size=8),
    st.sampled_from(["2e-3", "1", "null", "", "true", '"', "[1]"]),
    st.lists(st.integers(), max_size=3),
)
REPORTS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(KEYS, inner, max_size=3),
        st.lists(st.dictionaries(KEYS, inner, max_size=2), min_size=1, max_size=11),
    ),
    max_leaves=12,
)


@given(st.dictionaries(KEYS, REPORTS, max_size=4))
@settings(max_examples=300, deadline=None)
def test_every_report_comes_back_from_its_fields(report: dict[str, Any]) -> None:
    assert nested(flattened(report)) == report


def scores(value: str) -> dict[str, Any]:
    return {"means": {"rouge1": 20.0}, "by_document": {"rouge1": value, "length": "1 2"}}


def test_values_by_document_lie_beside_the_table(tmp_path: Path) -> None:
    table = Table("study", tmp_path)
    assert table.rows() == {}
    report = {"rate": "2e-3", "n": 3, "valid": {"de": scores("1 2")}, "health": None}
    table.add("b", report)
    table.add("a", {"rate": "1", "valid": {"de": scores("3 4")}})
    table.add("b", {"test": {"de": scores("5 6")}})
    assert list(table.rows()) == ["a", "b"]
    assert table.rows()["b"]["valid"] == {"de": {"means": {"rouge1": 20.0}}}
    assert table.full_rows()["b"] == {**report, "test": {"de": scores("5 6")}}
    text = table.path.read_text(encoding="utf-8").splitlines()
    assert text[0] == "name,rate,valid/de/means/rouge1,n,health,test/de/means/rouge1"
    assert text[2] == 'b,"""2e-3""",20.0,3,null,20.0'


def test_order_of_additions_makes_no_difference_to_the_documents(tmp_path: Path) -> None:
    tables = [Table("study", tmp_path / name) for name in ("first", "second")]
    for table, names in zip(tables, ("abc", "cab"), strict=True):
        for name in names:
            table.add(name, {"valid": {"de": scores(name)}})
    assert tables[0].documents_path.read_bytes() == tables[1].documents_path.read_bytes()
    assert tables[0].path.read_bytes() == tables[1].path.read_bytes()


def test_processes_that_add_at_once_lose_nothing(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from studies.harness.table import Table\n"
        "for number in range(15):\n"
        "    scores = {'by_document': {'rouge1': '1'}}\n"
        "    Table('t', Path(sys.argv[1])).add(f'{sys.argv[2]}{number}', {'valid': {'de': scores}})"
    )
    words = [sys.executable, "-c", script, str(tmp_path)]
    root = RESULTS.parent.parent
    processes = [subprocess.Popen([*words, name], cwd=root) for name in "abc"]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert len(Table("t", tmp_path).rows()) == len(Table("t", tmp_path).lines()) == 45


def test_an_earlier_run_is_seen_alone(tmp_path: Path) -> None:
    table = Table("study", tmp_path)
    table.add("first/a", {"valid": {"de": scores("1 2")}})
    table.add("a", {"valid": {"de": scores("3 4")}})
    earlier = Table("study", tmp_path, run="first")
    assert list(earlier.full_rows()) == ["a"]
    assert earlier.full_rows()["a"]["valid"]["de"]["by_document"]["rouge1"] == "1 2"


@pytest.mark.parametrize("name", ["low_resource", "vhm"])
def test_what_is_kept_of_the_studies_is_whole(name: str) -> None:
    table = Table(name)
    rows = table.full_rows()
    assert len(rows) == {"low_resource": 156, "vhm": 105}[name]
    for row in rows.values():
        for split in {"valid", "test"} & set(row):
            for measured in row[split].values():
                values = measured["by_document"]["rouge1"].split()
                assert len(values) == measured["documents"]
                mean = sum(map(int, values)) / len(values) / 100
                assert mean == pytest.approx(measured["means"]["rouge1"]["f"], abs=0.01)
