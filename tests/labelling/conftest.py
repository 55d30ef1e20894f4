"""Data-bins of a few made-up sentences, and small random labellers."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_REGISTRY

import mclas_fairseq
from mclas_fairseq.binarize.options import TokenizerOptions
from mclas_fairseq.binarize.prepare_labels import LabelOptions, prepare_labels
from mclas_fairseq.corpus.labelled import LabelKind, LabelledFile
from mclas_fairseq.labelling.task import SequenceLabellingConfig, SequenceLabellingTask

mclas_fairseq.register()  # its names stand in fairseq's registries

EN = [
    "anna/B-PER lives/O in/O new/B-LOC york/I-LOC ./O",
    "the/O cat/O sat/O",
    "york/B-LOC and/O anna/B-PER",
    "in/O the/O york/B-LOC a/O die/O das/O of/O cat/O",
    "sat/O",
]
DE = [
    "anna/B-PER wohnt/O in/O berlin/B-LOC ./O",
    "die/O katze/O",
    "das/O ist/O berlin/B-LOC und/O york/B-LOC",
]


def write_sentences(path: Path, sentences: list[str]) -> Path:
    """Write sentences of `word/tag`s as two columns."""
    rows = ["\n".join(pair.replace("/", "\t") for pair in one.split()) for one in sentences]
    path.write_text("\n\n".join(rows) + "\n", encoding="utf-8")
    return path


def make_bin(folder: Path, pretrained: str | None = None) -> Path:
    """Make the data-bin FOLDER/bin of English and German sentences."""
    folder.mkdir(exist_ok=True)
    files = {
        language: (LabelledFile(write_sentences(folder / language, text), LabelKind.SPANS),)
        for language, text in (("en", EN), ("de", DE))
    }
    options = LabelOptions(
        kind=LabelKind.SPANS,
        inputs={"train": files, "valid": files, "test": {"de": files["de"]}},
        out=folder / "bin",
        tokenizer=TokenizerOptions(name="words", pretrained=pretrained),
    )
    prepare_labels(options)
    return folder / "bin"


@pytest.fixture(scope="session")
def words_bin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A word is a piece."""
    return make_bin(tmp_path_factory.mktemp("words"))


@pytest.fixture(scope="session")
def bert_bin(tmp_path_factory: pytest.TempPathFactory, pretrained_bert: Path) -> Path:
    """Most words are cut to letters."""
    return make_bin(tmp_path_factory.mktemp("bert"), str(pretrained_bert))


def open_task(data: Path, **options: Any) -> SequenceLabellingTask:
    """The task of a data-bin."""
    config = SequenceLabellingConfig(data=str(data), save_dir=str(data), **options)
    return SequenceLabellingTask.setup_task(config)


def build_model(task: SequenceLabellingTask, *, wide: int = 16, **options: Any) -> Any:
    """A random labeller of 2 layers and 4 heads, so large that its heads differ."""
    args = Namespace(dropout=0.0, arch="token_classifier_tiny", **options)
    args.encoder_embed_dim = args.encoder_ffn_embed_dim = wide
    ARCH_CONFIG_REGISTRY["token_classifier_tiny"](args)
    torch.manual_seed(3)
    model: Any = ARCH_MODEL_REGISTRY["token_classifier_tiny"].build_model(args, task).eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            grown = torch.randn_like(parameter) * 0.3
            parameter.copy_(grown if name.endswith("bias") else parameter * 1.5)
    model.encoder_settings = args.pretrained_config
    return model


def batch_of(task: SequenceLabellingTask, split: str = "valid") -> dict[str, Any]:
    """All rows of a split in one batch."""
    task.load_dataset(split)
    dataset: Any = task.datasets[split]
    found: dict[str, Any] = dataset.collater([dataset[row] for row in range(len(dataset))])
    return found
