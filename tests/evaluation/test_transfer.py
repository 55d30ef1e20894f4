"""A matrix of languages: settings of its cells, scores, and what is shown."""

from pathlib import Path

import pytest

from mclas_fairseq.evaluation.transfer import (
    RIGHT_LANGUAGE,
    Summaries,
    TransferSetting,
    plot_transfer,
    score_cell,
    transfer_json,
    transfer_table,
)

GERMAN = ["Der Hund schläft auf dem alten Sofa.", "Die Stadt baut eine neue Brücke am Fluss."]
ENGLISH = ["The dog sleeps on the old sofa.", "The town builds a new bridge over the river."]


@pytest.mark.parametrize(
    ("source", "target", "setting"),
    [("en", "it", "trained"), ("fr", "it", "zero-shot source"), ("en", "de", "zero-shot target"),
     ("fr", "de", "zero-shot")],
)  # fmt: skip
def test_a_cell_is_named_by_what_was_trained(source: str, target: str, setting: str) -> None:
    assert TransferSetting.of(source, target, ["en"], ["it"]).value == setting


def summaries(hypotheses: list[str], target: str = "de") -> Summaries:
    return Summaries("en", target, ["1", "2"], hypotheses, [[text] for text in GERMAN])


def test_the_wrong_language_shows_beside_rouge() -> None:
    both = [GERMAN[0], ENGLISH[1]]
    cells = [
        score_cell(summaries(texts), TransferSetting.TARGET, ["de", "en"])
        for texts in (GERMAN, ENGLISH, both)
    ]
    assert [cell.values[RIGHT_LANGUAGE].mean for cell in cells] == [100, 0, 50]
    assert cells[0].values["rouge1"].mean == 100
    assert cells[1].values["rouge1"].mean < 20
    assert cells[0].values["matched_rouge1"].mean > 50
    assert 0 < cells[2].values["rouge1"].mean < 100
    share = cells[2].values["rouge1"]
    assert share.low <= share.mean <= share.high


def test_tables_plots_and_json_show_every_cell(tmp_path: Path) -> None:
    cells = [
        score_cell(summaries(texts), setting, ["de", "en"])
        for texts, setting in ((GERMAN, TransferSetting.TRAINED), (ENGLISH, TransferSetting.TARGET))
    ]
    table = transfer_table(cells)
    assert "2 (few)" in table
    assert "100.0 [100.0, 100.0]" in table
    assert "right language" in table
    assert [cell["setting"] for cell in transfer_json(cells)["cells"]] == [
        "trained",
        "zero-shot target",
    ]
    plot_transfer(cells, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
