"""Shards as tasks of a Slurm job array, and waiting for them.

`datatrove` writes the job script and calls `sbatch`; a job runs `launch_pickled_pipeline`, which
comes back here inside the job. The submitting process waits, so that the command (`mclas
roundtrip`, `mclas prepare-text`) ends when the corpus is there. When it is ended, the jobs go on,
being Slurm's; started again it waits for them instead of submitting them twice. What a job left
undone (its process was killed, its node went away) is submitted again, as often as `--retries`
says. A controller that does not answer for a while, as one that is started anew, is asked again.
"""

import json
import logging
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Optional

from datatrove.executor.slurm import SlurmPipelineExecutor

from mclas_fairseq.errors import SetupError
from mclas_fairseq.roundtrip.run_folder import write_whole
from mclas_fairseq.roundtrip.shards import WatchedShards
from mclas_fairseq.roundtrip.watching import Failure, Observer

logger = logging.getLogger(__name__)

_FORGOTTEN = "Invalid job id"  # what squeue says of a job that ended a while ago
_JOB_ENDED = "its Slurm job ended without finishing it"


class SlurmShards(WatchedShards, SlurmPipelineExecutor):
    """Shards as Slurm tasks.

    Attributes:
        poll_seconds: between two looks at what is done.
        patience_seconds: for how long squeue may fail before the run ends; its job goes on.
    """

    poll_seconds = 5.0
    patience_seconds = 300.0

    def translate(self, observer: Observer) -> list[Failure]:
        """Submit what is not done, wait for it; returns the shards that were given up.

        Raises:
            SetupError: there is no Slurm here, it refused the job, or it does not answer.
        """
        if not self.get_incomplete_ranks():
            return []
        for program in ("sbatch", "squeue"):
            if shutil.which(program) is None:
                raise SetupError(
                    f"--executor slurm: needs the program {program}, which is not on PATH; start it"
                    " on a machine that can submit jobs"
                )
        job = self._saved_job()
        if job is not None and self._is_alive(job):
            logger.info("waiting for Slurm job %s, submitted before", job)
        else:
            for shard in self.get_incomplete_ranks():
                self.run_folder.forget_failure(shard)
            job = self._submit()
        failures: dict[int, Failure] = {}
        for _ in range(self.watch_options.retries):
            lost = self._wait(job, observer, failures)
            if not lost:
                break
            for shard in lost:
                observer.retried(self._lost(shard))
            job = self._submit()
        else:
            for shard in self._wait(job, observer, failures):
                failures[shard] = self._lost(shard)
                observer.failed(failures[shard])
        return list(failures.values())

    def run(self) -> None:
        """Run the tasks of a job; called inside it, by `launch_pickled_pipeline`."""
        if "SLURM_ARRAY_TASK_ID" not in os.environ:
            raise SetupError(
                f"{self.run_folder.path}: a pickled run must be launched inside a Slurm job, but"
                " there is none; start the command that began this run again (mclas roundtrip or"
                " mclas prepare-text, with --executor slurm)"
            )
        super().run()
        if self.noted_failures():
            sys.exit(1)

    def launch_merge_stats(self) -> None:
        """Submit no second job: nobody reads the merged statistics."""

    def _submit(self) -> str:
        """Submit what is not done; returns the job's number."""
        try:
            self.launch_job()
        except subprocess.CalledProcessError as error:
            raise SetupError(
                f"--executor slurm: sbatch must accept the job, but ended with status"
                f" {error.returncode}; see its message above and mend --executor-options"
            ) from error
        with write_whole(self._job_file) as stream:
            stream.write(json.dumps({"job": str(self.job_id)}).encode("utf-8"))
        logger.info("submitted Slurm job %s", self.job_id)
        return str(self.job_id)

    def _wait(self, job: str, observer: Observer, failures: dict[int, Failure]) -> list[int]:
        """Wait until the job has ended; returns the shards that it neither did nor gave up.

        Args:
            job: its number.
            observer: is told.
            failures: shard -> why it was given up; what is found is added.
        """
        open_shards = set(self.get_incomplete_ranks())
        while True:
            # Asked first: what is not done after the job's end will never be.
            alive = self._is_alive(job)
            for shard in open_shards - set(self.get_incomplete_ranks()):
                observer.done(shard)
                open_shards.remove(shard)
            for failure in self.noted_failures():
                if failure.shard not in failures:
                    failures[failure.shard] = failure
                    observer.failed(failure)
            if not alive or open_shards <= set(failures):
                return sorted(open_shards - set(failures))
            observer.waiting()
            time.sleep(self.poll_seconds)

    def _lost(self, shard: int) -> Failure:
        return Failure(shard, _JOB_ENDED, self.run_folder.work / "slurm_logs")

    @property
    def _job_file(self) -> Path:
        return self.run_folder.work / "slurm_job.json"

    def _saved_job(self) -> Optional[str]:
        if not self._job_file.exists():
            return None
        return str(json.loads(self._job_file.read_text(encoding="utf-8"))["job"])

    def _is_alive(self, job: str) -> bool:
        """Whether Slurm still knows tasks of the job that wait or run.

        Raises:
            SetupError: it has not answered for `patience_seconds`.
        """
        end = time.monotonic() + self.patience_seconds
        while True:
            done = subprocess.run(
                ["squeue", "--noheader", "--jobs", job], capture_output=True, text=True, check=False
            )
            if done.returncode == 0 or _FORGOTTEN in done.stderr:
                return bool(done.stdout.strip())
            said = done.stderr.strip() or f"status {done.returncode}"
            if time.monotonic() > end:
                raise SetupError(
                    f"--executor slurm: squeue must answer within {self.patience_seconds:g}"
                    f" seconds, but fails ({said}); its job {job} may go on: start the same command"
                    " again when Slurm answers"
                )
            logger.warning("squeue failed and is asked again: %s", said)
            time.sleep(self.poll_seconds)
