"""A checkpoint and its data-bin as an object that turns documents into summaries.

The model is loaded once; documents are read in buffers, batched by length and given back in input
order. Search, language vocabularies and limits are those of fairseq-generate with our task.
"""

import logging
import math
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from fairseq import checkpoint_utils, utils

from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.data.summary_dataset import SummaryDataset
from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.inference.options import DecodingOptions
from mclas_fairseq.tasks.cross_lingual_summarization import CrossLingualSummarizationTask

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis: its summaries by language and its score in bits, as fairseq prints it."""

    summary: dict[str, str]
    score: float


class Summarizer:
    """Turns documents into summaries; make one with `Summarizer.load`."""

    def __init__(
        self,
        models: Sequence[torch.nn.Module],
        task: CrossLingualSummarizationTask,
        options: DecodingOptions,
    ):
        self.models = list(models)
        self.task = task
        self.options = options
        self.generator = task.build_generator(self.models, Namespace(**vars(options)))

    @classmethod
    def load(
        cls,
        checkpoints: Sequence[Path],
        data: Path,
        options: DecodingOptions | None = None,
        *,
        cpu: bool = False,
    ) -> "Summarizer":
        """Load one checkpoint, or several as an ensemble, with the data-bin of their training.

        Raises:
            CheckpointError: a checkpoint is missing, unsafe, of another task or dictionary.
        """
        options = options or DecodingOptions()
        for checkpoint in checkpoints:
            if not checkpoint.is_file():
                raise CheckpointError(f"checkpoint {checkpoint}: the file does not exist")
        manifest = Manifest.load(data)
        overrides = {
            "data": str(data),
            # The flags of the training may name a language that this data-bin lacks (an extended
            # checkpoint's do); the languages that the checkpoint carries win over them anyway.
            "source_lang": manifest.source_lang,
            "target_lang": manifest.target_langs[0],
            "restrict_vocab": options.restrict_vocab,
            "ngram_block_scope": options.ngram_block_scope,
            "length_penalty": options.length_penalty,
        }
        models, config, task = checkpoint_utils.load_model_ensemble_and_task(
            [str(checkpoint) for checkpoint in checkpoints], arg_overrides=overrides
        )
        if not isinstance(task, CrossLingualSummarizationTask):
            raise CheckpointError(
                f"checkpoint {checkpoints[0]}: it must be one of task cross_lingual_summarization, "
                f"found {type(task).__name__}"
            )
        use_cuda = torch.cuda.is_available() and not cpu
        for model in models:
            model.prepare_for_inference_(config)
            model.eval()
            if use_cuda:
                model.cuda()
        logger.info("loaded %s on %s", checkpoints[0], "cuda" if use_cuda else "cpu")
        return cls(models, task, options)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the summaries, in the order in which they are written."""
        return self.task.languages

    def summarize(
        self,
        documents: Iterable[str],
        *,
        batch_size: int = 16,
        buffer_size: int = 512,
    ) -> Iterator[list[Hypothesis]]:
        """Summarize documents.

        Args:
            documents: raw text, any number.
            batch_size: documents decoded together.
            buffer_size: documents read ahead, to be batched by length.

        Yields:
            For each document, in input order, its `nbest` hypotheses, best first.
        """
        remaining = iter(documents)
        while buffer := list(islice(remaining, buffer_size)):
            yield from self._summarize_buffer(buffer, batch_size)

    def _summarize_buffer(
        self, documents: Sequence[str], batch_size: int
    ) -> Iterator[list[Hypothesis]]:
        dataset = self._encode(documents)
        order = dataset.ordered_indices()
        found: dict[int, list[Hypothesis]] = {}
        for start in range(0, len(order), batch_size):
            batch = dataset.collater([dataset[int(i)] for i in order[start : start + batch_size]])
            for row, hypotheses in self._decode(batch):
                found[row] = hypotheses
        for row in range(len(documents)):
            yield found[row]

    def _encode(self, documents: Sequence[str]) -> SummaryDataset:
        text = self.task.summary_text()
        tokens = [
            self.task.dictionary.encode_line(
                text.encode(document), add_if_not_exist=False, append_eos=True
            ).long()
            for document in documents
        ]
        return self.task.build_dataset_for_inference(tokens, [len(line) for line in tokens])

    def _decode(self, batch: dict[str, Any]) -> Iterator[tuple[int, list[Hypothesis]]]:
        rows = batch["id"].tolist()
        if next(self.models[0].parameters()).is_cuda:
            batch = utils.move_to_cuda(batch)
        text = self.task.summary_text()
        decoded = self.task.inference_step(self.generator, self.models, batch)
        for row, candidates in zip(rows, decoded, strict=True):
            yield (
                row,
                [
                    Hypothesis(
                        summary=text.summaries(candidate["tokens"].tolist()),
                        score=float(candidate["score"]) / math.log(2),
                    )
                    for candidate in candidates[: self.options.nbest]
                ],
            )
