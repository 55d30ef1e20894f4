"""The study on scientific abstracts: its cells, what they are trained with, its rules."""

import gzip
import json
import threading
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.evaluation.content import MATCHED
from studies.abstracts import __main__ as program
from studies.abstracts import cells, corpora, facts, report
from studies.abstracts.__main__ import Abstracts, Title
from studies.abstracts.cells import BASE, SYSTEMS, Cell
from studies.harness.judging import MISSING
from studies.harness.opening import open_test
from studies.harness.processes import claimed
from studies.harness.study import Work
from studies.harness.summaries import CONTENT
from studies.harness.table import Table

STUDY = Abstracts()
CHOSEN = ("silver", "mt")


def choose(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (cells, program, report):
        monkeypatch.setattr(module, "CHOSEN", CHOSEN)


def work(folder: Path, language: str = "it") -> "Work[corpora.Material]":
    material = corpora.Material(language, None, folder)
    return Work(language, folder, Table(STUDY.name, folder), material)


def test_two_systems_get_more_seeds_and_other_languages_once_they_are_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = {Cell("it", system, 1) for system in SYSTEMS}
    assert set(STUDY.cells("it")) == first
    assert list(STUDY.cells("de")) == []
    choose(monkeypatch)
    more = {Cell("it", system, seed) for system in CHOSEN for seed in (2, 3)}
    assert set(STUDY.cells("it")) == first | more
    wanted = {Cell("de", system, seed) for system in CHOSEN for seed in (1, 2, 3)}
    assert set(STUDY.cells("de")) == wanted


def test_before_the_choice_nothing_else_is_begun_and_the_test_stays_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="--corpus zh: follows the Italian cells"):
        STUDY.prepare("zh", None, tmp_path)
    with pytest.raises(SystemExit, match="test split: the two best are not chosen yet"):
        open_test(STUDY, work(tmp_path))
    choose(monkeypatch)
    with pytest.raises(SystemExit, match="when all cells are in"):
        open_test(STUDY, work(tmp_path))


def test_systems_differ_from_the_base_in_one_thing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[tuple[str, list[str]]] = []
    monkeypatch.setattr(
        program, "train_once", lambda words, folder, log: trained.append((folder.name, list(words)))
    )
    monkeypatch.setattr(corpora.Material, "first", lambda self, parts: self.out / "+".join(parts))
    monkeypatch.setattr(corpora.Material, "lexicon", lambda self: self.out / "lexicon")
    one = work(tmp_path)
    base = STUDY.command(one, Cell("it", BASE, 1), "1e-3")
    assert f"{tmp_path}/ms/checkpoint_best.pt" in base

    def differs(system: str) -> set[str]:
        return set(STUDY.command(one, Cell("it", system, 1), "1e-3")) ^ set(base)

    assert differs("dropout-0.3") == {"0.3"}
    assert differs("ncls") == {"ncls", "mclas"}
    assert not trained
    assert differs("mt") == {str(one.checkpoint(name)) for name in ("ms", "first-mclas-mt")}
    assert differs("lexicon") == {
        *("--copy-attention", "--translated-copying", "adaptive", "--lexicon"),
        f"{tmp_path}/lexicon",
    }
    STUDY.command(one, Cell("it", "first-all", 1), "1e-3")
    assert [name for name, _ in trained] == [
        "first-mclas-mt", "first-mclas-mt-parallel-ddtp-silver",
    ]  # fmt: skip
    assert f"{tmp_path}/mt+parallel+ddtp+silver" in trained[1][1]
    assert f"{tmp_path}/ms/checkpoint_best.pt" in trained[1][1]
    german = work(tmp_path, "de")
    STUDY.command(german, Cell("de", "first-all", 1), "1e-3")
    assert trained[2][0] == "first-mclas-mt-parallel-ddtp"


def test_what_another_command_trains_first_is_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[str] = []
    monkeypatch.setattr(
        program, "train_once", lambda words, folder, log: trained.append(folder.name)
    )
    monkeypatch.setattr(corpora.Material, "first", lambda self, parts: self.out)
    given = (work(tmp_path), Cell("it", "mt", 2), "1e-3")
    thread = threading.Thread(target=STUDY.command, args=given)
    with claimed(tmp_path / "first-mclas-mt.claim"):
        thread.start()
        thread.join(0.2)
        assert not trained
    thread.join(60)
    assert trained == ["first-mclas-mt"]


@pytest.mark.parametrize(("name", "made"), [("bins/first-mt", "bin"), ("lexicon.jsonl", "lexicon")])
def test_corpora_that_another_command_makes_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, made: str
) -> None:
    material, done = corpora.Material("it", None, tmp_path), list[str]()
    monkeypatch.setattr(corpora.Material, "_made", lambda self, part: self.out / part)
    monkeypatch.setattr(corpora, "data_bin", lambda *_, **__: done.append("bin"))
    monkeypatch.setattr(corpora, "quietly", lambda *words: done.append(words[1]))
    make = (lambda: material.first(("mt",))) if made == "bin" else material.lexicon
    thread = threading.Thread(target=make)
    with claimed(tmp_path / name):
        thread.start()
        thread.join(0.2)
        assert not done
    thread.join(60)
    assert done == [made]


def test_parallel_text_gives_pairs_of_sentences_of_usual_length(tmp_path: Path) -> None:
    file = tmp_path / "help.en-it.tsv.gz"
    lines = ["Turn it on\tAccendi", "Turn on bounce keys\tAttivare i tasti", f"{'a ' * 51}\tb"]
    with gzip.open(file, "wt", encoding="utf-8") as stream:
        stream.write("".join(f"{line}\n" for line in lines))
    assert list(corpora.parallel([file])) == [
        {
            "id": "help-1",
            "document": {"en": "Turn on bounce keys"},
            "summary": {"en": ["Turn on bounce keys"], "it": ["Attivare i tasti"]},
        }
    ]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    material = corpora.Material("it", None, tmp_path)
    with pytest.raises(SystemExit, match="--data: xscitldr/train.jsonl.gz is needed"):
        material.build()
    with pytest.raises(SystemExit, match="must hold the silver corpus.*examples/en2it_roundtrip"):
        material.first(("silver",))


def test_titles_are_summaries_in_the_target_language(tmp_path: Path) -> None:
    row = {"id": "a", "title": {"en": "Nets"}, "document": {"en": ["x"]}, "summary": {"it": ["y"]}}
    (tmp_path / "r.jsonl").write_text(json.dumps(row) + "\n")
    Title(tmp_path / "r.jsonl", "it").write(tmp_path / "out.jsonl", tmp_path / "log")
    assert json.loads((tmp_path / "out.jsonl").read_text()) == {
        "id": "a",
        "summary": {"it": "Nets"},
    }


def row(value: int, nll: float = 6.0, **others: int) -> dict[str, Any]:
    """A cell's row: its values in 1/10,000 by document, all alike but for a little."""
    texts = {
        name: " ".join(str(others.get(name, value) + one % 7) for one in range(40))
        for name in (CONTENT, MATCHED, "rouge1")
    }
    scores = {
        "documents": 40,
        "length": 20.0,
        "reference_length": 21.0,
        "distinct": 0.9,
        "by_document": {**texts, "length": "20 " * 40},
    }
    people = {CONTENT: 20.0, MATCHED: 13.7, "rouge1": 30.0}
    return {
        "trigram_bits_per_piece": 6.32,
        "people": {"valid": people, "test": people},
        "best": {"cls_nll_bits_per_token": nll, "update": 100},
        "training": {"cpu_seconds": 60},
        "rate": "1e-3",
        "rate_interior": True,
        "valid": {"it": scores},
        "test": {"it": scores},
    }


def results(folder: Path, rows: dict[str, dict[str, Any]], split: str = "valid") -> report.Results:
    table = Table(STUDY.name, folder)
    for name, one in rows.items():
        table.add(name, one)
    return report.Results("it", split, table)


def every(**others: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {system: row(1000) for system in SYSTEMS} | others
    return {Cell("it", system, 1).name: one for system, one in found.items()}


def test_what_is_not_clearly_below_the_trigram_model_is_not_read(tmp_path: Path) -> None:
    there = results(tmp_path, every(mt=row(3000, nll=6.03), silver=row(1500, nll=6.01)))
    lines = dict(line.split(": ", 1) for line in report.factors(there))
    assert lines[SYSTEMS["mt"].label].startswith("not read: content R-1 +20.00")
    assert lines[SYSTEMS["silver"].label].startswith("helps on this seed: content R-1 +5.00")
    assert lines[SYSTEMS["ddtp"].label].startswith("undecided")
    shown = "\n".join(report.scores(there, "it"))
    assert f"| {SYSTEMS['mt'].label} | 1 | not read |" in shown
    assert f"| {SYSTEMS['silver'].label} | 1 | passed |" in shown
    assert "| people, one reference fewer to match | | | 20.00 | 13.70 | 30.00 |" in shown


def test_only_what_is_read_and_above_every_baseline_learned(tmp_path: Path) -> None:
    beside = {f"it_baseline-{kind}": row(500) for kind in report.BASELINES}
    there = results(tmp_path, every(mt=row(3000, nll=6.3), ddtp=row(400)) | beside)
    lines = dict(line.split(": ", 1) for line in report.learned(there))
    assert lines[SYSTEMS[BASE].label].startswith("learned (+10.0")
    assert lines[SYSTEMS["mt"].label] == "not judged: it is not read"
    assert lines[SYSTEMS["ddtp"].label].startswith("did not learn (")
    del there.baselines["title"]
    assert "baselines are missing (title untranslated)" in next(iter(report.learned(there)))


def test_the_two_best_are_those_that_are_read_with_the_highest_content(tmp_path: Path) -> None:
    others = {"mt": row(3000, nll=6.3), "silver": row(1500), "ddtp": row(1400)}
    there = results(tmp_path, every(**others))
    assert report.two_best(there) == ("silver", "ddtp")
    assert next(iter(report.choice(there))).startswith("by the rules silver, ddtp; CHOSEN")


def test_the_choice_must_have_the_better_system_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    choose(monkeypatch)
    there = results(tmp_path, every(mt=row(1500), silver=row(1400)))
    assert list(report.choice(there)) == [
        "by the rules mt, silver; CHOSEN in cells.py has silver, mt"
    ]
    monkeypatch.setattr(report, "CHOSEN", ("mt", "silver"))
    assert list(report.choice(there)) == ["mt, silver: as the cells have it"]


def test_where_fewer_are_read_the_lowest_nll_fills_up(tmp_path: Path) -> None:
    bad = {system: row(1000, nll=6.3) for system in SYSTEMS}
    there = results(tmp_path, every(**(bad | {"ncls": row(900), "mt": row(10, nll=6.2)})))
    assert report.two_best(there) == ("ncls", "mt")


def test_no_two_are_best_while_a_cell_is_missing(tmp_path: Path) -> None:
    rows = every()
    rows.popitem()
    assert report.two_best(results(tmp_path, rows)) == ()


@pytest.mark.parametrize(
    ("matched", "nll", "said"),
    [
        (900, 5.0, ["R-1 m-s, 8.0 or more: reached", "content R-1, 14.0 or more: not reached"]),
        (700, 5.0, ["R-1 m-s, 8.0 or more: not reached", "content R-1, 14.0"]),
        (900, 6.1, ["silver corpus first: not reached: it does not pass the gate"]),
    ],
)
def test_aims_are_judged_of_the_first_chosen_with_three_seeds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, matched: int, nll: float, said: list[str]
) -> None:
    choose(monkeypatch)
    rows = {
        Cell("it", "silver", seed).name: row(1000, nll, **{MATCHED: matched}) for seed in (1, 2)
    }
    assert list(report.aims(results(tmp_path, rows, "test"))) == [MISSING]
    rows |= {Cell("it", "silver", 3).name: row(1000, nll, **{MATCHED: matched})}
    found = list(report.aims(results(tmp_path, rows, "test")))
    assert len(found) == len(said)
    assert all(line.startswith(begin) for line, begin in zip(found, said, strict=True))


def test_people_are_scored_against_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "trigram_bits", lambda folder, language: {"valid": 6.5})
    monkeypatch.setattr(corpora.Material, "first", lambda self, parts: self.out)
    (tmp_path / "records").mkdir()
    texts = ["reti neurali profonde", "reti neurali profonde"], ["alberi sparsi", "grafi densi"]
    rows = [
        {"id": str(number), "document": {"en": ["x"]}, "summary": {"it": group}}
        for number, group in enumerate(texts)
    ]
    for split in ("valid", "test"):
        lines = "".join(json.dumps(one) + "\n" for one in rows)
        (tmp_path / "records" / f"{split}.jsonl").write_text(lines)
    found = facts.facts(corpora.Material("it", None, tmp_path))
    assert found["trigram_bits_per_piece"] == 6.5
    assert found["people"]["test"]["rouge1"] == pytest.approx(50.0)  # one of two documents agrees
    assert found["people"]["test"][MATCHED] == pytest.approx(50.0)
