"""Shards as tasks on a Ray cluster (`ray.init()` finds it, as `RAY_ADDRESS` says).

Ray starts an actor for each task, and `datatrove` starts it again where its process or its machine
died. The submitting process waits; where it is killed, or loses the cluster's head, Ray ends its
actors, and the same command goes on with what is not done.
"""

import os
import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from datatrove.executor.ray import RayPipelineExecutor
from datatrove.utils.stats import PipelineStats

from mclas_fairseq.errors import DataError, SetupError
from mclas_fairseq.roundtrip.shards import WatchedShards
from mclas_fairseq.roundtrip.watching import Failure, Observer, end_with_parent

_SECONDS_TO_CONNECT = 10.0
_LOOK = 1.0  # seconds between two looks at what is done


class RayShards(WatchedShards, RayPipelineExecutor):
    """Shards as Ray tasks."""

    def translate(self, observer: Observer) -> list[Failure]:
        """Do all shards that are not done; returns those that were given up.

        Raises:
            SetupError: the cluster that `RAY_ADDRESS` names does not answer.
        """
        if not self.get_incomplete_ranks():
            return []
        import ray

        for shard in self.get_incomplete_ranks():
            self.run_folder.forget_failure(shard)
        if not ray.is_initialized():
            _check_reachable(os.environ.get("RAY_ADDRESS", ""))
            ray.init()
        with self._watched(observer):
            self.run()
        failures = self.noted_failures()
        known = {failure.shard for failure in failures}
        logs = self.run_folder.work / "logs"
        failures += [
            Failure(shard, "its Ray task ended without finishing it", logs)
            for shard in self.get_incomplete_ranks()
            if shard not in known
        ]
        for failure in failures:
            observer.failed(failure)
        return failures

    @contextmanager
    def _watched(self, observer: Observer) -> Iterator[None]:
        """Tell the observer meanwhile, from a thread, what is done."""
        ended = threading.Event()
        todo = set(self.get_incomplete_ranks())

        def look() -> None:
            for shard in todo - set(self.get_incomplete_ranks()):
                observer.done(shard)
                todo.remove(shard)
            observer.waiting()

        def watch() -> None:
            while not ended.wait(_LOOK):
                look()

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
        look()

    def _run_for_rank(self, rank: int, local_rank: int = 0, node_rank: int = -1) -> PipelineStats:
        """Called in a process of the task's actor; what it started must not outlive the actor.

        Raises:
            DataError: the shard was given up. `datatrove` runs the other shards of the task before
                it hears of it, and must not look for statistics of this one.
        """
        end_with_parent(os.getppid())
        found = super()._run_for_rank(rank, local_rank, node_rank)
        if self.run_folder.failure(rank).exists():
            raise DataError(f"shard {rank}: was given up; see {self.run_folder.failure(rank)}")
        return found


def _check_reachable(address: str) -> None:
    """Refuse an address that nobody listens at: Ray itself would try for many minutes.

    Args:
        address: as in `RAY_ADDRESS`; only HOST:PORT is looked at.

    Raises:
        SetupError: nobody does.
    """
    found = re.fullmatch(r"([^/\s]+):(\d+)", address)
    if found is None:
        return
    try:
        place = (found[1].strip("[]"), int(found[2]))
        socket.create_connection(place, timeout=_SECONDS_TO_CONNECT).close()
    except OSError as error:
        raise SetupError(
            f"--executor ray: a cluster must answer at RAY_ADDRESS={address}, but none does"
            f" ({error}); start one there (docs/corpora.md says how), or unset RAY_ADDRESS to use"
            " this machine alone"
        ) from error
