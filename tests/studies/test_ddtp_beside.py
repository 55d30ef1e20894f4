"""Beside the systems of the study on descriptions: baselines, TLTran, what learned, a page."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mclas_fairseq.evaluation.content import MATCHED
from studies.ddtp import beside, corpora, learned, reading, report
from studies.ddtp import cells as grid
from studies.ddtp.__main__ import PackageDescriptions
from studies.ddtp.beside import BASELINES, UNTRANSLATED
from studies.ddtp.cells import ITALIAN, Cell
from studies.harness.summaries import CONTENT, Decoding, read_summaries
from studies.harness.table import Table
from tests.studies.test_ddtp import work

NOUNS = ("server", "libreria", "gioco", "tema", "demone", "modulo")


def write(path: Path, rows: Iterable[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def records(path: Path, count: int = 6) -> Path:
    """Documents on something each, in the order of `NOUNS`."""
    return write(
        path,
        (
            {
                "id": f"p{n}",
                "document": {
                    "en": [f"This is the {NOUNS[n]} number {n}, for all of the others of us."]
                },
                "summary": {"en": [f"{NOUNS[n]} {n}"], "it": [f"{NOUNS[n]} numero {n} per tutti"]},
            }
            for n in range(count)
        ),
    )


def written(kind: str, folder: Path) -> list[str]:
    train, test = records(folder / "train.jsonl"), records(folder / "test.jsonl", 3)
    beside.Baseline(kind, train, test, "it").write(folder / "out.jsonl", folder / "log")
    rows = read_summaries(folder / "out.jsonl")
    assert [row["id"] for row in rows] == ["p0", "p1", "p2"]
    return [row["summary"]["it"] for row in rows]


def test_baselines_need_no_summarizer(tmp_path: Path) -> None:
    assert written("nearest", tmp_path)[1] == "libreria numero 1 per tutti"
    assert written("first-words", tmp_path)[0] == "This is the server number 0, for all of the"
    assert written(UNTRANSLATED, tmp_path) == ["server 0", "libreria 1", "gioco 2"]
    for kind in ("constant", "constant-content"):
        assert len(set(written(kind, tmp_path))) == 1
    assert set(written("random", tmp_path)) <= {
        f"{NOUNS[n]} numero {n} per tutti" for n in range(6)
    }


def test_the_study_has_each_baseline_and_in_italian_tltran() -> None:
    study = PackageDescriptions()
    names = [*(f"it_baseline-{kind}" for kind in BASELINES), "it_untranslated", "it_tltran"]
    assert list(study.names_beside("it")) == names
    assert "fr_tltran" not in study.names_beside("fr")
    assert "fr_untranslated" in study.names_beside("fr")
    assert not study.optional(Cell(ITALIAN, 2500, "mclas", "ms", 1))
    assert not study.optional(Cell(ITALIAN, 17464, "ncls", "scratch", 1))
    assert study.optional(Cell(ITALIAN, 500, "ncls", "ms", 1))
    assert study.optional(Cell(ITALIAN, 17464, "mclas-shuffled", "ms", 1))


def test_paragraphs_are_pairs_unless_they_do_not_belong_together() -> None:
    row: dict[str, Any] = {
        "id": "p",
        "document": {"en": ["One.", "Two."]},
        "translation": {"it": ["Uno.", "Due."], "fr": ["Un."]},
    }
    found = list(corpora.paragraphs(row, "it"))
    assert [one["id"] for one in found] == ["p.0", "p.1"]
    assert found[1]["document"] == {"en": "Two."}
    assert found[1]["summary"] == {"it": "Due."}
    assert not list(corpora.paragraphs(row, "fr")), "one paragraph of two"
    assert not list(corpora.paragraphs(row, "de"))
    long = {**row, "document": {"en": ["x"] * 61}, "translation": {"it": ["y"] * 61}}
    assert not list(corpora.paragraphs(long, "it")), "a list"


def test_tltran_translates_what_the_monolingual_summarizer_wrote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [{"id": f"p{n}", "summary": {"en": text}} for n, text in enumerate(("a b", "", "c"))]

    def translate(decoding: Decoding, out: Path, log: Path) -> dict[str, Any]:
        rows = [json.loads(line) for line in decoding.records.read_text().splitlines()]
        found = ({"id": r["id"], "summary": {"it": r["document"]["en"].upper()}} for r in rows)
        write(out, found)
        return {"cpu_seconds": 3}

    monkeypatch.setattr(Decoding, "write", translate)
    study, place = PackageDescriptions(), work(tmp_path)
    (tmp_path / "summaries").mkdir()
    write(tmp_path / "summaries" / "ms.valid.jsonl", own)
    one = study.beside(place, "it_tltran")
    assert one.of_start
    cost = one.writing("valid").write(tmp_path / "out.jsonl", tmp_path / "log")
    texts = [(row["id"], row["summary"]["it"]) for row in read_summaries(tmp_path / "out.jsonl")]
    assert texts == [("p0", "A B"), ("p1", ""), ("p2", "C")]
    assert cost == {"cpu_seconds": 3}
    with pytest.raises(SystemExit, match="--data: TLTran's translator"):
        one.make()


def scored(content: float, matched: float, distinct: float = 0.9) -> dict[str, Any]:
    """Scores of twenty documents, all measures about the given means."""

    def values(mean: float) -> str:
        return " ".join(str(round(100 * mean + 10 * (n % 3 - 1))) for n in range(21))

    by = {CONTENT: values(content), MATCHED: values(matched), "rouge1": values(content + 5)}
    return {
        "by_document": {**by, "rougeL": values(content), "length": " ".join(["6"] * 21)},
        "length": 6.0, "reference_length": 6.0, "distinct": distinct,
    }  # fmt: skip


def filled(
    folder: Path, content: float, *, missing: str = "", tltran: float = 20.0
) -> report.Results:
    """Three seeds of NCLS on all triples beside baselines of 10 points, and others."""
    table = Table("ddtp", folder)
    for kind in BASELINES:
        if kind != missing:
            table.add(f"it_baseline-{kind}", {"valid": {"it": scored(10.0, 3.0, 0.01)}})
    table.add("it_untranslated", {"valid": {"it": scored(30.0, 25.0)}})
    table.add("it_tltran", {"valid": {"it": scored(tltran, 15.0)}})
    for seed in (1, 2, 3):
        row = {"rate": "1e-3", "rate_interior": True, "penalty": "1.0"}
        more = {
            "best": {"cls_nll_bits_per_token": 4.0, "update": 9},
            "training": {"cpu_seconds": 9},
        }
        own = {"valid": {"it": scored(content + 0.1 * seed, 21.0)}}
        table.add(Cell(ITALIAN, 17464, "ncls", "ms", seed).name, {**row, **more, **own})
    return report.Results(ITALIAN, "valid", table)


def test_a_system_learned_if_it_is_above_every_baseline(tmp_path: Path) -> None:
    lines = list(learned.learned(filled(tmp_path, 22.0)))
    assert [line.split(": ")[1].split(" (")[0] for line in lines] == ["learned", "learned"]
    assert lines[0].startswith("NCLS from MS, 17,464 triples: learned (content R-1 +12.20 [")
    assert lines[1].startswith("TLTran: ")
    low = next(learned.learned(filled(tmp_path / "low", 9.0)))
    assert "did not learn (not above best constant summary (content R-1 -0.80" in low


def test_without_a_baseline_nothing_is_judged(tmp_path: Path) -> None:
    line = next(learned.learned(filled(tmp_path, 22.0, missing="nearest")))
    assert line.endswith("not judged: baselines are missing (nearest training document's summary)")


def test_aims_are_of_the_best_system_beside_the_untranslated_synopsis(tmp_path: Path) -> None:
    lines = list(learned.aims(filled(tmp_path, 22.0)))
    assert lines[0] == "best system on all triples: NCLS from MS, 17,464 triples, 3 seeds"
    assert "ROUGE-1, 38.0 or more: not reached: 27.20" in lines[1]
    assert "0.7 of the untranslated English synopsis's, 21.0 or more: reached: 22.20" in lines[2]
    assert "0.8 of the untranslated English synopsis's, 20.0 or more: reached: 21.00" in lines[3]
    assert "above TLTran in content R-1: reached: +2.20" in lines[4]
    lost = list(learned.aims(filled(tmp_path / "other", 22.0, tltran=25.0)))[4]
    assert "above TLTran in content R-1: not reached" in lost


def test_the_report_shows_what_is_there_and_what_is_missing(tmp_path: Path) -> None:
    results = filled(tmp_path, 22.0, missing="random")
    shown = [line for _, lines in report.parts(results) for line in lines]
    assert any(line.startswith("|  | | TLTran | 1 | 20.00 [") for line in shown)
    (line,) = [line for line in shown if line.startswith("54 cells (")]
    assert ", 2 of ncls from MS on 17,464, " in line
    assert line.endswith("; the next one is it_17464_ncls_ms_from-ms_seed1")
    assert shown[-1] == "beside them: random training summary"
    report.plot(results, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000


def test_outputs_to_read_are_drawn_in_the_order_of_their_scores(tmp_path: Path) -> None:
    files = tmp_path / "it" / "records"
    files.mkdir(parents=True)
    records(files / "valid.jsonl")
    texts = ["server numero 0 per tutti", "x", "gioco y", "tema numero 3", "z", "modulo numero"]
    rows = ({"id": f"p{n}", "summary": {"it": text}} for n, text in enumerate(texts))
    system = write(tmp_path / "system.jsonl", rows)
    page = tmp_path / "page.md"
    flags = ["draw", str(tmp_path), "--corpus", "it", "--page", str(page)]
    reading.main([*flags, "--summaries", str(system), "--name", "NCLS"])
    text = page.read_text(encoding="utf-8")
    assert text.startswith("# 6 outputs read: NCLS, valid split\n")
    assert text.index("`p1`") < text.index("`p2`") < text.index("`p0`")
    assert "- document: This is the server number 0," in text
    assert "- synopsis (it): gioco numero 2 per tutti\n- output (it): gioco y\n- wrong:" in text
    with pytest.raises(SystemExit, match="perhaps with somebody's reading; name another"):
        reading.main([*flags, "--summaries", str(system)])

    marks = iter(["content, loop", "content", "left in English", "", "nothing", "nothing"])
    page.write_text(
        "\n".join(f"{x} {next(marks)}" if x == "- wrong:" else x for x in text.splitlines())
    )
    for _ in range(2):  # the table is put in its place again
        reading.main(["count", str(page)])
    counted = page.read_text(encoding="utf-8")
    assert "| content | 2 | 0 | 0 | 2 |" in counted
    assert "| left in English | 0 | 1 | 0 | 1 |" in counted
    assert "| nothing | 0 | 0 | 2 | 2 |" in counted
    assert "1 of 6 outputs are not read yet." in counted
    assert counted.count("| content |") == 1
    page.write_text(counted.replace("- wrong: content, loop", "- wrong: bad"))
    with pytest.raises(SystemExit, match="output 1: after 'wrong:' must stand .* found 'bad'"):
        reading.main(["count", str(page)])


def test_the_best_system_is_that_with_the_highest_content_on_the_most_triples(
    tmp_path: Path,
) -> None:
    table = Table("ddtp", tmp_path)
    with pytest.raises(SystemExit, match="no cell has scores of the valid split yet"):
        reading.best_system(tmp_path, "it", "valid", table)
    (tmp_path / "it" / "summaries").mkdir(parents=True)
    for size, system, content in (
        (2500, "mclas", 30.0),
        (17464, "ncls", 20.0),
        (17464, "mclas", 21.0),
    ):
        cell = Cell(ITALIAN, size, system, "ms", 2)
        means = {"means": {CONTENT: {"f": content}}, **scored(content, 10.0)}
        table.add(cell.name, {"rate": "1e-3", "valid": {"it": means}})
        name = f"{cell.name}_lr1e-3.valid.jsonl"
        write(tmp_path / "it" / "summaries" / name, [{"id": system, "summary": {"it": "x"}}])
    found = reading.best_system(tmp_path, "it", "valid", table)
    assert found.name == "MCLAS from MS, 17,464 triples, seed 2"
    assert [one["id"] for one in found.summaries] == ["mclas"]
    assert np.all([grid.NAMES["mclas"] in found.name])
