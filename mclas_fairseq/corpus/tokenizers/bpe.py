"""Byte-pair encoding (subword-nmt) of Moses words, learned jointly for all languages.

The merges are learned from word counts, weighted so that all languages have the same share.
Sennrich et al., "Neural Machine Translation of Rare Words with Subword Units" (2016,
arXiv:1508.07909).

Place in the pipeline: see `mclas_fairseq.corpus.tokenizers.base`.
"""

import contextlib
import io
import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Self

from subword_nmt.apply_bpe import BPE
from subword_nmt.learn_bpe import learn_bpe

from mclas_fairseq.corpus.balance import changed_lines, draw_languages, language_weights
from mclas_fairseq.corpus.tokenizers.base import (
    Tokenizer,
    is_reserved,
    prepare_text,
    read_description,
    read_file,
    write_file,
)
from mclas_fairseq.corpus.tokenizers.moses import join_words, split_words
from mclas_fairseq.errors import DataError

logger = logging.getLogger(__name__)

CODES_FILE = "bpe.codes"
BYTES_PER_LANGUAGE = 3_000_000
_VERSION = "#version: 0.2"  # first line of the codes
_MARK = "@@"  # ends each piece that the next one continues


class BpeTokenizer(Tokenizer):
    """Words by the rules of Moses, rare ones in pieces.

    Args:
        codes: the merges in subword-nmt's format.
        lowercase: whether `encode` lower-cases its text.
    """

    name = "bpe"

    def __init__(self, codes: str, *, lowercase: bool) -> None:
        super().__init__(lowercase=lowercase)
        self._codes = codes
        self._bpe = BPE(io.StringIO(codes), separator=_MARK)

    def _segment(self, text: str, language: str) -> list[str]:
        pieces: list[str] = []
        for piece in self._bpe.segment_tokens(split_words(text, language)):
            if is_reserved(piece):  # cut once more, into what cannot be mistaken
                pieces += [character + _MARK for character in piece[:-1]]
                pieces.append(piece[-1])
            else:
                pieces.append(piece)
        return pieces

    def decode(self, pieces: Sequence[str], language: str) -> str:
        """Return the text of `pieces` with the spacing that is usual in `language`."""
        words = (" ".join(pieces) + " ").replace(f"{_MARK} ", "")
        return join_words(words.split(), language)

    def _save_model(self, folder: Path) -> None:
        write_file(folder / CODES_FILE, self._codes.encode("utf-8"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Read `bpe.codes` and `tokenizer.json` from `folder`."""
        lowercase = bool(read_description(folder)["lowercase"])
        codes = read_file(folder / CODES_FILE).decode("utf-8", errors="replace")
        _check_codes(codes, folder / CODES_FILE)
        return cls(codes, lowercase=lowercase)

    @classmethod
    def train(cls, texts: Mapping[str, Iterable[str]], *, vocab_size: int, lowercase: bool) -> Self:
        """Learn `vocab_size` merges from `texts`, balanced over the languages.

        Fewer merges are learned, and a warning logged, where the text holds no more.
        """
        prepared = {
            language: changed_lines(
                partial(prepare_text, language=language, lowercase=lowercase), lines
            )
            for language, lines in texts.items()
        }
        drawn = draw_languages(prepared, BYTES_PER_LANGUAGE)
        counts: Counter[str] = Counter()
        for language, weight in language_weights(drawn).items():
            words = Counter(
                word for line in drawn[language] for word in split_words(line, language)
            )
            # Hundredths, so that a weight of 1.4 is not rounded to 1.
            counts.update({word: round(100 * weight * count) for word, count in words.items()})
        return cls(_learn_codes(counts, vocab_size), lowercase=lowercase)


def _learn_codes(counts: Mapping[str, int], merges: int) -> str:
    """Return the codes that subword-nmt learns from weighted word counts (in hundredths)."""
    lines = [f"{word} {count}" for word, count in sorted(counts.items())]
    nothing = DataError(
        "tokenizer: bpe needs two letters that follow each other twice, found none in this text; "
        "use --tokenizer words or give more text"
    )
    if not any(len(word) > 1 for word in counts):
        raise nothing
    codes = io.StringIO()
    # It reports its progress on standard error whether wanted or not.
    with contextlib.redirect_stderr(io.StringIO()):
        learn_bpe(lines, codes, merges, min_frequency=200, is_dict=True)
    learned = codes.getvalue().count("\n") - 1
    if not learned:
        raise nothing
    if learned < merges:
        logger.warning("tokenizer: bpe found %d merges in this text, not %d", learned, merges)
    return codes.getvalue()


def _check_codes(codes: str, path: Path) -> None:
    """Raise `DataError` unless `codes` can be read: subword-nmt would end the process."""
    version, *merges = codes.removesuffix("\n").split("\n")
    bad = [line for line in merges if len(line.split(" ")) != 2]
    if version != _VERSION or not merges or bad:
        raise DataError(
            f"{path}: must be '{_VERSION}' and two pieces a line, found "
            f"{[version, *bad][-1]!r}; prepare the data-bin again with mclas prepare"
        )
