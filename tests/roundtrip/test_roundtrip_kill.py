"""Killed with -9 at some moment and started again, a run ends as if nothing had happened."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mclas_fairseq.roundtrip.options import Translators
from mclas_fairseq.roundtrip.report import Report
from mclas_fairseq.roundtrip.run_folder import RunFolder
from mclas_fairseq.roundtrip.running import RoundTrip

Asked = Callable[..., RoundTrip]
Go = Callable[[RoundTrip], Report]
Results = Callable[[Path], dict[str, bytes]]

SHARDS = 6


def start(go: Go, trip: RoundTrip) -> int:
    """Run in a process of its own, which is all that the kernel knows of a parent."""
    child = os.fork()
    if child == 0:
        try:
            go(trip)
            os._exit(0)
        finally:
            os._exit(1)
    return child


def descendants(process: int) -> list[int]:
    """Children, and theirs, of a process; children come before theirs."""
    try:
        names = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    except OSError:  # it has just ended
        return []
    return [found for name in names for found in (int(name), *descendants(int(name)))]


def is_running(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def wait_until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.005)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where input, translators and the undisturbed run lie, which all tests share."""
    return tmp_path_factory.mktemp("killed")


@pytest.fixture
def slow(place: Path, asked: Asked, records: Any, write: Any, commands: Any) -> Asked:
    """A run of six shards, each call of whose translators takes a moment."""
    path = write(place / "in.jsonl", records(SHARDS * 3))
    plain = asked().run.translators
    scripts = []
    for name, spec in (("forward", plain.forward), ("backward", plain.backward)):
        scripts.append(place / f"{name}.sh")
        scripts[-1].write_text(f"sleep 0.05; {spec.removeprefix('command:')}")
    translators: Translators = commands(f"sh {scripts[0]}", f"sh {scripts[1]}")
    fixed = {"inputs": (path,), "translators": translators, "shard_lines": 3, "workers": 2}
    return lambda **changes: asked(**{**fixed, **changes})


@pytest.fixture
def undisturbed(place: Path, slow: Asked, go: Go, results: Results) -> dict[str, bytes]:
    """What comes out when nobody is killed."""
    if not (place / "whole" / "report.json").exists():
        go(slow(folder=place / "whole"))
    return results(place / "whole")


def kill(target: str, parent: int, draws: Random) -> None:
    workers = descendants(parent)
    if target == "parent":
        os.kill(parent, signal.SIGKILL)
    elif target == "worker" and workers:
        os.kill(draws.choice(workers), signal.SIGKILL)
    elif target == "both":
        for process in [*workers[:1], parent]:
            os.kill(process, signal.SIGKILL)


@pytest.mark.parametrize(
    ("target", "done", "seed"),
    [("parent", 0, 1), ("parent", 3, 2), ("worker", 2, 3), ("both", 2, 4), ("both", SHARDS, 5)],
)
def test_a_run_that_was_killed_goes_on_and_ends_in_the_same_bytes(
    tmp_path: Path, slow: Asked, go: Go, results: Results, undisturbed: dict[str, bytes],
    target: str, done: int, seed: int,
) -> None:  # fmt: skip
    draws = Random(seed)
    folder = RunFolder(tmp_path / "out")

    def completed() -> list[int]:
        return [n for n in range(SHARDS) if folder.completion(n).exists()]

    parent = start(go, slow())
    wait_until(folder.settings.exists if not done else lambda: len(completed()) >= done)
    time.sleep(draws.uniform(0, 0.15))
    started = descendants(parent)
    kill(target, parent, draws)
    if target == "worker":
        _, status = os.waitpid(parent, 0)
        assert os.waitstatus_to_exitcode(status) == 0, "a shard is tried again by itself"
    else:
        os.waitpid(parent, 0)
        wait_until(lambda: not any(map(is_running, started)))
        ages = {n: folder.translated(n).stat().st_mtime_ns for n in completed()}
        assert len(ages) >= done
        go(slow(workers=3) if seed % 2 else slow())
        assert {n: folder.translated(n).stat().st_mtime_ns for n in ages} == ages, "done once"
    assert results(tmp_path / "out") == undisturbed
    assert not list(tmp_path.rglob("*.unfinished"))


def test_a_killed_worker_is_started_again_by_itself(
    tmp_path: Path, slow: Asked, go: Go, caplog: pytest.LogCaptureFixture
) -> None:
    """Seen from inside: what the run says about it."""
    trip = slow(retries=1)
    killer = os.fork()
    if killer == 0:
        parent = os.getppid()
        others = {os.getpid(), *descendants(parent)}
        wait_until(RunFolder(tmp_path / "out").settings.exists)
        wait_until(lambda: bool(set(descendants(parent)) - others))
        os.kill(min(set(descendants(parent)) - others), signal.SIGKILL)
        os._exit(0)
    go(trip)
    os.waitpid(killer, 0)
    assert "is tried again: was ended by SIGKILL" in caplog.text


def test_workers_and_translators_end_with_their_parent(
    tmp_path: Path, slow: Asked, go: Go, commands: Any
) -> None:
    parent = start(go, slow(translators=commands("sleep 600", "cat")))
    # Two workers, each with its translator, and no other.
    wait_until(lambda: RunFolder(tmp_path / "out").settings.exists() and
               len(descendants(parent)) == 4)  # fmt: skip
    started = descendants(parent)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    wait_until(lambda: not any(map(is_running, started)))
