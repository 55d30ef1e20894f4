"""What is fuzzed: commands with files of theirs damaged, on a small corpus, data-bin and bundle."""

import argparse
import csv
import gzip
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from mclas_fairseq.cli import build_parser, main
from tests.fuzz.mutations import BINARY, TEXT

FIXTURE = Path(__file__).parents[1] / "compatibility" / "v0_1"
SEARCH = ("--cpu", "--beam", "2", "--max-len-b", "8", "--format", "records")
_BINARY = (".bin", ".idx", ".pt", ".safetensors", ".codes", ".gz")


@dataclass(frozen=True)
class Target:
    """A command and which of the files that it reads may be damaged.

    Attributes:
        name: of the target.
        words: of the command; files lie in the folder where it runs.
        files: glob patterns of what may be damaged.
        written: files that it writes, JSON lines or JSON, looked at when it says that all is well.
    """

    name: str
    words: Sequence[str]
    files: Sequence[str]
    written: Sequence[str] = ()


PRESET = """\
[prepare]
vocab-size = 100
[train]
arch = "mclas_tiny"
lr = 0.001
max-update = 9
"""
MODEL = ("--checkpoint", "mclas.pt", "--data", "data-bin")
SCORE = ("--hyp", "hyp.jsonl", "--ref", "test.jsonl", "--lang", "de")
REPORT = ("--train", "train.jsonl", "--ref", "test.jsonl", "--source-lang", "en", "--lang", "de")
TARGETS = (
    Target("convert csv", ("convert", "--in", "t.csv", "--map", "document.en=text,summary.de=sum",
           "--split", "80/10/10", "--out", "out"), ("t.csv",), ("out/*.jsonl",)),
    Target("convert json", ("convert", "--in", "t.json", "--map", "document.en=text,summary.de=sum",
           "--dropped", "d.jsonl", "--out", "o.jsonl"), ("t.json",), ("o.jsonl", "d.jsonl")),
    Target("convert tmx", ("convert", "--in", "t.tmx", "--map", "document.en=en,translation.de=de",
           "--out", "o.jsonl"), ("t.tmx",), ("o.jsonl",)),
    Target("prepare", ("prepare", "--source-lang", "en", "--target-lang", "de", "--train",
           "train.jsonl", "--valid", "valid.jsonl", "--tokenizer", "words", "--out", "bin"),
           ("train.jsonl", "valid.jsonl"), ("bin/manifest.json",)),
    Target("prepare like", ("prepare", "--source-lang", "en", "--target-lang", "de", "--train",
           "train.jsonl", "--valid", "valid.jsonl", "--like", "data-bin", "--out", "bin"),
           ("data-bin/*", "data-bin/tokenizer/*"), ("bin/manifest.json",)),
    Target("train preset", ("train", "data-bin", "--preset", "mine.toml", "--dry-run"),
           ("mine.toml",)),
    Target("summarize", ("summarize", *MODEL, "-i", "in.jsonl", "-o", "o.jsonl", *SEARCH),
           ("in.jsonl",), ("o.jsonl",)),
    Target("summarize data-bin", ("summarize", *MODEL, "-i", "in.jsonl", "-o", "o.jsonl", *SEARCH),
           ("data-bin/*", "data-bin/tokenizer/*"), ("o.jsonl",)),
    Target("summarize checkpoint", ("summarize", *MODEL, "-i", "in.jsonl", "-o", "o.jsonl",
           *SEARCH), ("mclas.pt",), ("o.jsonl",)),
    Target("summarize bundle", ("summarize", "--model", "bundle", "-i", "in.jsonl", "-o", "o.jsonl",
           "--cpu"), ("bundle/*", "bundle/tokenizer/*"), ("o.jsonl",)),
    Target("score", ("score", *SCORE, "--statistics", "--documents", "test.jsonl", "--source-lang",
           "en", "--json", "o.json", "--html", "o.html"), ("hyp.jsonl", "test.jsonl"), ("o.json",)),
    Target("score log", ("score", "--hyp", "g.log", "--ref", "test.jsonl", "--lang", "de", "--json",
           "o.json"), ("g.log",), ("o.json",)),
    Target("extract", ("extract", "--log", "g.log", "--data", "data-bin", "-o", "o.jsonl"),
           ("g.log", "data-bin/ids.test.txt", "data-bin/manifest.json"), ("o.jsonl",)),
    Target("report", ("report", *REPORT, "--system", "A=hyp.jsonl", "--json", "o.json"),
           ("hyp.jsonl", "train.jsonl", "test.jsonl"), ("o.json",)),
    Target("average", ("average", "--inputs", "mclas.pt", "other.pt", "--out", "o.pt"),
           ("mclas.pt", "other.pt")),
    Target("export", ("export", *MODEL, "--out", "new", "--name", "x", "--licence", "MIT",
           "--author", "x", "--scores", "scores.json"),
           ("scores.json", "mclas.pt", "data-bin/*"), ("new/*.json",)),
    Target("human", ("human", "score", "--key", "key.json", "--sheets", "sheet.csv", "--json",
           "o.json"), ("key.json", "sheet.csv"), ("o.json",)),
    Target("doctor", ("doctor", "--data", "data-bin"), ("data-bin/*",)),
)  # fmt: skip


def lay_out(folder: Path) -> None:
    """Make the files that all targets read, whole."""
    for name in ("train", "valid", "test"):
        shutil.copy(FIXTURE / "news" / f"{name}.jsonl", folder / f"{name}.jsonl")
    words = ["--source-lang", "en", "--target-lang", "de", "--out", str(folder / "data-bin")]
    for name in ("train", "valid", "test"):
        words += [f"--{name}", str(folder / f"{name}.jsonl")]
    assert main(["prepare", *words, "--like", str(FIXTURE / "data-bin")]) == 0
    packed = (FIXTURE / "checkpoints" / "mclas.pt.gz").read_bytes()
    for name in ("mclas.pt", "other.pt"):
        (folder / name).write_bytes(gzip.decompress(packed))
    shutil.copytree(FIXTURE / "bundle", folder / "bundle")
    records = [json.loads(line) for line in (folder / "test.jsonl").read_text().splitlines()]
    _write_lines(folder / "in.jsonl", records[:2])
    _write_lines(folder / "hyp.jsonl", [{"id": r["id"], "summary": r["summary"]} for r in records])
    rows = [{"text": r["document"]["en"], "sum": r["summary"]["de"][0]} for r in records]
    texts = [{"text": " ".join(_sentences(row["text"])), "sum": row["sum"]} for row in rows]
    with (folder / "t.csv").open("w", encoding="utf-8", newline="") as stream:
        table = csv.DictWriter(stream, ("text", "sum"))
        table.writeheader()
        table.writerows(texts)
    (folder / "t.json").write_text(json.dumps({"data": texts}), encoding="utf-8")
    units = "".join(
        f'<tu><tuv xml:lang="en"><seg>{row["text"]}</seg></tuv>'
        f'<tuv xml:lang="de"><seg>{row["sum"]}</seg></tuv></tu>\n'
        for row in texts
    )
    (folder / "t.tmx").write_text(f'<tmx version="1.4"><body>\n{units}</body></tmx>\n', "utf-8")
    (folder / "mine.toml").write_text(PRESET)
    (folder / "scores.json").write_text('{"systems": []}')
    _write_log(folder / "g.log", len(records))
    _write_human(folder)


def _sentences(text: object) -> list[str]:
    return [text] if isinstance(text, str) else list(text)  # type: ignore[call-overload]


def _write_lines(path: Path, rows: Sequence[object]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    path.write_text(text, encoding="utf-8")


def _write_log(path: Path, documents: int) -> None:
    run = {"split": "test", "languages": ["en", "de"], "documents": documents}
    lines = [f"2026-01-01 | INFO | x | summaries written: {json.dumps(run)}"]
    for row in range(documents):
        text = "Two houses burned . [LSEP] Zwei Häuser brannten ."
        lines += [f"S-{row}\tx", f"H-{row}\t-1.0\tx", f"D-{row}\t-1.0\t{text}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _write_human(folder: Path) -> None:
    words = ["human", "sample", "--system", f"A={folder / 'hyp.jsonl'}", "--system"]
    words += [f"B={folder / 'test.jsonl'}", "--lang", "de", "--source", str(folder / "test.jsonl")]
    words += ["--source-lang", "en", "--documents", "3", "--out", str(folder / "sheets")]
    assert main([*words, "--key", str(folder / "key.json")]) == 0
    sheet = sorted((folder / "sheets").glob("*.csv"))[0]
    shutil.copy(sheet, folder / "sheet.csv")


@dataclass(frozen=True)
class Case:
    """One command on one damaged file.

    Attributes:
        target: the command.
        file: the damaged file, relative to the folder.
        content: of it.
        seed: by which it was damaged.
    """

    target: Target
    file: str
    content: bytes
    seed: int

    @property
    def name(self) -> str:
        """For people: `score: hyp.jsonl, seed 17`."""
        return f"{self.target.name}: {self.file}, seed {self.seed}"


def make_case(folder: Path, seed: int) -> Case:
    """Damage a file of a target, both drawn by the seed."""
    random = Random(seed)
    target = TARGETS[seed % len(TARGETS)]
    files = sorted(
        path for pattern in target.files for path in folder.glob(pattern) if path.is_file()
    )
    path = random.choice(files)
    mutation = random.choice(BINARY if path.suffix in _BINARY else TEXT)
    content = mutation(path.read_bytes(), random)
    return Case(target, path.relative_to(folder).as_posix(), content, seed)


def wrong_output(case: Case, folder: Path) -> Iterator[str]:
    """What is wrong with the output of a command that said that all is well."""
    for pattern in case.target.written:
        files = sorted(folder.glob(pattern))
        if not files:
            yield f"{pattern} was not written"
        for path in files:
            yield from _look(path)


def foreign_flags(case: Case, said: str) -> list[str]:
    """Flags in the error of a command that are not its own, nor said to be another command's."""
    last = (said.strip().splitlines() or [""])[-1]
    own = {action for one in _parsers(case.target.words) for action in one._option_string_actions}
    named = re.split(r"[;,(]", re.sub(r"['\"][^'\"]*['\"]", "", last))  # what is cited is a value
    return [
        flag
        for part in named
        if not re.search(
            r"mclas [a-z]+ |fairseq-|fairseq's |pip |python ", part.split("error: ")[-1]
        )
        for flag in re.findall(r"(?<![\w-])--[a-z][a-z-]+", part)
        if flag not in own
    ]


def _parsers(words: Sequence[str]) -> Iterator[argparse.ArgumentParser]:
    """Parser of a command, and of its subcommand."""
    parser = build_parser()
    for word in words:
        nested = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
        if not nested or word not in nested[0].choices:
            return
        parser = nested[0].choices[word]
        yield parser


def _look(path: Path) -> Iterator[str]:
    def refuse(constant: str) -> float:
        raise ValueError(f"it holds {constant}")

    text = path.read_text(encoding="utf-8")
    for part in text.splitlines() if path.suffix == ".jsonl" else [text]:
        try:
            json.loads(part, parse_constant=refuse)
        except ValueError as error:
            yield f"{path.name}: not strict JSON ({error})"
