"""Sheets that come back from annotators: what is taken as it comes, and what is refused."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.human.answers import read_judgements
from mclas_fairseq.evaluation.human.design import Options
from mclas_fairseq.evaluation.human.material import Material
from mclas_fairseq.evaluation.human.sheets import LETTERS, Study, build_study, write_sheet

IDS = ("x", "y", "z")
SYSTEMS = {name: tuple(f"{name} über {id_}" for id_ in IDS) for name in ("a", "b", "c")}
MATERIAL = Material(IDS, {"document": IDS}, SYSTEMS)
Table = list[list[str]]


def study_of(design: str) -> Study:
    return build_study(MATERIAL, "de", Options(design, documents=3, annotators=2))


def filled(study: Study, folder: Path, annotator: int) -> Path:
    """A sheet in which "a" is the best and "c" the worst, or the ratings are 5, 4 and 1."""
    path = folder / f"annotator-{annotator + 1}.csv"
    write_sheet(path, study.key, study.sheets[annotator], ",")
    table = read_table(path)
    for row in table[1:]:
        systems = study.key.sheets[annotator][row[0]].systems
        if study.key.design == "bws":
            row[-6:] = [LETTERS[systems.index("a")], LETTERS[systems.index("c")]] * 3
        else:
            row[-3:] = [{"a": "5", "b": "4", "c": "1"}[systems[0]]] * 3
    write_table(path, table)
    return path


def read_table(path: Path) -> Table:
    return list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline="")))


def write_table(path: Path, table: Table, *, delimiter: str = ",", encoding: str = "utf-8") -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, delimiter=delimiter).writerows(table)
    path.write_bytes(stream.getvalue().encode(encoding))


def edit(path: Path, change: Callable[[Table], None]) -> None:
    table = read_table(path)
    change(table)
    write_table(path, table)


def set_cell(row: int, column: int, value: str) -> Callable[[Table], None]:
    """Row as spreadsheets number it."""

    def change(table: Table) -> None:
        table[row - 1][column] = value

    return change


@pytest.mark.parametrize(("design", "expected"), [("bws", [1, 0, -1]), ("rating", [5, 4, 1])])
def test_answers_are_unblinded_and_put_in_the_order_of_tables(
    tmp_path: Path, design: str, expected: list[int]
) -> None:
    study = study_of(design)
    judgements = read_judgements([filled(study, tmp_path, number) for number in (0, 1)], study.key)
    assert judgements.document.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert judgements.system.tolist() == [0, 1, 2] * 3
    assert judgements.values.shape == (2, 9, 3)
    np.testing.assert_array_equal(
        judgements.values, np.tile(np.array(expected * 3)[:, None], (2, 1, 3))
    )


def test_answers_of_systems_in_several_tuples_are_kept_apart(tmp_path: Path) -> None:
    systems = {name: tuple(f"{name}{id_}" for id_ in IDS) for name in "abcde"}
    study = build_study(Material(IDS, {}, systems), "de", Options(documents=3, annotators=2))
    paths = []
    for annotator in (0, 1):
        paths.append(tmp_path / f"{annotator}.csv")
        write_sheet(paths[-1], study.key, study.sheets[annotator], ",")
        table = read_table(paths[-1])
        for row in table[1:]:  # best: the first in the alphabet, worst: the last
            shown = study.key.sheets[annotator][row[0]].systems
            ends = [LETTERS[shown.index(end(shown))] for end in (min, max)]
            row[-6:] = ends * 3
        write_table(paths[-1], table)
    judgements = read_judgements(paths, study.key)
    assert judgements.values.shape == (2, 24, 3)
    np.testing.assert_array_equal(judgements.values[0], judgements.values[1])
    assert judgements.values[0, judgements.system == 0].min() == 1
    assert judgements.values[0, judgements.system == 4].max() == -1
    assert judgements.values.sum() == 0


@pytest.mark.parametrize(
    ("delimiter", "encoding"),
    [(";", "utf-8"), (";", "utf-8-sig"), ("\t", "utf-16"), (",", "utf-8")],
)
def test_sheets_are_read_as_spreadsheets_save_them(
    tmp_path: Path, delimiter: str, encoding: str
) -> None:
    study = study_of("bws")
    paths = [filled(study, tmp_path, number) for number in (0, 1)]
    expected = read_judgements(paths, study.key)
    header, *rows = read_table(paths[0])
    # Sorted another way, a column of notes in front, blank rows, small letters and blanks.
    table = [["notes", *header], ["", *[""] * len(header)]]
    table += [["well; well", *row[:-1], f" {row[-1].lower()} "] for row in reversed(rows)]
    write_table(paths[0], [*table, [""]], delimiter=delimiter, encoding=encoding)
    found = read_judgements(paths, study.key)
    np.testing.assert_array_equal(found.values, expected.values)


def test_ratings_may_be_written_as_numbers_with_a_point(tmp_path: Path) -> None:
    study = study_of("rating")
    path = filled(study, tmp_path, 0)
    expected = read_judgements([path], study.key).values
    header, *rows = read_table(path)
    write_table(path, [header, *([*row[:-1], row[-1] + ".0"] for row in rows)])
    np.testing.assert_array_equal(read_judgements([path], study.key).values, expected)


def test_unfilled_cells_are_named_with_sheet_row_and_column(tmp_path: Path) -> None:
    study = study_of("bws")
    path = filled(study, tmp_path, 0)
    edit(path, set_cell(3, -1, " "))
    with pytest.raises(
        DataError, match=r"annotator-1.csv: .* 1 are not: row 3, column 'fluency: worst'; ask"
    ):
        read_judgements([path], study.key)
    write_sheet(path, study.key, study.sheets[0], ",")
    with pytest.raises(DataError, match=r"18 are not: row 2, .*\(and 13 more\)"):
        read_judgements([path], study.key)
    table = read_table(path)
    write_table(path, [row[: -6 if place else None] for place, row in enumerate(table)])
    with pytest.raises(DataError, match=r"18 are not: row 2, column 'informativeness: best'"):
        read_judgements([path], study.key)


@pytest.mark.parametrize("value", ["0", "6", "3.5", "good", "-1", "4/5", "５"])
def test_ratings_out_of_range_are_refused(tmp_path: Path, value: str) -> None:
    study = study_of("rating")
    path = filled(study, tmp_path, 1)
    edit(path, set_cell(5, -2, value))
    with pytest.raises(
        DataError, match=rf"-2.csv, row 5, column 'conciseness \(1-5\)': .* but is '{value}'"
    ):
        read_judgements([path], study.key)


@pytest.mark.parametrize("value", ["D", "AB", "1", "best"])
def test_letters_of_no_summary_are_refused(tmp_path: Path, value: str) -> None:
    study = study_of("bws")
    path = filled(study, tmp_path, 0)
    edit(path, set_cell(2, -6, value))
    with pytest.raises(
        DataError,
        match=rf"row 2, column 'informativeness: best': .* A, B, C, but is '{value.upper()}'",
    ):
        read_judgements([path], study.key)


def test_best_and_worst_must_differ(tmp_path: Path) -> None:
    study = study_of("bws")
    path = filled(study, tmp_path, 0)
    edit(path, lambda table: table[3].__setitem__(-3, table[3][-4]))
    with pytest.raises(
        DataError, match=r"row 4, column 'conciseness: worst': .* different .* both are [ABC]; ask"
    ):
        read_judgements([path], study.key)


def test_a_sheet_of_another_study_is_refused(tmp_path: Path) -> None:
    path = filled(study_of("bws"), tmp_path, 0)
    other = build_study(MATERIAL, "de", Options("bws", documents=3, annotators=2, seed=2)).key
    with pytest.raises(DataError, match=rf"-1.csv: must belong to the key, .* {other.study}-"):
        read_judgements([path], other)
    with pytest.raises(DataError, match=r"must have the columns .* summary, informativeness \(1-5"):
        read_judgements([path], study_of("rating").key)


def test_a_sheet_given_twice_is_refused(tmp_path: Path) -> None:
    study = study_of("bws")
    path = filled(study, tmp_path, 0)
    copy = path.with_name("copy.csv")
    copy.write_bytes(path.read_bytes())
    with pytest.raises(DataError, match=r"copy.csv: .*annotator-1.csv is also that of annotator 1"):
        read_judgements([path, copy], study.key)


def _swap_summaries(table: Table) -> None:
    table[1][2], table[1][3] = table[1][3], table[1][2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (set_cell(2, 2, "ein anderer Satz"), r"row 2: .*-0001 was altered; copy"),
        (set_cell(3, 1, "?"), r"row 3: .* altered"),
        (_swap_summaries, r"row 2: .* altered"),
        (
            set_cell(4, 0, "17"),
            r"row 4, column 'item': must name a row of annotator 1, but is '17'",
        ),
        (
            lambda table: table.pop(2),
            r"all 3 rows of annotator 1, but 1 are missing \(K.*-1-0002\)",
        ),
        (lambda table: table.append(table[1]), r"row 5: a row must be there once, .* also row 2"),
        (set_cell(1, -1, "worst"), r"must have the columns .* but fluency: worst is not"),
    ],
)
def test_altered_missing_and_doubled_rows_are_refused(
    tmp_path: Path, change: Callable[[Table], None], message: str
) -> None:
    study = study_of("bws")
    path = filled(study, tmp_path, 0)
    edit(path, change)
    with pytest.raises(DataError, match=message):
        read_judgements([path], study.key)


def test_rows_of_two_annotators_in_one_sheet_are_refused(tmp_path: Path) -> None:
    study = study_of("bws")
    one, two = filled(study, tmp_path, 0), filled(study, tmp_path, 1)
    edit(one, lambda table: table.append(read_table(two)[1]))
    with pytest.raises(DataError, match=r"row 5, column 'item': must name a row of annotator 1"):
        read_judgements([one], study.key)


def test_files_that_are_no_csv_in_utf8_are_refused(tmp_path: Path) -> None:
    key = study_of("bws").key
    path = filled(study_of("bws"), tmp_path, 0)
    path.write_bytes(path.read_text(encoding="utf-8-sig").encode("cp1252"))
    with pytest.raises(DataError, match=r"-1.csv:2: a sheet must be UTF-8, .* as CSV UTF-8"):
        read_judgements([path], key)
    path.write_bytes(b"PK\x03\x04")
    with pytest.raises(DataError, match="is a workbook; save it as CSV UTF-8"):
        read_judgements([path], key)
    path.write_bytes(b"")
    with pytest.raises(DataError, match="is not among none"):
        read_judgements([path], key)
    path.write_text('item,"A\n')
    with pytest.raises(DataError, match="cannot be read as one"):
        read_judgements([path], key)
    with pytest.raises(DataError, match="none.csv: a sheet must be a readable file"):
        read_judgements([tmp_path / "none.csv"], key)
