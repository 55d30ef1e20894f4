"""Joins the translated shards in order, filters, and writes corpus, rejected records and report.

One pass in one process, at tens of thousands of pairs a second; it is done again from its
beginning when it was interrupted or when thresholds change.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

import orjson
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep

from mclas_fairseq.roundtrip.cleaning.records import CopiedWords
from mclas_fairseq.roundtrip.judging import FilterStep, ScoreStep, unit_scores
from mclas_fairseq.roundtrip.options import FilterOptions, Outputs
from mclas_fairseq.roundtrip.plot import draw_scores
from mclas_fairseq.roundtrip.report import Report
from mclas_fairseq.roundtrip.run_folder import RunFolder, remove_unfinished, write_whole
from mclas_fairseq.roundtrip.settings import RunSettings
from mclas_fairseq.roundtrip.shard_files import AllShardsReader, check_count, is_translated
from mclas_fairseq.roundtrip.statistics import Statistics
from mclas_fairseq.roundtrip.steps import CleaningSteps, Record, chain, record_of, rejection_of
from mclas_fairseq.roundtrip.translating import KEY


@dataclass(frozen=True)
class Collection:
    """What the pass needs to know.

    Attributes:
        folder: of the run.
        settings: of the run.
        options: thresholds.
        outputs: where results go.
        cleaning: the steps, of which those after the filter are run.
    """

    folder: RunFolder
    settings: RunSettings
    options: FilterOptions
    outputs: Outputs
    cleaning: CleaningSteps

    def identity(self) -> dict[str, Any]:
        """What the results depend on."""
        return {
            "translated": self.settings.translated,
            "t1": self.options.t1,
            "t2": self.options.t2,
            "sentence_share": self.options.sentence_share,
            "protocol": self.options.protocol,
            "after": self.cleaning.describe()["after"],
        }

    def collect(self) -> Report:
        """Write all results; the report comes last.

        Raises:
            DataError: a shard is missing or broken, or a step lost records.
        """
        for path in (self.folder.report, *self.outputs.outdated_files()):
            path.unlink(missing_ok=True)
        remove_unfinished(self.outputs.rejected_file)
        statistics = self._filter()
        report = Report(
            direction=self.settings.direction,
            unit=self.settings.unit,
            options=self.options,
            statistics=statistics,
            identity=self.identity(),
        )
        with write_whole(self.folder.plot) as stream:
            stream.write(draw_scores(report))
        with write_whole(self.folder.report) as stream:
            text = json.dumps(report.to_json(), ensure_ascii=False, indent=2) + "\n"
            stream.write(text.encode("utf-8"))
        return report

    def _filter(self) -> Statistics:
        statistics = Statistics(sentence_share=self.options.sentence_share)
        with (
            write_whole(self.outputs.corpus_file) as corpus,
            write_whole(self.outputs.rejected_file) as rejected,
        ):
            for document in chain(self._steps(statistics), ()):
                reason = rejection_of(document)
                statistics.count(reason, complete=not is_translated(document))
                if reason is None:
                    line = record_of(document)
                    corpus.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
                else:
                    line = _rejected_line(document, reason)
                    rejected.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
        check_count(statistics.records, self.settings.cut.records, "joining the shards")
        return statistics

    def _steps(self, statistics: Statistics) -> Sequence[PipelineStep]:
        steps: list[PipelineStep] = [AllShardsReader(self.folder, self.settings.cut)]
        if self.options.protocol != self.settings.scored_with:
            steps.append(ScoreStep(self.options.protocol, self.settings.direction.given))
        return [
            *steps,
            _Count(statistics, self._copied()),
            FilterStep(self.options),
            *self.cleaning.after,
        ]

    def _copied(self) -> Optional[CopiedWords]:
        found = [step for step in self.cleaning.after if isinstance(step, CopiedWords)]
        return found[0] if found else None


def _rejected_line(document: Document, reason: str) -> Record:
    """The record as it came in, with what was found out about it beside.

    A summary that was made and did not pass is none of the record's summaries any more: whoever
    reads the file again must not take it for one.
    """
    record = record_of(document)
    trip = record.get(KEY)
    found: Record = trip if isinstance(trip, dict) else {}
    if is_translated(document):
        found["translation"] = record["summary"].pop(found["machine_made"])[0]
    record[KEY] = {**found, "rejected": reason}
    return record


class _Count(PipelineStep):
    """Counts the scores of all that will be judged."""

    type = "mclas"
    name = "count scores"

    def __init__(self, statistics: Statistics, copied: Optional[CopiedWords]) -> None:
        super().__init__()
        self._statistics = statistics
        self._copied = copied

    def run(self, data: Any, rank: int = 0, world_size: int = 1) -> Any:
        document: Document
        for document in data:
            if is_translated(document) and rejection_of(document) is None:
                record = record_of(document)
                self._statistics.add_scores(unit_scores(record))
                share = self._copied.share(record) if self._copied is not None else None
                if share is not None:
                    self._statistics.add_copied(share)
            yield document
