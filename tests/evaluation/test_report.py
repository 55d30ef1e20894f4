"""Score tables in text, Markdown and JSON, with hand-written numbers."""

import json
from dataclasses import replace

import numpy as np

from mclas_fairseq.evaluation.report import (
    Value,
    format_value,
    markdown_table,
    summarise,
    summarise_system,
    text_table,
    to_json,
)
from mclas_fairseq.evaluation.rouge import KINDS, METRICS, RougeScores, score_rouge
from mclas_fairseq.evaluation.systems import Measure, System, rouge_system

REFERENCES = [["a b c"], ["d e f"]]


def perfect() -> RougeScores:
    return score_rouge(["a b c", "d e f"], REFERENCES, language="en")


def useless() -> RougeScores:
    return score_rouge(["x", "y z z"], REFERENCES, language="en")


def half_right(name: str = "half") -> System:
    """Two runs: one gets the first document right, one both."""
    one = score_rouge(["a b c", "x y z"], REFERENCES, language="en")
    return rouge_system(name, ["1.txt", "2.txt"], (), [one, perfect()], kinds=KINDS)


def test_text_table_has_a_row_per_system_and_says_what_the_numbers_are() -> None:
    table = text_table([summarise("gold", perfect()), summarise("noise", useless())])
    lines = table.splitlines()
    assert lines[0].split() == ["system", "R-1", "R-2", "R-L", "R-Lsum", "length"]
    assert lines[2].split(maxsplit=1) == [
        "gold",
        "  ".join(["100.00 [100.00, 100.00]"] * 4) + "       3.0",
    ]
    assert lines[3].split() == ["noise", *["0.00", "[0.00,", "0.00]"] * 4, "2.0"]
    assert "2 documents" in lines[4]
    assert "references 3.0" in lines[4]
    assert lines[5:] == [f"`{perfect().signature()}`"]


def test_what_rounds_to_zero_has_no_sign() -> None:
    value = Value(mean=-0.001, low=-0.0049, high=0.0049, signature="", label="", runs=())
    assert format_value(value) == "0.00 [0.00, 0.00]"
    assert format_value(replace(value, low=-0.006)) == "0.00 [-0.01, 0.00]"


def test_wide_table_puts_intervals_on_lines_of_their_own_and_keeps_to_the_width() -> None:
    result = summarise("a-system-with-a-name-of-fifty-letters-and-a-few-more", perfect())
    table = text_table([result], width=100)
    body = table.splitlines()[:-1]  # the signature is not cut
    assert max(map(len, body)) <= 100
    assert body[2].split()[1:] == ["100.00"] * 4 + ["3.0"]
    assert body[3].count("[100.00, 100.00]") == 4
    assert max(map(len, text_table([result]).splitlines())) > 100


def test_precision_and_recall_are_rows_of_their_own() -> None:
    lines = text_table([summarise_system(half_right())]).splitlines()
    assert [line.split()[1] for line in lines[2:5]] == ["P", "R", "F1"]
    # One of the four summaries is wrong.
    assert all(line.split()[2] == "75.00" for line in lines[2:5])
    assert lines[5].startswith("precision (P), recall (R), F1 in points")


def test_several_runs_are_averaged_and_the_caption_says_so() -> None:
    result = summarise_system(half_right())
    assert result.values["rouge1"].runs == (50.0, 100.0)
    assert result.values["rouge1"].mean == 75.0
    assert "over documents and training runs" in text_table([result])
    assert to_json(result)["files"] == ["1.txt", "2.txt"]


def test_markdown_table_is_one_also_with_bars_in_names() -> None:
    table = markdown_table([summarise("a|b_c", perfect())], metrics=("rouge1",))
    lines = table.splitlines()
    assert [cell.strip() for cell in lines[0].split("|")] == ["", "system", "R-1", "length", ""]
    assert set(lines[1]) <= set("|-:")
    assert lines[2].count("|") - lines[2].count("\\|") == 4
    assert "a\\|b\\_c" in lines[2]
    assert "100.00 [100.00, 100.00]" in lines[2]


def test_metrics_of_an_encoder_are_shown_with_their_own_signature() -> None:
    system = half_right()
    values = np.array([[0.5, 0.7], [0.6, 0.8]])
    measure = Measure("moverscore", "MoverScore", "f1", values, "moverscore|model:tiny")
    extended = System(**{**vars(system), "measures": {**system.measures, "moverscore": measure}})
    table = text_table([summarise_system(extended)], metrics=["moverscore"])
    assert "MoverScore" in table
    assert "65.00 [" in table
    assert table.splitlines()[-1] == "`moverscore|model:tiny`"


def test_json_has_a_signature_beside_every_number() -> None:
    row = json.loads(json.dumps(to_json(summarise("noise", useless()))))
    assert list(row["metrics"]) == list(METRICS)
    assert row["metrics"]["rouge2"] == {
        "mean": 0.0,
        "interval": [0.0, 0.0],
        "signature": useless().signature("rouge2"),
    }
    assert (row["system"], row["documents"]) == ("noise", 2)
    assert (row["length"], row["reference_length"]) == (2.0, 3.0)


def test_json_has_precision_and_recall_and_the_mean_of_each_run() -> None:
    row = json.loads(json.dumps(to_json(summarise_system(half_right()))))
    recall = row["metrics"]["rouge1"]["recall"]
    assert recall["mean"] == 75.0
    assert recall["runs"] == [50.0, 100.0]
    assert recall["signature"].startswith("rouge1.r|")
