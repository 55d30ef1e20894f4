"""What `prepare` asks of where tokenizer and dictionary come from; the ways are in `sources.py`."""

from abc import ABC, abstractmethod
from collections import Counter
from pathlib import Path
from typing import Any, Optional

from fairseq.data import Dictionary

from mclas_fairseq.binarize.dictionary import (
    add_target_separators,
    add_task_tags,
    write_dictionary,
)
from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.provenance import SourceNotes
from mclas_fairseq.binarize.reading import Corpus
from mclas_fairseq.binarize.report import ExtensionReport
from mclas_fairseq.binarize.unknown import UnknownText, check_learned, measure_unknown
from mclas_fairseq.binarize.vocabularies import Statistics, summary_text_side
from mclas_fairseq.corpus.tokenizers import Tokenizer
from mclas_fairseq.data.data_bin import DICTIONARY_FILE, DataBin


class TokenizerSource(ABC):
    """One way to get tokenizer and dictionary.

    Attributes:
        options: what was asked for.
        earlier: the data-bin whose vocabularies serve languages without training text here.
        remedy: what to do where the dictionary cannot spell the training text.
    """

    earlier: Optional[DataBin] = None
    remedy = "give another model, or learn one"

    def __init__(self, options: PrepareOptions) -> None:
        self.options = options

    @abstractmethod
    def make_tokenizer(self, corpus: Corpus, folder: Path) -> Tokenizer:
        """Save the tokenizer into the data-bin `folder`; returns it as read back from there.

        Raises:
            DataError: it does not serve this corpus.
        """

    def make_dictionary(
        self, tokenizer: Tokenizer, statistics: Statistics, folder: Path
    ) -> Dictionary:
        """Write the dictionary into the data-bin `folder`.

        Args:
            tokenizer: what `make_tokenizer` gave.
            statistics: the pieces of every side, counted while the text was cut.
            folder: of the data-bin.

        Raises:
            DataError: the pieces that it must begin with are not as they must be.
        """
        counts: Counter[str] = Counter()
        for counted in statistics.values():
            counts.update(counted.learned_pieces)
        dictionary = self._build(tokenizer, counts)
        add_target_separators(dictionary, self.options.target_langs)
        if self.options.task_tags:
            add_task_tags(dictionary)
        write_dictionary(dictionary, folder / DICTIONARY_FILE)
        return dictionary

    @abstractmethod
    def _build(self, tokenizer: Tokenizer, counts: Counter[str]) -> Dictionary:
        """The dictionary up to `[LSEP]`, by the pieces (-> occurrences) of the training text."""

    def check_unknown(
        self, corpus: Corpus, statistics: Statistics, dictionary: Dictionary
    ) -> list[UnknownText]:
        """Refuse a dictionary that cannot spell the text; returns what the report tells of it.

        Raises:
            DataError: too large a share of some side is unknown to it.
        """
        sides = {
            summary_text_side(statistics, language): language for language in self.options.languages
        }
        texts = [
            measure_unknown(side, language, statistics["train", side].learned_pieces, dictionary)
            for side, language in sides.items()
            if side is not None
        ]
        check_learned(texts, dictionary, self.options.max_unknown, self.remedy)
        return []

    def notes(self, tokenizer: Tokenizer, dictionary: Dictionary) -> SourceNotes:
        """What the manifest says of tokenizer and dictionary beside their names."""
        return SourceNotes(self._subset(), self._pretrained(dictionary))

    def extension_report(self, tokenizer: Tokenizer) -> Optional[ExtensionReport]:
        """What the report says of languages that were added."""
        return None

    def _pretrained(self, dictionary: Dictionary) -> Optional[dict[str, Any]]:
        return None

    def _subset(self) -> Optional[dict[str, int]]:
        chosen = self.options.tokenizer
        if chosen.subset_size is None:
            return None
        return {"size": chosen.subset_size, "seed": chosen.subset_seed}
