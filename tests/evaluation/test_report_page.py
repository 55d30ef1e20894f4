"""The page of `mclas report`: attention files, curves, and a page whose texts cannot act."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mclas_fairseq.corpus.training_log import read_validations
from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.html.attention import Trace, read_traces, trace_box
from mclas_fairseq.evaluation.html.curves import draw_curves
from mclas_fairseq.evaluation.html.report_page import Example, ReportPage, report_page
from mclas_fairseq.evaluation.report import summarise
from mclas_fairseq.evaluation.rouge import score_rouge

ROW: dict[str, Any] = {
    "id": "a",
    "document": {"language": "en", "pieces": ["Rain", " fell", "<b>"]},
    "summaries": [
        {"language": "en", "pieces": ["Rain"]},
        {"language": "ar", "pieces": ["مطر", " كثير"]},
    ],
    "to_document": [[0.5, 0.01, 0.2], [0.1, 0.9, 0.0], [0.0, 0.3, 0.4]],
    "to_summaries": [[0.0, 0.0, 0.0], [0.7, 0.0, 0.0], [0.05, 0.6, 0.0]],
}
LOG = """\
2026-01-01 | INFO | valid | epoch 001 | valid on 'valid' subset | loss 2.9 | cls_nll_loss 1.7 | \
rouge1 11.3 | num_updates 10 | best_loss 2.9
2026-01-01 | INFO | train | epoch 001 | loss 3.1 | num_updates 10
2026-01-01 | INFO | valid | epoch 002 | valid on 'valid' subset | loss 2.1 | cls_nll_loss 1e-05 | \
rouge1 22.7 | num_updates 20
"""


@pytest.fixture
def traces(tmp_path: Path) -> dict[str, Trace]:
    path = tmp_path / "attention.jsonl"
    path.write_text(json.dumps(ROW) + "\n", encoding="utf-8")
    return read_traces(path)


def test_traces_hold_the_weights_that_can_be_seen(traces: dict[str, Trace]) -> None:
    assert traces["a"].weights == [
        {0: 0.5, 2: 0.2},
        {0: 0.1, 1: 0.9, 3: 0.7},
        {1: 0.3, 2: 0.4, 3: 0.05, 4: 0.6},
    ]


@pytest.mark.parametrize(
    "change",
    [{"to_document": [[0.5]]}, {"summaries": "x"}, {"document": None}, {"to_summaries": "x"}],
)
def test_a_line_that_is_no_attention_is_named(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "attention.jsonl"
    path.write_text(json.dumps(ROW) + "\n" + json.dumps({**ROW, **change}) + "\n")
    with pytest.raises(DataError, match=r"attention\.jsonl:2: must be attention as mclas summ"):
        read_traces(path)


class Elements(HTMLParser):
    """The numbered words of a box and their texts, and all tags."""

    def __init__(self) -> None:
        super().__init__()
        self.words: dict[int, str] = {}
        self.rows: dict[int, str] = {}
        self.tags: list[str] = []
        self.data: str = ""
        self.here: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.here = {name: value or "" for name, value in attrs}
        self.data = self.here.get("data-weights", self.data)

    def handle_data(self, data: str) -> None:
        if "data-column" in self.here:
            self.words.setdefault(int(self.here["data-column"]), data)
        if "data-row" in self.here:
            self.rows.setdefault(int(self.here["data-row"]), data)


def test_words_of_a_box_have_the_columns_and_rows_of_their_weights(
    traces: dict[str, Trace],
) -> None:
    found = Elements()
    found.feed(trace_box(traces["a"]))
    assert found.words == {0: "Rain", 1: "fell", 2: "<b>", 3: "Rain", 4: "مطر", 5: "كثير"}
    assert found.rows == {0: "Rain", 1: "مطر", 2: "كثير"}
    assert json.loads(found.data)[1] == {"0": 0.1, "1": 0.9, "3": 0.7}


def test_validations_of_a_log_are_read_with_all_their_numbers(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(LOG)
    first, second = read_validations(log)
    assert (first["num_updates"], first["cls_nll_loss"], first["best_loss"]) == (10, 1.7, 2.9)
    assert (second["num_updates"], second["cls_nll_loss"], second["rouge1"]) == (20, 1e-5, 22.7)


def test_curves_have_a_panel_for_what_the_logs_have() -> None:
    run = [{"num_updates": n, "cls_nll_loss": 2.0 / n, "nll_loss": 1.0} for n in (1.0, 2.0)]
    picture = draw_curves({"NCLS": run, "MCLAS": [*run, {"num_updates": 3.0, "rouge1": 20.0}]})
    assert picture.startswith("<svg")
    assert picture.count('id="axes_') == 2, "bits a token once, and ROUGE"
    assert draw_curves({"NCLS": []}) == ""


def page(traces: dict[str, Trace], text: str) -> str:
    texts = [text, "It rained in the north.", "Ships came."]
    scores = score_rouge(texts, [[one] for one in texts], language="en")
    example = Example("a", text, {"en": [text], "ar": ["مطر"]}, {"MCLAS": {"en": text, "ar": ""}})
    shown = ReportPage(
        title="Report",
        source_lang="en",
        results=[summarise("MCLAS", scores)],
        verdicts=["MCLAS: learned\n  +3.00 [+1.00, +5.00]"],
        examples=[example],
        curves={"MCLAS": [{"num_updates": 1.0, "nll_loss": 2.0}]},
        traces={"MCLAS": traces},
    )
    return report_page(shown)


def test_a_page_has_table_verdicts_curves_examples_and_attention(
    traces: dict[str, Trace],
) -> None:
    made = page(traces, "Rain fell.")
    for part in ("<table>", "Did it learn?", "MCLAS: learned", "<svg", "What MCLAS looked at"):
        assert part in made
    assert 'lang="ar" dir="auto">مطر<' in made
    assert "(empty)" in made


def test_a_page_asks_nothing_of_the_network_and_texts_do_not_act(traces: dict[str, Trace]) -> None:
    made = page(traces, "<script>alert(1)</script><img src=x onerror=alert(1)> rain")
    found = Elements()
    found.feed(made)
    assert found.tags.count("script") == 1
    assert "img" not in found.tags
    assert not re.search(r"""(?:src|href)=["']?(?:https?:|//)""", made.replace("xlink:href", ""))
    assert np.all([word not in made for word in ("@import", "url(http")])
