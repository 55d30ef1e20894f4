"""A model trained from scratch on ids of a pretrained vocabulary, through fairseq's commands.

BOS, padding, EOS and unknown stand elsewhere than fairseq puts them: whatever counted on 0 to 3
would write nonsense here.
"""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq import options
from fairseq.data import data_utils

import mclas_fairseq
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.indexed_dictionary import special_indices

KINDS = ["pretrained_bert", "pretrained_xlmr"]


@pytest.fixture(scope="module", params=KINDS)
def data(
    request: pytest.FixtureRequest, toy: Any, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    folder = tmp_path_factory.mktemp("indexed")
    words: list[object] = ["prepare", "--source-lang", "en", "--target-lang", "de"]
    for split, rows in toy.rows.items():
        words += [f"--{split}", toy.write(folder / f"{split}.jsonl", rows)]
    checkpoint = request.getfixturevalue(request.param)
    toy.mclas(*words, "--pretrained", checkpoint, "--out", folder / "bin")
    return folder / "bin"


@pytest.fixture(scope="module")
def checkpoint(toy: Any, data: Path) -> Path:
    folder: Path = toy.train(f"scratch-{data.parent.name}", data=data)
    return folder / "checkpoint_last.pt"


def test_batches_hold_the_vocabularys_own_symbols(toy: Any, data: Path) -> None:
    from argparse import Namespace

    from fairseq import tasks

    from mclas_fairseq.summarization.task import CrossLingualSummarizationConfig

    cfg = CrossLingualSummarizationConfig(data=str(data), target_lang="de")
    task: Any = tasks.setup_task(Namespace(**{**vars(cfg), "task": "cross_lingual_summarization"}))
    task.load_dataset("valid", epoch=1)
    dictionary = task.dictionary
    batch = task.datasets["valid"].collater([task.datasets["valid"][n] for n in range(5)])
    source, target = batch["net_input"]["src_tokens"], batch["target"]
    previous = batch["net_input"]["prev_output_tokens"]
    assert previous[:, 0].eq(dictionary.bos()).all()
    assert source[:, -1].eq(dictionary.eos()).all()
    assert source.eq(dictionary.pad()).any()
    assert target.eq(dictionary.eos()).sum(1).eq(1).all()
    assert target.eq(task.data_bin.separator).sum(1).eq(1).all()
    lengths = torch.tensor([len(task.datasets["valid"][n]["source"]) for n in range(5)])
    padding = source.eq(dictionary.pad()).sum(1)
    assert sorted((source.size(1) - padding).tolist()) == sorted(lengths.tolist())


def test_generation_writes_text_of_the_language_and_nothing_special(
    toy: Any, data: Path, checkpoint: Path
) -> None:
    log = toy.generate(checkpoint, data=data)
    summaries = toy.summaries(log, data)
    assert [row["id"] for row in summaries] == [row["id"] for row in toy.rows["test"]]
    assert all(set(row["summary"]) == {"en", "de"} and row["summary"]["de"] for row in summaries)
    dictionary = DataBin.open(data).dictionary
    special = {dictionary[index] for index in special_indices(dictionary)} - {"[LSEP]"}
    hypotheses = re.findall(r"^H-\d+\t\S+\t(.*)$", log, flags=re.MULTILINE)
    assert len(hypotheses) == len(summaries)
    for hypothesis in hypotheses:
        assert not special.intersection(hypothesis.split())
        assert hypothesis.split().count("[LSEP]") == 1


def test_beam_scores_are_those_of_forced_decoding_and_validation_runs(
    toy: Any, data: Path, checkpoint: Path
) -> None:
    log = toy.generate(checkpoint, "--score-reference", data=data)
    assert "nan" not in log
    valid = toy.fairseq("validate", data, "--path", checkpoint, "--batch-size", 4)
    loss = float(re.findall(r"loss ([\d.]+)", valid)[-1])
    assert 0 < loss < 20


def test_training_goes_on_and_the_fingerprint_is_that_of_the_data_bin(
    toy: Any, data: Path, checkpoint: Path
) -> None:
    state = load_checkpoint(checkpoint)
    fingerprint = bytes(state["model"]["dictionary_fingerprint"].tolist()).hex()
    assert fingerprint == DataBin.open(data).manifest.dictionary_sha256
    error = toy.fails("generate", data, "--path", toy.trained("mclas"), *toy.search)
    assert "another dictionary" in str(error)


def test_a_bundle_carries_the_tokenizer_and_summarizes(
    toy: Any, data: Path, checkpoint: Path, tmp_path: Path
) -> None:
    bundle = tmp_path / "bundle"
    toy.mclas(
        *("export", "--checkpoint", checkpoint, "--data", data),
        *("--out", bundle, "--licence", "MIT"),
    )
    documents = toy.write(tmp_path / "in.jsonl", toy.rows["test"][:3])
    search = ("--beam", 2, "--max-len-b", 12, "--cpu")
    out = []
    for words in (("--model", bundle), ("--checkpoint", checkpoint, "--data", data)):
        file = tmp_path / f"{words[0]}.jsonl"
        toy.mclas("summarize", *words, *search, "-i", documents, "-o", file)
        out.append([json.loads(line)["summary"] for line in file.open(encoding="utf-8")])
    assert out[0] == out[1]


def test_fairseq_preprocess_keeps_the_ids_when_it_is_given_the_task(
    toy: Any, data: Path, tmp_path: Path
) -> None:
    data_bin = DataBin.open(data)
    side = data_bin.side("valid", "document")
    assert side is not None
    pieces = [data_bin.dictionary[int(token)] for token in side[0][:-1]]
    (tmp_path / "valid.document").write_text(" ".join(pieces) + "\n", encoding="utf-8")
    words = (
        *("--only-source", "--source-lang", "document", "--srcdict", data / "dict.txt"),
        *("--validpref", tmp_path / "valid", "--destdir", tmp_path / "bin"),
    )
    module = importlib.import_module("fairseq_cli.preprocess")
    task = ("--task", "cross_lingual_summarization", "--user-dir", mclas_fairseq.__path__[0])
    parser = options.get_preprocessing_parser()
    module.main(parser.parse_args([str(word) for word in (*words, *task)]))
    written = data_utils.load_indexed_dataset(
        str(tmp_path / "bin" / "valid.document-None.document"), data_bin.dictionary
    )
    assert written[0].tolist() == side[0].tolist()
    assert (tmp_path / "bin" / "dict.document.txt").read_bytes() == (data / "dict.txt").read_bytes()
    with pytest.raises(RuntimeError, match="Duplicate word"):  # and no ids four too large
        module.main(parser.parse_args([str(word) for word in words]))
