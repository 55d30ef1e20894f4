"""The pipelines of preprocess/, on small files in the shapes in which they are published."""

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
PIPELINES = sorted((ROOT / "preprocess").glob("*.sh"))
BIN = Path(sys.executable).parent

ENGLISH = [
    f"The {noun} in {town} was {verb} on {day} after a long meeting of the council."
    for noun, verb in (("bridge", "closed"), ("school", "opened"), ("market", "sold"))
    for town, day in (("Berlin", "Monday"), ("Paris", "Friday"), ("Rome", "Sunday"))
]
GERMAN = [f"Der Rat hat am Tag {n} lange getagt und über die Brücke beraten." for n in range(9)]
CHINESE = [f"第{n}天，市议会开会讨论了大桥的事情。" for n in range(9)]


def write(path: Path, lines: Sequence[str]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return path


def write_json(path: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    return write(path, [json.dumps(row, ensure_ascii=False) for row in rows])


def run(name: str, *words: object) -> subprocess.CompletedProcess[str]:
    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "OMP_NUM_THREADS": "1"}
    command = ["bash", str(ROOT / "preprocess" / name), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def records(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def manifest(out: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((out / "data-bin/manifest.json").read_text("utf-8"))
    return found


def tagged(article: str, summaries: Sequence[tuple[str, str]]) -> list[str]:
    lines = ["<doc id=1>", "<Article>", article, "</Article>"]
    for tag, text in summaries:
        lines += [f"<{tag}>", text, f"</{tag}>"]
    return [*lines, "</doc>"]


@pytest.fixture
def ncls(tmp_path: Path) -> Path:
    data = tmp_path / "raw"
    for split in ("train", "valid", "test"):
        lines: list[str] = []
        for english, chinese in zip(ENGLISH, CHINESE, strict=True):
            parts = [("EN-REF1", "The council met."), ("ZH-REF1", chinese)]
            if split != "train":
                parts.append(("ZH-REF1-human-corrected", f"改{chinese}"))
            parts += [("EN-REF2", "It was long."), ("ZH-REF2", "会议很长。")]
            lines += tagged(f"{split} {english} It isn‘t over.", parts)
        write(data / f"EN2ZHSUM_{split}.txt", lines)
    return data


@pytest.mark.parametrize("pipeline", [path.name for path in PIPELINES if path.stem != "common"])
def test_help_explains_every_option_that_the_pipeline_takes(pipeline: str) -> None:
    done = run(pipeline, "--help")
    assert done.returncode == 0
    text = (ROOT / "preprocess" / pipeline).read_text(encoding="utf-8")
    (known,) = [line for line in text.splitlines() if line.startswith("known=")]
    for option in known.replace('"', " ").replace("known=", "").replace("switches=", "").split():
        assert f"--{option}" in done.stdout, option
    assert f"bash preprocess/{pipeline}" in done.stdout


@pytest.mark.parametrize("pipeline", [path.name for path in PIPELINES if path.stem != "common"])
def test_unknown_and_missing_options_are_refused(pipeline: str) -> None:
    unknown = run(pipeline, "--wrong", "1")
    assert (unknown.returncode, unknown.stderr.count("\n")) == (2, 1)
    assert f"{pipeline}: error: unknown option --wrong" in unknown.stderr
    missing = run(pipeline)
    assert missing.returncode == 2
    assert "must be given" in missing.stderr


@pytest.mark.slow
def test_ncls_reads_the_tagged_files_and_prefers_corrected_summaries(
    ncls: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ["--data", ncls, "--pair", "en2zh", "--out", out, "--vocab-size", 80]
    refused = run("ncls.sh", *words)
    assert refused.returncode == 2
    assert "must hold 364687 documents, as published, but holds 9" in refused.stderr
    done = run("ncls.sh", *words, "--any-count")
    assert done.returncode == 0, done.stderr
    first = records(out / "records/train.jsonl.gz")[0]
    assert first["document"] == {"en": f"train {ENGLISH[0]} It isn't over."}  # Moses' apostrophe
    assert first["summary"] == {
        "en": ["The council met. It was long."],
        "zh": [f"{CHINESE[0]}会议很长。"],
    }
    held_out = records(out / "records/test.jsonl.gz")[0]
    assert held_out["summary"]["zh"] == [f"改{CHINESE[0]}"]
    assert manifest(out)["tokenizer"] == "bpe"
    assert "train: 9 documents" in done.stdout
    before = (out / "data-bin/manifest.json").stat().st_mtime_ns
    again = run("ncls.sh", *words, "--any-count")
    assert again.stdout.count("there already") == 4  # three splits and the data-bin
    assert (out / "data-bin/manifest.json").stat().st_mtime_ns == before


def test_ncls_cuts_chinese_into_words_when_asked(ncls: Path, tmp_path: Path) -> None:
    pytest.importorskip("jieba")
    out = tmp_path / "records.jsonl.gz"
    done = python("ncls", ncls / "EN2ZHSUM_train.txt", "--target-lang", "zh", "--split", "train",
                  "--chinese", "words", "--out", out)  # fmt: skip
    assert done.returncode == 0, done.stderr
    words = records(out)[0]["summary"]["zh"][0].split()
    assert "".join(words) == f"{CHINESE[0]}会议很长。"
    assert any(len(word) > 1 for word in words)


def python(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "preprocess/records.py"), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["<doc id=1>", "<Article>", "text"], "must end with </doc>"),
        (["<doc id=1>", "<doc id=2>"], ":2: <doc> must end before the next"),
        (["<Article>"], ":1: a <doc> must begin first"),
        (["lost"], ":1: text must stand inside a tag, but 'lost' does not"),
        (tagged("text", [("EN-REF1", "summary")]), "must have a text under ZH, but has none"),
    ],
)
def test_a_damaged_tagged_file_is_refused_with_its_line(
    lines: list[str], message: str, tmp_path: Path
) -> None:
    file = write(tmp_path / "EN2ZHSUM_train.txt", lines)
    out = tmp_path / "records.jsonl.gz"
    done = python("ncls", file, "--target-lang", "zh", "--split", "train", "--out", out)
    assert done.returncode == 2
    assert f"records.py ncls: error: {file}" in done.stderr
    assert message in done.stderr
    assert not out.exists()


@pytest.mark.slow
def test_xscitldr_puts_both_data_sets_together(tmp_path: Path) -> None:
    for ours, theirs in (("train", "train"), ("dev", "val"), ("test", "test")):
        write_json(
            tmp_path / f"SciTLDR-A/{ours}.jsonl",
            [
                {"source": [f"{ours} {text}", "We show it."], "target": ["Short.", "Brief."],
                 "paper_id": f"{ours}{n}", "title": f"Title {n}"}
                for n, text in enumerate(ENGLISH)
            ],
        )  # fmt: skip
        write_json(
            tmp_path / f"data/postedit/de/{theirs}.jsonl",
            [
                {"source": f"{ours} {text}We show it.", "target": [GERMAN[n], "Kurz."]}
                for n, text in enumerate(ENGLISH)
            ],
        )
    write(tmp_path / "data/abst_mt/de/train.target", [*GERMAN[:8], " "])
    words = ["--scitldr", tmp_path / "SciTLDR-A", "--xscitldr", tmp_path / "data"]
    words += ["--target-lang", "de", "--out", tmp_path / "out", "--vocab-size", 60]
    done = run("xscitldr.sh", *words)
    assert done.returncode == 0, done.stderr
    found = records(tmp_path / "out/records/train.jsonl.gz")
    assert found[0] == {
        "id": "train0", "title": {"en": "Title 0"},
        "document": {"en": [f"train {ENGLISH[0]}", "We show it."]},
        "summary": {"en": ["Short.", "Brief."], "de": [GERMAN[0], "Kurz."]},
        "translation": {"de": GERMAN[0]},
    }  # fmt: skip
    assert found[8]["translation"] == {}
    assert manifest(tmp_path / "out")["target_langs"] == ["de"]


def test_xscitldr_refuses_lines_that_do_not_belong_together(tmp_path: Path) -> None:
    english = write_json(
        tmp_path / "train.jsonl",
        [{"source": [text], "target": ["Short."], "paper_id": str(n)}
         for n, text in enumerate(["Neural translation works.", "Graphs have many edges."])],
    )  # fmt: skip
    swapped = [{"source": s, "target": ["Kurz."]} for s in ("Graphs have many edges.", "Other.")]
    german = write_json(tmp_path / "de.jsonl", swapped)
    out = tmp_path / "records.jsonl.gz"
    done = python("xscitldr", english, "--summary", f"de={german}", "--out", out)
    assert done.returncode == 2
    assert f"{german}:1: must be the abstract of {english}:1" in done.stderr


@pytest.mark.slow
def test_crosssum_takes_articles_and_summaries(tmp_path: Path) -> None:
    for split in ("train", "val", "test"):
        write_json(
            tmp_path / f"raw/english-german_{split}.jsonl",
            [
                {"source_url": f"u{n}", "target_url": "v", "text": f"{split} {text}",
                 "summary": summary}
                for n, (text, summary) in enumerate(zip(ENGLISH, GERMAN, strict=True))
            ],
        )  # fmt: skip
    words = ["--data", tmp_path / "raw", "--pair", "english-german", "--source-lang", "en"]
    words += ["--target-lang", "de", "--out", tmp_path / "out", "--vocab-size", 60]
    done = run("crosssum.sh", *words)
    assert done.returncode == 0, done.stderr
    assert records(tmp_path / "out/records/valid.jsonl.gz")[2] == {
        "id": "valid-3", "document": {"en": f"val {ENGLISH[2]}"}, "summary": {"de": [GERMAN[2]]},
        "source_url": "u2",
    }  # fmt: skip
    assert "test: 9 documents" in done.stdout
    bad = write_json(tmp_path / "bad.jsonl", [{"text": "x", "summary": ""}])
    done = python("rows", bad, "--document", "en=text", "--summary", "de=summary", "--out", "x.gz")
    assert "bad.jsonl:1: must have 'summary', but has text, summary and it is empty" in done.stderr


def test_broken_rows_are_left_out_where_that_is_asked_for_and_counted(tmp_path: Path) -> None:
    good = json.dumps({"text": "a report", "summary": "ein Bericht"})
    lines = [good, '{"text": "x", "summary": ""}', "no JSON", "[1]", '{"text": 5, "summary": "x"}']
    (tmp_path / "bad.jsonl").write_text("\n".join([*lines, good]) + "\n")
    words = ["rows", tmp_path / "bad.jsonl", "--document", "en=text", "--summary", "de=summary"]
    words += ["--out", tmp_path / "records.jsonl.gz", "--split", "train"]
    assert python(*words).returncode == 2
    done = python(*words, "--skip-broken")
    assert done.returncode == 0, done.stderr
    assert "left out 4 broken rows, such as " in done.stdout
    assert "bad.jsonl:2: must have 'summary'" in done.stdout
    found = [record["id"] for record in records(tmp_path / "records.jsonl.gz")]
    assert found == ["train-1", "train-6"]


def test_wikilingua_takes_the_pair_and_adds_the_summary_in_the_articles_language(
    tmp_path: Path,
) -> None:
    def row(n: int, source: str, target: str, text: str) -> dict[str, Any]:
        return {
            "gem_id": f"{source}-{target}-{n}", "gem_parent_id": f"article-{n}",
            "source_language": source, "target_language": target, "source": ENGLISH[n],
            "target": text, "references": [text],
        }  # fmt: skip

    rows = [row(n, "en", "de", GERMAN[n]) for n in range(3)]
    rows += [row(0, "en", "en", "Close it."), row(1, "de", "en", "Not wanted.")]
    raw = write_json(tmp_path / "train.jsonl", rows)
    out = tmp_path / "records.jsonl.gz"
    words = ["wikilingua", raw, "--out", out, "--source-lang", "en", "--target-lang"]
    assert python(*words, "de").returncode == 0
    assert [record["summary"] for record in records(out)] == [
        {"de": [GERMAN[0]], "en": ["Close it."]}, {"de": [GERMAN[1]]}, {"de": [GERMAN[2]]},
    ]  # fmt: skip
    done = python(*words, "fr")
    assert "must hold rows from en to fr, but holds none" in done.stderr


def test_finished_steps_are_not_taken_for_those_of_other_options(tmp_path: Path) -> None:
    raw = write(tmp_path / "OUT/raw.txt", ["one"])
    out = tmp_path / "OUT/made"
    script = (
        'known="pair vocab-size out workers" switches=""; . "$1"; pair=$2 vocab_size=$3 workers=$4;'
        ' same_options "$5"; step "$5/records.txt" cp "$6" OUT'
    )

    def start(*options: str) -> subprocess.CompletedProcess[str]:
        words = [str(ROOT / "preprocess/common.sh"), *options, str(out), str(raw)]
        command = ["bash", "-c", script, "test.sh", *words]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert start("a b", "10", "1").returncode == 0
    assert (out / "records.txt").read_text() == "one\n"
    done = start("c", "10", "1")
    assert done.returncode == 2
    assert f"{out}: was made with other options (--pair a b); give those, or" in done.stderr
    assert start("a b", "20", "2").returncode == 0, "as no data-bin was made with the first one"
    write(out / "data-bin/manifest.json", ["{}"])
    assert "was made with other options (--vocab-size 20)" in start("a b", "10", "1").stderr
    assert "there already" in start("a b", "20", "1").stdout


@pytest.mark.slow
def test_mt_refuses_unequal_counts_and_empty_sides_and_drops_repetitions(tmp_path: Path) -> None:
    for split, size in (("train", 9), ("valid", 2)):
        write(tmp_path / f"text.{split}.en", [f"{split} {line}" for line in ENGLISH[:size]])
        write(tmp_path / f"text.{split}.de", [f"{split} {line}" for line in GERMAN[:size]])
    words = ["--text", tmp_path / "text", "--source-lang", "en", "--target-lang", "de"]
    write(tmp_path / "text.valid.de", GERMAN[:3])
    done = run("mt.sh", *words, "--out", tmp_path / "out", "--vocab-size", 60)
    assert done.returncode == 2
    assert "text.valid.de: must have as many lines as" in done.stderr
    write(tmp_path / "text.valid.de", GERMAN[:2])
    done = run("mt.sh", *words, "--out", tmp_path / "out", "--vocab-size", 60)
    assert done.returncode == 0, done.stderr
    assert manifest(tmp_path / "out")["source_lang"] == "en"
    empty = write(tmp_path / "empty.de", ["x", " "])
    both = write(tmp_path / "both.en", ["x", "y"])
    done = python("parallel", both, empty, "--source-lang", "en", "--target-lang", "de",
                  "--out", tmp_path / "r.jsonl.gz")  # fmt: skip
    assert f"{empty}:2: a translation pair must have two texts" in done.stderr


@pytest.mark.slow
def test_round_trip_makes_a_corpus_of_headlines(tmp_path: Path) -> None:
    pytest.importorskip("datatrove")
    for split in ("train", "valid", "test"):
        write(tmp_path / f"raw/{split}.article.txt", [f"{split}: {line}" for line in ENGLISH])
        write(tmp_path / f"raw/{split}.title.txt", [f"{split} {line[:40]}" for line in ENGLISH])
    with gzip.open(tmp_path / "raw/valid.title.txt.gz", "wb") as stream:
        stream.write((tmp_path / "raw/valid.title.txt").read_bytes())
    (tmp_path / "raw/valid.title.txt").unlink()
    translate = f"command:{shutil.which('cat')}"
    words = ["--text", tmp_path / "raw", "--forward", translate, "--backward", translate]
    words += ["--out", tmp_path / "out", "--vocab-size", 45]
    done = run("en2de_roundtrip.sh", *words)
    assert done.returncode == 0, done.stderr
    assert "train: 9 of 9 documents" in done.stdout
    first = records(tmp_path / "out/roundtrip-train/corpus.jsonl.gz")[0]
    assert first["summary"]["de"] == first["summary"]["en"]
    assert manifest(tmp_path / "out")["target_langs"] == ["de"]
