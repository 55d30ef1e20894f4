"""Text to tokens and hypotheses to summaries, with the data-bin's own tokenizer.

It has the `encode` and `decode` of fairseq's `--bpe` encoders, so that fairseq-interactive takes
raw text and fairseq-generate's D- lines are plain text with `[LSEP]` between the two summaries.
With several target languages a hypothesis holds the separator of its own (`[LSEP:de]`): between the
two summaries, or before the only one.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Optional

from mclas_fairseq.corpus.shortening import shorten
from mclas_fairseq.corpus.tokenizers import (
    SEPARATOR,
    split_at_target,
    target_separator,
    without_symbols,
)
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.layouts import split_places
from mclas_fairseq.errors import DataError


class SummaryText:
    """The text side of a data-bin for one layout.

    Args:
        data_bin: where the tokenizer and the dictionary are.
        source_lang: language of the documents.
        languages: languages of the summaries in a hypothesis, in order; with several target
            languages of all hypotheses.
        targets: ids of the separators of the target languages, by language; none where none of
            them is written.
    """

    def __init__(
        self,
        data_bin: DataBin,
        source_lang: str,
        languages: Sequence[str],
        targets: Optional[Mapping[str, int]] = None,
    ):
        self.data_bin = data_bin
        self.source_lang = source_lang
        self.languages = tuple(languages)
        self.targets = dict(targets or {})

    def encode(self, text: str) -> str:
        """Tokenize a document: pieces separated by spaces."""
        return " ".join(self.data_bin.tokenizer.encode(text, self.source_lang))

    def decode(self, text: str) -> str:
        """Turn pieces separated by spaces to text; the separator between two summaries stays.

        fairseq calls this for hypotheses and for documents alike. Without a separator the pieces
        are read in the language of the last summary.
        """
        if len(self.targets) > 1:
            return self._decode_of_several(text)
        halves = text.split(SEPARATOR)
        languages = self.languages[-len(halves) :]
        if len(halves) != len(languages):
            languages = (self.source_lang,) * len(halves)
        decoded = [
            without_symbols(self.data_bin.tokenizer.decode(half.split(), language))
            for half, language in zip(halves, languages, strict=True)
        ]
        return f" {SEPARATOR} ".join(decoded)

    def summaries(self, tokens: Sequence[int]) -> dict[str, str]:
        """Split a hypothesis (token ids, shape (T_tgt,)) to text by language.

        Raises:
            DataError: it has not the separators that the layout has.
        """
        return {
            language: self._text([tokens[place] for place in places], language)
            for language, places in self._parts(tokens)
        }

    def shorten(self, tokens: Sequence[int], max_words: int) -> list[int]:
        """Cut each summary of a hypothesis (T_tgt,) to a number of words.

        Args:
            tokens: the hypothesis, with or without its first symbol and EOS.
            max_words: most words of each summary, see `corpus/shortening.py`.

        Returns:
            Places of the tokens that stay, separators and EOS among them. At least one token of
            each summary does.

        Raises:
            DataError: it has not the separators that the layout has.
        """
        dropped: set[int] = set()
        for language, places in self._parts(tokens):
            ids = [tokens[place] for place in places]
            text = self._text(ids, language)
            short = shorten(text, max_words, language)
            if len(short) < len(text):
                dropped.update(places[self._pieces_within(ids, len(short), language) :])
        return [place for place in range(len(tokens)) if place not in dropped]

    def _pieces_within(self, ids: Sequence[int], size: int, language: str) -> int:
        """How many pieces (T_i,) make at most `size` characters of text; at least 1."""
        counts = range(1, len(ids) + 1)
        found = bisect_right(counts, size, key=lambda count: len(self._text(ids[:count], language)))
        return max(1, found)

    def _text(self, ids: Sequence[int], language: str) -> str:
        pieces = [self.data_bin.dictionary[index] for index in ids]
        return self.data_bin.tokenizer.decode(pieces, language)

    def _parts(self, tokens: Sequence[int]) -> list[tuple[str, list[int]]]:
        """Language of each summary of a hypothesis (T_tgt,), and places of its tokens."""
        languages, separator, opened = self.languages, self.data_bin.separator, False
        if len(self.targets) > 1:
            target = self._target_of(tokens)
            separator = self.targets[target]
            languages = tuple(code for code in languages if code in (self.source_lang, target))
            opened = len(languages) == 1  # by the separator, which tells the language
        eos, summaries = self.data_bin.dictionary.eos(), len(languages) + opened
        parts = split_places(tokens, separator=separator, eos=eos, summaries=summaries)
        return list(zip(languages, parts[-len(languages) :], strict=True))

    def _decode_of_several(self, text: str) -> str:
        before, target, after = split_at_target(text)
        decode = self.data_bin.tokenizer.decode
        if target is None:
            return without_symbols(decode(text.split(), self.source_lang))
        first = without_symbols(decode(before.split(), self.source_lang))
        second = without_symbols(decode(after.split(), target))
        return f"{first} {target_separator(target)} {second}".strip()

    def _target_of(self, tokens: Sequence[int]) -> str:
        """The target language, one of several: that whose separator the hypothesis holds."""
        found = [language for language, symbol in self.targets.items() if symbol in tokens]
        if len(found) != 1:
            raise DataError(
                "hypothesis: with several target languages it holds the separator of one of them,"
                f" this one of {', '.join(found) or 'none'}; was it written by another checkpoint?"
            )
        return found[0]
