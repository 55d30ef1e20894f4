"""A bundle that is served: one set of weights, searched as each request asks.

Everything here belongs to the one thread that decodes; only `card` may be read by others.
"""

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.inference.options import DecodingOptions
from mclas_fairseq.inference.results import Summary
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.serve.schema import ModelCard

_SEARCHES_KEPT = 16  # ways of searching that are ready for the next request


@dataclass(frozen=True)
class Search:
    """How a document is to be searched; documents of the same search share batches.

    Attributes:
        model: its name.
        options: of the search, all of them.
        target_langs: to be written, in order.
    """

    model: str
    options: DecodingOptions
    target_langs: tuple[str, ...]


class ServedModel:
    """A model by its name.

    Attributes:
        name: of the bundle's folder.
        card: what clients may know.
    """

    def __init__(self, name: str, summarizer: Summarizer):
        self.name = name
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

    def search(self, changes: dict[str, Any], target_langs: Optional[Sequence[str]]) -> Search:
        """The search that a request asks for.

        Args:
            changes: options that differ from the bundle's.
            target_langs: to be written; None: all.

        Raises:
            ConfigError: an option is out of range or does not go with others, or the model has not
                learned a language.
        """
        chosen = tuple(target_langs or self.card.target_langs)
        foreign = [code for code in chosen if code not in self.card.target_langs]
        if foreign or len(set(chosen)) < len(chosen):
            raise ConfigError(
                f"target_langs: must be some of {', '.join(self.card.target_langs)}, each once;"
                " leave them out to get all"
            )
        options = DecodingOptions(**{**self.card.search, **changes})
        if options.max_len_a == 0 and options.max_len_b < options.min_len:
            raise ConfigError(
                f"max_len_b {options.max_len_b}: must be at least min_len, which is"
                f" {options.min_len}; raise it, or lower min_len"
            )
        return Search(self.name, options, chosen)

    def length(self, text: str) -> int:
        """Tokens of a document that the model reads."""
        return self._base.length(text)

    def summarize(self, search: Search, texts: Sequence[str]) -> list[Summary]:
        """Summarize documents in one batch (one for each target language)."""
        summarizer = self._ready(search)
        return list(summarizer.stream(texts, batch_size=len(texts) * len(search.target_langs)))

    def attention(self, search: Search, text: str) -> dict[str, Any]:
        """What the best summary of a document attended to."""
        summarizer = self._ready(search)
        tokenizer = summarizer.task.data_bin.tokenizer
        return summarizer.attention(text).to_json(tokenizer, summarizer.source_lang)

    def _ready(self, search: Search) -> Summarizer:
        """A summarizer that searches so; the weights are those of all."""
        task = self._base.task
        task.decode_with(search.options)
        task.write_targets(search.target_langs)
        if search not in self._searches:
            self._searches[search] = Summarizer(self._base.models, task, search.options)
        self._searches.move_to_end(search)
        while len(self._searches) > _SEARCHES_KEPT:
            self._searches.popitem(last=False)
        return self._searches[search]


def load_models(bundles: Sequence[Path], device: Optional[str]) -> dict[str, ServedModel]:
    """Load bundles; each is named as its folder.

    Raises:
        CheckpointError: one is no bundle, not whole, or altered.
        ConfigError: there is no such device.
    """
    models = {
        name: ServedModel(name, Summarizer.from_bundle(folder, device=device))
        for name, folder in names_of(bundles).items()
    }
    for model in models.values():
        model.length("A")  # tokenizers read their files at the first text
    return models


def names_of(bundles: Sequence[Path]) -> dict[str, Path]:
    """The name of each bundle.

    Raises:
        ConfigError: two folders have the same name.
    """
    named: dict[str, Path] = {}
    for folder in bundles:
        name = folder.resolve().name
        if name in named:
            raise ConfigError(
                f"bundles {named[name]} and {folder}: each is named as its folder, and the names"
                f" must differ, but both are {name!r}; rename one"
            )
        named[name] = folder
    return named
