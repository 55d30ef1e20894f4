"""The two pipelines: a monolingual summarizer and a translator, one after the other.

The baselines of Bai et al. (2021), section 5.3, after Wan et al. (2010): TLTran summarises the
document and translates the summary, TETran translates the document and summarises the translation.
The translator is whatever translates lines; here it is only asked to.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Optional, Protocol

from mclas_fairseq.corpus.languages import is_unspaced
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.inference.summarizer import Summarizer

logger = logging.getLogger(__name__)

Splitter = Callable[[str], list[str]]

_BUFFER = 512  # documents read ahead, so that lines of like length share batches


class TranslatedLine(Protocol):
    """What a translator gives for a line."""

    @property
    def text(self) -> str:
        """The translation; empty where the translator found none."""

    @property
    def cut(self) -> bool:
        """Whether only the beginning of the line was translated."""


class LineTranslator(Protocol):
    """Translates lines, each by itself."""

    def translate(self, lines: Sequence[str]) -> Sequence[TranslatedLine]:
        """A translation for each line, in the same order."""


@dataclass(frozen=True)
class PipelineSummary:
    """What a pipeline wrote for one document.

    Attributes:
        summary: language -> text: for TLTran the summary in the document's language and its
            translation, for TETran the one in the target language.
        score: of the summarizer, in bits, see `Hypothesis`; the translator's is no part of it. None
            where there was nothing to summarise.
    """

    summary: dict[str, str]
    score: Optional[float]


@dataclass(frozen=True)
class PipelineLanguages:
    """From which language into which a translator translates."""

    source: str
    target: str

    def __post_init__(self) -> None:
        """Check that they are two."""
        if self.source == self.target:
            raise ConfigError(
                f"languages: documents and summaries must be in two languages, both are in "
                f"{self.source}; give another language, or summarize without a translator"
            )


class SummariseThenTranslate:
    """TLTran.

    Args:
        summarizer: writes summaries in the language of its documents.
        translator: from that language into `target_lang`.
        target_lang: language of the cross-lingual summaries.
        split: cuts a summary into sentences that are translated each by itself; None: a summary is
            translated at once.

    Raises:
        ConfigError: the summarizer does not write in the language of its documents, or the target
            language is that language.
    """

    def __init__(
        self,
        summarizer: Summarizer,
        translator: LineTranslator,
        target_lang: str,
        split: Optional[Splitter] = None,
    ):
        self.languages = PipelineLanguages(monolingual(summarizer, "tltran"), target_lang)
        self.summarizer = summarizer
        self.translator = translator
        self.split = split

    def stream(
        self, documents: Iterable[str], *, batch_size: int = 16
    ) -> Iterator[PipelineSummary]:
        """Summarise documents; `batch_size` of them are decoded together.

        Yields:
            For each document, in order, both summaries. A summary whose translation is empty has
            an empty one, which the log counts.
        """
        source, target = self.languages.source, self.languages.target
        found = self.summarizer.stream(documents, batch_size=batch_size, buffer_size=_BUFFER)
        while best := [summary.best for summary in islice(found, _BUFFER)]:
            texts = [one.summary[source] for one in best]
            units = [[text] if self.split is None else self.split(text) for text in texts]
            translated = _translate(self.translator, units, target)
            for one, text in zip(best, translated, strict=True):
                yield PipelineSummary({source: one.summary[source], target: text}, one.score)


class TranslateThenSummarise:
    """TETran.

    Args:
        summarizer: reads and writes in the target language.
        translator: from `source_lang` into that language.
        source_lang: language of the documents.
        split: cuts a text into the sentences that are translated, each by itself.

    Raises:
        ConfigError: the summarizer does not write in the language that it reads, or the documents
            are in that language.
    """

    def __init__(
        self,
        summarizer: Summarizer,
        translator: LineTranslator,
        source_lang: str,
        split: Splitter,
    ):
        self.languages = PipelineLanguages(source_lang, monolingual(summarizer, "tetran"))
        self.summarizer = summarizer
        self.translator = translator
        self.split = split

    def stream(
        self, documents: Iterable[Sequence[str]], *, batch_size: int = 16
    ) -> Iterator[PipelineSummary]:
        """Summarise documents; `batch_size` of them are decoded together.

        Args:
            documents: each as its sentences; one given as a single text is cut into sentences.
            batch_size: documents decoded together.

        Yields:
            For each document, in order, its summary in the target language. A document that has no
            translation has an empty summary, which the log counts.
        """
        remaining = iter(documents)
        target = self.languages.target
        while buffer := list(islice(remaining, _BUFFER)):
            units = [list(one) if len(one) > 1 else self.split(one[0]) for one in buffer]
            translated = _translate(self.translator, units, target)
            filled = [text for text in translated if text]
            if len(filled) < len(translated):
                missing = len(translated) - len(filled)
                logger.warning("%d documents have no translation and no summary", missing)
            written = self.summarizer.stream(filled, batch_size=batch_size)
            for text in translated:
                if not text:
                    yield PipelineSummary({target: ""}, None)
                    continue
                best = next(written).best
                yield PipelineSummary({target: best.summary[target]}, best.score)


def monolingual(summarizer: Summarizer, pipeline: str) -> str:
    """The one language that a summarizer both reads and writes.

    Raises:
        ConfigError: it does not write summaries in the language of its documents.
    """
    language = summarizer.source_lang
    if language not in summarizer.languages:
        raise ConfigError(
            f"pipeline {pipeline}: its summarizer must write in the language that it reads, "
            f"{language}, this one writes {', '.join(summarizer.languages)}; give a checkpoint "
            "trained with --target-layout ms, or --summary-decoder ms for one of ncls_ms"
        )
    return language


def _translate(
    translator: LineTranslator, units: Sequence[Sequence[str]], language: str
) -> list[str]:
    """Translate texts given in units, all of them in one call, and join each again."""
    lines = [line for unit in units for line in unit]
    found = translator.translate(lines)
    empty = sum(not translation.text for translation in found)
    if empty:
        logger.warning("the translator gave nothing for %d of %d lines", empty, len(lines))
    cut = sum(translation.cut for translation in found)
    if cut:
        logger.warning(
            "%d of %d lines were longer than the translator takes and are cut; raise its longest "
            "source",
            *(cut, len(lines)),
        )
    texts = (translation.text for translation in found)
    space = "" if is_unspaced(language) else " "
    return [space.join(filter(None, islice(texts, len(unit)))) for unit in units]
