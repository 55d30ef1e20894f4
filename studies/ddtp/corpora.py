"""The package descriptions of one target language as data-bins, made when they are missing."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.text_files import read_lines, write_beside
from studies.ddtp.cells import Corpus
from studies.harness.processes import data_bin, say
from studies.shuffle_summaries import shuffle

SPLITS = ("train", "valid", "test")
VOCABULARY = 8000
_TOLERANCE = 0.01  # of the triples: what a later point release or another architecture lacks
Row = dict[str, Any]


@dataclass(frozen=True)
class Material:
    """What a study trains and is judged on.

    Attributes:
        corpus: its language and sizes.
        pretraining: data-bin of the monolingual summarizer.
        triples: data-bin of all other systems.
        shuffled: the same with each training document's `S^A` that of another one.
        records: split -> records that have both summaries.
    """

    corpus: Corpus
    pretraining: Path
    triples: Path
    shuffled: Path
    records: dict[str, Path]


def build(corpus: Corpus, data: Path | None, out: Path) -> Material:
    """Make what is missing.

    The monolingual summarizer gets the documents that have no summary in the target language, so
    that it knows no triple. One tokenizer is learned from all training texts, for all sizes.

    Args:
        corpus: which language.
        data: folder with train.jsonl.gz, valid.jsonl.gz and test.jsonl.gz, as preprocess/ddtp.sh
            writes them; None: all is there already.
        out: gets records/ and bins/.
    """
    bins, records = out / "bins", out / "records"
    triples = {split: records / f"{split}.jsonl" for split in SPLITS}
    rest = {split: records / f"{split}.en.jsonl" for split in ("train", "valid")}
    shuffled = records / "train.shuffled.jsonl"
    if not shuffled.exists():
        if data is None:
            raise SystemExit("--data: the folder of the descriptions' records must be given")
        for split in SPLITS:
            _divide(data / f"{split}.jsonl.gz", corpus, triples[split], rest.get(split))
        _check_count(triples["train"], corpus)
        shuffle(triples["train"], shuffled, "en", seed=1)

    def make(name: str, train: Iterable[Path], valid: Iterable[Path], *flags: object) -> Path:
        files = ("--train", *train, "--valid", *valid)
        return data_bin(bins / name, *files, *flags, languages=("en", corpus.language))

    both = [(triples[split], rest[split]) for split in ("train", "valid")]
    every = make("all", *both, "--vocab-size", VOCABULARY, "--lowercase")
    valid = (triples["valid"],)
    return Material(
        corpus,
        make("pretraining", (rest["train"],), both[1], "--like", every),
        make("triples", (triples["train"],), valid, "--like", every),
        make("shuffled", (shuffled,), valid, "--like", every),
        {split: triples[split] for split in ("valid", "test")},
    )


def _divide(source: Path, corpus: Corpus, triples: Path, rest: Path | None) -> None:
    rows = [json.loads(line) for _, line in read_lines(source)]
    languages = ("en", corpus.language)
    _write(triples, rows, languages, lambda row: corpus.language in row["summary"])
    if rest is not None:
        _write(rest, rows, ("en",), lambda row: corpus.language not in row["summary"])


def _write(
    path: Path, rows: Iterable[Row], languages: Iterable[str], wanted: Callable[[Row], bool]
) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as stream:
        for row in filter(wanted, rows):
            summary = {language: row["summary"][language] for language in languages}
            kept = {"id": row["id"], "document": {"en": row["document"]["en"]}, "summary": summary}
            stream.write(json.dumps(kept, ensure_ascii=False) + "\n")


def _check_count(triples: Path, corpus: Corpus) -> None:
    found = sum(1 for _ in read_lines(triples))
    if abs(found - corpus.triples) > _TOLERANCE * corpus.triples:
        raise SystemExit(
            f"{triples}: must hold about {corpus.triples} training triples, as the split that the "
            f"rules speak of, but holds {found}; make the records with the ids of that split"
        )
    if found != corpus.triples:
        say(f"{found} training triples, not {corpus.triples}: packages of that release have gone")
