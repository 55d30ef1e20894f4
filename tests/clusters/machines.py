"""A Slurm and a Ray of this one machine, started and killed for tests."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path

import pytest

_REPOSITORY = Path(__file__).parents[2]
_SLURM = _REPOSITORY / "examples" / "roundtrip" / "slurm_here.sh"


class Cluster(ABC):
    """A cluster that is one machine.

    Attributes:
        folder: for its files.
        environment: of commands that use it.
        options: for `--executor-options`.
        worker: words of the command line of the processes that work on shards.
    """

    worker: str
    options: tuple[str, ...]

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment: dict[str, str] = {}

    @abstractmethod
    def start(self) -> None:
        """Start it, or what of it does not run."""

    @abstractmethod
    def kill_head(self) -> None:
        """Kill -9 what knows of all tasks."""

    @abstractmethod
    def kill_node(self) -> None:
        """Kill -9 what starts tasks on the machine."""

    @abstractmethod
    def stop(self) -> None:
        """End all of it."""

    def kill_worker(self) -> int:
        """Kill -9 one process that works on a shard; how many there were."""
        found = processes(self.worker)
        if found:
            os.kill(found[0], signal.SIGKILL)
        return len(found)


class SlurmHere(Cluster):
    """A controller and a node."""

    worker = "bin/launch_pickled_pipeline"
    options = ("time=01:00:00", "partition=all")

    def start(self) -> None:
        told = _run(["bash", str(_SLURM), "start", str(self.folder), str(free_port())])
        self.environment["SLURM_CONF"] = told.rsplit("SLURM_CONF=", 1)[1].strip()

    def kill_head(self) -> None:
        _run(["bash", str(_SLURM), "kill", str(self.folder), "slurmctld"])

    def kill_node(self) -> None:
        for process in processes("slurmstepd"):
            os.kill(process, signal.SIGKILL)
        _run(["bash", str(_SLURM), "kill", str(self.folder), "slurmd"])

    def stop(self) -> None:
        subprocess.run(["scancel", "--me"], env={**os.environ, **self.environment}, check=False)
        _run(["bash", str(_SLURM), "stop", str(self.folder)])


class RayHere(Cluster):
    """A head without processors and a node that works."""

    worker = "ray::RankWorker"
    options = ("mem_per_cpu_gb=1",)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._port = free_port()
        self.environment["RAY_ADDRESS"] = f"127.0.0.1:{self._port}"

    def start(self) -> None:
        common = ["--disable-usage-stats", "--object-store-memory", str(100 << 20)]
        common += ["--min-worker-port", "0", "--max-worker-port", "0"]
        if not self._pids("gcs_server"):
            head = [
                "--head",
                "--port",
                str(self._port),
                "--num-cpus",
                "0",
                "--memory",
                str(1 << 30),
            ]
            head += ["--include-dashboard", "false", "--temp-dir", str(self.folder)]
            _run(["ray", "start", *head, *common])
        if len(self._pids("raylet/raylet")) < 2:
            node = ["--address", self.environment["RAY_ADDRESS"], "--num-cpus", "2"]
            _run(["ray", "start", *node, "--memory", str(3 << 30), *common])

    def kill_head(self) -> None:
        """The head's server; without it the rest of the cluster ends."""
        for process in self._pids("gcs_server"):
            os.kill(process, signal.SIGKILL)
        self._end_all()

    def kill_node(self) -> None:
        os.kill(max(self._pids("raylet/raylet")), signal.SIGKILL)

    def stop(self) -> None:
        self._end_all()

    def _end_all(self) -> None:
        for process in processes(str(self.folder)):
            kill(process)

    def _pids(self, name: str) -> list[int]:
        return [process for process in processes(name) if process in processes(str(self.folder))]


def kill(process: int) -> None:
    """Kill -9 a process that may have ended."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGKILL)


def processes(words: str) -> list[int]:
    """The processes whose command line holds these words, but this one; zombies have none."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdecimal() or int(folder.name) == os.getpid():
            continue
        try:
            line = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if words in line:
            found.append(int(folder.name))
    return sorted(found)


def free_port() -> int:
    """A port that nobody uses, nor the next one as far as is known."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def needed(*programs: str) -> None:
    """Skip where a program is missing."""
    path = os.environ["PATH"] + ":/usr/sbin"
    missing = [name for name in programs if shutil.which(name, path=path) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed; docs/corpora.md says how")


def _run(words: list[str]) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(words)}: {done.stdout[-1000:]} {done.stderr[-2000:]}")
    return done.stdout
