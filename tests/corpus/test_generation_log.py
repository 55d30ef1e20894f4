"""fairseq-generate's log back to summaries in input order."""

import pytest

from mclas_fairseq.corpus.generation_log import (
    GenerationRun,
    describe_run,
    in_input_order,
    read_hypotheses,
    read_run,
)
from mclas_fairseq.errors import DataError

LOG = [
    "2026-01-01 | INFO | mclas_fairseq | " + describe_run(GenerationRun("test", ("en", "de"), 2)),
    "S-1\tthe source",
    "H-1\t-0.5\t▁a [LSEP] ▁b",
    "D-1\t-0.5\ta second [LSEP] ein zweites",
    "D-1\t-0.9\tother [LSEP] anderes",
    "D-0\t-0.25\tfirst [LSEP] erstes",
]


def test_run_is_read_back_from_the_line_that_describes_it() -> None:
    assert read_run(LOG) == GenerationRun("test", ("en", "de"), 2)


def test_summaries_come_in_input_order_with_ids_and_all_hypotheses() -> None:
    records = list(in_input_order(read_hypotheses(LOG, ("en", "de")), ["x", "y"], 2))
    assert [record["id"] for record in records] == ["x", "y"]
    assert records[0] == {"id": "x", "summary": {"en": "first", "de": "erstes"}, "score": -0.25}
    assert records[1]["summary"] == {"en": "a second", "de": "ein zweites"}
    assert [one["score"] for one in records[1]["nbest"]] == [-0.5, -0.9]


def test_log_without_a_run_says_what_to_keep() -> None:
    with pytest.raises(DataError, match="must name the split.*keep the whole output"):
        read_run(LOG[1:])


@pytest.mark.parametrize(
    "damaged",
    [LOG[0][:-9], LOG[0].replace('"split"', '"plit"'), LOG[0].split("{")[0] + "[" * 99999],
)
def test_a_damaged_line_about_the_run_is_an_error(damaged: str) -> None:
    with pytest.raises(DataError, match=r"must be whole, but is not \((JSON|Key|Value).*again"):
        read_run([damaged, *LOG[1:]])


def test_log_with_another_number_of_summaries_names_the_line() -> None:
    with pytest.raises(DataError, match=r"line 4: 1 summaries \(de\) are expected, found 2"):
        list(read_hypotheses(LOG, ("de",)))


def test_log_cut_short_is_an_error() -> None:
    with pytest.raises(DataError, match="all 2 documents .* 1 have one; is the log cut short"):
        list(in_input_order(read_hypotheses(LOG[:5], ("en", "de")), ["x", "y"], 2))


def test_row_beyond_the_split_is_an_error() -> None:
    with pytest.raises(DataError, match="row 1 is not in the split, which has 1 records"):
        list(in_input_order(read_hypotheses(LOG, ("en", "de")), ["x"], 2))
