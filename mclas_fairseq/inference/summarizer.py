"""A loaded system as an object that turns documents into summaries.

The model is loaded once; documents are read in buffers, batched by length and given back in input
order. Search, language vocabularies and limits are those of fairseq-generate with our task.

    import mclas_fairseq

    summarizer = mclas_fairseq.load("bundle")
    for summary in summarizer.summarize(["A report ...", "Another ..."], progress=True):
        print(summary.text, summary.best.summary, summary.best.score)
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Optional, Union, overload

import torch
from tqdm import tqdm

from mclas_fairseq.ctranslate.network import Ct2Network
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.attention import SummaryAttention, check_traceable, trace_attention
from mclas_fairseq.inference.document_search import DocumentSearch
from mclas_fairseq.inference.documents import (
    Document,
    EncodedDocument,
    check_document,
    tell_of_cuts,
)
from mclas_fairseq.inference.loading import Device, LoadedSystem, load_bundle, load_checkpoints
from mclas_fairseq.inference.long_documents import stream_long
from mclas_fairseq.inference.on_long import OnLong, choose_on_long
from mclas_fairseq.inference.results import Hypothesis, Summary, Watch
from mclas_fairseq.inference.windows import Reader
from mclas_fairseq.mglm.seq2seq import GlmSeq2SeqTask
from mclas_fairseq.summarization.base_task import SummarizationTask
from mclas_fairseq.summarization.search import decoding_models


class Summarizer:
    """Turns documents into summaries; `mclas_fairseq.load` makes one.

    Attributes:
        models: one, or several that are decoded as an ensemble.
        task: knows layout, languages, dictionary and tokenizer.
        options: how summaries are searched for.
        search: does it, a buffer of documents at a time.
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
        self.search = DocumentSearch(self.models, task, options)

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

    def encode(self, document: Document) -> EncodedDocument:
        """Tokenise a document, to see how long it is, and to have it summarized afterwards.

        Where a document can be given, what comes of this can be, too; it is not tokenised again.
        What is in tokens already comes back as it is.

        Raises:
            DataError: it is no string, or has no text.
        """
        checked = check_document(1, document)
        return checked if isinstance(checked, EncodedDocument) else self.search.encode(checked)

    @property
    def reader(self) -> Reader:
        """How documents are cut that are longer than the model reads."""
        limit = int(self.task.max_source_positions)
        return Reader(limit, self.search.encode, self.source_lang)

    @overload  # a string is an iterable of strings as well: the first that fits counts
    def summarize(  # type: ignore[overload-overlap]
        self,
        documents: Document,
        *,
        batch_size: int = 16,
        progress: bool = False,
        on_long: str = ...,
    ) -> Summary: ...

    @overload
    def summarize(
        self,
        documents: Iterable[Document],
        *,
        batch_size: int = 16,
        progress: bool = False,
        on_long: str = ...,
    ) -> list[Summary]: ...

    def summarize(
        self,
        documents: Union[Document, Iterable[Document]],
        *,
        batch_size: int = 16,
        progress: bool = False,
        on_long: str = OnLong.TRUNCATE,
    ) -> Union[Summary, list[Summary]]:
        """Summarize one document, or several.

        Args:
            documents: raw text, in the language of the training's documents, or what `encode` made
                of it.
            batch_size: documents decoded together; it changes speed and memory, not the summaries.
            progress: draw a bar on standard error.
            on_long: what is done with a document that is longer than the model reads: truncate,
                windows or refuse, see `inference/windows.py`.

        Returns:
            For one document its summary; else one for each document, in input order.

        Raises:
            DataError: a document is no string, or has no text, or is refused as too long.
            ConfigError: `batch_size` is not positive, or the model cannot read in windows.
        """
        if isinstance(documents, (str, EncodedDocument)):
            (summary,) = self.summarize([documents], batch_size=batch_size, on_long=on_long)
            return summary
        documents = list(documents)
        found = stream_long(self, documents, choose_on_long(on_long), batch_size=batch_size)
        bar = tqdm(found, total=len(documents), unit="document", disable=not progress)
        return list(bar)

    def stream(
        self,
        documents: Iterable[Document],
        *,
        batch_size: int = 16,
        buffer_size: int = 512,
        watch: Optional[Watch] = None,
    ) -> Iterator[Summary]:
        """Summarize documents as they come, any number of them.

        Args:
            documents: raw text, or what `encode` made of it.
            batch_size: documents decoded together.
            buffer_size: documents read ahead, to be batched by length.
            watch: told of summaries while they are written, with a beam of one; its documents are
                places in the buffer.

        Yields:
            The summary of each document, in input order.

        Raises:
            DataError: a document is no string, or has no text, or another model encoded it.
            ConfigError: `batch_size` is not positive.
        """
        if batch_size < 1:
            raise ConfigError(f"batch size {batch_size}: it must be at least 1; give 16, say")
        remaining = enumerate(documents, start=1)
        unread: dict[int, int] = {}  # number of a document -> tokens
        number = 0
        while buffer := list(islice(remaining, buffer_size)):
            checked = [check_document(number, document) for number, document in buffer]
            found = self.search.summarize(checked, batch_size, watch)
            for number, summary in zip((number for number, _ in buffer), found, strict=True):
                if summary.unread_tokens:
                    unread[number] = summary.unread_tokens
                yield summary
        if unread:
            tell_of_cuts(unread, number, self.task.max_source_positions)

    def attention(
        self, document: Document, hypothesis: Optional[Hypothesis] = None
    ) -> SummaryAttention:
        """Look at the attention of a hypothesis of one document.

        The model reads what it wrote once more, so that the weights of all layers can be looked at.

        Args:
            document: raw text, or what `encode` made of it.
            hypothesis: what was written for it; None: the document is summarized, and its best
                hypothesis is taken, with several target languages that in the first of them.

        Raises:
            DataError: the document has no text.
            ConfigError: the summarizer is an ensemble, whose attention is not one, or writes with
                two decoders.
        """
        check_traceable(self.models, self.task)
        batch = self.search.batch(self.search.dataset([check_document(1, document)]), [0])
        task, src_tokens = self.task, batch["net_input"]["src_tokens"]
        if hypothesis is None:
            (found,) = task.inference_step(self.search.generator, self.models, batch)
            tokens = found[0]["tokens"]
        else:
            tokens = src_tokens.new_tensor(hypothesis.ids)
        return trace_attention(
            decoding_models(self.models, task.layout, task.decoder_choice)[0],
            task,
            src_tokens,
            tokens,
            start=int(self.search.generator.bos),
        )
