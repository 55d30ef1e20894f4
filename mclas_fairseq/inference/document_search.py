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
from torch import Tensor

from mclas_fairseq.ctranslate.network import Ct2Network
from mclas_fairseq.data.summary_dataset import SummaryDataset
from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.errors import DataError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.ct2 import ct2_search
from mclas_fairseq.inference.documents import Document, EncodedDocument
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
        self, documents: Sequence[Document], batch_size: int, watch: Optional[Watch] = None
    ) -> Iterator[Summary]:
        """Summarize a buffer of documents.

        Args:
            documents: that have text.
            batch_size: documents decoded together, with those nearest to them in length.
            watch: see `Summarizer.stream`.

        Yields:
            The summary of each document, in input order.

        Raises:
            DataError: a document is in tokens of another dictionary.
        """
        dataset = self.dataset(documents)
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

    def encode(self, document: str) -> EncodedDocument:
        """A document in tokens, for `summarize` and `dataset`."""
        (ids,) = self._ids([document])
        rows = self._task.build_dataset_for_inference([ids], [len(ids)]).src
        read, unread = int(rows.sizes[0]), int(rows.unread[0])
        return EncodedDocument(document, ids, read, unread, self._task.dictionary)

    def dataset(self, documents: Sequence[Document]) -> SummaryDataset:
        """Documents as the model reads them, one row each, or one for each target language.

        Raises:
            DataError: a document is in tokens of another dictionary.
        """
        tokens = self._ids(documents)
        return self._task.build_dataset_for_inference(tokens, [len(line) for line in tokens])

    def _ids(self, documents: Sequence[Document]) -> list[Tensor]:
        """All tokens of each document, closed by EOS, (T,)."""
        text, dictionary, found = self._task.summary_text(), self._task.dictionary, []
        for document in documents:
            if isinstance(document, str):
                pieces = text.encode(document)
                line = dictionary.encode_line(pieces, add_if_not_exist=False, append_eos=True)
                found.append(line.long())
            elif document.dictionary is dictionary:
                found.append(document.ids)
            else:
                raise DataError(
                    "document: must be in tokens of this model, but is in those of another; give"
                    " its text, or what the encode of this summarizer makes of it"
                )
        return found

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
