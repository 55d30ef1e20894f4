"""The executor that was asked for: on this machine, on Slurm or on Ray."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

from datatrove.pipeline.base import PipelineStep

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.extras import require
from mclas_fairseq.roundtrip.options import Execution
from mclas_fairseq.roundtrip.run_folder import RunFolder
from mclas_fairseq.roundtrip.shards import LocalShards, WatchedShards
from mclas_fairseq.roundtrip.watching import WatchOptions

# What a run decides itself.
_OURS = frozenset(
    "self pipeline tasks workers logging_dir skip_completed depends depends_job_id local_tasks"
    " local_rank_offset nodes_per_task".split()
)


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
