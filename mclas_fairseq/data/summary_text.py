"""Text to tokens and hypotheses to summaries, with the data-bin's own tokenizer.

It has the `encode` and `decode` of fairseq's `--bpe` encoders, so that fairseq-interactive takes
raw text and fairseq-generate's D- lines are plain text with `[LSEP]` between the two summaries.
With several target languages a hypothesis holds the separator of its own (`[LSEP:de]`): between the
two summaries, or before the only one.
"""

from collections.abc import Mapping, Sequence
from typing import Optional

from mclas_fairseq.corpus.tokenizers import (
    SEPARATOR,
    split_at_target,
    target_separator,
    without_symbols,
)
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.layouts import split_tokens
from mclas_fairseq.errors import DataError


class SummaryText:
    """The text side of a data-bin for one layout.

    Args:
        data_bin: where the tokenizer and the dictionary are.
        source_lang: language of the documents.
        languages: languages of the summaries in a hypothesis, in order; with several target
            languages of all hypotheses.
        targets: ids of the separators of several target languages, by language.
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
        if self.targets:
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
        dictionary = self.data_bin.dictionary
        if self.targets:
            return self._summaries_of_several(tokens)
        halves = split_tokens(
            tokens,
            separator=self.data_bin.separator,
            eos=dictionary.eos(),
            summaries=len(self.languages),
        )
        return {
            language: self.data_bin.tokenizer.decode([dictionary[i] for i in half], language)
            for language, half in zip(self.languages, halves, strict=True)
        }

    def _decode_of_several(self, text: str) -> str:
        before, target, after = split_at_target(text)
        decode = self.data_bin.tokenizer.decode
        if target is None:
            return without_symbols(decode(text.split(), self.source_lang))
        first = without_symbols(decode(before.split(), self.source_lang))
        second = without_symbols(decode(after.split(), target))
        return f"{first} {target_separator(target)} {second}".strip()

    def _summaries_of_several(self, tokens: Sequence[int]) -> dict[str, str]:
        """As `summaries`: the target language is that whose separator the hypothesis holds."""
        dictionary = self.data_bin.dictionary
        found = [language for language, symbol in self.targets.items() if symbol in tokens]
        if len(found) != 1:
            raise DataError(
                "hypothesis: with several target languages it holds the separator of one of them,"
                f" this one of {', '.join(found) or 'none'}; was it written by another checkpoint?"
            )
        halves = split_tokens(
            tokens, separator=self.targets[found[0]], eos=dictionary.eos(), summaries=2
        )
        # In layout ncls the separator stands before the only summary.
        languages = (self.source_lang, found[0]) if self.source_lang in self.languages else found
        return {
            language: self.data_bin.tokenizer.decode([dictionary[i] for i in half], language)
            for language, half in zip(languages, halves[-len(languages) :], strict=True)
        }
