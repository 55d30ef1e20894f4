"""Which training records are left out on demand, and why: by id, by length, as duplicates.

Validation and test are never thinned out: what would be left out of training is noted there, so
that the report can say so, and kept. Lengths are counted in words, not in pieces: so a record is
gone before the tokenizer learns, and the same records go whatever the tokenizer. Nothing is cut
here: a document longer than the model reads is cut when a batch is made, and stays.

Place in the pipeline: asked for every record in the first pass (`mclas_fairseq.binarize.spool`).
"""

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Optional

from mclas_fairseq.corpus.languages import count_words, is_unspaced
from mclas_fairseq.data.data_bin import DOCUMENT_SIDE, summary_side, translation_side
from mclas_fairseq.errors import ConfigError

TRAIN = "train"
# One limit must do for all languages: a summary of 19 English words has some 41 Chinese characters.
_CHARACTERS_A_WORD = 2
_DIGEST = 16  # bytes kept of a document: two of a billion agree by chance once in 10^20 corpora


@dataclass(frozen=True)
class FilterOptions:
    """What is left out of training besides listed ids; None: no such limit.

    Attributes:
        max_document_words: longest document (and translation of one) in words; where words are not
            spaced, two characters count as a word.
        max_summary_words: longest summary, in any of the languages, likewise.
        max_length_ratio: how many times as long, in bytes of UTF-8, one of two texts that say the
            same may be: the two summaries, a document and its translation.
        dedup: whether repeated documents are left out, and those of validation and test.
    """

    max_document_words: Optional[int] = None
    max_summary_words: Optional[int] = None
    max_length_ratio: Optional[float] = None
    dedup: bool = False

    @property
    def chosen(self) -> dict[str, float | bool]:
        """Those that are set, by name."""
        return {name: value for name, value in vars(self).items() if value not in (None, False)}

    def check(self) -> None:
        """Check the numbers.

        Raises:
            ConfigError: one is out of range.
        """
        for name, least in (
            ("max_document_words", 1),
            ("max_summary_words", 1),
            ("max_length_ratio", 1.0),
        ):
            value = getattr(self, name)
            if value is not None and not value >= least:
                flag = "--" + name.replace("_", "-")
                raise ConfigError(f"{flag}: must be at least {least}, but is {value}; raise it")


class Sieve:
    """Says of each record why it does not belong into training, if so; remembers documents.

    Validation and test must be asked about before training, whose documents they take away.

    Args:
        options: the limits.
        source_lang: language of the documents.
        sides: side -> language.
        excluded_ids: training records to leave out.
    """

    def __init__(
        self,
        options: FilterOptions,
        source_lang: str,
        sides: Mapping[str, str],
        excluded_ids: frozenset[str],
    ) -> None:
        self._options = options
        self._source = source_lang
        self._sides = dict(sides)
        self._excluded_ids = excluded_ids
        self._held_out: dict[bytes, str] = {}  # document -> split
        self._trained: dict[bytes, int] = {}  # document -> sides that it came with, one bit each

    def reason(self, split: str, item: str, texts: Mapping[str, str]) -> Optional[str]:
        """Why a record does not belong into training, or None; the first reason that applies.

        Args:
            split: that it is in.
            item: its id.
            texts: side -> text, of the sides that it has.
        """
        if split == TRAIN and item in self._excluded_ids:
            return "--exclude-ids"
        return next(self._beyond_limits(texts), None) or self._repeated(split, texts)

    def _beyond_limits(self, texts: Mapping[str, str]) -> Iterator[str]:
        options = self._options
        for side, text in texts.items():
            is_summary = side.startswith(summary_side(""))
            limit = options.max_summary_words if is_summary else options.max_document_words
            if limit is not None and _length(text, self._sides[side]) > limit:
                kind = "summary" if is_summary else "document"
                yield f"--max-{kind}-words {limit}"
        ratio = options.max_length_ratio
        if ratio is not None and self._longest_ratio(texts) > ratio:
            yield f"--max-length-ratio {ratio:g}"

    def _longest_ratio(self, texts: Mapping[str, str]) -> float:
        """How many times as long one of two texts is that say the same; 1 where there are none."""
        ratios = [1.0]
        for language in set(self._sides.values()) - {self._source}:
            for pair in (
                (summary_side(self._source), summary_side(language)),
                (DOCUMENT_SIDE, translation_side(language)),
            ):
                sizes = sorted(len(texts.get(side, "").encode("utf-8")) for side in pair)
                if sizes[0]:
                    ratios.append(sizes[1] / sizes[0])
        return max(ratios)

    def _repeated(self, split: str, texts: Mapping[str, str]) -> Optional[str]:
        if not self._options.dedup:
            return None
        document = texts[DOCUMENT_SIDE].casefold().encode("utf-8")
        key = hashlib.blake2b(document, digest_size=_DIGEST).digest()
        if key in self._held_out:
            return f"--dedup: document also in {self._held_out[key]}"
        if split != TRAIN:
            self._held_out[key] = split
            return None
        # A record with a text that its document never came with before (a translated summary
        # beside a monolingual one) repeats nothing.
        sides = sum(1 << place for place, side in enumerate(self._sides) if side in texts)
        seen = self._trained.get(key, 0)
        self._trained[key] = seen | sides
        return "--dedup: repeated document" if seen | sides == seen else None


def _length(text: str, language: str) -> float:
    """Length in words, estimated where they are not spaced."""
    words = count_words(text, language)
    return words / _CHARACTERS_A_WORD if is_unspaced(language) else words
