"""Where tokenizer and dictionary of a data-bin come from: one object for each way.

`open_source` chooses it by the options and opens what must be there already. `prepare` then asks
it for the tokenizer, for the dictionary once the text is cut, whether what the dictionary does not
know is bearable, and what manifest and report say of all this.
"""

import logging
from collections import Counter
from pathlib import Path
from typing import Any, Optional

from fairseq.data import Dictionary

from mclas_fairseq.binarize.dictionary import build_dictionary, extend_dictionary
from mclas_fairseq.binarize.learn import extend_earlier, learn_tokenizer, take_given, take_over
from mclas_fairseq.binarize.mbart import build_mbart_dictionary, describe_mbart
from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.pretrained import (
    build_indexed_dictionary,
    describe_pretrained,
    take_tokenizer,
)
from mclas_fairseq.binarize.provenance import SourceNotes
from mclas_fairseq.binarize.reading import Corpus
from mclas_fairseq.binarize.report import ExtensionReport
from mclas_fairseq.binarize.spool import SpooledSplit
from mclas_fairseq.binarize.tokenizer_source import TokenizerSource
from mclas_fairseq.binarize.unknown import UnknownText, check_taken_over, unknown_of_sides
from mclas_fairseq.binarize.vocabularies import Statistics
from mclas_fairseq.corpus.tokenizers import ExtendedTokenizer, Tokenizer
from mclas_fairseq.corpus.tokenizers.pretrained_checkpoint import open_pretrained
from mclas_fairseq.data.data_bin import DataBin

logger = logging.getLogger(__name__)


class Learned(TokenizerSource):
    """A tokenizer learned from the training text; its pieces, or those counted, are the entries."""

    remedy = "give a larger --vocab-size or --tokenizer sentencepiece"

    def make_tokenizer(self, corpus: Corpus, folder: Path) -> Tokenizer:
        """Learn it."""
        chosen = self.options.tokenizer
        logger.info("learning the tokenizer (%s)", chosen.name)
        return learn_tokenizer(
            _train(corpus), corpus.sides, chosen, corpus.learned["train"], folder
        )

    def _build(self, tokenizer: Tokenizer, counts: Counter[str]) -> Dictionary:
        # The merges bound the number of BPE's pieces already; words are without end.
        limit = self.options.tokenizer.vocab_size if tokenizer.name == "words" else None
        return build_dictionary(tokenizer.entries(), counts, limit)


class Given(TokenizerSource):
    """A sentencepiece model or `vocab.txt` made elsewhere; its pieces are the entries."""

    def __init__(self, options: PrepareOptions, model: Path) -> None:
        super().__init__(options)
        self.model = model

    def make_tokenizer(self, corpus: Corpus, folder: Path) -> Tokenizer:
        """Take the given one."""
        return take_given(self.options.tokenizer, self.model, folder)

    def _build(self, tokenizer: Tokenizer, counts: Counter[str]) -> Dictionary:
        return build_dictionary(tokenizer.entries(), counts, None)


class Mbart(Given):
    """mBART's sentencepiece model and its dictionary, whose entries keep their numbers."""

    def __init__(self, options: PrepareOptions, model: Path, folder: Path) -> None:
        super().__init__(options, model)
        self.folder = folder

    def _build(self, tokenizer: Tokenizer, counts: Counter[str]) -> Dictionary:
        return build_mbart_dictionary(self.folder, self.options.tokenizer.mbart_langs)

    def _pretrained(self, dictionary: Dictionary) -> Optional[dict[str, Any]]:
        return describe_mbart(self.folder, dictionary)


class Pretrained(TokenizerSource):
    """The tokenizer of an encoder of transformers, and its ids."""

    def __init__(self, options: PrepareOptions, name_or_path: str) -> None:
        super().__init__(options)
        self.checkpoint = open_pretrained(name_or_path)

    def make_tokenizer(self, corpus: Corpus, folder: Path) -> Tokenizer:
        """Take the checkpoint's, tried on training text."""
        return take_tokenizer(self.checkpoint, _train(corpus), corpus.sides, folder)

    def _build(self, tokenizer: Tokenizer, counts: Counter[str]) -> Dictionary:
        return build_indexed_dictionary(self.checkpoint, counts, self.options.target_langs)

    def _pretrained(self, dictionary: Dictionary) -> Optional[dict[str, Any]]:
        return describe_pretrained(self.checkpoint)


class Earlier(TokenizerSource):
    """An earlier data-bin's tokenizer and dictionary, as they are."""

    earlier: DataBin

    def __init__(self, options: PrepareOptions, folder: Path) -> None:
        super().__init__(options)
        self.earlier = DataBin.open(folder)

    def make_tokenizer(self, corpus: Corpus, folder: Path) -> Tokenizer:
        """Copy the earlier one, and its dictionary with it."""
        return take_over(self.earlier, folder)

    def make_dictionary(
        self, tokenizer: Tokenizer, statistics: Statistics, folder: Path
    ) -> Dictionary:
        """The earlier one, which `take_over` has copied."""
        return self.earlier.dictionary

    def _build(self, tokenizer: Tokenizer, counts: Counter[str]) -> Dictionary:
        return self.earlier.dictionary

    def check_unknown(
        self, corpus: Corpus, statistics: Statistics, dictionary: Dictionary
    ) -> list[UnknownText]:
        """As for others, over all splits and sides: nothing was fitted to this corpus."""
        texts = unknown_of_sides(statistics, corpus.sides, dictionary)
        check_taken_over(texts, self.options, self.earlier.languages.union(self.options.extend))
        return texts

    def _pretrained(self, dictionary: Dictionary) -> Optional[dict[str, Any]]:
        return self.earlier.manifest.pretrained

    def _subset(self) -> Optional[dict[str, int]]:
        return None


class Extended(Earlier):
    """An earlier data-bin's tokenizer and dictionary with the pieces of more languages behind."""

    def make_tokenizer(self, corpus: Corpus, folder: Path) -> Tokenizer:
        """Learn the pieces of the added languages."""
        logger.info("learning the pieces of %s", ", ".join(self.options.extend))
        learned = corpus.learned["train"]
        return extend_earlier(
            self.earlier, _train(corpus), corpus.sides, self.options, learned, folder
        )

    def make_dictionary(
        self, tokenizer: Tokenizer, statistics: Statistics, folder: Path
    ) -> Dictionary:
        """Write the extended dictionary: the earlier entries keep their numbers."""
        return TokenizerSource.make_dictionary(self, tokenizer, statistics, folder)

    def _build(self, tokenizer: Tokenizer, counts: Counter[str]) -> Dictionary:
        return extend_dictionary(self.earlier.dictionary, _extended(tokenizer).added, counts)

    def notes(self, tokenizer: Tokenizer, dictionary: Dictionary) -> SourceNotes:
        """What the manifest says, the languages added among it."""
        extended = _extended(tokenizer)
        extension = {
            "languages": list(extended.languages),
            "pieces": len(extended.added),
            "dictionary_sha256": self.earlier.manifest.dictionary_sha256,
        }
        return SourceNotes(self._subset(), self._pretrained(dictionary), extension)

    def extension_report(self, tokenizer: Tokenizer) -> Optional[ExtensionReport]:
        """What the report says of the languages that were added."""
        extended = _extended(tokenizer)
        return ExtensionReport(
            languages=extended.languages,
            learned=extended.learned,
            added=len(extended.added),
            earlier=len(self.earlier.dictionary),
        )

    def _subset(self) -> Optional[dict[str, int]]:
        return TokenizerSource._subset(self)


def open_source(options: PrepareOptions) -> TokenizerSource:
    """Choose where tokenizer and dictionary come from, and open what must be there.

    Raises:
        ConfigError, DataError, SetupError: the earlier data-bin or the checkpoint cannot be read.
    """
    if options.like is not None:
        return (Extended if options.extend else Earlier)(options, options.like)
    chosen = options.tokenizer
    if chosen.pretrained is not None:
        return Pretrained(options, chosen.pretrained)
    if chosen.given is None:
        return Learned(options)
    if chosen.mbart is not None:
        return Mbart(options, chosen.given, chosen.mbart)
    return Given(options, chosen.given)


def _train(corpus: Corpus) -> SpooledSplit:
    assert corpus.train is not None, "checked with the options"
    return corpus.train


def _extended(tokenizer: Tokenizer) -> ExtendedTokenizer:
    assert isinstance(tokenizer, ExtendedTokenizer), "made by extend_earlier"
    return tokenizer
