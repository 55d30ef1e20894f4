"""From parallel texts to a lexicon: read, cut by the data-bin's tokenizer, align, truncate.

Place in the pipeline: behind `mclas lexicon`. The texts should be those of training; what is in
validation and test has no place in a lexicon.
"""

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from mclas_fairseq.corpus.record import Record
from mclas_fairseq.corpus.records import read_corpus
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.lexicon.alignment import AlignerOptions, WordPairs, word_pairs
from mclas_fairseq.lexicon.file import Lexicon

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class LexiconOptions:
    """What goes into a lexicon.

    Attributes:
        target_lang: language of the translations.
        translation_key: key of the records that holds translations of the document.
        summaries: whether summaries in both languages are parallel text as well.
        candidates: translations that a piece may have.
        min_prob: smallest probability of one, before those kept are brought to a sum of 1.
        max_pieces: longest text, in pieces; pairs with a longer one are left out.
        aligner: the models' options.
    """

    target_lang: str
    translation_key: str = "translation"
    summaries: bool = False
    candidates: int = 10
    min_prob: float = 0.05
    max_pieces: int = 200
    aligner: AlignerOptions = field(default_factory=AlignerOptions)

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            ConfigError: one is out of its range.
        """
        for flag, value, right in (
            ("--candidates", self.candidates, self.candidates >= 1),
            ("--min-prob", self.min_prob, 0 <= self.min_prob <= 1),
            ("--max-pieces", self.max_pieces, self.max_pieces >= 1),
        ):
            if not right:
                rule = "between 0 and 1" if flag == "--min-prob" else "at least 1"
                raise ConfigError(f"{flag} {value}: must be {rule}; correct it")


Pairs = tuple[list[list[str]], list[list[str]]]  # pieces of the sources, of the targets


def build_lexicon(data_bin: DataBin, paths: Sequence[Path], options: LexiconOptions) -> Lexicon:
    """Make a lexicon of a data-bin's pieces from parallel records or parallel plain text.

    Args:
        data_bin: has tokenizer and dictionary.
        paths: files of records, and prefixes of parallel text, see `corpus.records.read_corpus`.
        options: what goes into it.

    Raises:
        ConfigError: the data-bin was not made for the target language.
        DataError: a file is not as it must be, or there is nothing that is there in both languages.
    """
    source_lang = data_bin.manifest.source_lang
    if options.target_lang not in data_bin.languages - {source_lang}:
        others = ", ".join(sorted(data_bin.languages - {source_lang}))
        raise ConfigError(
            f"--target-lang {options.target_lang}: the data-bin {data_bin.folder} has pieces for"
            f" {others} beside {source_lang}; choose among them, or prepare one with this language"
        )
    pairs = _read(data_bin, paths, source_lang, options)
    logger.info("%s pairs of texts to align", f"{len(pairs[0]):,}")
    found = word_pairs(*pairs, options.aligner)
    return Lexicon(
        source_lang,
        options.target_lang,
        data_bin.manifest.dictionary_sha256,
        truncate(found, candidates=options.candidates, min_prob=options.min_prob),
        {
            "pairs": len(pairs[0]),
            "candidates": options.candidates,
            "min_prob": options.min_prob,
            "aligner": "hmm" if options.aligner.hmm_iterations else "ibm1",
        },
    )


def truncate(pairs: WordPairs, *, candidates: int, min_prob: float) -> dict[str, dict[str, float]]:
    """Keep the likeliest translations of each word and bring them to a sum of 1.

    Args:
        pairs: of words that are texts.
        candidates: how many a word may have.
        min_prob: smallest probability of one; a word without any is left out.

    Returns:
        Word -> translation -> probability, words in alphabetical order, likeliest first.
    """
    kept = np.flatnonzero(pairs.probability >= max(min_prob, np.finfo(float).tiny))
    order = kept[np.lexsort((pairs.target[kept], -pairs.probability[kept], pairs.source[kept]))]
    found: dict[str, dict[str, float]] = {}
    for place in order:
        entry = found.setdefault(str(pairs.sources[pairs.source[place]]), {})
        if len(entry) < candidates:
            entry[str(pairs.targets[pairs.target[place]])] = float(pairs.probability[place])
    return {
        piece: {target: share / sum(entry.values()) for target, share in entry.items()}
        for piece, entry in sorted(found.items())
    }


def _read(
    data_bin: DataBin, paths: Sequence[Path], source_lang: str, options: LexiconOptions
) -> Pairs:
    target_lang = options.target_lang
    tokenizer, dictionary = data_bin.tokenizer, data_bin.dictionary
    pairs: Pairs = ([], [])
    met = {source_lang: 0, target_lang: 0}
    unknown, too_long = dict(met), 0
    records = read_corpus(
        paths,
        source_lang=source_lang,
        target_langs=[target_lang],
        translation_key=options.translation_key,
    )
    for texts in _parallel(records, source_lang, options):
        cut = []
        for language, text in zip((source_lang, target_lang), texts, strict=True):
            pieces = tokenizer.encode(text, language)
            cut.append([piece for piece in pieces if piece in dictionary])
            met[language] += len(pieces)
            unknown[language] += len(pieces) - len(cut[-1])
        if max(map(len, cut)) > options.max_pieces:
            too_long += 1
        elif all(cut):
            pairs[0].append(cut[0])
            pairs[1].append(cut[1])
    _check(pairs, paths, met, unknown, options)
    if too_long:
        logger.warning(
            "%s pairs with a text of more than %d pieces are left out (--max-pieces)",
            f"{too_long:,}", options.max_pieces,
        )  # fmt: skip
    return pairs


def _parallel(
    records: Iterator[Record], source_lang: str, options: LexiconOptions
) -> Iterator[tuple[str, str]]:
    """Texts that translate one another: item by item where both sides have equally many."""
    target_lang = options.target_lang
    for record in records:
        there, back = record.document[source_lang], record.translation.get(target_lang, ())
        if len(there) == len(back):
            yield from zip(there, back, strict=True)
        elif back:
            yield record.document_text(source_lang), record.translation_text(target_lang)
        summaries = record.summary if options.summaries else {}
        yield from zip(summaries.get(source_lang, ()), summaries.get(target_lang, ()), strict=False)


def _check(
    pairs: Pairs,
    paths: Sequence[Path],
    met: dict[str, int],
    unknown: dict[str, int],
    options: LexiconOptions,
) -> None:
    names = ", ".join(map(str, paths))
    for language, count in met.items():
        if count and unknown[language] == count:
            raise DataError(
                f"{names}: the data-bin must have pieces for the texts in {language}, but of"
                f" {count:,} pieces its dictionary has none; check the language, or the data-bin"
            )
        if unknown[language] > 0.005 * count:
            logger.warning(
                "%.1f %% of the pieces in %s are not in the dictionary; they are passed over",
                100 * unknown[language] / count, language,
            )  # fmt: skip
    if not pairs[0]:
        other = "documents with a translation" + (
            " or summaries in both languages" if options.summaries else ""
        )
        raise DataError(
            f"{names}: must hold {other} ({' and '.join(met)}, at most {options.max_pieces}"
            " pieces), but there is none; check files and languages"
            + ("" if options.summaries else ", or add --summaries")
        )
