"""MT, MS and CLS from the descriptions of packages as one data-bin, made when it is missing."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.text_files import read_lines, write_beside
from studies.ddtp.cells import PARAGRAPH_WORDS
from studies.ddtp.corpora import VOCABULARY, check_count, paragraphs
from studies.harness.processes import data_bin
from studies.vhm_ddtp.cells import ITALIAN

Row = dict[str, Any]


@dataclass(frozen=True)
class Material:
    """What all systems are trained and judged on.

    Attributes:
        data: data-bin of all three tasks.
        records: split -> records with both summaries.
        training: records of CLS, the baselines' material.
    """

    data: Path
    records: dict[str, Path]
    training: Path


def build(data: Path | None, out: Path) -> Material:
    """Make what is missing of DATA, the folder of the descriptions' records.

    Args:
        data: as preprocess/ddtp.sh writes it; None: all is there already.
        out: gets records/ and bin/.
    """
    folder = out / "records"
    names = ("train", "valid", "test", "train.en", "train.pairs")
    files = {name: folder / f"{name}.jsonl" for name in names}
    if not files["train.pairs"].exists():
        if data is None:
            raise SystemExit("--data: the folder of the descriptions' records must be given")
        for split in ("train", "valid", "test"):
            rows = list(_rows(data / f"{split}.jsonl.gz"))
            _write(files[split], (_summaries(row) for row in rows if _triple(row)))
            if split == "train":
                check_count(files[split], ITALIAN)
                rest = (_summaries(row) for row in rows if not _triple(row))
                _write(files["train.en"], rest)
                _write(files["train.pairs"], (pair for row in rows for pair in pairs(row)))
    train = (files["train"], files["train.en"], files["train.pairs"])
    words = ("--train", *train, "--valid", files["valid"], "--vocab-size", VOCABULARY)
    made = data_bin(
        out / "bin", *words, "--lowercase", "--task-tags", languages=("en", ITALIAN.language)
    )
    return Material(made, {split: files[split] for split in ("valid", "test")}, files["train"])


def pairs(row: Row) -> Iterator[Row]:
    """The paragraphs of a description with their translations, but the longest."""
    for one in paragraphs(row, ITALIAN.language):
        source, target = one["document"], one["summary"]
        if (
            max(len(text.split()) for text in (*source.values(), *target.values()))
            <= PARAGRAPH_WORDS
        ):
            yield {"id": one["id"], "document": source, "translation": target}


def _triple(row: Row) -> bool:
    return ITALIAN.language in row["summary"]


def _summaries(row: Row) -> Row:
    wanted = {code: row["summary"][code] for code in ("en", "it") if code in row["summary"]}
    return {"id": row["id"], "document": {"en": row["document"]["en"]}, "summary": wanted}


def _rows(path: Path) -> Iterator[Row]:
    return (json.loads(line) for _, line in read_lines(path))


def _write(path: Path, rows: Iterator[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
