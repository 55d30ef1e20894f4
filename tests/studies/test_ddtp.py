"""The study on package descriptions: its cells, what is trained on what, its rules."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mclas_fairseq.evaluation.content import MATCHED
from studies.ddtp import cells as grid
from studies.ddtp import corpora, penalty, report, verdicts
from studies.ddtp.__main__ import PackageDescriptions
from studies.ddtp.cells import ITALIAN, Cell
from studies.ddtp.corpora import Material
from studies.harness.judging import MISSING, Runs
from studies.harness.study import Work
from studies.harness.summaries import CONTENT, Decoding
from studies.harness.table import Table


def work(folder: Path, corpus: grid.Corpus = ITALIAN) -> Work[Material]:
    files = {"valid": folder / "valid.jsonl", "test": folder / "test.jsonl"}
    material = Material(corpus, Path("pretraining"), Path("triples"), Path("shuffled"), files)
    return Work(corpus.language, folder, Table("ddtp", folder), material)


def packed(mean: float, seed: int, length: float = 6.0) -> dict[str, Any]:
    """A run whose values by document are spread about `mean`, a little otherwise in each seed."""
    rng = np.random.default_rng(seed)
    mean += np.random.default_rng([seed, round(100 * mean)]).normal(0, 0.02)
    values = (100 * (mean + rng.normal(0, 0.3) + rng.normal(0, 1, 40))).round().astype(int)
    measured = {name: " ".join(map(str, values)) for name in (*verdicts.MEASURES, "rougeL")}
    measured["length"] = " ".join(f"{length + 0.02 * seed * length:.3f}" for _ in values)
    shown = {"reference_length": 6.0, "length": length, "distinct": 0.9}
    return {"by_document": measured, **shown}


def test_cells_are_those_of_the_rules() -> None:
    study = PackageDescriptions()
    names = [cell.name for corpus in study.corpora for cell in study.cells(corpus)]
    assert len(names) == len(set(names)) == 57 + 6 + 6
    italian = study.cells("it")
    assert {cell.tuned.name for cell in italian} <= {cell.name for cell in italian}
    assert [cell.system for cell in italian[:3]] == ["ncls", "ncls_ms", "mclas"]

    def count(**wanted: object) -> int:
        return sum(all(getattr(cell, k) == v for k, v in wanted.items()) for cell in italian)

    assert count(size=17464, system="mclas", start="ms") == count(size=2500, system="ncls") == 5
    assert count(size=500, system="ncls_ms") == count(start="scratch", system="mclas") == 3
    assert count(system="mclas-uncopied") == 3


def test_other_languages_take_over_what_italian_decided(tmp_path: Path) -> None:
    french = PackageDescriptions().cells("fr")[-1]
    assert french.name == "fr_9451_mclas_from-ms_seed3"
    place = work(tmp_path, grid.CORPORA["fr"])
    assert PackageDescriptions().rate_rows(french) == ("it_17464_mclas_from-ms_seed1",)
    with pytest.raises(SystemExit, match=r"but it_17464_mclas_from-ms_seed1, it_17464_ncls_fr"):
        PackageDescriptions().start(place)
    for system in ("ncls", "mclas"):
        place.table.add(Cell(ITALIAN, 17464, system, "ms", 1).name, {"penalty": "1.4"})
    assert "--target-layout ms" in " ".join(PackageDescriptions().start(place).words)
    assert penalty.decided(place, french) == "1.4"


def test_systems_differ_in_what_they_are_trained_on(tmp_path: Path) -> None:
    study, place = PackageDescriptions(), work(tmp_path)

    (tmp_path / "ms").mkdir()
    weights = {"decoder.copy_gate.projection.bias": torch.ones(1), "decoder.x": torch.ones(2)}
    torch.save({"model": weights, "cfg": None}, tmp_path / "ms" / "checkpoint_best.pt")

    def words(system: str, start: str = "ms", size: int = 2500) -> str:
        return " ".join(study.command(place, Cell(ITALIAN, size, system, start, 2), "1e-3"))

    assert words("mclas-shuffled").startswith("fairseq-train shuffled ")
    assert words("mclas").startswith("fairseq-train triples ")
    assert "--copy-attention" in words("mclas")
    assert "--copy-attention" not in words("mclas-uncopied")
    assert "--ncls-ms-init cls-random" in words("ncls_ms-half")
    assert f"--finetune-from-model {tmp_path}/ms/checkpoint_best.pt" in words("ncls")
    assert f"--finetune-from-model {tmp_path}/ms/uncopied.pt" in words("mclas-uncopied")
    left = torch.load(tmp_path / "ms" / "uncopied.pt", weights_only=True)["model"]
    assert list(left) == ["decoder.x"]
    torch.save({"model": left}, tmp_path / "ms" / "checkpoint_best.pt")
    with pytest.raises(SystemExit, match="must have a gate of copying, but has none"):
        words("mclas-uncopied")
    assert "--finetune-from-model" not in words("ncls", "scratch")
    assert "--train-subset-size 2500 --subset-seed 2" in words("ncls")
    assert "--train-subset-size" not in words("ncls", size=17464)
    assert study.tuned(Cell(ITALIAN, 17464, "mclas-uncopied", "ms", 2)).system == "mclas"


def test_no_triple_is_learned_by_the_monolingual_summarizer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: dict[str, tuple[object, ...]] = {}

    def data_bin(out: Path, *flags: object, languages: tuple[str, str]) -> Path:
        made[out.name] = flags
        return out

    monkeypatch.setattr(corpora, "data_bin", data_bin)
    source = tmp_path / "source"
    source.mkdir()
    for split in ("train", "valid", "test"):
        rows = [
            {
                "id": f"{split}{n}",
                "document": {"en": ["One.", "Two."]},
                "summary": {"en": [f"e{n}"]},
            }
            for n in range(5)
        ]
        for row in rows[:3]:
            row["summary"] |= {"it": ["i"], "fr": ["f"]}  # type: ignore[operator]
        with gzip.open(source / f"{split}.jsonl.gz", "wt", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
    small = grid.Corpus("it", 3, frozen=False)
    found = corpora.build(small, source, tmp_path)

    def ids(path: Path) -> list[str]:
        return [json.loads(line)["id"] for line in path.read_text(encoding="utf-8").splitlines()]

    assert ids(tmp_path / "records" / "train.jsonl") == ["train0", "train1", "train2"]
    assert made["pretraining"][1] == tmp_path / "records" / "train.en.jsonl"
    assert ids(tmp_path / "records" / "train.en.jsonl") == ["train3", "train4"]
    assert ids(found.records["test"]) == ["test0", "test1", "test2"]
    assert not (tmp_path / "records" / "test.en.jsonl").exists()
    first = json.loads(found.records["valid"].read_text(encoding="utf-8").splitlines()[0])
    assert first["summary"] == {"en": ["e0"], "it": ["i"]}

    with pytest.raises(SystemExit, match="must hold about 4 training triples.* but holds 3"):
        corpora.build(grid.Corpus("it", 4), source, tmp_path / "other")
    with pytest.raises(SystemExit, match="--data"):
        corpora.build(small, None, tmp_path / "third")


def test_the_penalty_with_the_best_content_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, tried = work(tmp_path), []
    cell = Cell(ITALIAN, 2500, "mclas", "ms", 1)
    values = {"0.6": 11.0, "1.0": 12.5, "1.4": 12.5, "2.0": 12.0}

    def attempt(_: object, __: object, penalty: str, decoding: Decoding) -> float:
        tried.append(decoding.flags[0])
        return values[penalty]

    monkeypatch.setattr(penalty, "_try", attempt)

    def search(value: str) -> Decoding:
        return Decoding(tmp_path, tmp_path, tmp_path, [value])

    other = Cell(ITALIAN, 2500, "mclas", "ms", 4)
    with pytest.raises(SystemExit, match="is that of it_2500_mclas_from-ms_seed1, which is not"):
        penalty.decided(place, other)
    assert penalty.decide(place, cell, search) == {"penalty": "1.0", "penalties": values}
    assert penalty.decide(place, cell, search)["penalty"] == "1.0"
    assert tried == list(grid.PENALTIES)  # once each
    assert penalty.decide(place, other, search) == {"penalty": "1.0", "penalty_from": cell.name}
    place.table.add(cell.name, {"penalty": "2.0"})
    assert penalty.decided(place, other) == "2.0"


def compared(content: float, matched: float, rouge: float) -> verdicts.Comparison:
    def runs(shift: dict[str, float]) -> Runs:
        found = []
        for seed in range(5):
            one = packed(20.0, seed)
            for name, by in shift.items():
                moved = np.array(one["by_document"][name].split(), float) + 100 * by
                one["by_document"][name] = " ".join(str(round(value + seed)) for value in moved)
            found.append(one)
        return Runs(found)

    zero = dict.fromkeys(verdicts.MEASURES, 0.0)
    shifts = {CONTENT: content, MATCHED: matched, "rouge1": rouge}
    base = Runs([packed(20.0, seed) for seed in range(5)])
    assert runs(zero)
    found = verdicts.compare(runs(shifts), base)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("shifts", "verdict"),
    [
        ((2.0, 2.0, 2.0), "holds"),
        ((2.0, -0.02, 2.0), "holds"),  # an interval with 0 in it is not against
        ((2.0, 2.0, -2.0), "undecided, measures disagree"),
        ((-2.0, -2.0, -2.0), "refuted"),
        ((-2.0, 2.0, -2.0), "refuted, measures disagree"),
        ((-0.02, 2.0, 2.0), "undecided"),
    ],
)
def test_content_decides_unless_another_measure_is_against(
    shifts: tuple[float, float, float], verdict: str
) -> None:
    assert compared(*shifts).verdict == verdict


def fill(table: Table, mean: Callable[[Cell], float], corpus: grid.Corpus = ITALIAN) -> None:
    english = {"en": packed(20.0, 9)}
    table.add("it_ms", {"valid": english})
    for cell in grid.cells(corpus):
        lengths = {"ncls": 9.0}.get(cell.system, 6.5)
        own = {corpus.language: packed(mean(cell), cell.seed, lengths)}
        both = {} if cell.system == "ncls" else {"en": packed(mean(cell), cell.seed)}
        row = {"rate": "1e-3", "rate_interior": True, "penalty": "1.0"}
        more = {"best": {"cls_nll_bits_per_token": 4.0, "update": 750}, "valid": {**own, **both}}
        table.add(cell.name, {**row, **more, "training": {"cpu_seconds": 90}})


def test_cells_are_compared_with_the_start_that_they_have(tmp_path: Path) -> None:
    table = Table("ddtp", tmp_path)
    fill(table, lambda cell: 20.0)
    assert report.Results(ITALIAN, "valid", table).ms is not None
    table.add("it_ms", {"sha256": {"ms": "a" * 64}})
    table.add("it_ms-bbbbbbbb", {"sha256": {"ms": "b" * 64}, "valid": {"en": packed(10.0, 9)}})
    for cell in grid.cells(ITALIAN):
        own = "b" if cell.size == ITALIAN.triples else "a"
        table.add(cell.name, {"sha256": {"ms": own * 64}} if cell.start == "ms" else {})
    results = report.Results(ITALIAN, "valid", table)
    assert results.ms is not None
    assert results.ms.values(CONTENT).mean() == pytest.approx(10.0, abs=1)
    shown = "\n".join(report.scores(results, "en"))
    assert "| MS |" in shown
    assert "| MS-bbbbbbbb |" in shown
    study = PackageDescriptions()
    assert study.start_group("it_2500_mclas_from-ms_seed1") == study.start_group("it_2500_x_seed2")
    assert len({study.start_group(f"it_{one}") for one in ("2500_x", "500_x", "tltran", "ms")}) == 4


def test_claims_are_judged_over_seeds_and_missing_cells_are_said(tmp_path: Path) -> None:
    def mean(cell: Cell) -> float:
        gain = {500: 0.5, 2500: 4.0, 17464: 2.0}[cell.size] if "mclas" in cell.system else 0.0
        control = 1.0 if cell.system in grid.CONTROLS else 0.0
        return 20.0 + gain - control - (5.0 if cell.start == "scratch" else 0.0)

    table = Table("ddtp", tmp_path)
    results = report.Results(ITALIAN, "valid", table)
    assert [line for _, lines in report.parts(results) for line in lines][-1].startswith(
        "beside them: best constant summary, "
    )
    assert all(
        line.split(": ")[1].startswith(MISSING.split(":")[0]) for line in verdicts.verdicts(results)
    )
    fill(table, mean)
    results = report.Results(ITALIAN, "valid", table)
    assert results.missing == []
    found = {line.split(": ")[0]: line for line in verdicts.verdicts(results)}
    assert "MCLAS is above NCLS at 2,500: holds" in found["1. MCLAS is above NCLS at 2,500"]
    assert "3 seeds, a wide interval" in found["1. MCLAS is above NCLS+MS at 500"]
    assert "p by Holm" in found["1. MCLAS is above NCLS at 17,464"]
    assert ": holds: " in found["1. The gap to NCLS at 2,500 is above that at 500"]
    assert ": holds: " in found["2. MS helps MCLAS"]
    assert ": improved: " in found["3. MCLAS keeps the English summaries of MS"]
    assert ": kept: " in found["3. NCLS+MS keeps the English summaries of MS"]
    assert ": holds: " in found["4. MCLAS is closer in length than NCLS at 17,464"]
    assert ": holds: " in found["Control, copying helps"]

    shown = [line for _, lines in report.parts(results) for line in lines]
    assert any(line.startswith("| 2,500 | MS | NCLS | 5 | ") for line in shown)
    assert "| 500 | MS | NCLS | 1e-3 | yes | 1.0 | 750, 750, 750 | 4.000 | 2 |" in shown
    report.plot(results, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 1000
