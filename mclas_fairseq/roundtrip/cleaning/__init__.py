"""Cleaning before and after a round trip: steps that can each be left out, each counted.

Steps that see the whole corpus (`duplicates`) and the normal form of texts come while the input is
cut into shards, lengths and languages before translation, and the made summary is judged like the
given one after the filter. `build_steps` puts together what was asked for.
"""

from pathlib import Path

from datatrove.pipeline.base import PipelineStep

from mclas_fairseq.roundtrip.cleaning.duplicates import Duplicates, NearDuplicateDocuments
from mclas_fairseq.roundtrip.cleaning.options import CleaningOptions
from mclas_fairseq.roundtrip.cleaning.records import (
    CopiedWords,
    DeclaredLanguage,
    LengthLimits,
    LengthRatio,
    NormaliseText,
)
from mclas_fairseq.roundtrip.steps import CleaningSteps

__all__ = ["CleaningOptions", "build_steps"]


def build_steps(
    options: CleaningOptions, source_lang: str, target_lang: str, folder: Path
) -> CleaningSteps:
    """The steps of a run.

    Args:
        options: which ones, with which limits.
        source_lang: language of the documents.
        target_lang: the other language of the summaries.
        folder: where temporary files may be.
    """
    languages = (source_lang, target_lang)
    corpus: list[PipelineStep] = []
    before: list[PipelineStep] = []
    after: list[PipelineStep] = []
    limits = {"document": options.document_words, "summary": options.summary_words}
    if "normalise" in options.steps:
        corpus.append(NormaliseText())
    if "duplicates" in options.steps:
        corpus.append(Duplicates(source_lang, options.held_out, folder))
    if "near-duplicates" in options.steps:
        corpus.append(
            NearDuplicateDocuments(source_lang, options.held_out, options.similarity, folder)
        )
    if "length" in options.steps:
        before.append(LengthLimits(limits, languages))
        after.append(LengthLimits({"summary": options.summary_words}, languages))
    if "language" in options.steps:
        before.append(DeclaredLanguage(("document", "summary"), languages))
        after.append(DeclaredLanguage(("summary",), languages))
    if "ratio" in options.steps:
        after.append(LengthRatio(options.ratio, languages))
    if "copied" in options.steps:
        after.append(CopiedWords(options.copied, languages))
    return CleaningSteps(corpus=corpus, before=before, after=after)
