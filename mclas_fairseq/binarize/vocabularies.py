"""Language vocabularies of a data-bin, counted on its training summaries (MCLAS, section 5.2)."""

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from fairseq.data import Dictionary

from mclas_fairseq.binarize.encode import SideStatistics
from mclas_fairseq.binarize.report import VocabularyReport
from mclas_fairseq.data.data_bin import DataBin, summary_side, translation_side, vocabulary_file
from mclas_fairseq.data.language_vocabulary import LanguageVocabulary

Statistics = Mapping[tuple[str, str], SideStatistics]  # (split, side) -> what was counted


def summary_text_side(statistics: Statistics, language: str) -> Optional[str]:
    """The training side that shows how a language's summaries read; None when there is none.

    Its summaries, or its translations where the corpus has no summaries.
    """
    for side in (summary_side(language), translation_side(language)):
        counted = statistics.get(("train", side))
        if counted is not None and counted.texts:
            return side
    return None


def write_vocabularies(
    folder: Path,
    languages: Sequence[str],
    statistics: Statistics,
    dictionary: Dictionary,
    like: Optional[DataBin],
) -> list[VocabularyReport]:
    """Write the vocabulary of each language that has training text, or copy the earlier one's.

    Vocabularies of other languages of an earlier data-bin come along, so that a checkpoint can be
    used for them with this data-bin as well.

    Args:
        folder: of the data-bin.
        languages: source and target languages.
        statistics: what was counted while the sides were encoded.
        dictionary: of the data-bin.
        like: earlier data-bin for languages without training text here.
    """
    if like is not None:
        for language in like.languages.difference(languages):
            if (like.folder / vocabulary_file(language)).is_file():
                shutil.copyfile(
                    like.folder / vocabulary_file(language), folder / vocabulary_file(language)
                )
    reports = []
    for language in languages:
        path = folder / vocabulary_file(language)
        side = summary_text_side(statistics, language)
        if side is not None:
            seen = statistics["train", side].pieces
            indices = [dictionary.index(piece) for piece in seen if piece in dictionary]
            LanguageVocabulary.from_counts(language, indices, dictionary).save(path)
            source = f"training texts of {side}"
        elif like is not None and (like.folder / vocabulary_file(language)).is_file():
            shutil.copyfile(like.folder / vocabulary_file(language), path)
            source = f"{like.folder}"
        else:
            continue
        vocabulary = LanguageVocabulary.load(path, language)
        covered = _coverage(statistics, language, vocabulary)
        reports.append(VocabularyReport(language, len(vocabulary.symbols), covered, source))
    return reports


def _coverage(
    statistics: Statistics, language: str, vocabulary: LanguageVocabulary
) -> Optional[float]:
    valid = statistics.get(("valid", summary_side(language)))
    pieces: Counter[str] = valid.pieces if valid is not None else Counter()
    if not pieces:
        return None
    held = frozenset(vocabulary.symbols)
    return sum(count for piece, count in pieces.items() if piece in held) / pieces.total()
