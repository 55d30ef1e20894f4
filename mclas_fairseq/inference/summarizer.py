"""A loaded system as an object that turns documents into summaries.

The model is loaded once; documents are read in buffers, batched by length and given back in input
order. Search, language vocabularies and limits are those of fairseq-generate with our task.

    import mclas_fairseq

    summarizer = mclas_fairseq.load("bundle")
    for summary in summarizer.summarize(["A report ...", "Another ..."], progress=True):
        print(summary.text, summary.best.summary, summary.best.score)
"""

import logging
import math
import time
from argparse import Namespace
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Optional, Union, overload

import torch
from fairseq import utils
from tqdm import tqdm

from mclas_fairseq.ctranslate.network import Ct2Network
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.summary_dataset import SummaryDataset
from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.attention import SummaryAttention, check_traceable, trace_attention
from mclas_fairseq.inference.ct2 import ct2_search
from mclas_fairseq.inference.documents import check_document, tell_of_cuts
from mclas_fairseq.inference.loading import Device, LoadedSystem, load_bundle, load_checkpoints
from mclas_fairseq.inference.long_documents import stream_long
from mclas_fairseq.inference.on_long import OnLong, choose_on_long
from mclas_fairseq.inference.results import Hypothesis, Summary, Watch
from mclas_fairseq.inference.token_watch import TextWatch
from mclas_fairseq.inference.windows import Reader
from mclas_fairseq.mglm.seq2seq import GlmSeq2SeqTask
from mclas_fairseq.summarization.base_task import SummarizationTask
from mclas_fairseq.summarization.search import decoding_models

logger = logging.getLogger(__name__)

_SECONDS_BETWEEN_SIGNS = 15.0  # of life in the log


class Summarizer:
    """Turns documents into summaries; `mclas_fairseq.load` makes one.

    Attributes:
        models: one, or several that are decoded as an ensemble.
        task: knows layout, languages, dictionary and tokenizer.
        options: how summaries are searched for.
    """

    def __init__(
        self,
        models: Sequence[torch.nn.Module],
        task: SummarizationTask,
        options: DecodingOptions,
    ):
        self.models = list(models)
        self.task = task
        self.options = options
        self.generator = _build_search(self.models, task, options)

    @classmethod
    def load(
        cls,
        checkpoints: Sequence[Path],
        data: Path,
        options: Optional[DecodingOptions] = None,
        *,
        device: Device = None,
        precision: Optional[str] = None,
        target_langs: Optional[Sequence[str]] = None,
    ) -> "Summarizer":
        """Load one checkpoint, or several as an ensemble, with the data-bin of their training.

        Args:
            checkpoints: their files.
            data: the data-bin.
            options: how to decode.
            device: of torch's; None: a GPU if there is one.
            precision: float32, bfloat16 or, on a processor, int8; None: that of the training.
            target_langs: which target languages to write; None: all that the checkpoint has.

        Raises:
            CheckpointError: a checkpoint is missing, unsafe, of another task or dictionary.
            ConfigError: the checkpoint was not trained to write one of `target_langs`, or there is
                no such precision.
        """
        system = load_checkpoints(checkpoints, data, options).in_precision(precision)
        system.task.write_targets(target_langs)
        return cls._of(system, device)

    @classmethod
    def from_bundle(
        cls,
        folder: Path,
        options: Optional[DecodingOptions] = None,
        *,
        changes: Optional[Mapping[str, Any]] = None,
        device: Device = None,
        precision: Optional[str] = None,
        target_langs: Optional[Sequence[str]] = None,
    ) -> "Summarizer":
        """Load a bundle that `mclas export` wrote.

        Args:
            folder: the bundle.
            options: how to decode; None: as the bundle says.
            changes: single options, by their names, that differ from those.
            device: of torch's; None: a GPU if there is one.
            precision: float32, bfloat16 or, on a processor, int8; None: that of the training,
                or of a bundle in CTranslate2's form its first form.
            target_langs: which target languages to write; None: all that the bundle has.

        Raises:
            CheckpointError: it is no bundle, not whole, altered, or of a newer format.
            ConfigError: the bundle was not trained to write one of `target_langs`, or there is no
                such precision.
        """
        system = load_bundle(folder, options, changes=changes).in_precision(precision)
        system.task.write_targets(target_langs)
        return cls._of(system, device)

    @classmethod
    def _of(cls, system: LoadedSystem, device: Device) -> "Summarizer":
        system.prepare(device)
        return cls(system.models, system.task, system.options)

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the summaries, in the order in which they are written."""
        return self.task.languages

    @property
    def target_langs(self) -> tuple[str, ...]:
        """Target languages that are written, in the order in which they were asked for."""
        return self.task.targets.written

    @property
    def source_lang(self) -> str:
        """Language of the documents."""
        return self.task.source_lang

    @property
    def has_attention(self) -> bool:
        """Whether `attention` can be asked: of one model for torch that writes with one decoder."""
        several_decoders = len(self.task.languages) > 1 and self.task.layout is Layout.NCLS_MS
        in_torch = not isinstance(self.models[0], Ct2Network)
        one_stack = isinstance(self.task, GlmSeq2SeqTask)
        return len(self.models) == 1 and in_torch and not (several_decoders or one_stack)

    @property
    def writes_by_token(self) -> bool:
        """Whether a `Watch` can be told of tokens: by torch, with a beam of one."""
        in_torch = not isinstance(self.models[0], Ct2Network)
        return in_torch and self.options.beam == 1 and self.options.sample_latent == 0

    def measure(self, document: str) -> tuple[int, int]:
        """Tokens of a document that the model reads, EOS included, and those beyond."""
        source = self._encode([document]).src
        return int(source.sizes[0]), int(source.unread[0])

    @property
    def reader(self) -> Reader:
        """How documents are cut that are longer than the model reads."""
        limit = int(self.task.max_source_positions)
        return Reader(limit, lambda text: sum(self.measure(text)), self.source_lang)

    @overload  # a string is an iterable of strings as well: the first that fits counts
    def summarize(  # type: ignore[overload-overlap]
        self, documents: str, *, batch_size: int = 16, progress: bool = False, on_long: str = ...
    ) -> Summary: ...

    @overload
    def summarize(
        self,
        documents: Iterable[str],
        *,
        batch_size: int = 16,
        progress: bool = False,
        on_long: str = ...,
    ) -> list[Summary]: ...

    def summarize(
        self,
        documents: Union[str, Iterable[str]],
        *,
        batch_size: int = 16,
        progress: bool = False,
        on_long: str = OnLong.TRUNCATE,
    ) -> Union[Summary, list[Summary]]:
        """Summarize one document, or several.

        Args:
            documents: raw text, in the language of the training's documents.
            batch_size: documents decoded together; it changes speed and memory, not the summaries.
            progress: draw a bar on standard error.
            on_long: what is done with a document that is longer than the model reads: truncate,
                windows or refuse, see `inference/windows.py`.

        Returns:
            For a string its summary; else one for each document, in input order.

        Raises:
            DataError: a document is no string, or has no text, or is refused as too long.
            ConfigError: `batch_size` is not positive, or the model cannot read in windows.
        """
        several = not isinstance(documents, str)
        documents = [documents] if isinstance(documents, str) else list(documents)
        found = stream_long(self, documents, choose_on_long(on_long), batch_size=batch_size)
        if not several:
            return next(found)
        bar = tqdm(found, total=len(documents), unit="document", disable=not progress)
        return list(bar)

    def stream(
        self,
        documents: Iterable[str],
        *,
        batch_size: int = 16,
        buffer_size: int = 512,
        watch: Optional[Watch] = None,
    ) -> Iterator[Summary]:
        """Summarize documents as they come, any number of them.

        Args:
            documents: raw text.
            batch_size: documents decoded together.
            buffer_size: documents read ahead, to be batched by length.
            watch: told of summaries while they are written, with a beam of one; its documents are
                places in the buffer.

        Yields:
            The summary of each document, in input order.

        Raises:
            DataError: a document is no string, or has no text.
            ConfigError: `batch_size` is not positive.
        """
        if batch_size < 1:
            raise ConfigError(f"batch size {batch_size}: it must be at least 1; give 16, say")
        remaining = enumerate(documents, start=1)
        unread: dict[int, int] = {}  # number of a document -> tokens
        number = 0
        while buffer := list(islice(remaining, buffer_size)):
            texts = [check_document(number, document) for number, document in buffer]
            found = self._summarize_buffer(texts, batch_size, watch)
            for number, summary in zip((number for number, _ in buffer), found, strict=True):
                if summary.unread_tokens:
                    unread[number] = summary.unread_tokens
                yield summary
        if unread:
            tell_of_cuts(unread, number, self.task.max_source_positions)

    def attention(self, document: str, hypothesis: Optional[Hypothesis] = None) -> SummaryAttention:
        """Look at the attention of a hypothesis of one document.

        The model reads what it wrote once more, so that the weights of all layers can be looked at.

        Args:
            document: raw text.
            hypothesis: what was written for it; None: the document is summarized, and its best
                hypothesis is taken, with several target languages that in the first of them.

        Raises:
            DataError: the document has no text.
            ConfigError: the summarizer is an ensemble, whose attention is not one, or writes with
                two decoders.
        """
        check_traceable(self.models, self.task)
        batch = self._batch(self._encode([check_document(1, document)]), [0])
        task, src_tokens = self.task, batch["net_input"]["src_tokens"]
        if hypothesis is None:
            (found,) = task.inference_step(self.generator, self.models, batch)
            tokens = found[0]["tokens"]
        else:
            tokens = src_tokens.new_tensor(hypothesis.ids)
        return trace_attention(
            decoding_models(self.models, task.layout, task.decoder_choice)[0],
            task,
            src_tokens,
            tokens,
            start=int(self.generator.bos),
        )

    def _summarize_buffer(
        self, documents: Sequence[str], batch_size: int, watch: Optional[Watch]
    ) -> Iterator[Summary]:
        dataset = self._encode(documents)
        order = dataset.ordered_indices()
        found: dict[int, dict[str, tuple[Hypothesis, ...]]] = {}
        said = time.monotonic()
        for start in range(0, len(order), batch_size):
            batch = self._batch(dataset, order[start : start + batch_size])
            for row, hypotheses in self._decode(batch, watch):
                target = list(hypotheses[0].summary)[-1]
                found.setdefault(row, {})[target] = hypotheses
            # Summaries come in input order, so none does before the last batch is decoded.
            if time.monotonic() - said >= _SECONDS_BETWEEN_SIGNS:
                logger.info("decoded %d of %d documents read", len(found), len(documents))
                said = time.monotonic()
        several = self.task.targets.several
        # With several target languages a document has a row for each.
        unread = dict(zip(dataset.rows.tolist(), dataset.src.unread.tolist(), strict=True))
        for row in range(len(documents)):
            if not several:
                (hypotheses,) = found[row].values()
                yield Summary(hypotheses, unread_tokens=unread[row])
                continue
            targets = {language: found[row][language] for language in self.target_langs}
            yield Summary(targets[self.target_langs[0]], targets, unread[row])

    def _encode(self, documents: Sequence[str]) -> SummaryDataset:
        text = self.task.summary_text()
        tokens = [
            self.task.dictionary.encode_line(
                text.encode(document), add_if_not_exist=False, append_eos=True
            ).long()
            for document in documents
        ]
        return self.task.build_dataset_for_inference(tokens, [len(line) for line in tokens])

    def _batch(self, dataset: SummaryDataset, rows: Iterable[int]) -> dict[str, Any]:
        parameter = next(self.models[0].parameters(), None)
        device = torch.device("cpu") if parameter is None else parameter.device
        batch = dataset.collater([dataset[int(row)] for row in rows])
        moved: dict[str, Any] = utils.apply_to_sample(lambda tensor: tensor.to(device), batch)
        return moved

    def _decode(
        self, batch: dict[str, Any], watch: Optional[Watch]
    ) -> Iterator[tuple[int, tuple[Hypothesis, ...]]]:
        text = self.task.summary_text()
        rows: list[int] = batch["id"].tolist()
        looking = None
        if watch is not None and self.writes_by_token:
            looking = TextWatch(watch, self.task, rows, self.task.targets.of_rows(batch))
            batch = looking.of(batch)
        decoded = self.task.inference_step(self.generator, self.models, batch)
        for place, (row, candidates) in enumerate(zip(rows, decoded, strict=True)):
            kept = candidates[: self.options.nbest]
            hypotheses = tuple(_hypothesis(candidate, text) for candidate in kept)
            if looking is not None:
                looking.finish(place, hypotheses[0].summary)
            yield row, hypotheses


def _hypothesis(candidate: Mapping[str, Any], text: SummaryText) -> Hypothesis:
    ids = tuple(candidate["tokens"].tolist())
    return Hypothesis(text.summaries(ids), float(candidate["score"]) / math.log(2), ids)


def _build_search(
    models: Sequence[torch.nn.Module], task: SummarizationTask, options: DecodingOptions
) -> Any:
    if isinstance(models[0], Ct2Network):
        return ct2_search(models[0], task, options)
    return task.build_generator(models, Namespace(**options.values()))
