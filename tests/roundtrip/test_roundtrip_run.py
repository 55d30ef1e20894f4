"""Whole runs with programs as translators: what comes out, what is refused, what is done again."""

import gzip
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.errors import ConfigError, DataError, SetupError, TranslatorError
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.roundtrip.options import Direction, Execution, FilterOptions, Translators
from mclas_fairseq.roundtrip.report import Report
from mclas_fairseq.roundtrip.run_folder import RunFolder, locked
from mclas_fairseq.roundtrip.running import RoundTrip, rescore
from mclas_fairseq.roundtrip.steps import CleaningSteps, RecordStep

Asked = Callable[..., RoundTrip]
Go = Callable[[RoundTrip], Report]
Lines = list[dict[str, Any]]
Read = Callable[[Path], Lines]
Records = Callable[[int], Lines]
Write = Callable[[Path, Lines], Path]
Results = Callable[[Path], dict[str, bytes]]
Commands = Callable[[str, str], Translators]


@pytest.fixture
def corpus(tmp_path: Path, records: Records, write: Write) -> Lines:
    made = records(18)
    write(tmp_path / "in.jsonl", made)
    return made


def test_pairs_are_kept_where_the_way_there_and_back_preserved_them(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go, read: Read
) -> None:
    report = go(asked())
    kept = read(tmp_path / "out" / "corpus.jsonl")
    rejected = read(tmp_path / "out" / "rejected.jsonl")
    assert kept
    assert rejected
    assert sorted(int(one["id"]) for one in kept + rejected) == list(range(18))
    by_id = {one["id"]: one for one in corpus}
    for record in kept + rejected:
        trip = record["roundtrip"]
        original = by_id[record["id"]]["summary"]["en"]
        scores = score_rouge([trip["back"]], [[original]], language="en").f1
        found = (trip["rouge1"], trip["rouge2"])
        assert found == (scores["rouge1"][0], scores["rouge2"][0])
        assert (record in kept) == (found[0] >= 0.8 and found[1] >= 0.5)
        assert {key: record[key] for key in ("id", "document", "page")} == {
            key: by_id[record["id"]][key] for key in ("id", "document", "page")
        }
    for record in kept:
        original = by_id[record["id"]]["summary"]["en"]
        made = [original.replace("s", "z")]
        assert record["summary"] == {"en": original, "de": made}
        assert record["roundtrip"]["machine_made"] == "de"
    for record in rejected:
        assert record["summary"] == by_id[record["id"]]["summary"]
        assert record["roundtrip"]["translation"]
        assert record["roundtrip"]["rejected"] in ("ROUGE-1 below T1", "ROUGE-2 below T2")
    counts = report.statistics
    assert (counts.kept, counts.rejected.total()) == (len(kept), len(rejected))
    assert json.loads((tmp_path / "out" / "report.json").read_text())["kept"] == len(kept)
    assert not (tmp_path / "out" / "work" / "shards").exists()


@pytest.mark.parametrize(("workers", "shard_lines"), [(3, 9), (2, 5)])
def test_bytes_do_not_depend_on_workers_nor_on_how_the_input_was_cut(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go, results: Results,
    workers: int, shard_lines: int,
) -> None:  # fmt: skip
    go(asked())
    go(asked(folder=tmp_path / "again", workers=workers, shard_lines=shard_lines))
    one, other = results(tmp_path / "out"), results(tmp_path / "again")
    if shard_lines != 9:  # which the report names
        reports = [json.loads(found.pop("report.json")) for found in (one, other)]
        for report in reports:
            del report["identity"]["translated"]["shard_lines"]
        assert reports[0] == reports[1]
    assert one == other


def test_thresholds_can_be_changed_without_translating_again(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go, results: Results
) -> None:
    options = FilterOptions(t1=1.0, t2=1.0)
    go(asked(filter=options, folder=tmp_path / "fresh"))
    go(asked())
    before = results(tmp_path / "out")
    translated = sorted((tmp_path / "out" / "work" / "translated").iterdir())
    ages = [path.stat().st_mtime_ns for path in translated]
    rescore(options, asked().outputs, CleaningSteps())
    after = results(tmp_path / "out")
    assert after == results(tmp_path / "fresh")
    assert all(after[name] != before[name] for name in after)
    assert [path.stat().st_mtime_ns for path in translated] == ages


def test_another_protocol_scores_again(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go, read: Read
) -> None:
    go(asked())
    report = rescore(FilterOptions(protocol="ncls"), asked().outputs, CleaningSteps())
    assert "protocol:ncls|lang:en|tok:a-z0-9|stem:porter" in report.signature()
    for record in read(tmp_path / "out" / "corpus.jsonl"):
        trip = record["roundtrip"]
        wanted = score_rouge(
            [trip["back"]], [[record["summary"]["en"]]], language="en", protocol="ncls"
        )
        assert trip["rouge2"] == wanted.f1["rouge2"][0]


def test_only_a_translated_run_can_be_filtered_again(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go
) -> None:
    with pytest.raises(DataError, match=r"out: must be the folder of a run \(with settings.json\)"):
        rescore(FilterOptions(), asked().outputs, CleaningSteps())
    assert not (tmp_path / "out").exists()
    go(asked(shard_lines=4))
    RunFolder(tmp_path / "out").completion(2).unlink()
    with pytest.raises(DataError, match="all 5 shards must be translated .* but 1 are not; finish"):
        rescore(FilterOptions(), asked().outputs, CleaningSteps())


def test_records_that_cannot_be_translated_are_listed_with_the_reason(
    tmp_path: Path, records: Records, write: Write, asked: Asked, go: Go, read: Read,
    commands: Commands,
) -> None:  # fmt: skip
    lines = records(6)
    lines[0]["summary"] = {"fr": "Oui."}
    lines[1]["summary"]["en"] = "--"
    lines[2]["summary"]["en"] = []
    lines[3]["summary"]["en"] = "Cats vanish."
    lines[4]["summary"]["de"] = "Schon da."
    write(tmp_path / "in.jsonl", lines)
    translators = commands("sed s/.*vanish.*//", "cat")
    report = go(asked(translators=translators))
    rejected = read(tmp_path / "out" / "rejected.jsonl")
    assert {one["id"]: one["roundtrip"]["rejected"] for one in rejected} == {
        "0": "no summary in en", "1": "no words", "2": "no summary in en", "3": "empty translation",
    }  # fmt: skip
    assert [one["summary"] for one in rejected] == [one["summary"] for one in lines[:4]]
    kept = read(tmp_path / "out" / "corpus.jsonl")
    assert kept[0] == lines[4], "a record with both summaries stays as it is"
    assert [one["id"] for one in kept] == ["4", "5"]
    assert report.statistics.complete == 1


def test_the_first_of_several_references_is_translated(
    tmp_path: Path, records: Records, write: Write, asked: Asked, go: Go, read: Read
) -> None:
    lines = records(1)
    lines[0]["summary"]["en"] = ["Snow falls\n twice.", "Another one."]
    write(tmp_path / "in.jsonl", lines)
    go(asked())
    summary = read(tmp_path / "out" / "corpus.jsonl")[0]["summary"]
    assert summary == {"en": ["Snow falls\n twice.", "Another one."], "de": ["Snow fallz twice."]}


def test_by_sentence_a_share_of_the_sentences_must_pass(
    tmp_path: Path, write: Write, asked: Asked, go: Go, read: Read
) -> None:
    text = "Cats sleep here. Rain falls over trees. Birds sing there."
    write(tmp_path / "in.jsonl", [{"id": "1", "summary": {"en": text}}])
    report = go(asked(unit="sentence", sentence_share=0.6))
    record = read(tmp_path / "out" / "corpus.jsonl")[0]
    # Of the second sentence "Sun." came back; taken whole, nothing after "Rain" would be left.
    assert record["summary"]["de"] == ["Catz zleep here. Rain fallz over treez. Birdz zing there."]
    assert [one["rouge1"] for one in record["roundtrip"]["sentences"]] == [1, 0, 1]
    assert record["roundtrip"]["back"] == "Cats sleep here. Sun. Birds sing there."
    assert (report.statistics.scored, report.statistics.units) == (1, 3)
    assert rescore(
        FilterOptions(sentence_share=0.7), asked().outputs, CleaningSteps()
    ).statistics.rejected == {"too few sentences pass": 1}


def test_filling_makes_source_summaries_judged_in_the_target_language(
    tmp_path: Path, write: Write, asked: Asked, go: Go, read: Read, commands: Commands
) -> None:
    lines = [
        {"id": "1", "document": {"en": "d"}, "summary": {"de": ["Ein Hund bellt laut."]}},
        {"id": "2", "summary": {"de": "Zwei Hunde rennen."}},
        {"id": "3", "summary": {"en": "Three.", "de": "Drei."}},
        {"id": "4", "summary": {"fr": "Quatre."}},
    ]
    write(tmp_path / "in.jsonl", lines)
    # Forward (into German) loses "Zwei Hunde rennen", and only if it comes second.
    translators = commands(
        "sed -e s/TWO.*/weg/ -e s/a_dog/Hund/", "sed -e s/Hund/a_dog/ -e s/Zwei/TWO/"
    )
    report = go(asked(direction=Direction("en", "de", made="en"), translators=translators))
    kept = read(tmp_path / "out" / "corpus.jsonl")
    assert kept[0]["summary"] == {"de": ["Ein Hund bellt laut."], "en": ["Ein a_dog bellt laut."]}
    assert kept[0]["roundtrip"]["machine_made"] == "en"
    assert kept[0]["roundtrip"]["back"] == "Ein Hund bellt laut."
    assert kept[1] == lines[2]
    reasons = {one["id"]: one["roundtrip"]["rejected"]
               for one in read(tmp_path / "out" / "rejected.jsonl")}  # fmt: skip
    assert reasons == {"2": "ROUGE-1 below T1", "4": "no summary in de"}
    assert "lang:de" in report.signature()


class Short(RecordStep):
    name = "short"

    def __init__(self, words: int) -> None:
        super().__init__()
        self.words = words

    def settings(self) -> dict[str, object]:
        return {"words": self.words}

    def judge(self, record: dict[str, Any]) -> str | None:
        return "too short" if len(str(record["summary"]["en"]).split()) < self.words else None


class Doubled(RecordStep):
    name = "doubled"

    def run(self, data: Iterable[Any], rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        self.seen: set[str] = set()
        yield from super().run(data, rank, world_size)

    def judge(self, record: dict[str, Any]) -> str | None:
        text = record["summary"]["de"][0]
        self.seen.add(text) if (new := text not in self.seen) else None
        return None if new else "duplicate"


def test_cleaning_steps_work_before_and_after_and_are_counted(
    tmp_path: Path, records: Records, write: Write, asked: Asked, go: Go
) -> None:
    lines = records(6)
    lines[1]["summary"]["en"] = "Too short."
    lines[4]["summary"]["en"] = lines[0]["summary"]["en"] = "Cats and birds sleep under the trees."
    write(tmp_path / "in.jsonl", lines)
    cleaning = CleaningSteps(before=[Short(3)], after=[Doubled()])
    report = go(asked(t1=0.0, t2=0.0, shard_lines=2, cleaning=cleaning))
    assert report.statistics.rejected == {"too short": 1, "duplicate": 1}
    with pytest.raises(DataError, match=r'cleaning was .*"words": 3.* and is now .*"words": 4'):
        go(asked(shard_lines=2, cleaning=CleaningSteps(before=[Short(4)], after=[Doubled()])))


def test_a_run_is_refused_other_settings_which_are_named(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go, commands: Commands, records: Records,
    write: Write,
) -> None:  # fmt: skip
    go(asked())
    with pytest.raises(DataError, match="out: .* but shard_lines was 9 and is now 8; give those"):
        go(asked(shard_lines=8))
    with pytest.raises(DataError, match='unit was "summary" and is now "sentence"'):
        go(asked(unit="sentence"))
    with pytest.raises(DataError, match=r'forward was "command sed y/s/z/ .* is now "command cat'):
        go(asked(translators=commands("cat", asked().run.translators.backward[8:])))
    go(asked(t1=0.1))
    write(tmp_path / "in.jsonl", records(19))
    with pytest.raises(DataError, match="inputs was "):
        go(asked())


def test_a_folder_of_something_else_is_left_alone(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    with pytest.raises(DataError, match="must be empty, .* but holds 'thesis.tex' and no settings"):
        go(asked())
    assert (tmp_path / "out" / "thesis.tex").read_text() == "mine"


def test_a_bad_input_leaves_a_folder_that_a_mended_one_can_use(
    tmp_path: Path, records: Records, write: Write, asked: Asked, go: Go
) -> None:
    path = write(tmp_path / "in.jsonl", records(9))
    whole = path.read_text()
    path.write_text(whole + "{")
    with pytest.raises(DataError, match="in.jsonl:10"):
        go(asked())
    path.write_text(whole)
    assert go(asked()).statistics.records == 9


def test_two_processes_do_not_work_on_one_run(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go
) -> None:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        with locked(RunFolder(tmp_path / "out")):
            os.write(writing, b"x")
            time.sleep(600)
    os.read(reading, 1)
    try:
        with pytest.raises(DataError, match=f"one process at a time .* but process {child} does"):
            go(asked())
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert go(asked()).statistics.records == 18, "the lock ends with its process"


def test_translators_are_tried_before_anything_is_cut(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go, commands: Commands
) -> None:
    with pytest.raises(ConfigError, match="no-such-program"):
        go(asked(translators=commands("no-such-program", "cat")))
    assert not (tmp_path / "out" / "work").exists()


def test_a_shard_that_fails_is_tried_again_and_given_up_while_the_others_go_on(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go, commands: Commands, results: Results
) -> None:
    go(asked(folder=tmp_path / "whole"))
    backward = asked().run.translators.backward
    broken = tmp_path / "forward.sh"
    marks = tmp_path / "marks"
    # Record 9, in shard 2, is what it cannot translate. Its content is part of the settings, so
    # what makes it work lies elsewhere.
    text = summary_of(corpus, 9)
    broken.write_text(
        f"sed y/s/z/ > {tmp_path}/$$; if grep -q '{text.replace('s', 'z')}' {tmp_path}/$$ &&"
        f" [ ! -e {tmp_path}/mended ]; then echo dying >&2; echo >> {marks}; exit 7; fi;"
        f" cat {tmp_path}/$$"
    )
    translators = commands(f"sh {broken}", backward.removeprefix("command:"))
    trip = asked(translators=translators, retries=1, workers=2, shard_lines=4)
    with pytest.raises(DataError, match=r"1 of 5 shards could not .*; the others are done") as got:
        go(trip)
    folder = RunFolder(tmp_path / "out")
    log = folder.attempt_log(2, 2)
    assert f"shard 2: TranslatorError: command:sh {broken}: must end with status 0" in str(
        got.value
    )
    assert str(log) in str(got.value)
    assert TranslatorError.__name__ in log.read_text()
    assert marks.read_text() == "\n\n", "tried twice"
    assert sorted(path.name for path in (folder.work / "completions").iterdir()) == [
        "00000", "00001", "00003", "00004",
    ]  # fmt: skip
    (tmp_path / "mended").touch()
    ages = {path: path.stat().st_mtime_ns for path in (folder.work / "translated").iterdir()}
    go(trip)
    assert {path: path.stat().st_mtime_ns for path in ages} == ages, "only shard 2 was left to do"
    found, wanted = results(tmp_path / "out"), results(tmp_path / "whole")
    assert found["corpus.jsonl"] == wanted["corpus.jsonl"]


def summary_of(corpus: Lines, number: int) -> str:
    return str(corpus[number]["summary"]["en"])


def test_a_translator_that_hangs_is_ended_with_its_shard(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go, commands: Commands
) -> None:
    text = summary_of(corpus, 5).split()[0]
    hanging = tmp_path / "hanging.sh"
    hanging.write_text(f"cat > $$.in; grep -q '{text}' $$.in && sleep 600; cat $$.in; rm $$.in")
    os.chdir(tmp_path)
    trip = asked(translators=commands(f"sh {hanging}", "cat"), retries=0, time_limit=1.5, workers=2)
    with pytest.raises(DataError, match=r"shard 0: took longer than 1.5 seconds; log: .*attempt_1"):
        go(trip)


def test_a_full_disk_ends_the_run_with_a_clear_word_and_can_be_resumed(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go, monkeypatch: pytest.MonkeyPatch,
    results: Results,
) -> None:  # fmt: skip
    go(asked(folder=tmp_path / "whole", shard_lines=4))
    real = os.fsync

    def full(number: int) -> None:
        if "translated/.00002" in os.readlink(f"/proc/self/fd/{number}"):
            raise OSError(28, "No space left on device")
        real(number)

    monkeypatch.setattr(os, "fsync", full)  # workers are forked with it
    trip = asked(shard_lines=4)
    with pytest.raises(DataError, match=r"must have room .* \(OSError: .*No space left on device"):
        go(trip)
    folder = RunFolder(tmp_path / "out")
    assert not list((folder.work / "translated").glob(".*")), "nothing half-written stays"
    assert not folder.completion(2).exists()
    monkeypatch.undo()
    monkeypatch.setattr("mclas_fairseq.roundtrip.collecting.draw_scores", lambda report: b"png")
    go(trip)
    assert results(tmp_path / "out") == results(tmp_path / "whole")


def test_a_full_disk_while_joining_says_the_same(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(report: Report) -> bytes:
        raise OSError(122, "Disk quota exceeded")

    monkeypatch.setattr("mclas_fairseq.roundtrip.collecting.draw_scores", full)
    with pytest.raises(DataError, match="must have room .*quota exceeded.* start the same command"):
        go(asked())
    assert not (tmp_path / "out" / "report.json").exists()


def test_compressed_results_hold_no_time(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go
) -> None:
    trip = asked(gzip=True)
    go(trip)
    packed = (tmp_path / "out" / "corpus.jsonl.gz").read_bytes()
    assert packed[3:8] == bytes(5), "neither a name nor a time in the header"
    go(replace(trip, outputs=replace(trip.outputs, gzip=False)))
    assert gzip.decompress(packed) == (tmp_path / "out" / "corpus.jsonl").read_bytes()
    names = {path.name for path in (tmp_path / "out").glob("*.jsonl*")}
    assert names == {"corpus.jsonl", "rejected.jsonl"}, "results of other options are gone"


def test_what_a_killed_process_was_writing_is_removed(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go
) -> None:
    folder = RunFolder(tmp_path / "out")
    left = [folder.path / ".settings.json.7.ab.unfinished", folder.shards / ".00000.7.unfinished"]
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    go(asked())
    assert not list(folder.path.rglob("*.unfinished"))


def test_a_process_that_dies_while_opening_translators_is_an_error(
    corpus: Lines, asked: Asked, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "mclas_fairseq.roundtrip.running.open_translator", lambda *_: os.kill(os.getpid(), 9)
    )
    with pytest.raises(SetupError, match="opening the translators: .* was ended by SIGKILL; see"):
        go(asked())


def test_rejected_records_go_where_they_are_asked_for(
    tmp_path: Path, corpus: Lines, asked: Asked, go: Go, read: Read
) -> None:
    left = tmp_path / "elsewhere" / ".no.jsonl.17.0a1b2c3d.unfinished"
    left.parent.mkdir()
    left.touch()
    report = go(asked(rejected=tmp_path / "elsewhere" / "no.jsonl"))
    assert not left.exists(), "a killed process was writing it"
    assert len(read(tmp_path / "elsewhere" / "no.jsonl")) == report.statistics.rejected.total()
    assert not (tmp_path / "out" / "rejected.jsonl").exists()


@pytest.mark.parametrize("name", ["t1", "t2", "sentence_share"])
@pytest.mark.parametrize("value", [-0.1, 1.01, 60, float("nan")])
def test_thresholds_outside_of_0_to_1_are_refused(name: str, value: Any) -> None:
    flag = "--" + name.replace("_", "-")
    with pytest.raises(ConfigError, match=f"{flag} .*: must be from 0 to 1"):
        FilterOptions(**{name: value})


def test_languages_must_be_two_and_the_filled_one_of_them() -> None:
    with pytest.raises(ConfigError, match="--target-lang en: must differ from --source-lang"):
        Direction("en", "en", made="en")
    with pytest.raises(ConfigError, match="--fill fr: must be one of en and de"):
        Direction("en", "de", made="fr")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"executor": "cloud"}, "--executor cloud: must be one of local, slurm, ray"),
        ({"workers": 0}, "--workers 0: must be at least 1"),
        ({"retries": -1}, "--retries -1: must not be below 0"),
        ({"time_limit": 0.0}, "--time-limit 0: must be more than 0 seconds"),
    ],
)
def test_how_a_run_is_executed_is_checked(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Execution(**options)
