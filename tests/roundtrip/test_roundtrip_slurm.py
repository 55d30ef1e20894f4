"""Slurm's programs are replaced by small scripts: one runs the job's tasks, one after another."""

import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.errors import ConfigError, DataError, SetupError
from mclas_fairseq.roundtrip.executors import make_executor
from mclas_fairseq.roundtrip.options import Execution
from mclas_fairseq.roundtrip.report import Report
from mclas_fairseq.roundtrip.run_folder import RunFolder
from mclas_fairseq.roundtrip.running import RoundTrip
from mclas_fairseq.roundtrip.slurm import SlurmShards
from mclas_fairseq.roundtrip.watching import Observer

Asked = Callable[..., RoundTrip]
Go = Callable[[RoundTrip], Report]

OPTIONS = {"time": "01:00:00", "partition": "cpu", "tasks_per_job": 3}

PROGRAMS = {
    # Runs the tasks of the array in the background, as a cluster would elsewhere.
    "sbatch": """#!/bin/sh
for script; do :; done
echo "$@" >> $SLURM_STAND_IN/calls
cp "$script" $SLURM_STAND_IN/script
last=$(sed -n 's/^#SBATCH --array=0-\\([0-9]*\\).*/\\1/p' "$script")
touch $SLURM_STAND_IN/alive
(
  for task in $(seq 0 $last); do
    RUN_OFFSET=0 SLURM_ARRAY_TASK_ID=$task SLURM_NODELIST=here bash $SLURM_STAND_IN/script
  done > $SLURM_STAND_IN/output 2>&1
  rm $SLURM_STAND_IN/alive
) &
echo Submitted batch job 17
""",
    # Does not answer once where there is a file `busy`; a job that `looks` counts ends at the last.
    "squeue": """#!/bin/sh
if test -e $SLURM_STAND_IN/busy; then rm $SLURM_STAND_IN/busy; echo timed out >&2; exit 1; fi
if test -e $SLURM_STAND_IN/looks; then
  sed -i 1d $SLURM_STAND_IN/looks
  test -s $SLURM_STAND_IN/looks || rm $SLURM_STAND_IN/looks $SLURM_STAND_IN/alive
fi
if test -e $SLURM_STAND_IN/alive; then echo 17 cpu data_processing
else echo "slurm_load_jobs error: Invalid job id specified" >&2; exit 1; fi
""",
    "scontrol": "#!/bin/sh\necho here\n",
    "srun": '#!/bin/sh\nwhile [ "$1" != launch_pickled_pipeline ]; do shift; done; exec "$@"\n',
}


@pytest.fixture
def cluster(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of programs that stand in for Slurm's, and what they were called with."""
    folder = tmp_path / "slurm"
    folder.mkdir()
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    path = os.pathsep.join([str(folder), str(Path(sys.executable).parent), os.environ["PATH"]])
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("SLURM_STAND_IN", str(folder))
    monkeypatch.setattr(SlurmShards, "poll_seconds", 0.1)
    return folder


@pytest.fixture
def slurm_run(tmp_path: Path, asked: Asked, records: Any, write: Any) -> RoundTrip:
    write(tmp_path / "in.jsonl", records(18))
    return asked(executor="slurm", options=OPTIONS)


def test_a_slurm_job_gives_the_bytes_of_a_local_run(
    tmp_path: Path, cluster: Path, slurm_run: RoundTrip, asked: Asked, go: Go, results: Any
) -> None:
    go(slurm_run)
    go(asked(folder=tmp_path / "local"))
    assert results(tmp_path / "out") == results(tmp_path / "local")
    script = (cluster / "script").read_text()
    assert "#SBATCH --partition=cpu" in script
    assert "#SBATCH --array=0-0%1" in script, "both shards in one task, as tasks_per_job says"
    assert len((cluster / "calls").read_text().splitlines()) == 1, "no job for statistics"
    assert str(Path(os.__file__).parent) not in script
    go(slurm_run)
    assert len((cluster / "calls").read_text().splitlines()) == 1, "nothing is left to submit"


def test_shards_of_jobs_that_vanish_are_given_up_after_retries(
    tmp_path: Path, cluster: Path, slurm_run: RoundTrip, go: Go
) -> None:
    (cluster / "srun").write_text("#!/bin/sh\nexit 1\n")
    with pytest.raises(DataError, match="2 of 2 shards .*\n.*shard 0: its Slurm job ended without"):
        go(replace(slurm_run, execution=replace(slurm_run.execution, retries=1)))
    assert len((cluster / "calls").read_text().splitlines()) == 2


def test_what_a_job_left_undone_is_submitted_again(
    tmp_path: Path, cluster: Path, slurm_run: RoundTrip, asked: Asked, go: Go, results: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    once = f"test -e {cluster}/began || {{ touch {cluster}/began; kill -9 $$; }}\n"
    program = (cluster / "srun").read_text()
    (cluster / "srun").write_text(program.replace("#!/bin/sh\n", f"#!/bin/sh\n{once}"))
    with caplog.at_level("WARNING"):
        go(slurm_run)
    assert "shard 1 is tried again: its Slurm job ended without finishing it" in caplog.text
    assert len((cluster / "calls").read_text().splitlines()) == 2
    go(asked(folder=tmp_path / "local"))
    assert results(tmp_path / "out") == results(tmp_path / "local")


def test_a_run_started_again_waits_for_its_job_instead_of_submitting_another(
    tmp_path: Path, cluster: Path, slurm_run: RoundTrip, go: Go
) -> None:
    (cluster / "srun").write_text("#!/bin/sh\nexit 1\n")
    once = replace(slurm_run, execution=replace(slurm_run.execution, retries=0))
    with pytest.raises(DataError):
        go(once)
    (cluster / "alive").touch()
    (cluster / "busy").touch()  # its first answer is none
    # The job that is still there is seen twice, and has ended at the third look.
    (cluster / "looks").write_text("1\n2\n3\n")
    with pytest.raises(DataError, match="ended without"):
        go(once)
    assert not (cluster / "looks").exists(), "it was waited for"
    assert len((cluster / "calls").read_text().splitlines()) == 1


def test_a_controller_that_never_answers_is_an_error_and_no_lost_job(
    cluster: Path, slurm_run: RoundTrip, go: Go, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SlurmShards, "patience_seconds", 0.3)
    (cluster / "squeue").write_text("#!/bin/sh\necho connect failure >&2\nexit 1\n")
    message = r"squeue must answer within 0.3 seconds, but fails \(connect failure\); its job 17"
    with pytest.raises(SetupError, match=message):
        go(slurm_run)


def test_what_failed_inside_a_job_is_written_down_with_its_log(
    tmp_path: Path, slurm_run: RoundTrip, asked: Asked, go: Go, commands: Any
) -> None:
    go(asked())
    folder = RunFolder(tmp_path / "out")
    folder.completion(1).unlink()
    executor = make_executor([], 2, folder, Execution(retries=0, time_limit=30.0))
    executor.pipeline = [fails]
    executor._run_for_rank(0)
    assert executor.noted_failures() == []
    executor._run_for_rank(1)
    (failure,) = executor.noted_failures()
    failure.log.unlink()
    executor._run_for_rank(1)
    assert not failure.log.exists(), "given up once, it is not begun again by a job that is"
    executor.watch([1], Observer())
    assert (failure.shard, failure.reason) == (1, "ValueError: no such word")
    assert "no such word" in failure.log.read_text()


def fails(data: Any, rank: int, world_size: int) -> None:
    raise ValueError("no such word\nat all")


@pytest.mark.parametrize("program", ["sbatch", "squeue"])
def test_slurm_must_be_there(
    cluster: Path, slurm_run: RoundTrip, go: Go, program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cluster / program).unlink()
    # A machine that has Slurm keeps it where sed is, which the translators need.
    (cluster / "sed").symlink_to(str(shutil.which("sed")))
    monkeypatch.setenv("PATH", str(cluster))
    with pytest.raises(SetupError, match=f"--executor slurm: needs the program {program}, which"):
        go(slurm_run)


def test_the_work_of_a_job_outside_of_one_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SLURM_ARRAY_TASK_ID", raising=False)
    execution = Execution(executor="slurm", options=OPTIONS)
    executor: Any = make_executor([], 1, RunFolder(tmp_path), execution)
    with pytest.raises(SetupError, match=r"again \(mclas roundtrip or mclas prepare-text, with"):
        executor.run()


def test_a_job_that_slurm_refuses_is_an_error(cluster: Path, slurm_run: RoundTrip, go: Go) -> None:
    (cluster / "sbatch").write_text("#!/bin/sh\necho 'invalid partition' >&2\nexit 1\n")
    with pytest.raises(SetupError, match="sbatch must accept the job, but ended with status 1"):
        go(slurm_run)


@pytest.mark.parametrize(
    ("executor", "options", "message"),
    [
        ("slurm", {}, "--executor slurm: needs time and partition, .*; add --executor-options"),
        ("slurm", {**OPTIONS, "gpus": 1}, "--executor-options gpus: must be .* gpus_per_task"),
        ("local", {"tasks": 3}, "--executor-options tasks: must be an option of datatrove's"),
    ],
)
def test_options_of_executors_are_checked(
    tmp_path: Path, executor: str, options: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        make_executor([], 2, RunFolder(tmp_path), Execution(executor=executor, options=options))
