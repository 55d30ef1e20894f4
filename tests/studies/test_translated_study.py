"""The study on translated copying: its cells, their commands, and what it reports."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from studies.ddtp.__main__ import PackageDescriptions
from studies.ddtp.cells import ITALIAN, Cell
from studies.ddtp.corpora import Material
from studies.harness import running
from studies.harness.judging import MISSING
from studies.harness.study import Work
from studies.harness.table import Table
from studies.translated import where
from studies.translated.__main__ import TranslatedCopying
from studies.translated.cells import NAMES, PLAIN, cell, cells, seeds
from studies.translated.report import Results, parts, verdicts
from tests.studies.test_ddtp import packed

STUDY = TranslatedCopying()


def work(folder: Path) -> Work[Material]:
    files = {"valid": folder / "valid.jsonl", "test": folder / "test.jsonl"}
    material = Material(ITALIAN, Path("pretraining"), Path("triples"), Path("shuffled"), files)
    return Work("it", folder, Table("translated", folder), material)


def test_cells_are_those_of_the_rules_and_none_of_the_other_study() -> None:
    names = [one.name for one in STUDY.cells("it")]
    assert len(names) == len(set(names)) == 5 * 4 + 3 * 2
    assert not set(names) & {one.name for one in PackageDescriptions().cells("it")}
    compared = {cell(system, seed).name for system in PLAIN for seed in seeds(system)}
    assert compared <= {one.name for one in PackageDescriptions().cells("it")}
    assert [one.system for one in cells()][:2] == ["ncls-adaptive", "ncls-naive"]
    assert STUDY.languages(cell("ncls-equal", 1)) == ("it",)
    assert STUDY.languages(cell("mclas-none", 1)) == ("it", "en")


def test_systems_differ_in_how_they_copy_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = work(tmp_path)
    monkeypatch.setattr("studies.translated.__main__.without_copying", lambda path: "uncopied.pt")
    plain = PackageDescriptions().command(place, Cell(ITALIAN, 2500, "mclas", "ms", 2), "1e-3")
    adaptive = STUDY.command(place, cell("mclas-adaptive", 2), "1e-3")
    lexicon = str(tmp_path / "translated" / "lexicon.jsonl")
    without = [word for word in plain if word != "--copy-attention"]
    assert adaptive == [*without, "--translated-copying", "adaptive", "--lexicon", lexicon]
    none = STUDY.command(place, cell("mclas-none", 2), "1e-3")
    assert none == [{f"{tmp_path}/ms/checkpoint_best.pt": "uncopied.pt"}.get(w, w) for w in without]
    equal = STUDY.command(place, cell("ncls-equal", 1), "1e-3")
    assert equal[equal.index("--translated-copying") + 1] == "equal"
    assert equal[equal.index("--target-layout") + 1] == "ncls"


def test_what_copies_nothing_takes_over_what_plain_copying_decided(tmp_path: Path) -> None:
    place, none = work(tmp_path), cell("ncls-none", 3)
    with pytest.raises(SystemExit, match=r"ncls_from-ms_seed1: decides .* studies.ddtp run"):
        running.choose_rate(STUDY, place, none)
    decided = {"rate": "2e-3", "trials": {"2e-3": {}}, "penalty": "1.4"}
    Table("ddtp", tmp_path).add("it_2500_ncls_from-ms_seed1", decided)
    choice = running.choose_rate(STUDY, place, none)
    assert choice is not None
    assert (choice.rate, choice.rate_from) == ("2e-3", "it_2500_ncls_from-ms_seed1")
    assert "1.4" in STUDY.decoding(place, none, "x", "valid").flags
    assert STUDY.more(place, none, "x")["penalty"] == "1.4"
    place.table.add("it_2500_ncls-adaptive_from-ms_seed1", {**decided, "rate": "5e-4"})
    choice = running.choose_rate(STUDY, place, cell("ncls-naive", 2))
    assert choice is not None
    assert choice.rate == "5e-4"


def test_lexicon_is_made_of_training_paragraphs_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[list[str]] = []

    def quietly(*words: object) -> None:
        called.append([str(word) for word in words])
        (tmp_path / "translated" / "lexicon.jsonl").write_text("", encoding="utf-8")

    made = work(tmp_path).material
    monkeypatch.setattr(PackageDescriptions, "prepare", lambda *_: made)
    monkeypatch.setattr("studies.translated.__main__.quietly", quietly)
    with pytest.raises(SystemExit, match="--data"):
        STUDY.prepare("it", None, tmp_path)
    for _ in range(2):
        STUDY.prepare("it", Path("/data"), tmp_path)
    (words,) = called
    assert words[:2] == ["mclas", "lexicon"]
    assert words[words.index("--parallel") + 1] == "/data/train.jsonl.gz"
    assert "--summaries" not in words


def fill(folder: Path) -> Results:
    gains = {"adaptive": 3.0, "naive": 1.0, "equal": 0.0, "none": -2.0, "": 0.0}
    for system in NAMES:
        for seed in seeds(system):
            one = cell(system, seed)
            mean = 20 + gains[one.copying] + (1 if one.layout == "mclas" else 0)
            best = {"cls_nll_bits_per_token": 4.0, "update": 750}
            row = {"rate": "1e-3", "penalty": "1.0", "best": best, "training": {"cpu_seconds": 90}}
            scores = {"it": packed(mean, seed)}
            table = Table("ddtp" if system in PLAIN else "translated", folder)
            table.add(one.name, {**row, "valid": scores})
    return Results("valid", Table("translated", folder), Table("ddtp", folder))


def test_claims_are_judged_beside_the_cells_of_the_other_study(tmp_path: Path) -> None:
    empty = Results("valid", Table("translated", tmp_path), Table("ddtp", tmp_path))
    assert all(MISSING in line for line in verdicts(empty))
    assert len(empty.missing) == 26 + 10
    results = fill(tmp_path)
    assert results.missing == []
    found = list(verdicts(results))
    first = "1. Adaptive copying is above plain copying, NCLS, adaptive (ATS-A) minus NCLS, plain"
    assert found[0].startswith(f"{first} copying: holds: content R-1 +")
    assert "p by Holm" in found[0]
    assert "3 seeds, a wide interval" in next(line for line in found if "naive (ATS-N)" in line)
    assert ": holds: " in found[-1]
    shown = [line for _, lines in parts(results) for line in lines]
    assert any(line.startswith("| NCLS, plain copying | 5 | ") for line in shown)
    assert "| MCLAS, adaptive | 1e-3 | 1.0 | 750, 750, 750, 750, 750 | 4.000 | 2 |" in shown


RECORDS = [
    ("a Perl module for GTK+ 3 windows", "modulo Perl per finestre GTK+ 3"),
    ("the Foo viewer of images", "visualizzatore di immagini Foo"),
]


def record(number: int) -> dict[str, Any]:
    english, italian = RECORDS[number]
    return {"id": str(number), "document": {"en": [english]}, "summary": {"it": [italian]}}


def test_words_are_told_by_kind_and_counted_once(tmp_path: Path) -> None:
    file = tmp_path / "records.jsonl"
    file.write_text("".join(json.dumps(record(n)) + "\n" for n in range(2)), encoding="utf-8")
    texts = ["modulo modulo Perl per Perl", "finestre di Foo"]
    summaries = [{"id": str(n), "summary": {"it": text}} for n, text in enumerate(texts)]
    found = where.shares(summaries, file, ("en", "it"))
    # names: perl, gtk, 3, foo; terms: modulo, finestre, visualizzatore, immagini
    for kind, expected in (
        ("names", (100 * 2 / 4, 100 * 2 / 3)),
        ("terms", (100 * 1 / 4, 100 * 1 / 3)),
        ("function words", (100.0, 100.0)),  # per, di
    ):
        assert found[kind] == pytest.approx(expected)


def test_where_it_helps_is_told_over_seeds(tmp_path: Path) -> None:
    out, results = tmp_path / "out", tmp_path / "results"
    (out / "it" / "records").mkdir(parents=True)
    (out / "it" / "summaries").mkdir()
    records = "".join(json.dumps(record(n)) + "\n" for n in range(2))
    (out / "it" / "records" / "valid.jsonl").write_text(records, encoding="utf-8")
    for system in ("ncls", "ncls-adaptive"):
        for seed in seeds(system):
            name, extra = cell(system, seed).name, " immagini" if system != "ncls" else ""
            texts = ["modulo" if seed < 3 else "modulo Perl", f"Foo{extra}"]
            summaries = [{"id": str(n), "summary": {"it": text}} for n, text in enumerate(texts)]
            file = out / "it" / "summaries" / f"{name}_lr1e-3.valid.jsonl"
            file.write_text("".join(json.dumps(o) + "\n" for o in summaries), encoding="utf-8")
            table = Table("ddtp" if system == "ncls" else "translated", results)
            table.add(name, {"rate": "1e-3", "valid": {}})
    found = where.found_by_system(out, "valid", results)
    assert set(found) == {"ncls", "ncls-adaptive"}
    assert np.allclose(found["ncls-adaptive"]["terms"][:, 0], 50.0)
    shown = list(where.lines(found))
    assert any(line.startswith("| NCLS, plain copying | 5 | ") for line in shown)
    terms = "- terms of the references found, NCLS, adaptive (ATS-A) minus NCLS, plain copying: "
    assert any(line.startswith(f"{terms}+25.00") for line in shown)
    assert shown[-1].endswith(": not judged: cells are missing")  # MCLAS
    assert where.found_by_system(out, "test", results) == {}


@pytest.mark.parametrize(
    ("gains", "verdict"),
    [
        ((5.0, 5.0), "yes"),
        ((5.0, 0.0), "undecided"),
        ((5.0, -5.0), "undecided"),
        ((-5.0, -5.0), "no, it loses some"),
    ],
)
def test_the_lexicon_brings_terms_only_where_both_layouts_find_more(
    gains: tuple[float, float], verdict: str
) -> None:
    noise = np.array([0.1, -0.1, 0.2, -0.2, 0.0])
    plain = np.array([40.0, 42.0, 41.0, 39.0, 38.0])
    found = {}
    for layout, gain in zip(PLAIN, gains, strict=True):
        for system, recall in ((layout, plain), (f"{layout}-adaptive", plain + gain + noise)):
            shares = np.stack([recall, recall], axis=1)
            found[system] = dict.fromkeys(where.KINDS, shares)
    last = list(where.lines(found))[-1]
    assert last == (f"- The lexicon brings terms (their recall against plain copying): {verdict}")
