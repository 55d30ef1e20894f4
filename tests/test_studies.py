"""The studies of examples/: what is trained, by which rules claims are judged, and the test split.

Nothing is trained here; scores are made up.
"""

import hashlib
import importlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

EXAMPLES = Path(__file__).parent.parent / "examples"
STUDIES = ("low_resource", "vhm")
Floats = NDArray[np.float64]


@pytest.fixture(autouse=True)
def examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(EXAMPLES)


def module(name: str) -> Any:
    return importlib.import_module(name)


# -- cells ----------------------------------------------------------------------------------------


def every_cell(name: str) -> Iterator[Any]:
    grid = module(f"{name}.grid")
    for corpus in grid.CORPORA.values():
        yield from grid.cells(corpus)
        if name == "vhm":
            yield from grid.remedies(corpus)


@pytest.mark.parametrize("name", STUDIES)
def test_every_cell_has_a_name_of_its_own(name: str) -> None:
    names = [cell.name for cell in every_cell(name)]
    assert len(names) == len(set(names)) == {"low_resource": 120, "vhm": 105}[name]


@pytest.mark.parametrize("name", STUDIES)
def test_trials_of_a_learning_rate_are_trainings_of_the_study(name: str) -> None:
    cells = list(every_cell(name))
    names = {cell.name for cell in cells}
    assert {cell.tuned.name for cell in cells} <= names


def test_ablations_have_free_bits_and_the_rate_of_the_system_that_they_are_taken_from() -> None:
    grid = module("vhm.grid")
    whole = grid.SYSTEMS["vhm-free-bits"].flags
    for name, system in grid.ABLATIONS.items():
        assert system.flags.startswith(f"{whole} --"), name
        assert grid.Cell(grid.NEWS, 2_000, name, 3).tuned.name == "news_200_vhm-free-bits_seed1"
    for name in grid.REMEDIES:
        assert grid.Cell(grid.NEWS, 2_000, name, 3).tuned.name == "news_200_vhm_seed1"


def test_remedies_are_trained_only_when_they_are_named() -> None:
    grid = module("vhm.grid")
    assert grid.choose(grid.NEWS, "") == list(grid.cells(grid.NEWS))
    for regex in ("", "vhm", "seed1", "free-bits"):
        systems = {cell.system for cell in grid.choose(grid.NEWS, regex)}
        assert not systems & set(grid.REMEDIES), regex
    named = grid.choose(grid.NEWS, "cyclical|per-dimension")
    assert {cell.system for cell in named} == set(grid.REMEDIES)
    assert {cell.size for cell in named} == {2_000}
    with pytest.raises(SystemExit, match="no cell of xscitldr matches cyclical"):
        grid.choose(grid.XSCITLDR, "cyclical")


def test_a_list_of_cells_tells_what_is_there_and_what_is_missing(tmp_path: Path) -> None:
    cells, out = tmp_path / "cells", tmp_path / "out"
    (cells / "test").mkdir(parents=True)
    (out / "b_lr1e-3").mkdir(parents=True)
    for file in ("c.json", "d.json", "test/d.json"):
        (cells / file).write_text("{}", encoding="utf-8")
    assert list(module("study").states(["a", "b", "c", "d", "e"], cells, out)) == [
        "a\tmissing",
        "b\tbegun",
        "c\tfinished",
        "d\tfinished, test split scored",
        "e\tmissing",
        "5 cells: 2 missing, 1 begun, 1 finished, 1 finished, test split scored",
    ]


# -- the test split -------------------------------------------------------------------------------


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], list[str]]:
    """Runs a study's test.py on cells in tmp_path; the names of the cells that it scores."""

    def run(name: str) -> list[str]:
        script, scored = module(f"{name}.test"), []
        corpus = script.CORPORA["xscitldr"]

        def evaluate(_: Any, training: str, __: Any, split: str) -> dict[str, Any]:
            scored.append(f"{training.removesuffix('_lr2e-3')} {split}")
            return {split: {"de": "scores"}}

        def score(_: Any, file: Path, cell: Any, split: str) -> dict[str, Any]:
            assert file.exists()
            scored.append(f"{cell.name} {split}")
            return {"de": "scores"}

        def study(_: Any) -> Any:
            folder = type("Study", (), {"out": tmp_path, "material": None})
            material = {"corpus": corpus, "records": {"test": None}}
            folder.material = type("Material", (), material)  # type: ignore[attr-defined]
            return folder

        for place in (script, module(f"{name}.run")):
            monkeypatch.setattr(place, "CELLS", tmp_path / "cells")
        monkeypatch.setattr(script, "open_study", study)
        monkeypatch.setattr(script, "evaluate", evaluate, raising=False)
        monkeypatch.setattr(script, "score", score, raising=False)
        monkeypatch.setattr(script, "measure", lambda *_: {}, raising=False)
        monkeypatch.setattr("sys.argv", ["test.py", str(tmp_path), "--corpus", "xscitldr"])
        script.main()
        return scored

    return run


def write_cells(name: str, folder: Path) -> list[Path]:
    grid = module(f"{name}.grid")
    files = [folder / f"{cell.name}.json" for cell in grid.cells(grid.XSCITLDR)]
    folder.mkdir()
    ours = [*files, folder / "xscitldr_ms.json"] if name == "low_resource" else files
    for file in ours:
        summaries = folder / "test" / "summaries" / f"{file.stem}.jsonl.gz"
        summaries.parent.mkdir(parents=True, exist_ok=True)
        summaries.write_text(file.stem, encoding="utf-8")
        sha256 = {"test_summaries": hashlib.sha256(file.stem.encode()).hexdigest()}
        file.write_text(json.dumps({"rate": "2e-3", "sha256": sha256}), encoding="utf-8")
    return files


@pytest.mark.parametrize("name", STUDIES)
def test_the_test_split_stays_closed_while_a_cell_is_missing(
    name: str, opening: Callable[[str], list[str]], tmp_path: Path
) -> None:
    gone = write_cells(name, tmp_path / "cells")[-1]
    gone.unlink()
    with pytest.raises(SystemExit, match=re.escape(f"missing ['{gone.stem}']")):
        opening(name)
    assert not list((tmp_path / "cells").glob("test/*.json"))


@pytest.mark.parametrize("name", STUDIES)
def test_the_test_split_is_scored_once(
    name: str, opening: Callable[[str], list[str]], tmp_path: Path
) -> None:
    files = write_cells(name, tmp_path / "cells")
    assert opening(name) == [f"{file.stem} test" for file in files]
    assert opening(name) == [], "what is there is never made again"
    there = {file.name for file in (tmp_path / "cells" / "test").iterdir()}
    assert there >= {file.name for file in files}


# -- the rules of VHM -----------------------------------------------------------------------------


def health(kl: float, low: float) -> dict[str, Any]:
    cost = {"nll_cost": [low + 0.1, low, low + 0.2]}
    return {"kl": kl, "choices": {"another document's": cost, "mean of the split": cost}}


class MadeUp:
    """Scores of 60 documents and 3 seeds: a common part, a system's mean, and noise."""

    def __init__(self, corpus: Any, means: dict[tuple[int, str], float]):
        self.corpus = corpus
        rng = np.random.default_rng(7)
        common = rng.normal(30.0, 5.0, size=(1, 60))
        self.values = {
            key: common + mean + rng.normal(0.0, 0.5, size=(3, 60)) for key, mean in means.items()
        }
        self.found = [health(0.5, 0.1)] * 3

    def scores(self, size: int, system: str) -> Floats | None:
        return self.values.get((size, system))

    def health(self, size: int, system: str) -> list[dict[str, Any]]:
        return self.found if (size, system) in self.values else []


def judge(results: MadeUp) -> dict[str, str]:
    lines = list(module("vhm.verdicts").verdicts(results))
    return dict(cast(tuple[str, str], line.split(": ", 1)) for line in lines)


def made_up(last: dict[str, float], few: dict[str, float] | None = None) -> MadeUp:
    grid = module("vhm.grid")
    means = {(1_983, name): mean for name, mean in last.items()}
    means |= {(200, name): mean for name, mean in (few or {}).items()}
    return MadeUp(grid.XSCITLDR, means)


EQUAL = {"tncls": 0.0, "mt_ms_cls": 0.0, "vhm": 0.0, "vhm-free-bits": 0.0}


@pytest.mark.parametrize(
    ("mean", "said"), [(2.0, "yes ("), (-2.0, "no, it loses ("), (0.0, "undecided (")]
)
def test_each_vhm_is_compared_with_mt_ms_cls(mean: float, said: str) -> None:
    found = judge(made_up(EQUAL | {"vhm-free-bits": mean, "mt_ms_cls": 0.0}))
    assert found["1. VHM with free bits beats MT-MS-CLS"].startswith(said)
    assert found["1. VHM beats MT-MS-CLS"].startswith("undecided (")


def test_two_chances_to_beat_mt_ms_cls_are_corrected_for(monkeypatch: pytest.MonkeyPatch) -> None:
    verdicts = module("vhm.verdicts")
    p = iter((0.03, 0.9, 0.5))
    monkeypatch.setattr(verdicts, "paired_randomisation", lambda *_: next(p))
    found = judge(made_up(EQUAL | {"vhm": 2.0}))["1. VHM beats MT-MS-CLS"]
    assert found.startswith("undecided (")
    assert found.endswith("p 0.0300, corrected 0.0600).")


@pytest.mark.parametrize(
    ("few", "last", "said"),
    [(3.0, 1.0, "yes ("), (1.0, 3.0, "it shrinks ("), (1.0, 1.0, "undecided (")],
)
def test_the_gap_grows_shrinks_or_nobody_knows(few: float, last: float, said: str) -> None:
    results = made_up(EQUAL | {"vhm": last}, EQUAL | {"vhm": few})
    assert judge(results)["2. The gap of VHM grows as data shrink"].startswith(said)


def test_nothing_is_judged_while_cells_are_missing() -> None:
    found = judge(made_up({}))
    assert {value.rstrip(".") for value in found.values()} == {"not judged: cells are missing"}
    grid = module("vhm.grid")
    assert "4. Parts of VHM with free bits" in judge(MadeUp(grid.NEWS, {}))


def test_a_part_matters_if_its_ablation_loses() -> None:
    grid = module("vhm.grid")
    means = dict.fromkeys([*EQUAL, *grid.ABLATIONS], 0.0) | {"vhm-no-cls": -2.0, "vhm-flat": 2.0}
    found = judge(MadeUp(grid.NEWS, {(2_000, name): mean for name, mean in means.items()}))
    of = {
        name: found[f"4. {grid.SYSTEMS[name].label} minus VHM with free bits"]
        for name in grid.ABLATIONS
    }
    assert of["vhm-no-cls"].endswith("this part matters.")
    assert of["vhm-flat"].endswith("undecided."), "better without it: the part does not matter"
    assert of["vhm-no-mt"].endswith("undecided.")


def test_a_latent_variable_is_used_if_another_documents_costs_in_each_seed() -> None:
    results = made_up(EQUAL)
    name = "5. z_cls of VHM is used on 1983"
    assert judge(results)[name].startswith("yes (")
    results.found = [health(0.5, 0.1), health(0.5, 0.1), health(0.5, -0.1)]
    assert judge(results)[name].startswith("not in every seed (")
    results.found = [health(0.001, 0.1)] * 3
    assert judge(results)[name].startswith("no (")
    results.found = [health(0.5, 0.1)] * 2
    assert judge(results)[name] == "not judged: cells are missing."


# -- the rules of the low-resource study ----------------------------------------------------------


@pytest.mark.parametrize(
    ("intervals", "said"),
    [
        ([(0.1, 2.0), (0.2, 3.0)], "holds"),
        ([(0.1, 2.0), (-0.1, 3.0)], "undecided"),
        ([(0.1, 2.0), (-3.0, -0.1)], "does not hold"),
        ([(0.1, 2.0), None], "not judged: cells are missing"),
    ],
)
def test_a_claim_needs_all_of_its_comparisons(intervals: list[Any], said: str) -> None:
    verdicts = module("low_resource.verdicts")
    assert verdicts.judge(intervals, sign=1) == said
    mirrored = [found and (-found[1], -found[0]) for found in intervals]
    assert verdicts.judge(mirrored, sign=-1) == said


def packed(mean: float, length: int) -> dict[str, Any]:
    rng = np.random.default_rng(round(100 * mean) + length)
    f1 = (100 * np.clip(rng.normal(mean, 1.0, size=60), 0, 100)).round().astype(int)
    texts = {"rouge1": " ".join(map(str, f1)), "length": " ".join([str(length)] * 60)}
    return {"by_document": texts, "reference_length": 20.0}


def test_the_claims_of_mclas_are_judged_by_scores_and_lengths() -> None:
    grid, verdicts = module("low_resource.grid"), module("low_resource.verdicts")
    means = {"mclas": 30.0, "ncls": 25.0, "ncls_ms": 27.0}
    means |= {"mclas-shuffled": 30.0, "ncls_ms-half": 24.0}
    lengths = dict.fromkeys(means, 21) | {"ncls": 30, "ncls_ms": 10}

    class Results:
        corpus = grid.XSCITLDR
        ms = {"en": packed(29.0, 20)}
        unfinished = ("ncls_ms-half",)

        def runs(self, size: int, system: str, start: str, language: str = "de") -> Any:
            lost = 5.0 if start == "scratch" and system != "ncls" else 0.0
            seeds = 2 if system in self.unfinished else 3
            return verdicts.Runs([packed(means[system] - lost, lengths[system])] * seeds)

    found = dict(line.split(": ", 1) for line in verdicts.verdicts(Results()))
    assert found == {
        "1. MCLAS is better than NCLS and NCLS+MS": "holds.",
        "2. Starting from MS helps every system": "undecided.",
        "3. MCLAS keeps the monolingual summaries": "holds.",
        "4. MCLAS has the better length": "holds.",
        "- Control, the content of `S^A` helps": "undecided.",
        "- Control, half-initialised NCLS+MS fails": "not judged: cells are missing.",
    }
    Results.unfinished = ("mclas",)
    *claims, content, half = verdicts.verdicts(Results())
    assert half == "- Control, half-initialised NCLS+MS fails: holds."
    for line in (*claims, content):
        assert line.endswith(": not judged: cells are missing."), line


# -- reports --------------------------------------------------------------------------------------


def test_the_report_takes_scores_of_the_split_and_health_of_the_training(tmp_path: Path) -> None:
    grid, report = module("vhm.grid"), module("vhm.report")
    (tmp_path / "test").mkdir()
    for cell in [*grid.cells(grid.NEWS), *grid.remedies(grid.NEWS)]:
        scores = {"by_document": dict.fromkeys(("rouge1", "rouge2", "rougeL"), "1000 3000")}
        latent = health(0.5, 0.1) if grid.SYSTEMS[cell.system].latent else None
        content = {"rate": "2e-3", "health": latent, "valid": {"de": scores}}
        (tmp_path / f"{cell.name}.json").write_text(json.dumps(content), encoding="utf-8")
        scores = {"by_document": dict.fromkeys(("rouge1", "rouge2", "rougeL"), "5000 7000")}
        if cell.system not in grid.REMEDIES and cell.seed < 3:
            text = json.dumps({"test": {"de": scores}})
            (tmp_path / "test" / f"{cell.name}.json").write_text(text, encoding="utf-8")
    valid, test = (report.Results(grid.NEWS, split, tmp_path) for split in ("valid", "test"))
    assert valid.missing == []
    assert {name[-5:] for name in test.missing} == {"seed3"}
    assert valid.scores(2_000, "vhm").mean() == 20.0
    assert valid.scores(2_000, "vhm-cyclical").mean() == 20.0
    assert test.scores(2_000, "vhm") is None, "a seed is missing"
    assert len(test.health(2_000, "vhm-free-bits")) == 2
    assert len(list(report.table_4(valid))) == 2 + 5 * 4
    report.plot(valid, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_rate_is_taken_from_a_finished_cell_wherever_it_was_trained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, grid = module("low_resource.run"), module("low_resource.grid")
    cell = grid.Cell(grid.XSCITLDR, 1983, "mclas-shuffled", "ms", 3)
    tried: list[tuple[str, str]] = []

    def train(study: Any, trial: Any, rate: str) -> tuple[str, dict[str, Any]]:
        tried.append((trial.name, rate))
        return f"{trial.name}_lr{rate}", {}

    nll = {"1e-3": 7.0, "2e-3": 6.0}
    monkeypatch.setattr(run, "CELLS", tmp_path)
    monkeypatch.setattr(run, "FIRST", tmp_path / "bf16")
    monkeypatch.setattr(run, "train", train)
    monkeypatch.setattr(
        run, "best", lambda study, name: {"cls_nll_bits_per_token": nll[name.split("_lr")[1]]}
    )
    study = run.Study(tmp_path, None)
    tuned = "xscitldr_1983_mclas_from-ms_seed1"
    assert run.choose_rate(study, cell).rate == "2e-3"
    assert tried == [(tuned, "1e-3"), (tuned, "2e-3")]

    trials = {rate: {"cls_nll_bits_per_token": 1.0, "update": 400} for rate in nll}
    kept = {"rate": "1e-3", "trials": trials}
    (tmp_path / f"{tuned}.json").write_text(json.dumps(kept), encoding="utf-8")
    assert run.choose_rate(study, cell) == run.Choice("1e-3", trials, tuned)
    assert len(tried) == 2


@pytest.mark.parametrize("others", [False, True])
@pytest.mark.parametrize("gone", ["xscitldr_1983_ncls_ms-half_from-ms_seed3", "xscitldr_ms"])
def test_nothing_of_the_test_split_is_scored_while_a_cell_lacks_its_own_summaries(
    gone: str, others: bool, opening: Callable[[str], list[str]], tmp_path: Path
) -> None:
    write_cells("low_resource", tmp_path / "cells")
    summaries = tmp_path / "cells" / "test" / "summaries" / f"{gone}.jsonl.gz"
    if others:
        summaries.write_text("of another training", encoding="utf-8")
    else:
        summaries.unlink()
    with pytest.raises(SystemExit, match=rf"missing \['{gone}'\]; delete these cells and let run"):
        opening("low_resource")
    assert not list((tmp_path / "cells" / "test").glob("*.json"))


def test_a_training_writes_its_summaries_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, grid = module("low_resource.run"), module("low_resource.grid")
    monkeypatch.setattr(run, "CELLS", tmp_path / "cells")
    written: dict[Path, tuple[str, str]] = {}

    def write(decoding: Any, out: Path, log: Path) -> None:
        written[out] = (decoding.checkpoint.parent.name, decoding.records)

    monkeypatch.setattr(run.Decoding, "write", write)
    records = {"valid": "valid.jsonl", "test": "test.jsonl"}
    material = SimpleNamespace(triples="data", records=records)
    cell = grid.Cell(grid.XSCITLDR, 200, "mclas", "ms", 1)
    old = run.kept_summaries(cell.name)
    old.parent.mkdir(parents=True)
    old.write_text("of an earlier training", encoding="utf-8")
    valid = run.summarize(run.Study(tmp_path, material), f"{cell.name}_lr1e-3", cell)
    assert valid.name == f"{cell.name}_lr1e-3.valid.jsonl", "another rate is another training"
    assert written == {
        valid: (f"{cell.name}_lr1e-3", "valid.jsonl"),
        old: (f"{cell.name}_lr1e-3", "test.jsonl"),
    }


def test_rates_of_the_first_runs_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, grid = module("low_resource.run"), module("low_resource.grid")
    cell = grid.Cell(grid.XSCITLDR, 200, "mclas", "ms", 2)
    monkeypatch.setattr(run, "CELLS", tmp_path)
    monkeypatch.setattr(run, "FIRST", tmp_path / "bf16")
    (tmp_path / "bf16").mkdir()
    kept = {"rate": "1e-3", "trials": {"1e-3": {}}}
    (tmp_path / "bf16" / f"{cell.tuned.name}.json").write_text(json.dumps(kept), encoding="utf-8")
    choice = run.choose_rate(run.Study(tmp_path, None), cell)
    assert choice == run.Choice("1e-3", {"1e-3": {}}, f"bf16/{cell.tuned.name}")


def test_cells_that_started_from_another_monolingual_summarizer_stop_the_study(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, grid = module("low_resource.run"), module("low_resource.grid")
    monkeypatch.setattr(run, "CELLS", tmp_path)
    (tmp_path / "ms").mkdir()
    (tmp_path / "ms" / "checkpoint_best.pt").write_bytes(b"this one")
    own = hashlib.sha256(b"this one").hexdigest()
    kept = {"a_from-ms": {"ms": own}, "b_from-scratch": {}, "c_from-ms": {"ms": "another"}}
    for name, sha256 in kept.items():
        text = json.dumps({"sha256": sha256})
        (tmp_path / f"xscitldr_{name}.json").write_text(text, encoding="utf-8")
    study = run.Study(tmp_path, SimpleNamespace(corpus=grid.XSCITLDR))
    with pytest.raises(SystemExit, match=r"but \['xscitldr_c_from-ms'\] started from another"):
        run.check_ms(study)
    (tmp_path / "xscitldr_c_from-ms.json").unlink()
    run.check_ms(study)


def test_a_cell_keeps_what_the_log_says_of_its_validations(tmp_path: Path) -> None:
    log = tmp_path / "training.log"
    log.write_text(
        "... | INFO | train_inner | epoch 001:  50 / 99 loss=9.1, num_updates=50\n"
        "... | valid | epoch 001 | nll_loss 1.2 | cls_nll_loss 1.4 | num_updates 200\n"  # redone
        "... | valid | epoch 001 | loss 8.1 | nll_loss 7.2 | rouge1 13.58 | ms_rougeL 2.1e-05 | "
        "cls_nll_loss 7.4 | wps 1068.9 | num_updates 200\n"
        "... | valid | epoch 002 | loss 7.1 | nll_loss 6.2 | cls_nll_loss 7.9 | num_updates 400 | "
        "best_rouge1 13.58 | best_cls_nll_loss 7.4\n",
        encoding="utf-8",
    )
    assert module("keep_cell").validations(log) == [
        {
            "nll_loss": 7.2,
            "rouge1": 13.58,
            "ms_rougeL": 2.1e-05,
            "cls_nll_loss": 7.4,
            "num_updates": 200.0,
        },
        {"nll_loss": 6.2, "cls_nll_loss": 7.9, "num_updates": 400.0},
    ]
    assert module("study").best_validation(log, "cls_nll_loss")["num_updates"] == 200
