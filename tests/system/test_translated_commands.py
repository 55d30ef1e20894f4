"""Translated copying through the commands: lexicon, training, and what becomes of checkpoints."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

import mclas_fairseq
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.generation.options import DecodingOptions

if TYPE_CHECKING:
    from tests.system.conftest import Toy

TABLES = "decoder.translations."
OPTIONS = DecodingOptions(beam=2, max_len_b=12)


def make_lexicon(toy: "Toy", data: Path, records: Path, target: str = "de") -> Path:
    file = records.parent / f"{data.parent.name}.en-{target}.jsonl"
    words = ("--data", data, "--parallel", records, "--target-lang", target)
    toy.mclas("lexicon", *words, "--summaries", "--aligner", "ibm1", "--out", file)
    return file


@pytest.fixture(scope="module")
def german(toy: "Toy") -> Path:
    """A data-bin of English and German in a dictionary that has Chinese as well."""
    folder = toy.folder / "translated"
    folder.mkdir()
    files: list[object] = []
    for split, content in toy.rows.items():
        files += [f"--{split}", toy.write(folder / f"{split}.jsonl", content)]
    words = ("--source-lang", "en", "--target-lang", "de", "--like", toy.data_bin)
    toy.mclas("prepare", *words, *files, "--out", folder / "bin")
    return folder / "bin"


@pytest.fixture(scope="module")
def checkpoint(toy: "Toy", german: Path) -> Path:
    """MCLAS with adaptive copying, whose lexicon's file is gone."""
    lexicon = make_lexicon(toy, german, german.parent / "train.jsonl")
    flags = ("--target-layout", "mclas", "--translated-copying", "adaptive", "--lexicon", lexicon)
    folder = toy.train("adaptive", *flags, "--max-update", "4", data=german)
    lexicon.unlink()
    return folder / "checkpoint_last.pt"


def summaries(model: Any) -> list[Any]:
    texts = ["The council met in Berlin on Monday.", "Anna Weber won 12 of 14 games in Bonn."]
    found = mclas_fairseq.load(model[0], data=model[1], device="cpu", options=OPTIONS)
    return [one for text in texts for one in found.summarize([text])[0].hypotheses]


def test_lexicon_travels_with_checkpoint_average_and_bundle(
    toy: "Toy", german: Path, checkpoint: Path, tmp_path: Path
) -> None:
    weights = load_checkpoint(checkpoint)["model"]
    assert weights[TABLES + "ids"].shape[:2] == (2, len(DataBin.open(german).dictionary))
    assert weights[TABLES + "ids"].size(2) > 1
    assert bytes(weights[TABLES + "pairs"].tolist()) == b"en>de"
    assert len(toy.summaries(toy.generate(checkpoint, data=german), german)) == 14
    bundle, average = tmp_path / "bundle", tmp_path / "average.pt"
    given = ("--checkpoint", checkpoint, "--data", german)
    toy.mclas("export", *given, "--out", bundle, "--beam", 2, "--max-len-b", 12)
    again = shutil.copy(checkpoint, tmp_path / "again.pt")
    toy.mclas("average", "--inputs", checkpoint, again, "--out", average)
    expected = summaries((checkpoint, german))
    for model in ((bundle, None), (average, german)):
        for one, other in zip(summaries(model), expected, strict=True):
            assert one.summary == other.summary
            assert one.score == pytest.approx(other.score, abs=1e-5)


def of_german(weights: dict[str, torch.Tensor]) -> list[set[int]]:
    """Candidates of each entry of a dictionary."""
    ids, shares = weights[TABLES + "ids"][1], weights[TABLES + "weights"][1]
    return [set(row[share > 0].tolist()) for row, share in zip(ids, shares, strict=True)]


def test_trimmed_checkpoint_has_a_lexicon_of_the_entries_that_stay(
    toy: "Toy", german: Path, checkpoint: Path, tmp_path: Path
) -> None:
    given = ("--checkpoint", checkpoint, "--data", german, "--out", tmp_path / "trimmed")
    printed = toy.mclas("trim", *given, "--documents", 14, "--beam", 3)
    assert "summaries of test have the same tokens" in printed
    before, after = DataBin.open(german).dictionary, DataBin.open(tmp_path / "trimmed").dictionary
    assert len(after) < len(before)
    weights = load_checkpoint(tmp_path / "trimmed" / "checkpoint.pt")["model"]
    torch.testing.assert_close(weights[TABLES + "weights"].sum(2), torch.ones(2, len(after)))
    offered, had = of_german(weights), of_german(load_checkpoint(checkpoint)["model"])
    kept = 0
    for number, symbol in enumerate(after.symbols):
        now = {after[one] for one in offered[number]}
        earlier = {before[one] for one in had[before.index(symbol)]}
        assert now <= earlier | {symbol}
        kept += len(now & earlier)
    assert kept > len(after) / 2
    toy.generate(tmp_path / "trimmed" / "checkpoint.pt", data=tmp_path / "trimmed")


def test_two_targets_are_trained_with_a_lexicon_each(toy: "Toy") -> None:
    records = toy.write(toy.folder / "two.jsonl", toy.rows["train"])
    lexicons = ",".join(str(make_lexicon(toy, toy.data_bin, records, one)) for one in ("zh", "de"))
    both = replace(toy, targets=("--target-langs", "de,zh"))
    flags = ("--target-layout", "mclas", "--translated-copying", "adaptive", "--lexicon", lexicons)
    path = both.train("two-targets", *flags) / "checkpoint_last.pt"
    weights = load_checkpoint(path)["model"]
    assert bytes(weights[TABLES + "pairs"].tolist()) == b"en>de,en>zh"
    chinese = replace(toy, targets=("--target-langs", "zh"))
    assert chinese.generate(path).count("\nH-") == 14


def test_vhm_is_trained_and_writes_with_a_lexicon(toy: "Toy") -> None:
    rows: dict[str, list[dict[str, Any]]] = {}
    for split, size in (("train", 16), ("valid", 4), ("test", 4)):
        rows[split] = [json.loads(json.dumps(row)) for row in generate("easy", split, size, seed=4)]
        for number, row in enumerate(rows[split]):
            row["id"] = f"{split}/{number}"
    data = toy.prepare("translated-vhm", rows, "--task-tags")
    lexicon = make_lexicon(toy, data, toy.write(toy.folder / "vhm.jsonl", rows["train"]))
    own = "--arch vhm_tiny --criterion vhm_elbo --target-lang de --latent-dim 8".split()
    more = ("--translated-copying", "adaptive", "--lexicon", lexicon)
    folder, task = toy.folder / "vhm-translated", "multitask_summarization"
    toy.fairseq("train", data, *toy.recipe, *own, *more, "--save-dir", folder, task=task)
    for written in ("cls", "mt", "ms"):
        which = ("--generate-task", written, "--target-lang", "de")
        log = toy.fairseq(
            "generate",
            data,
            "--path",
            folder / "checkpoint_last.pt",
            *toy.search,
            *which,
            task=task,
        )
        assert log.count("\nH-") == 4
