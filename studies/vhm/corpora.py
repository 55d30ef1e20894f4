"""The corpora of the VHM study as data-bins, made when they are missing."""

import json
from dataclasses import dataclass
from pathlib import Path

from mclas_fairseq.corpus.records import read_records
from studies.harness.processes import OVERLAP, XSCITLDR, data_bin, quietly
from studies.vhm.cells import NEWS, Corpus

NEWS_DOCUMENTS = 10_000  # with translation and `S^A`; the first NEWS.sizes[-1] have `S^B`
NEWS_VALID, NEWS_TEST = 100, 300


@dataclass(frozen=True)
class Material:
    """What a corpus' systems are trained and judged on.

    Attributes:
        corpus: its name, sizes and settings.
        data: data-bin of CLS; on synthetic news of MT and MS as well.
        flags: where `fairseq-train` finds MT and MS.
        records: split -> records with all references.
    """

    corpus: Corpus
    data: Path
    flags: tuple[str, ...]
    records: dict[str, Path]


def build(corpus: Corpus, data: Path | None, out: Path) -> Material:
    """Make what is missing; DATA is needed for real corpora."""
    return _news(out) if corpus is NEWS else _xscitldr(corpus, data, out)


def _news(out: Path) -> Material:
    news = out / "records"
    if not (news / "test.jsonl").exists():
        sizes = ("--train", NEWS_DOCUMENTS, "--valid", NEWS_VALID, "--test", NEWS_TEST)
        quietly("mclas", "synthetic", "--setting", "hard", *sizes, "--out", news)
    train = out / "train.jsonl"
    with train.open("w", encoding="utf-8") as stream:
        for number, record in enumerate(read_records(news / "train.jsonl")):
            languages = ("en", "de") if number < NEWS.sizes[-1] else ("en",)
            row = {
                "id": record.id,
                "document": {"en": record.document["en"]},
                "summary": {language: record.summary[language] for language in languages},
                "translation": {"de": record.translation["de"]},
            }
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
    files = ("--train", train, "--valid", news / "valid.jsonl")
    bin_ = data_bin(out / "bin", *files, "--vocab-size", 2000, "--task-tags")
    records = {split: news / f"{split}.jsonl" for split in ("valid", "test")}
    return Material(NEWS, bin_, (), records)


def _xscitldr(corpus: Corpus, data: Path | None, out: Path) -> Material:
    if data is None:
        raise SystemExit("--data: the corpus xscitldr needs the folder of the real corpora")
    triples, valid = (data / "xscitldr" / f"{split}.jsonl.gz" for split in ("train", "valid"))
    papers = out / "key-sentences.jsonl"
    if not papers.exists():
        # Abstracts with the sentence that says most of the title, as in examples/xscitldr.
        script = XSCITLDR / "key_sentences.py"
        quietly("python", script, data / "papers" / "train.jsonl.gz", papers)
    without = ("--exclude-ids", OVERLAP)
    # What the tokenizer of all learns from. Its translations are MT: sentence pairs, and machine
    # translations of the training abstracts.
    texts = (triples, papers, data / "tatoeba" / "train.en-de", data / "multi30k" / "train")
    translated = ("--translation-key", "document_mt")
    learned = ("--vocab-size", 8000, "--lowercase", "--task-tags")
    mt = data_bin(out / "mt", "--train", *texts, *translated, *without, *learned)
    cls = data_bin(out / "cls", "--train", triples, "--valid", valid, *without, "--like", mt)
    ms = data_bin(out / "ms", "--train", papers, "--like", mt)
    records = {split: data / "xscitldr" / f"{split}.jsonl.gz" for split in ("valid", "test")}
    return Material(corpus, cls, ("--mt-data", str(mt), "--ms-data", str(ms)), records)
