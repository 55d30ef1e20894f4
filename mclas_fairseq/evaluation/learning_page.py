"""The page of `mclas report`, made of what it found and of the logs and attention of trainings."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mclas_fairseq.corpus.training_log import read_validations
from mclas_fairseq.evaluation.html.attention import read_traces
from mclas_fairseq.evaluation.html.report_page import Example, ReportPage, report_page
from mclas_fairseq.evaluation.learning_report import verdict_texts
from mclas_fairseq.evaluation.learning_run import LearningRequest, LearningRun

Named = Sequence[tuple[str, Path]]


def learning_page(
    run: LearningRun, request: LearningRequest, *, documents: int, curves: Named, attention: Named
) -> str:
    """Scores, verdicts, learning curves, and the first documents with what was written.

    Args:
        run: what was found.
        request: what was asked.
        documents: how many are shown.
        curves: name and log of trainings.
        attention: name of a system and what `mclas summarize --attention` wrote of it.

    Raises:
        DataError: a log or a file of attention cannot be read.
    """
    return report_page(
        ReportPage(
            title=f"Summaries in {request.language} of documents in {request.source_lang}",
            source_lang=request.source_lang,
            results=run.table.results,
            verdicts=verdict_texts(run.table),
            examples=[_example(run, request, n) for n in range(len(run.test))[:documents]],
            curves={name: read_validations(log) for name, log in curves},
            traces={name: read_traces(file) for name, file in attention},
        )
    )


def _example(run: LearningRun, request: LearningRequest, place: int) -> Example:
    record = run.test[place]
    languages = dict.fromkeys((request.source_lang, request.language))
    written: dict[str, Mapping[str, str]] = {}
    for name, _ in request.systems:
        one = run.aligned[name]
        own = {request.language: one.hypotheses[place]}
        written[name] = one.summaries[place] if one.summaries else own
    return Example(
        name=record.id,
        document=record.document_text(request.source_lang),
        references={code: record.summary[code] for code in languages if code in record.summary},
        summaries=written,
    )
