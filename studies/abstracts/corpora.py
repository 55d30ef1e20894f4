"""Abstracts with summaries in one target language, and what may be learned before them."""

import gzip
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.records import write_records
from mclas_fairseq.corpus.text_files import read_lines
from studies.harness.processes import OVERLAP, XSCITLDR, claimed, data_bin, quietly

VOCABULARY = 8000
PAIR_WORDS = range(4, 51)  # of the English side of a pair of parallel text
_SOURCE = "en"
Row = dict[str, Any]


@dataclass(frozen=True)
class Material:
    """What the systems of a language are trained and judged on.

    Attributes:
        language: of the cross-lingual summaries.
        data: folder of the real corpora; None where it was not given.
        out: has records/ and bins/.
    """

    language: str
    data: Path | None
    out: Path

    @property
    def pretraining(self) -> Path:
        """Data-bin of the monolingual summarizer."""
        return self.out / "bins" / "pretraining"

    @property
    def triples(self) -> Path:
        """Data-bin of all systems."""
        return self.out / "bins" / "triples"

    @property
    def training(self) -> Path:
        """Records of the training triples."""
        return self._file("train")

    def records(self, split: str) -> Path:
        """Records of validation or test, with all references and titles."""
        return self._file(split)

    def first(self, parts: Sequence[str]) -> Path:
        """The data-bin of what is learned between MS and the triples, made when it is missing."""
        name = "-".join(["first", *parts])
        with claimed(self.out / "bins" / name, wait_for=name):
            return self._bin(name, *(self._made(part) for part in parts))

    def lexicon(self) -> Path:
        """The lexicon of translated copying, made when it is missing."""
        path = self.out / "lexicon.jsonl"
        with claimed(path, wait_for="lexicon"):
            if path.exists():
                return path
            words = ("--data", self.triples, "--parallel", self._made("mt"), "--summaries")
            quietly("mclas", "lexicon", *words, "--target-lang", self.language, "--out", path)
        return path

    def build(self) -> None:
        """Make what every system needs, where it is missing."""
        for split in ("train", "valid", "test"):
            if not self._file(split).exists():
                source = self._given(f"xscitldr/{split}.jsonl.gz")
                excluded = set(OVERLAP.read_text().split()) if split == "train" else set()
                rows = (row for row in _rows(source) if row["id"] not in excluded)
                write_records(self._file(split), (_triple(row, self.language) for row in rows))
        keys, mt = self._file("key-sentences"), self._made("mt")
        if not keys.exists():
            quietly(
                "python", XSCITLDR / "key_sentences.py", self._given("papers/train.jsonl.gz"), keys
            )
        learned = ("--vocab-size", VOCABULARY, "--lowercase")
        every = self.out / "bins" / "all"
        self._prepare(every, (self.training, keys, mt), *learned)
        self._bin("pretraining", keys, self.training)
        self._bin("triples", self.training)

    def _bin(self, name: str, *train: Path) -> Path:
        every = self.out / "bins" / "all"
        return self._prepare(self.out / "bins" / name, train, "--like", every)

    def _prepare(self, out: Path, train: Iterable[Path], *flags: object) -> Path:
        files = ("--train", *train, "--valid", self._file("valid"))
        return data_bin(out, *files, *flags, languages=(_SOURCE, self.language))

    def _made(self, part: str) -> Path:
        """Records of one of the corpora that are learned first."""
        path = self._file(part)
        if path.exists():
            return path
        path.parent.mkdir(parents=True, exist_ok=True)
        if part == "mt":
            source, lang = self._given("xscitldr/train.jsonl.gz"), ("--lang", self.language)
            excluded = ("--exclude-ids", OVERLAP)
            quietly("python", XSCITLDR / "sentence_pairs.py", source, path, *lang, *excluded)
        elif part == "parallel":
            folder = self._given("parallel")
            write_records(
                path, parallel(sorted(folder.glob(f"*.{_SOURCE}-{self.language}.tsv.gz")))
            )
        elif part == "ddtp":
            rows = _rows(self._given("ddtp/train.jsonl.gz"))
            kept = (row for row in rows if self.language in row["summary"])
            write_records(path, (_triple(row, self.language) for row in kept))
        else:
            raise SystemExit(
                f"{path}: must hold the silver corpus, but is not there; make it with"
                " examples/en2it_roundtrip, and copy its corpus.jsonl"
            )
        return path

    def _file(self, name: str) -> Path:
        return self.out / "records" / f"{name}.jsonl"

    def _given(self, name: str) -> Path:
        if self.data is None:
            raise SystemExit(
                f"--data: {name} is needed; give the folder with xscitldr/, papers/, parallel/"
                " and ddtp/"
            )
        return self.data / name


def build(language: str, data: Path | None, out: Path) -> Material:
    """Find what there is, and make what every system needs."""
    material = Material(language, data, out)
    material.build()
    return material


def parallel(files: Sequence[Path]) -> Iterator[Row]:
    """Pairs of parallel text as records: the English side is document and English summary.

    Args:
        files: named NAME.en-LANG.tsv.gz, English TAB other.
    """
    for file in files:
        kind, _, language = file.name.removesuffix(".tsv.gz").partition(f".{_SOURCE}-")
        with gzip.open(file, "rt", encoding="utf-8") as stream:
            for number, line in enumerate(stream):
                english, _, other = line.rstrip("\n").partition("\t")
                if other and len(english.split()) in PAIR_WORDS:
                    yield {
                        "id": f"{kind}-{number}",
                        "document": {_SOURCE: english},
                        "summary": {_SOURCE: [english], language: [other]},
                    }


def _rows(path: Path) -> Iterator[Row]:
    return (json.loads(line) for _, line in read_lines(path))


def _triple(row: Row, language: str) -> Row:
    summary = {code: row["summary"][code] for code in (_SOURCE, language)}
    title = {"title": row["title"]} if "title" in row else {}
    return {
        "id": row["id"],
        **title,
        "document": {_SOURCE: row["document"][_SOURCE]},
        "summary": summary,
    }
