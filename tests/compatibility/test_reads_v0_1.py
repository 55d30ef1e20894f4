"""What 0.1.0 wrote still works: checkpoints, a data-bin, a bundle (see `make_fixture.py`)."""

import gzip
import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

import mclas_fairseq
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from tests.system.conftest import PLUGIN, fairseq, mclas, read_rows

FIXTURE = Path(__file__).with_name("v0_1")
SYSTEMS = ("ms", "ncls", "ncls_ms", "mclas", "many", "vhm")
SEARCH = "--beam 2 --max-len-b 12".split()
TEST_SET = FIXTURE / "news" / "test.jsonl"
TARGETS = {"many": ["--target-langs", "de,zh"]}


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The fixture, copied, with its checkpoints unpacked."""
    folder = tmp_path_factory.mktemp("old") / "v0_1"
    shutil.copytree(FIXTURE, folder)
    for packed in folder.glob("checkpoints/*.gz"):
        packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    return folder


def check_expected(found: list[dict[str, Any]], name: str) -> None:
    """Compare summaries, exactly, and scores (bits per token) with what 0.1.0 gave."""
    expected = read_rows(FIXTURE / "expected" / f"{name}.jsonl")
    assert [row["id"] for row in found] == [row["id"] for row in expected]
    assert len(expected) == 6
    assert len({str(row["summary"]) for row in expected}) > 1, "documents are told apart"
    for row, other in zip(found, expected, strict=True):
        assert row["summary"] == other["summary"]
        if "targets" in other:  # one score for each target language
            assert list(row["targets"]) == list(other["targets"]) == ["de", "zh"]
            for language, wanted in other["targets"].items():
                assert row["targets"][language]["summary"] == wanted["summary"]
                assert row["targets"][language]["score"] == pytest.approx(wanted["score"], abs=1e-3)
        else:
            assert row["score"] == pytest.approx(other["score"], abs=1e-3)


def summarize(*words: object) -> list[dict[str, Any]]:
    printed = mclas("summarize", "-i", TEST_SET, "--cpu", *words)
    return [json.loads(line) for line in printed.splitlines()]


def with_checkpoint(old: Path, checkpoint: Path) -> list[dict[str, Any]]:
    words = ("--checkpoint", checkpoint, "--data", old / "data-bin")
    return summarize(*words, *SEARCH)


def task_flags(name: str) -> list[object]:
    """Flags of fairseq's commands for a checkpoint of the fixture."""
    task = "multitask_summarization" if name == "vhm" else "cross_lingual_summarization"
    process = ["--cpu", "--num-workers", 0, "--distributed-world-size", 1, "--user-dir", PLUGIN]
    return ["--task", task, *TARGETS.get(name, ["--target-lang", "de"]), *process]


@pytest.mark.parametrize("name", SYSTEMS)
def test_checkpoints_summarize_as_they_did(old: Path, name: str) -> None:
    check_expected(with_checkpoint(old, old / "checkpoints" / f"{name}.pt"), name)


@pytest.mark.parametrize("name", SYSTEMS)
def test_fairseq_generate_and_extract_give_the_same(old: Path, name: str, tmp_path: Path) -> None:
    words = ("--path", old / "checkpoints" / f"{name}.pt", *SEARCH, "--no-repeat-ngram-size", 3)
    log = tmp_path / "generate.log"
    log.write_text(
        fairseq("generate", old / "data-bin", *words, *task_flags(name)), encoding="utf-8"
    )
    printed = mclas("extract", "--log", log, "--data", old / "data-bin")
    check_expected([json.loads(line) for line in printed.splitlines()], name)


def test_the_bundle_summarizes_as_it_did_in_both_ways(old: Path) -> None:
    check_expected(summarize("--model", old / "bundle"), "bundle")
    expected = read_rows(FIXTURE / "expected" / "bundle.jsonl")
    documents = [" ".join(row["document"]["en"]) for row in read_rows(TEST_SET)]
    found = mclas_fairseq.load(old / "bundle", device="cpu").summarize(documents)
    assert [dict(summary.summary) for summary in found] == [row["summary"] for row in expected]


@pytest.mark.parametrize("name", SYSTEMS)
def test_a_new_bundle_of_an_old_checkpoint_gives_the_same(
    old: Path, name: str, tmp_path: Path
) -> None:
    checkpoint = old / "checkpoints" / f"{name}.pt"
    words = ("--checkpoint", checkpoint, "--data", old / "data-bin", *SEARCH)
    mclas("export", *words, "--out", tmp_path / "bundle")
    check_expected(summarize("--model", tmp_path / "bundle"), name)


def test_the_average_of_a_checkpoint_with_itself_gives_the_same(old: Path, tmp_path: Path) -> None:
    checkpoint = old / "checkpoints" / "mclas.pt"
    shutil.copy(checkpoint, tmp_path / "copy.pt")
    words = ("--inputs", checkpoint, tmp_path / "copy.pt", "--out", tmp_path / "average.pt")
    mclas("average", *words)
    check_expected(with_checkpoint(old, tmp_path / "average.pt"), "mclas")


@pytest.mark.parametrize("name", SYSTEMS)
def test_training_goes_on_from_an_old_checkpoint(old: Path, name: str, tmp_path: Path) -> None:
    stored = load_checkpoint(old / "checkpoints" / f"{name}.pt")
    options = vars(stored["cfg"]["model"])
    sizes: list[object] = []
    for side in ("encoder", "decoder"):
        for part in ("layers", "embed_dim", "ffn_embed_dim", "attention_heads"):
            option = f"{side}_{part}"
            sizes += [f"--{option.replace('_', '-')}", options[option]]
    layout = options["target_layout"]
    criterion = ["--criterion", "summary_cross_entropy", "--target-layout", layout]
    if name == "vhm":
        criterion = ["--criterion", "vhm_elbo", "--latent-dim", "4", "--kl-annealing-updates", "6"]
    training = (
        "--max-update 1 --batch-size 4 --optimizer adam --lr 1e-12 --seed 1 --no-epoch-checkpoints "
        "--max-source-positions 64 --max-target-positions 64 --disable-validation"
    ).split()
    start = ("--arch", options["arch"], "--finetune-from-model", old / "checkpoints" / f"{name}.pt")
    where = (old / "data-bin", "--save-dir", tmp_path)
    fairseq("train", *where, *start, *sizes, *criterion, *training, *task_flags(name))
    # At such a rate one update changes nothing that would change a summary.
    tuned = load_checkpoint(tmp_path / "checkpoint_last.pt")["model"]
    for key, value in stored["model"].items():
        torch.testing.assert_close(tuned[key], value, atol=1e-9, rtol=1e-6)
    check_expected(with_checkpoint(old, tmp_path / "checkpoint_last.pt"), name)


def test_the_fixture_is_small() -> None:
    sizes = [path.stat().st_size for path in FIXTURE.rglob("*") if path.is_file()]
    assert len(sizes) > 50
    assert sum(sizes) < 300_000
