"""The package descriptions of all eight languages in one data-bin, made when it is missing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.text_files import read_lines, write_beside
from studies.harness.processes import data_bin
from studies.joint_languages.cells import LANGUAGES, VOCABULARY

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Material:
    """What all systems are trained on.

    Attributes:
        data: data-bin of the documents that have a summary in one of the languages.
        english: data-bin of all documents, for the monolingual summarizer.
        records: split -> the documents of `data` with all summaries.
    """

    data: Path
    english: Path
    records: dict[str, Path]


def build(data: Path | None, out: Path) -> Material:
    """Make what is missing.

    Args:
        data: folder with train.jsonl.gz, valid.jsonl.gz and test.jsonl.gz, as preprocess/ddtp.sh
            writes them; None: all is there already.
        out: gets records/ and bins/.
    """
    folder = out / "records"
    records = {split: folder / f"{split}.jsonl" for split in SPLITS}
    rest = {split: folder / f"{split}.en.jsonl" for split in ("train", "valid")}
    for split in SPLITS:
        if records[split].exists():
            continue
        if data is None:
            raise SystemExit("--data: the folder of the descriptions' records must be given")
        rows = [json.loads(line) for _, line in read_lines(data / f"{split}.jsonl.gz")]
        if split in rest:
            _write(rest[split], (row for row in rows if not _targets(row)))
        _write(records[split], (row for row in rows if _targets(row)))  # last: it says all is there
    languages = ("en", ",".join(LANGUAGES))
    both = {split: (records[split], rest[split]) for split in rest}
    english = data_bin(
        out / "bins" / "english", "--train", *both["train"], "--valid", *both["valid"],
        "--vocab-size", VOCABULARY, "--lowercase", languages=languages,
    )  # fmt: skip
    triples = data_bin(
        out / "bins" / "triples", "--train", records["train"], "--valid", records["valid"],
        "--like", english, languages=languages,
    )  # fmt: skip
    return Material(triples, english, records)


def _targets(row: dict[str, Any]) -> list[str]:
    return [language for language in LANGUAGES if language in row["summary"]]


def _write(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as stream:
        for row in rows:
            summary = {language: row["summary"][language] for language in ("en", *_targets(row))}
            kept = {"id": row["id"], "document": {"en": row["document"]["en"]}, "summary": summary}
            stream.write(json.dumps(kept, ensure_ascii=False) + "\n")
