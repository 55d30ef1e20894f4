"""Documents to summaries: encoded, batched by length, searched batch by batch, put in order again.

Place in the pipeline: a `Summarizer` gives its documents to this, a buffer at a time.
"""

import logging
import math
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Optional

import torch
from fairseq import utils

from mclas_fairseq.ctranslate.network import Ct2Network
from mclas_fairseq.data.summary_dataset import SummaryDataset
from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.ct2 import ct2_search
from mclas_fairseq.inference.results import Hypothesis, Summary, Watch
from mclas_fairseq.inference.token_watch import TextWatch
from mclas_fairseq.summarization.base_task import SummarizationTask

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_SIGNS = 15.0  # of life in the log


class DocumentSearch:
    """Searches for the summaries of documents.

    Args:
        models: one, or several that are decoded as an ensemble.
        task: knows layout, languages, dictionary and tokenizer.
        options: how summaries are searched for.

    Attributes:
        generator: what searches, with the `generate` of fairseq's generators.

    Raises:
        ConfigError: an option that the models cannot follow.
    """

    def __init__(
        self,
        models: Sequence[torch.nn.Module],
        task: SummarizationTask,
        options: DecodingOptions,
    ):
        self._models, self._task, self._options = models, task, options
        self.generator = _build_search(models, task, options)

    def summarize(
        self, documents: Sequence[str], batch_size: int, watch: Optional[Watch] = None
    ) -> Iterator[Summary]:
        """Summarize a buffer of documents.

        Args:
            documents: that have text.
            batch_size: documents decoded together, with those nearest to them in length.
            watch: see `Summarizer.stream`.

        Yields:
            The summary of each document, in input order.
        """
        dataset = self.encode(documents)
        order = dataset.ordered_indices()
        found: dict[int, dict[str, tuple[Hypothesis, ...]]] = {}
        said = time.monotonic()
        for start in range(0, len(order), batch_size):
            batch = self.batch(dataset, order[start : start + batch_size])
            for row, hypotheses in self._decode(batch, watch):
                target = list(hypotheses[0].summary)[-1]
                found.setdefault(row, {})[target] = hypotheses
            # Summaries come in input order, so none does before the last batch is decoded.
            if time.monotonic() - said >= _SECONDS_BETWEEN_SIGNS:
                logger.info("decoded %d of %d documents read", len(found), len(documents))
                said = time.monotonic()
        several = self._task.targets.several
        # With several target languages a document has a row for each.
        unread = dict(zip(dataset.rows.tolist(), dataset.src.unread.tolist(), strict=True))
        for row in range(len(documents)):
            if not several:
                (hypotheses,) = found[row].values()
                yield Summary(hypotheses, unread_tokens=unread[row])
                continue
            targets = {language: found[row][language] for language in self._task.targets.written}
            yield Summary(targets[self._task.targets.written[0]], targets, unread[row])

    def encode(self, documents: Sequence[str]) -> SummaryDataset:
        """Documents as the model reads them, one row each, or one for each target language."""
        text = self._task.summary_text()
        tokens = [
            self._task.dictionary.encode_line(
                text.encode(document), add_if_not_exist=False, append_eos=True
            ).long()
            for document in documents
        ]
        return self._task.build_dataset_for_inference(tokens, [len(line) for line in tokens])

    def batch(self, dataset: SummaryDataset, rows: Iterable[int]) -> dict[str, Any]:
        """These rows as a batch, on the models' device."""
        parameter = next(self._models[0].parameters(), None)
        device = torch.device("cpu") if parameter is None else parameter.device
        batch = dataset.collater([dataset[int(row)] for row in rows])
        moved: dict[str, Any] = utils.apply_to_sample(lambda tensor: tensor.to(device), batch)
        return moved

    def _decode(
        self, batch: dict[str, Any], watch: Optional[Watch]
    ) -> Iterator[tuple[int, tuple[Hypothesis, ...]]]:
        text = self._task.summary_text()
        rows: list[int] = batch["id"].tolist()
        looking = None
        if watch is not None and self.writes_by_token:
            looking = TextWatch(watch, self._task, rows, self._task.targets.of_rows(batch))
            batch = looking.of(batch)
        decoded = self._task.inference_step(self.generator, self._models, batch)
        for place, (row, candidates) in enumerate(zip(rows, decoded, strict=True)):
            kept = candidates[: self._options.nbest]
            hypotheses = tuple(_hypothesis(candidate, text) for candidate in kept)
            if looking is not None:
                looking.finish(place, hypotheses[0].summary)
            yield row, hypotheses

    @property
    def writes_by_token(self) -> bool:
        """Whether a `Watch` can be told of tokens: by torch, with a beam of one."""
        in_torch = not isinstance(self._models[0], Ct2Network)
        return in_torch and self._options.beam == 1 and self._options.sample_latent == 0


def _hypothesis(candidate: Mapping[str, Any], text: SummaryText) -> Hypothesis:
    ids = tuple(candidate["tokens"].tolist())
    return Hypothesis(text.summaries(ids), float(candidate["score"]) / math.log(2), ids)


def _build_search(
    models: Sequence[torch.nn.Module], task: SummarizationTask, options: DecodingOptions
) -> Any:
    if isinstance(models[0], Ct2Network):
        return ct2_search(models[0], task, options)
    return task.build_generator(models, Namespace(**options.values()))
