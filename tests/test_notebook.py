"""The notebook of examples/ runs from its first cell to its last, on a bundle of a random model."""

import os
from argparse import Namespace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import nbformat
import pytest
import torch
from nbclient import NotebookClient

from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.bundles.card import CardDetails
from mclas_fairseq.bundles.config import BundleConfig
from mclas_fairseq.bundles.weights import count_numbers, untie, write_weights
from mclas_fairseq.bundles.writing import BundleContents, write_bundle
from mclas_fairseq.corpus.records import write_records
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)

NOTEBOOK = Path(__file__).resolve().parents[1] / "examples" / "notebook" / "summarize.ipynb"
SETTINGS = {
    f"{side}_{name}": value
    for side in ("encoder", "decoder")
    for name, value in (
        ("layers", 1),
        ("embed_dim", 16),
        ("ffn_embed_dim", 16),
        ("attention_heads", 2),
    )
}


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("notebook")
    write_records(folder / "train.jsonl", generate("easy", "train", 12, 1))
    inputs = {"train": (folder / "train.jsonl",), "valid": (), "test": ()}
    prepare(PrepareOptions("en", ("de",), folder / "bin", inputs, TokenizerOptions(name="words")))
    task = CrossLingualSummarizationTask.setup_task(
        CrossLingualSummarizationConfig(data=str(folder / "bin"), max_source_positions=200)
    )
    torch.manual_seed(1)
    args = Namespace(**SETTINGS, arch="mclas_tiny", _name="mclas_tiny")
    weights, tied = untie(task.build_model(args), {})
    config = BundleConfig(
        architecture="mclas_tiny",
        model=dict(SETTINGS),
        target_layout="mclas",
        source_lang="en",
        target_lang="de",
        summary_langs=["en", "de"],
        max_source_positions=200,
        max_target_positions=1024,
        dictionary_size=len(task.dictionary),
        dictionary_sha256=task.dictionary_sha256,
        tokenizer="words",
        lowercase=False,
        tied_weights=tied,
        decoding={"max_len_b": 10},
        precision="float32",
        versions={"mclas-fairseq": "0.1.0"},
    )
    vocabularies = [task.data_bin.vocabulary(language) for language in ("en", "de")]
    details = CardDetails(name="random")
    contents = BundleContents(
        partial(write_weights, weights=weights),
        count_numbers(weights),
        config,
        task.data_bin,
        vocabularies,
        details,
        (),
    )
    write_bundle(folder / "bundle", contents, overwrite=False)
    return folder / "bundle"


def printed(cell: Any) -> str:
    return "".join(output.get("text", "") for output in cell.outputs)


def test_notebook_runs_and_shows_summaries_attention_and_scores(bundle: Path) -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    with patch.dict(os.environ, MCLAS_BUNDLE=str(bundle), OMP_NUM_THREADS="1"):
        NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    summaries, nbest, between, cross, scores = cells[1:]
    assert printed(summaries).count("de: ") == 2
    assert "8/8" in printed(summaries)
    assert printed(nbest).count("'en': ") == 2
    for cell in (between, cross):
        assert any("image/png" in output.get("data", {}) for output in cell.outputs)
    assert "de: ROUGE-1 " in printed(scores)
    assert "rouge1.f|protocol:default|lang:de|" in printed(scores)


def test_notebook_is_kept_without_outputs() -> None:
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    for cell in notebook.cells:
        assert cell.cell_type == "markdown" or (cell.outputs, cell.execution_count) == ([], None)
