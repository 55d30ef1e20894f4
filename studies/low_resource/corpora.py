"""The corpora of the low-resource study as data-bins, made when they are missing."""

import gzip
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path

from studies.harness.processes import OVERLAP, XSCITLDR, data_bin, quietly
from studies.low_resource.cells import NEWS, Corpus
from studies.shuffle_summaries import shuffle

NEWS_DOCUMENTS = 20_000  # with an English summary; the first NEWS.sizes[-1] have a German one


@dataclass(frozen=True)
class Material:
    """What a study trains and is judged on.

    Attributes:
        corpus: its name, sizes and settings.
        pretraining: data-bin of the monolingual summarizer.
        triples: data-bin of all other systems.
        shuffled: the same with each training document's `S^A` that of another one.
        records: split -> records with all references.
    """

    corpus: Corpus
    pretraining: Path
    triples: Path
    shuffled: Path
    records: dict[str, Path]


def build(corpus: Corpus, data: Path | None, out: Path) -> Material:
    """Make what is missing; DATA is needed for real corpora."""
    return _news(out) if corpus is NEWS else _xscitldr(corpus, data, out)


def _shuffle(records: Path, out: Path) -> Path:
    if not out.exists():
        shuffle(records, out, "en", seed=1)
    return out


def _news(out: Path) -> Material:
    news = out / "records"
    if not news.exists():
        sizes = ("--train", NEWS_DOCUMENTS, "--valid", 300, "--test", 300)
        quietly("mclas", "synthetic", "--setting", "hard", *sizes, "--out", news)
    every, triples = out / "pretraining.jsonl", out / "triples.jsonl"
    lines = (news / "train.jsonl").read_text(encoding="utf-8").splitlines()
    triples.write_text("\n".join(lines[: NEWS.sizes[-1]]) + "\n", encoding="utf-8")
    with every.open("w", encoding="utf-8") as stream:
        for line in lines:
            row = json.loads(line)
            keys = {"id": row["id"], "document": row["document"]}
            keys["summary"] = {"en": row["summary"]["en"]}
            stream.write(json.dumps(keys, ensure_ascii=False) + "\n")
    valid = ("--valid", news / "valid.jsonl")
    # One tokenizer for all sizes, learned from all triples.
    data_bin(out / "triples", "--train", triples, *valid, "--vocab-size", 2000)
    like = ("--like", out / "triples")
    data_bin(out / "pretraining", "--train", every, *valid, *like)
    data_bin(out / "shuffled", "--train", _shuffle(triples, out / "shuffled.jsonl"), *valid, *like)
    records = {split: news / f"{split}.jsonl" for split in ("valid", "test")}
    return Material(NEWS, out / "pretraining", out / "triples", out / "shuffled", records)


def _xscitldr(corpus: Corpus, data: Path | None, out: Path) -> Material:
    if data is None:
        raise SystemExit("--data: the corpus xscitldr needs the folder with xscitldr/ and papers/")
    # Abstracts with their key sentences, and lower-cased pieces, as in examples/xscitldr.
    subprocess.run(["bash", str(XSCITLDR / "run.sh"), str(data), str(out), "1", "data"], check=True)
    train = data / "xscitldr" / "train.jsonl.gz"
    with gzip.open(train, "rt", encoding="utf-8") as stream:
        (out / "train.jsonl").write_text(stream.read(), encoding="utf-8")
    shuffled = _shuffle(out / "train.jsonl", out / "shuffled.jsonl")
    valid = ("--valid", data / "xscitldr" / "valid.jsonl.gz")
    excluded = ("--exclude-ids", OVERLAP)
    like = ("--like", out / "pretrain")
    data_bin(out / "shuffled", "--train", shuffled, *valid, *like, *excluded)
    records = {split: data / "xscitldr" / f"{split}.jsonl.gz" for split in ("valid", "test")}
    return Material(corpus, out / "pretrain", out / "triples", out / "shuffled", records)
