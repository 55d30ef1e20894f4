"""The package descriptions of one target language as data-bins, made when they are missing."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.text_files import read_lines, write_beside
from studies.ddtp.cells import PARAGRAPH_WORDS, PARAGRAPHS, Corpus
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
        training: records of the training triples.
        pairs: data-bin of paragraphs with their translations, in the place of summaries; None
            where nothing is translated, or DATA was not given and they are not there.
    """

    corpus: Corpus
    pretraining: Path
    triples: Path
    shuffled: Path
    records: dict[str, Path]
    training: Path = Path("train.jsonl")
    pairs: Path | None = None


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
        check_count(triples["train"], corpus)
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
        triples["train"],
        None if corpus.frozen else _pairs(corpus, data, out, every),
    )


def _pairs(corpus: Corpus, data: Path | None, out: Path, every: Path) -> Path | None:
    """The data-bin of paragraphs, made when it is missing and can be."""
    made = out / "bins" / "pairs"
    if not (made / "manifest.json").exists():
        if data is None:
            return None
        files = {split: out / "records" / f"{split}.pairs.jsonl" for split in ("train", "valid")}
        for split, path in files.items():
            rows = (json.loads(line) for _, line in read_lines(data / f"{split}.jsonl.gz"))
            _write_rows(path, (pair for row in rows for pair in paragraphs(row, corpus.language)))
        named = ("--train", files["train"], "--valid", files["valid"], "--like", every)
        longest = ("--max-document-words", PARAGRAPH_WORDS)
        data_bin(made, *named, *longest, languages=("en", corpus.language))
    return made


def paragraphs(row: Row, language: str) -> Iterator[Row]:
    """The paragraphs of a description with their translations, each as a record.

    The translation stands in the place of the summary: what translates is a model as NCLS.
    """
    english, other = row["document"]["en"], row.get("translation", {}).get(language, [])
    if len(english) != len(other) or len(english) > PARAGRAPHS:
        return
    for number, (source, target) in enumerate(zip(english, other, strict=True)):
        name = f"{row['id']}.{number}"
        yield {"id": name, "document": {"en": source}, "summary": {language: target}}


def _divide(source: Path, corpus: Corpus, triples: Path, rest: Path | None) -> None:
    rows = [json.loads(line) for _, line in read_lines(source)]
    languages = ("en", corpus.language)
    _write(triples, rows, languages, lambda row: corpus.language in row["summary"])
    if rest is not None:
        _write(rest, rows, ("en",), lambda row: corpus.language not in row["summary"])


def _write(
    path: Path, rows: Iterable[Row], languages: Iterable[str], wanted: Callable[[Row], bool]
) -> None:
    def kept(row: Row) -> Row:
        summary = {language: row["summary"][language] for language in languages}
        return {"id": row["id"], "document": {"en": row["document"]["en"]}, "summary": summary}

    _write_rows(path, map(kept, filter(wanted, rows)))


def _write_rows(path: Path, rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")


def check_count(triples: Path, corpus: Corpus) -> None:
    """End the study where records hold another number of triples than the rules speak of."""
    found = sum(1 for _ in read_lines(triples))
    if abs(found - corpus.triples) > _TOLERANCE * corpus.triples:
        raise SystemExit(
            f"{triples}: must hold about {corpus.triples} training triples, as the split that the "
            f"rules speak of, but holds {found}; make the records with the ids of that split"
        )
    if found != corpus.triples:
        say(f"{found} training triples, not {corpus.triples}: packages of that release have gone")
