"""`mclas roundtrip` and `mclas prepare-text` on a real Slurm and a real Ray, each of this machine:
the bytes of a local run, whatever is killed.

Run by `make test-clusters`; skipped, aloud, where they are not installed.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmarks.clusters import make_material
from tests.clusters.machines import Cluster, RayHere, SlurmHere, needed
from tests.mglm.texts import write_texts

SHARDS, SHARD_LINES = 8, 25
LOOKUP = Path(__file__).parents[2] / "benchmarks" / "lookup.py"
RESULTS = ("corpus.jsonl", "rejected.jsonl", "report.json")
PROGRAMS = {
    "slurm": ("slurmctld", "slurmd", "sbatch", "squeue", "munged"),
    "ray": ("ray",),
}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder that every user may enter, as munge wants; a corpus and its translations."""
    folder = Path(tempfile.mkdtemp(prefix="mclas-clusters-", dir="/tmp"))
    folder.chmod(0o755)
    make_material(folder, SHARDS * SHARD_LINES)
    # Each call takes a moment, so that there is something to kill.
    (folder / "slow.sh").write_text(f"sleep 0.3; exec {sys.executable} -S {LOOKUP} $1\n")
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module", params=["slurm", "ray"])
def cluster(request: pytest.FixtureRequest, place: Path) -> Iterator[Cluster]:
    needed(*PROGRAMS[request.param])
    made: Cluster = {"slurm": SlurmHere, "ray": RayHere}[request.param](place / request.param)
    try:
        made.start()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="module")
def expected(place: Path) -> dict[str, bytes]:
    """What a local run makes of it."""
    finish(start(place, place / "local", ["--executor", "local"]))
    return results(place / "local")


def start(
    place: Path, out: Path, flags: list[str], environment: dict[str, str] | None = None
) -> "subprocess.Popen[str]":
    """Begin the command; it writes what it says into a file beside `out`."""
    words = ["mclas", "roundtrip", "--in", str(place / "in.jsonl"), "--out", str(out)]
    words += "--source-lang en --target-lang de --clean none".split()
    words += ["--forward", f"command:sh {place}/slow.sh {place}/there.sqlite"]
    words += ["--backward", f"command:sh {place}/slow.sh {place}/back.sqlite"]
    words += ["--shard-lines", str(SHARD_LINES), "--workers", "1", *flags]
    with out.with_suffix(".log").open("a") as log:
        return subprocess.Popen(
            words, env={**os.environ, **(environment or {})}, stdout=log, stderr=log, text=True
        )


def on(cluster: Cluster, place: Path, name: str) -> "subprocess.Popen[str]":
    return start(place, out_of(cluster, place, name), flags_of(cluster), cluster.environment)


def flags_of(cluster: Cluster) -> list[str]:
    kind = "slurm" if isinstance(cluster, SlurmHere) else "ray"
    return ["--executor", kind, "--executor-options", *cluster.options]


def out_of(cluster: Cluster, place: Path, name: str) -> Path:
    return place / f"{type(cluster).__name__}-{name}"


def finish(process: "subprocess.Popen[str]", seconds: float = 420.0) -> None:
    assert process.wait(timeout=seconds) == 0


def results(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in RESULTS}


def completed(folder: Path) -> dict[str, int]:
    """The shards that are done, and when each was written."""
    marks = sorted((folder / "work" / "completions").glob("*"))
    written = {mark.name: folder / "work" / "translated" / f"{mark.name}.jsonl" for mark in marks}
    return {name: path.stat().st_mtime_ns for name, path in written.items()}


def wait_until(condition: Callable[[], object], seconds: float = 300.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.05)


def test_a_cluster_gives_the_bytes_of_a_local_run(
    cluster: Cluster, place: Path, expected: dict[str, bytes]
) -> None:
    finish(on(cluster, place, "plain"))
    assert results(out_of(cluster, place, "plain")) == expected


def test_a_worker_that_is_killed_is_replaced(
    cluster: Cluster, place: Path, expected: dict[str, bytes]
) -> None:
    process = on(cluster, place, "worker")
    out = out_of(cluster, place, "worker")
    wait_until(lambda: completed(out))
    wait_until(cluster.kill_worker)
    finish(process)
    assert results(out) == expected


def test_after_the_head_was_killed_the_same_command_finishes(
    cluster: Cluster, place: Path, expected: dict[str, bytes]
) -> None:
    process = on(cluster, place, "head")
    out = out_of(cluster, place, "head")
    wait_until(lambda: completed(out))
    process.send_signal(signal.SIGKILL)
    cluster.kill_head()
    process.wait()
    before = completed(out)
    assert 0 < len(before) < SHARDS
    cluster.start()
    finish(on(cluster, place, "head"))
    assert results(out) == expected
    assert {name: completed(out)[name] for name in before} == before, "done once"


def test_a_node_that_is_killed_and_comes_back_is_survived(
    cluster: Cluster, place: Path, expected: dict[str, bytes]
) -> None:
    process = on(cluster, place, "node")
    out = out_of(cluster, place, "node")
    wait_until(lambda: completed(out))
    cluster.kill_node()
    cluster.start()
    finish(process)
    assert results(out) == expected


@pytest.fixture(scope="module")
def texts(place: Path) -> list[str]:
    """`mclas prepare-text` on three small files, all but --out and where it works."""
    files = [f"{language}={path}" for language, (path,) in write_texts(place).items()]
    words = ["mclas", "prepare-text", "--text", *files]
    return [*words, *"--vocab-size 330 --valid-share 0.25".split()]


def files_of(folder: Path) -> dict[str, bytes]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


def test_text_is_prepared_with_the_same_bytes_though_a_worker_is_killed(
    cluster: Cluster, place: Path, texts: list[str]
) -> None:
    whole = place / "text"
    if not whole.exists():
        subprocess.run([*texts, "--out", str(whole)], check=True)
    out = out_of(cluster, place, "text")
    flags = ["--shard-documents", "20", "--workers", "1", *flags_of(cluster)]
    with out.with_suffix(".log").open("a") as log:
        process = subprocess.Popen(
            [*texts, "--out", str(out), *flags],
            env={**os.environ, **cluster.environment},
            stdout=log,
            stderr=log,
            text=True,
        )
    work = out.with_name(f"{out.name}.work") / "work"
    wait_until(lambda: any(work.glob("tokens/*.npz")))
    wait_until(cluster.kill_worker)
    finish(process)
    assert files_of(out) == files_of(whole)
    assert not work.exists(), "shards are gone when all is done"
