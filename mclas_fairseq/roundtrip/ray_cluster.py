"""Shards as tasks on a Ray cluster (`ray.init()` finds it, as `RAY_ADDRESS` says)."""

from datatrove.executor.ray import RayPipelineExecutor

from mclas_fairseq.roundtrip.shards import WatchedShards
from mclas_fairseq.roundtrip.watching import Failure, Observer


class RayShards(WatchedShards, RayPipelineExecutor):
    """Shards as Ray tasks."""

    def translate(self, observer: Observer) -> list[Failure]:
        """Do all shards that are not done; returns those that were given up."""
        if not self.get_incomplete_ranks():
            return []
        import ray

        for shard in self.get_incomplete_ranks():
            self.run_folder.forget_failure(shard)
        if not ray.is_initialized():
            ray.init()
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
