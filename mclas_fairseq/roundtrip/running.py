"""A round-trip run from beginning to end, and filtering a finished one anew.

    cut the input into shards  ->  translate, score each shard (workers)  ->  join, filter, report

Each arrow is a point from which a run goes on when it was interrupted: the input is cut once, a
shard is translated once, and the last part is done again.
"""

import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from datatrove.pipeline.base import PipelineStep

from mclas_fairseq.errors import DataError
from mclas_fairseq.roundtrip.collecting import Collection
from mclas_fairseq.roundtrip.cutting import cut_input, hash_inputs
from mclas_fairseq.roundtrip.executors import check_execution, make_executor
from mclas_fairseq.roundtrip.judging import ScoreStep
from mclas_fairseq.roundtrip.options import Execution, FilterOptions, Outputs, RunOptions
from mclas_fairseq.roundtrip.progress import Progress
from mclas_fairseq.roundtrip.report import Report
from mclas_fairseq.roundtrip.run_folder import RunFolder, locked, room_needed
from mclas_fairseq.roundtrip.scoring import PairScorer
from mclas_fairseq.roundtrip.settings import RunSettings, check_new
from mclas_fairseq.roundtrip.shard_files import ShardReader, ShardWriter
from mclas_fairseq.roundtrip.steps import CleaningSteps
from mclas_fairseq.roundtrip.translating import RoundTripStep
from mclas_fairseq.roundtrip.watching import Failure, call_in_child
from mclas_fairseq.translators import open_translator

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RoundTrip:
    """All that a run is asked to do.

    Attributes:
        run: what is translated, and how.
        filter: which pairs are kept.
        outputs: where results go.
        execution: where and how fast shards are translated.
        cleaning: further steps.
    """

    run: RunOptions
    filter: FilterOptions
    outputs: Outputs
    execution: Execution = Execution()
    cleaning: CleaningSteps = CleaningSteps()


def run_roundtrip(asked: RoundTrip, progress: Progress) -> Report:
    """Make a corpus, or go on with one that was begun.

    Args:
        asked: what to do.
        progress: is told what is done.

    Raises:
        DataError: bad input, a folder of another run, a full disk, or shards that were given up
            (with their logs); in the last two cases the same call goes on later.
        ConfigError, CheckpointError, SetupError, TranslatorError: as opening a translator or an
            executor raises them.
    """
    # What would only be found out after the input has been cut, or at the very end.
    PairScorer(asked.filter.protocol, asked.run.direction.given)
    asked.outputs.check_apart(asked.run.inputs)
    check_execution(asked.execution)
    folder = RunFolder(asked.outputs.folder)
    with room_needed(folder.path), locked(folder):
        folder.remove_unfinished()
        settings = _settle(asked, folder)
        folder.forget_lost()
        _translate(asked, settings, folder, progress)
        collection = Collection(folder, settings, asked.filter, asked.outputs, asked.cleaning)
        report = collection.collect()
        shutil.rmtree(folder.shards, ignore_errors=True)
        # Of a worker that was killed while it wrote, and whose shard another one translated.
        folder.remove_unfinished()
        return report


def rescore(filter_options: FilterOptions, outputs: Outputs, cleaning: CleaningSteps) -> Report:
    """Filter a run whose shards are all translated with other thresholds.

    Raises:
        DataError: there is no such run, or not all of its shards are translated.
    """
    folder = RunFolder(outputs.folder)
    settings = RunSettings.load(folder)
    PairScorer(filter_options.protocol, settings.direction.given)
    outputs.check_apart(())
    with room_needed(folder.path), locked(folder):
        folder.remove_unfinished()
        missing = [
            shard
            for shard in range(settings.cut.shards)
            if not folder.completion(shard).exists() or not folder.translated(shard).exists()
        ]
        if missing:
            raise DataError(
                f"{folder.path}: all {settings.cut.shards:,} shards must be translated for"
                f" --rescore, but {len(missing):,} are not; finish the run first"
            )
        return Collection(folder, settings, filter_options, outputs, cleaning).collect()


def _settle(asked: RoundTrip, folder: RunFolder) -> RunSettings:
    """The settings: those saved, if they are what is asked for; or new ones, after cutting."""
    options = asked.run
    translated = _translated(options, asked.cleaning)
    if folder.settings.exists():
        settings = RunSettings.load(folder)
        settings.check_same(translated, folder)
        return settings
    check_new(folder)
    shutil.rmtree(folder.work, ignore_errors=True)
    languages = (options.direction.given, options.direction.made)
    cut = cut_input(options.inputs, folder, options.shard_lines, languages, asked.cleaning.corpus)
    logger.info("cut %s records into %s shards", f"{cut.records:,}", f"{cut.shards:,}")
    settings = RunSettings(translated, cut.records, scored_with=asked.filter.protocol)
    settings.save(folder.settings)
    return settings


def _translated(options: RunOptions, cleaning: CleaningSteps) -> Mapping[str, Any]:
    """Everything that the translations of a run depend on."""
    described = cleaning.describe()
    forward, backward = call_in_child(lambda: _fingerprints(options))
    return {
        "source_lang": options.direction.source_lang,
        "target_lang": options.direction.target_lang,
        "fill": options.direction.made,
        "forward": forward,
        "backward": backward,
        "unit": options.unit,
        "shard_lines": options.shard_lines,
        "cleaning": {place: described[place] for place in ("corpus", "before")},
        "inputs": hash_inputs(options.inputs),
    }


def _fingerprints(options: RunOptions) -> tuple[str, str]:
    """Open both translators, which also says at once what is wrong with them."""
    translators = options.translators
    found = []
    for spec, how in (
        (translators.forward, translators.forward_options),
        (translators.backward, translators.backward_options),
    ):
        translator = open_translator(spec, how)
        found.append(translator.fingerprint)
        translator.close()
    return found[0], found[1]


def _translate(
    asked: RoundTrip, settings: RunSettings, folder: RunFolder, progress: Progress
) -> None:
    options = asked.run
    # A job on another machine may have another working directory.
    folder = RunFolder(folder.path.resolve())
    pipeline: Sequence[PipelineStep] = [
        ShardReader(folder),
        *asked.cleaning.before,
        RoundTripStep(options.direction, options.translators, options.unit),
        ScoreStep(settings.scored_with, options.direction.given),
        ShardWriter(folder, settings.cut),
    ]
    executor = make_executor(pipeline, settings.cut.shards, folder, asked.execution)
    progress.begin(settings.cut, executor.get_incomplete_ranks())
    failures = executor.translate(progress)
    if failures:
        raise _given_up(failures, settings.cut.shards)


def _given_up(failures: Sequence[Failure], shards: int) -> DataError:
    listed = "\n".join(
        f"  shard {failure.shard}: {failure.reason}; log: {failure.log}"
        for failure in sorted(failures, key=lambda failure: failure.shard)
    )
    return DataError(
        f"{len(failures):,} of {shards:,} shards could not be translated; the others are done: mend"
        f" the cause and start the same command again\n{listed}"
    )
