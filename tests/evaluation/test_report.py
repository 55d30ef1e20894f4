import json

from mclas_fairseq.evaluation.report import (
    compare,
    comparison_table,
    comparison_to_json,
    markdown_table,
    summarise,
    text_table,
    to_json,
)
from mclas_fairseq.evaluation.rouge import METRICS, RougeScores, score_rouge

REFERENCES = [["a b c"], ["d e f"]]


def perfect() -> RougeScores:
    return score_rouge(["a b c", "d e f"], REFERENCES, language="en")


def useless() -> RougeScores:
    return score_rouge(["x", "y z z"], REFERENCES, language="en")


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


def test_markdown_table_is_one() -> None:
    lines = markdown_table([summarise("gold", perfect())], metrics=("rouge1",)).splitlines()
    assert [cell.strip() for cell in lines[0].split("|")] == ["", "system", "R-1", "length", ""]
    assert set(lines[1]) <= set("|-:")
    assert "100.00 [100.00, 100.00]" in lines[2]


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


def test_comparison_is_first_minus_second_in_points() -> None:
    comparison = compare(perfect(), useless())
    assert comparison_to_json(comparison)["rouge1"] == {
        "difference": 100.0,
        "interval": [100.0, 100.0],
        "p_value": round(1 / 1001, 6),
        "win_rate": 1.0,
    }
    lines = comparison_table("gold", "noise", comparison).splitlines()
    assert lines[0] == "gold minus noise, paired bootstrap over documents"
    assert lines[3].split() == ["R-1", "+100.00", "[+100.00,", "+100.00]", "0.001", "100.0", "%"]
