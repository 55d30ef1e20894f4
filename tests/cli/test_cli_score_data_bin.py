"""`mclas score --data`: ids for logs of fairseq-generate, and pieces outside a vocabulary."""

import argparse
import json
from pathlib import Path

import pytest

from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.cli import score
from mclas_fairseq.corpus.generation_log import GenerationRun, describe_run
from mclas_fairseq.errors import DataError

SUMMARIES = ["rote Bäume", "kleine Häuser", "weite Wege", "kaltes Wasser"]


def record(number: int, summary: str, split: str) -> str:
    row = {
        "id": f"{split}-{number}",
        "document": {"en": f"document number {number}"},
        "summary": {"en": "a summary", "de": summary},
    }
    return json.dumps(row, ensure_ascii=False) + "\n"


@pytest.fixture(scope="module")
def data_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Words as pieces; the training summaries lack the word `Wasser`."""
    folder = tmp_path_factory.mktemp("corpus")
    train = [*SUMMARIES[:3], "kaltes Haus"]
    for split, texts in (("train", train), ("test", SUMMARIES)):
        lines = [record(number, text, split) for number, text in enumerate(texts)]
        (folder / f"{split}.jsonl").write_text("".join(lines), encoding="utf-8")
    prepare(
        PrepareOptions(
            source_lang="en",
            target_langs=("de",),
            inputs={split: (folder / f"{split}.jsonl",) for split in ("train", "test")},
            out=folder / "data-bin",
            tokenizer=TokenizerOptions(name="words", vocab_size=100),
        )
    )
    return folder / "data-bin"


def run(folder: Path, log: Path, data_bin: Path, *arguments: str) -> dict[str, object]:
    parser = argparse.ArgumentParser()
    score.add_arguments(parser)
    references = data_bin / "references.test.jsonl"
    files = ["--hyp", str(log), "--ref", str(references), "--json", str(folder / "r.json")]
    score.run(parser.parse_args([*files, "--data", str(data_bin), "--lang", "de", *arguments]))
    found: dict[str, object] = json.loads((folder / "r.json").read_text(encoding="utf-8"))
    return found


def write_log(path: Path, rows: list[int], documents: int) -> Path:
    lines = [describe_run(GenerationRun("test", ("de",), documents))]
    for row in rows:
        lines += [f"S-{row}\tx", f"H-{row}\t-0.5\tx", f"D-{row}\t-0.5\t{SUMMARIES[row]}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def test_a_log_gets_its_ids_from_the_data_bin(tmp_path: Path, data_bin: Path) -> None:
    log = write_log(tmp_path / "generate.log", [2, 0, 3, 1], 4)
    rows = tmp_path / "rows.jsonl"
    run(tmp_path, log, data_bin, "--per-document", str(rows))
    found = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()]
    assert [(row["document"], row["rouge1"]) for row in found] == [
        (f"test-{number}", 100.0) for number in range(4)
    ]


def test_a_log_of_a_part_of_the_split_is_refused_by_its_ids(tmp_path: Path, data_bin: Path) -> None:
    log = write_log(tmp_path / "generate.log", [0, 3], 2)
    with pytest.raises(DataError, match=r"2 \(test-1, test-2\) are missing"):
        run(tmp_path, log, data_bin)


def test_pieces_outside_the_language_vocabulary_are_counted(tmp_path: Path, data_bin: Path) -> None:
    log = write_log(tmp_path / "generate.log", [0, 1, 2, 3], 4)
    statistics = run(tmp_path, log, data_bin, "--statistics")["statistics"]
    assert isinstance(statistics, list)
    # "Wasser" is the one of eight words that no training summary has.
    assert statistics[0]["outside_vocabulary"] == 0.125
