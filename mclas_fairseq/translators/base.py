"""What every translator promises: a translation for each line, in the order of the lines.

Place in the pipeline: `mclas roundtrip` translates summaries there and back with two of these.
What all have in common is done here: lines are put into one form, an empty line has an empty
translation and never reaches the model, and an answer of another number of lines is an error.
"""

import logging
from abc import ABC, abstractmethod
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Optional

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import ConfigError, TranslatorError
from mclas_fairseq.translators.options import TranslatorOptions, TranslatorSpec

logger = logging.getLogger(__name__)

# Further digits of a score depend on which lines happened to share a batch.
_SCORE_DIGITS = 4


@dataclass(frozen=True)
class Translation:
    """One line, translated.

    Attributes:
        text: the translation, normalised as records are; empty for an empty line.
        score: mean log-probability of its tokens, end of sentence included, in nats; None where
            the translator gives none, and for an empty line.
        cut: whether the line was too long and only its beginning was translated.
    """

    text: str
    score: Optional[float] = None
    cut: bool = False


class Translator(ABC):
    """Translates lines from one language into another.

    Args:
        spec: what the translator was opened from.
        options: how it translates.
    """

    def __init__(self, spec: TranslatorSpec, options: TranslatorOptions) -> None:
        self.spec = spec
        self.options = options

    @property
    def name(self) -> str:
        """The spec as the user gave it, as in `fairseq:en-de/model.pt`."""
        return str(self.spec)

    @cached_property
    def fingerprint(self) -> str:
        """Two translators with the same fingerprint translate alike.

        Made of the content of the model's files, not of their place, and of the options that
        change translations; computed when first asked for, as large files are read for it.
        """
        return self._fingerprint()

    def translate(self, lines: Sequence[str]) -> list[Translation]:
        """Translate `lines`, any number; sorting them into batches is the translator's business.

        White space and control characters inside a line become single spaces first.

        Returns:
            A translation for each line, in the same order.

        Raises:
            TranslatorError: the translator failed, or gave another number of lines.
        """
        prepared = [normalize_text(line) for line in lines]
        filled = [place for place, line in enumerate(prepared) if line]
        found = self._translate([prepared[place] for place in filled]) if filled else []
        if len(found) != len(filled):
            raise TranslatorError(
                f"{self.name}: must give one translation for each line, but gave {len(found)} for "
                f"{len(filled)} lines; use a translator that keeps lines apart"
            )
        cut = sum(translation.cut for translation in found)
        if cut:
            logger.warning("%s: cut %d of %d lines for their length", self.name, cut, len(lines))
        translations = [Translation("")] * len(lines)
        for place, translation in zip(filled, found, strict=True):
            translations[place] = _tidy(translation)
        return translations

    @abstractmethod
    def _translate(self, lines: Sequence[str]) -> list[Translation]:
        """Translate lines, none of which is empty."""

    @abstractmethod
    def _fingerprint(self) -> str:
        """Compute `fingerprint`."""

    def _choose_precision(self, known: Collection[str], default: str) -> str:
        """The precision asked for, or the default of this kind.

        Raises:
            ConfigError: this kind of translator does not have it.
        """
        chosen = self.options.precision or default
        if chosen not in known:
            raise ConfigError(
                f"--precision {chosen}: must be one of {', '.join(known)} for {self.name};"
                " give one of them"
            )
        return chosen

    def close(self) -> None:  # noqa: B027 - most hold nothing that must be given back
        """Give back what the translator holds; it cannot be used afterwards."""


def _tidy(translation: Translation) -> Translation:
    score = translation.score
    return replace(
        translation,
        text=normalize_text(translation.text),
        score=None if score is None else round(score, _SCORE_DIGITS),
    )
