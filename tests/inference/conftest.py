"""A random model of 1+1 layers on a data-bin of plain words, and documents for it."""

from argparse import Namespace

import pytest
import torch

import mclas_fairseq
from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.corpus.records import write_records
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.summarization.model import MclasModel, mclas_tiny
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)

mclas_fairseq.register()  # its names stand in fairseq's registries

OPTIONS = DecodingOptions(beam=3, nbest=2, max_len_b=12)


@pytest.fixture(scope="module")
def task(tmp_path_factory: pytest.TempPathFactory) -> CrossLingualSummarizationTask:
    """The task on a data-bin of plain words."""
    folder = tmp_path_factory.mktemp("summarizer")
    write_records(folder / "train.jsonl", generate("easy", "train", 12, 1))
    inputs = {"train": (folder / "train.jsonl",), "valid": (), "test": ()}
    tokenizer = TokenizerOptions(name="words")
    prepare(PrepareOptions("en", ("de",), folder / "bin", inputs, tokenizer))
    config = CrossLingualSummarizationConfig(data=str(folder / "bin"), max_source_positions=40)
    return CrossLingualSummarizationTask.setup_task(config)


def make_model(task: CrossLingualSummarizationTask) -> MclasModel:
    """A random model of 1+1 layers, C 16, with distributions that are not flat."""
    torch.manual_seed(2)
    args = Namespace(max_source_positions=40, max_target_positions=100, dropout=0.0)
    for side in ("encoder", "decoder"):
        setattr(args, f"{side}_embed_dim", 16)
        setattr(args, f"{side}_ffn_embed_dim", 32)
        setattr(args, f"{side}_layers", 1)
        setattr(args, f"{side}_attention_heads", 2)
    mclas_tiny(args)
    model = MclasModel.build_model(args, task).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    return model


@pytest.fixture(scope="module")
def summarizer(task: CrossLingualSummarizationTask) -> Summarizer:
    return Summarizer([make_model(task)], task, OPTIONS)


@pytest.fixture(scope="module")
def documents() -> list[str]:
    """Documents of many lengths, one of them longer than the model's positions."""
    rows = generate("easy", "test", 9, 1)
    texts = [" ".join(row["document"]["en"]) for row in rows]  # type: ignore[index]
    return [*texts, "Today .", texts[0] * 6]
