"""`datatrove`'s executors, with each shard in a watched process.

A `datatrove` task is one shard: the executor decides where tasks run, skips those with a
completion mark, keeps logs and statistics; `WatchedShards` runs each in a process of its own with a
time limit and retries, and writes down which were given up.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from datatrove.executor.base import PipelineExecutor
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.utils.stats import PipelineStats

from mclas_fairseq.roundtrip.run_folder import RunFolder, write_whole
from mclas_fairseq.roundtrip.watching import Failure, Observer, Tell, Watch, WatchOptions


class WatchedShards(PipelineExecutor):
    """Mixed into an executor: each task becomes a watched process.

    Attributes:
        run_folder: of the run.
        watch_options: workers, time limit, retries.
    """

    run_folder: RunFolder
    watch_options: WatchOptions

    def translate(self, observer: Observer) -> list[Failure]:
        """Do all shards that are not done; returns those that were given up."""
        return self.watch(self.get_incomplete_ranks(), observer)

    def watch(self, shards: Sequence[int], observer: Observer) -> list[Failure]:
        """Do these shards on this machine."""
        for shard in shards:
            self.run_folder.forget_failure(shard)
        watch = Watch(self.run_folder, self._work, self.watch_options, observer)
        failures = watch.run(shards)
        for failure in failures:
            _note(self.run_folder, failure)
        return failures

    def _work(self, shard: int, tell: Tell) -> None:
        for step in self.pipeline:
            if hasattr(step, "progress"):
                step.progress = tell
        super()._run_for_rank(shard)

    def _run_for_rank(self, rank: int, local_rank: int = 0, node_rank: int = -1) -> PipelineStats:
        """Called by `datatrove` where it runs tasks itself (in a Slurm job, in a Ray actor).

        It does not raise for a shard that fails, as the other tasks of a job would not be run then;
        and does not begin anew with one that was given up, when a job is started again.
        """
        if not self.is_rank_completed(rank) and not self.run_folder.failure(rank).exists():
            self.watch([rank], Observer())
        return PipelineStats()

    def noted_failures(self) -> list[Failure]:
        """What was written down about shards that were given up elsewhere."""
        found = []
        for shard in self.get_incomplete_ranks():
            path = self.run_folder.failure(shard)
            if path.exists():
                note = json.loads(path.read_text(encoding="utf-8"))
                found.append(Failure(shard, note["reason"], Path(note["log"])))
        return found


class LocalShards(WatchedShards, LocalPipelineExecutor):
    """Shards on this machine."""


def _note(folder: RunFolder, failure: Failure) -> None:
    with write_whole(folder.failure(failure.shard)) as stream:
        note = {"reason": failure.reason, "log": str(failure.log)}
        stream.write(json.dumps(note).encode("utf-8"))
