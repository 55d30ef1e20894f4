"""Models that are decoded: one set of weights each, searched as each request asks.

`Model` is all that the rest of the service knows of one; whatever has these methods can be served.
They belong to the one thread that decodes, but for `card`.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Optional, Protocol

from mclas_fairseq.inference.documents import EncodedDocument
from mclas_fairseq.inference.results import Hypothesis, Summary, Watch
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.inference.windows import Reader
from mclas_fairseq.serve.schema import ModelCard
from mclas_fairseq.serve.searches import Search

_SEARCHES_KEPT = 16  # ways of searching that are ready for the next request


class Model(Protocol):
    """A model that is served.

    Attributes:
        card: what clients may know; `card.name` is its name.
    """

    card: ModelCard

    def encode(self, text: str) -> EncodedDocument:
        """A document in tokens of this model."""

    @property
    def reader(self) -> Reader:
        """How documents are cut that are longer than the model reads."""

    def summarize(
        self, search: Search, documents: Sequence[EncodedDocument], watch: Optional[Watch] = None
    ) -> list[Summary]:
        """Summarize documents in one batch (one for each target language).

        `watch` is told of what is written while it is, of searches with a beam of one.
        """

    def attention(
        self, search: Search, document: EncodedDocument, best: Hypothesis
    ) -> dict[str, Any]:
        """What the best summary of a document attended to, as `SummaryAttention.to_json` does."""


class TorchModel:
    """A model that torch decodes."""

    def __init__(self, name: str, summarizer: Summarizer):
        self._base = summarizer
        self._searches: OrderedDict[Search, Summarizer] = OrderedDict()
        self.card = ModelCard(
            name=name,
            source_lang=summarizer.source_lang,
            target_langs=list(summarizer.target_langs),
            summary_langs=list(summarizer.languages),
            max_source_positions=summarizer.task.max_source_positions,
            attention=summarizer.has_attention,
            search=summarizer.options.values(),
        )

    def encode(self, text: str) -> EncodedDocument:
        """See `Model`."""
        return self._base.encode(text)

    @property
    def reader(self) -> Reader:
        """See `Model`."""
        return self._base.reader

    def summarize(
        self, search: Search, documents: Sequence[EncodedDocument], watch: Optional[Watch] = None
    ) -> list[Summary]:
        """See `Model`."""
        size = len(documents) * len(search.target_langs)
        return list(
            self._ready(search).stream(documents, batch_size=size, buffer_size=size, watch=watch)
        )

    def attention(
        self, search: Search, document: EncodedDocument, best: Hypothesis
    ) -> dict[str, Any]:
        """See `Model`."""
        summarizer = self._ready(search)
        tokenizer = summarizer.task.data_bin.tokenizer
        return summarizer.attention(document, best).to_json(tokenizer, summarizer.source_lang)

    def _ready(self, search: Search) -> Summarizer:
        """A summarizer that searches so; the weights and the task are those of all.

        What a request cannot change (which decoder, which task of several) stays as it was loaded.
        """
        task = self._base.task
        task.write_targets(search.target_langs)
        if search not in self._searches:
            self._searches[search] = Summarizer(self._base.models, task, search.options)
        self._searches.move_to_end(search)
        while len(self._searches) > _SEARCHES_KEPT:
            self._searches.popitem(last=False)
        return self._searches[search]
