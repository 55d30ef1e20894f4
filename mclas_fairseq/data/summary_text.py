"""Text to tokens and hypotheses to summaries, with the data-bin's own tokenizer.

It has the `encode` and `decode` of fairseq's `--bpe` encoders, so that fairseq-interactive takes
raw text and fairseq-generate's D- lines are plain text with `[LSEP]` between the two summaries.
"""

from collections.abc import Sequence

from mclas_fairseq.corpus.tokenizers import SEPARATOR
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.layouts import split_tokens


class SummaryText:
    """The text side of a data-bin for one layout.

    Args:
        data_bin: where the tokenizer and the dictionary are.
        source_lang: language of the documents.
        languages: languages of the summaries in a hypothesis, in order.
    """

    def __init__(self, data_bin: DataBin, source_lang: str, languages: Sequence[str]):
        self.data_bin = data_bin
        self.source_lang = source_lang
        self.languages = tuple(languages)

    def encode(self, text: str) -> str:
        """Tokenize a document: pieces separated by spaces."""
        return " ".join(self.data_bin.tokenizer.encode(text, self.source_lang))

    def decode(self, text: str) -> str:
        """Turn pieces separated by spaces to text; the separator between two summaries stays.

        fairseq calls this for hypotheses and for documents alike. Without a separator the pieces
        are read in the language of the last summary.
        """
        halves = text.split(SEPARATOR)
        languages = self.languages[-len(halves) :]
        if len(halves) != len(languages):
            languages = (self.source_lang,) * len(halves)
        decoded = [
            self.data_bin.tokenizer.decode(half.split(), language).replace(SEPARATOR, "[ LSEP ]")
            for half, language in zip(halves, languages, strict=True)
        ]
        return f" {SEPARATOR} ".join(decoded)

    def summaries(self, tokens: Sequence[int]) -> dict[str, str]:
        """Split a hypothesis (token ids, shape (T_tgt,)) to text by language.

        Raises:
            DataError: it has not the separators that the layout has.
        """
        dictionary = self.data_bin.dictionary
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
