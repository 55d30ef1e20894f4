"""`mclas report --data`: the NLL of a trigram model on the pieces of the data-bin."""

import json
from pathlib import Path

import pytest

import mclas_fairseq
from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.cli import main
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.evaluation.trigrams import TrigramModel

mclas_fairseq.register()  # its task stands in fairseq's registry, for preparing in this process

TRAIN = ["rote Bäume", "kleine Häuser", "rote Häuser", "kleine Wege", "kleine Bäume"]
TEST = ["rote Wege", "kleine Häuser"]


def _write(path: Path, summaries: list[str | None]) -> Path:
    rows = [
        {"id": f"{path.stem}-{number}", "document": {"en": f"document {number}"},
         "summary": {"en": "a summary", **({"de": text} if text else {})}}
        for number, text in enumerate(summaries)
    ]  # fmt: skip
    lines = [json.dumps(row, ensure_ascii=False) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_bits_a_piece_are_shown_for_each_split_with_summaries(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # A document without a summary is no summary of an end alone, which would be cheap to foretell.
    files = {
        "train": _write(tmp_path / "train.jsonl", [*TRAIN, None, None]),
        "test": _write(tmp_path / "test.jsonl", [*TEST, None]),
    }
    prepare(
        PrepareOptions(
            source_lang="en",
            target_langs=("de",),
            inputs={split: (path,) for split, path in files.items()},
            out=tmp_path / "data-bin",
            tokenizer=TokenizerOptions(name="words", vocab_size=100),
        )
    )
    written = [
        {"id": f"test-{number}", "summary": {"de": text}} for number, text in enumerate(TEST)
    ]
    system = tmp_path / "system.jsonl"
    system.write_text("".join(json.dumps(row) + "\n" for row in written), encoding="utf-8")
    flags = ["--train", str(files["train"]), "--ref", str(files["test"]), "--source-lang", "en"]
    flags += ["--lang", "de", "--system", f"X={system}", "--data", str(tmp_path / "data-bin")]
    assert main(["report", *flags, "--json", str(tmp_path / "report.json")]) == 0
    printed = capsys.readouterr().out
    bits = json.loads((tmp_path / "report.json").read_text())["trigram_bits_per_piece"]["test"]
    assert f"of the training summaries, test split: {bits:.2f} bits a piece" in printed
    entries = len(DataBin.open(tmp_path / "data-bin").dictionary)
    model = TrigramModel([[*text.split(), "end"] for text in TRAIN], entries)
    assert bits == pytest.approx(
        model.bits_per_piece([*text.split(), "end"] for text in TEST), abs=1e-4
    )
