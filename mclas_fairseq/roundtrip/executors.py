"""`datatrove`'s executors, with each shard in a watched process.

A `datatrove` task is one shard: the executor decides where tasks run, skips those with a
completion mark, keeps logs and statistics; `WatchedShards` runs each in a process of its own with a
time limit and retries, and writes down which were given up.
"""

import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from datatrove.executor.base import PipelineExecutor
from datatrove.executor.local import LocalPipelineExecutor
from datatrove.pipeline.base import PipelineStep
from datatrove.utils.stats import PipelineStats

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.extras import require
from mclas_fairseq.roundtrip.options import Execution
from mclas_fairseq.roundtrip.run_folder import RunFolder, write_whole
from mclas_fairseq.roundtrip.watching import Failure, Observer, Tell, Watch, WatchOptions

# What a run decides itself.
_OURS = frozenset(
    "self pipeline tasks workers logging_dir skip_completed depends depends_job_id local_tasks"
    " local_rank_offset nodes_per_task".split()
)


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

        It does not raise for a shard that fails, as the other tasks of a job would not be run then.
        """
        if not self.is_rank_completed(rank):
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


def make_executor(
    pipeline: Sequence[PipelineStep], shards: int, folder: RunFolder, execution: Execution
) -> WatchedShards:
    """The executor that was asked for.

    Raises:
        ConfigError: an option that it does not have, or lacks one that it needs.
        SetupError: it needs a package that is not installed.
    """
    check_execution(execution)
    executor: WatchedShards = _executor_class(execution.executor)(
        pipeline=list(pipeline),
        tasks=shards,
        workers=execution.workers,
        logging_dir=str(folder.work),
        **execution.options,
    )
    executor.run_folder = folder
    executor.watch_options = WatchOptions(
        workers=execution.workers if execution.executor == "local" else 1,
        time_limit=execution.time_limit,
        retries=execution.retries,
    )
    return executor


def check_execution(execution: Execution) -> None:
    """Check that there is such an executor with such options; raises as `make_executor`."""
    _check_options(_executor_class(execution.executor), execution)


def _executor_class(name: str) -> Any:
    if name == "local":
        return LocalShards
    if name == "slurm":
        from mclas_fairseq.roundtrip.slurm import SlurmShards

        return SlurmShards
    require("ray", extra="ray", purpose="--executor ray")
    from mclas_fairseq.roundtrip.ray_cluster import RayShards

    return RayShards


def _check_options(kind: Any, execution: Execution) -> None:
    parameters: Mapping[str, inspect.Parameter] = {
        name: parameter
        for base in kind.__mro__
        if base.__module__.startswith("datatrove.") and "__init__" in vars(base)
        for name, parameter in inspect.signature(base.__init__).parameters.items()
        if name not in _OURS
    }
    unknown = sorted(set(execution.options) - set(parameters))
    if unknown:
        raise ConfigError(
            f"--executor-options {unknown[0]}: must be an option of datatrove's executor"
            f" {execution.executor}, but is none; choose from {', '.join(sorted(parameters))}"
        )
    missing = [
        name
        for name, parameter in parameters.items()
        if parameter.default is inspect.Parameter.empty and name not in execution.options
    ]
    if missing:
        listed = " ".join(f"{name}=..." for name in missing)
        raise ConfigError(
            f"--executor {execution.executor}: needs {' and '.join(missing)}, which are not given;"
            f" add --executor-options {listed}"
        )
