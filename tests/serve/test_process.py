"""The process: the docs' lines are answered, and SIGTERM loses nothing."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serve.conftest import BUNDLE
from tests.serve.test_problems import wait_until

pytestmark = pytest.mark.slow
DOCS = Path(__file__).resolve().parents[2] / "docs" / "serving.md"
BLOCK = re.compile(r"^```sh\n(curl .*?)^```$", re.MULTILINE | re.DOTALL)


class Process:
    """`mclas serve`, ready."""

    def __init__(self, *flags: str):
        command = [sys.executable, "-m", "mclas_fairseq", "serve", str(BUNDLE), "--port", "0"]
        self.process = subprocess.Popen(
            [*command, "--device", "cpu", *flags],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.address = self.wait_for(r" at (http://127\.0\.0\.1:\d+)/")
        self.wait_for(r" ready: (bundle)")

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line)

    def wait_for(self, pattern: str) -> str:
        end = time.monotonic() + 240
        while time.monotonic() < end:
            if found := re.search(pattern, "".join(self.log)):
                return found[1]
            assert self.process.poll() is None, "".join(self.log)
            time.sleep(0.05)
        raise AssertionError("".join(self.log))

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self._reader.join(10)
        assert self.process.stderr is not None
        self.process.stderr.close()

    def post(self, text: str) -> dict[str, object]:
        request = urllib.request.Request(
            f"{self.address}/v1/summarize",
            json.dumps({"text": text}).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=120) as answer:
            found: dict[str, object] = json.load(answer)
            return found


@pytest.fixture(scope="module")
def process() -> Iterator[Process]:
    # It waits long for others, so that a request is under way when the process is ended.
    started = Process("--max-wait-ms", "700", "--read-timeout", "3")
    yield started
    started.close()


def test_lines_of_the_docs_are_answered(process: Process) -> None:
    if shutil.which("curl") is None:
        pytest.skip("curl is not installed")
    lines = "\n".join(BLOCK.findall(DOCS.read_text(encoding="utf-8")))
    shown = re.findall(r"^curl (?:.*\\\n)*.*$", lines, re.MULTILINE)
    assert len(shown) == 8
    for line in shown:
        command = line.replace("http://127.0.0.1:8000", process.address)
        done = subprocess.run(["bash", "-c", command + " -f"], capture_output=True, timeout=120)
        assert done.returncode == 0, line
        assert done.stdout


def test_sighup_loads_the_bundle_anew(process: Process) -> None:
    process.process.send_signal(signal.SIGHUP)
    assert process.wait_for(r" (bundle): loaded anew in")
    assert process.post("The river rose.")["model"] == "bundle"


def decoder_of(process: Process) -> int:
    """The process in which another one decodes."""
    tasks = Path(f"/proc/{process.process.pid}/task").glob("*/children")
    (child,) = [int(one) for task in tasks for one in task.read_text().split()]
    return child


def has_ended(process: int) -> bool:
    try:
        return ") Z " in Path(f"/proc/{process}/stat").read_text()
    except OSError:
        return True


def test_the_decoder_is_started_anew_when_it_is_killed(process: Process) -> None:
    before = decoder_of(process)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        os.kill(before, number)  # as a terminal or a service manager does to all
    assert process.post("The river rose.")["model"] == "bundle"
    ready = "".join(process.log).count(" ready: bundle")
    os.kill(before, signal.SIGKILL)
    process.wait_for(r"it ended \((SIGKILL)\)")
    with pytest.raises(urllib.error.HTTPError) as met:
        process.post("The river rose.")
    assert met.value.code == 503
    assert int(met.value.headers["Retry-After"]) >= 1
    wait_until(lambda: "".join(process.log).count(" ready: bundle") == ready + 1, 240)
    assert decoder_of(process) != before
    assert process.post("The river rose.")["model"] == "bundle"


def test_a_connection_without_a_request_is_closed(process: Process) -> None:
    host, _, port = process.address.removeprefix("http://").partition(":")
    for sent in (b"", b"GET /livez HTTP/1.1\r\nHost:"):
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(sent)
            assert connection.recv(100) == b"", "closed by the server"
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n")
        assert b"200" in connection.recv(10_000)
        connection.sendall(b"GET /livez HTTP/1.1\r\nHost:")  # a second one that does not come whole
        while connection.recv(10_000):
            pass


def test_sigterm_answers_what_was_taken_and_ends_with_0(process: Process) -> None:
    answers: list[dict[str, object]] = []
    client = threading.Thread(target=lambda: answers.append(process.post("The river rose.")))
    client.start()
    time.sleep(0.3)
    decoder = decoder_of(process)
    process.process.send_signal(signal.SIGTERM)
    assert process.process.wait(60) == 0, "".join(process.log)
    wait_until(lambda: has_ended(decoder))
    client.join(60)
    assert [answer["model"] for answer in answers] == ["bundle"]
    assert "The river" not in "".join(process.log)


@pytest.mark.parametrize("ready", [False, True])
def test_the_decoder_ends_with_a_server_that_is_killed(ready: bool) -> None:
    """Also while it loads, which is when it is started."""
    if ready:
        process = Process()
        decoder = decoder_of(process)
        process.close()
    else:
        command = [sys.executable, "-m", "mclas_fairseq", "serve", str(BUNDLE), "--port", "0"]
        server = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        tasks = Path(f"/proc/{server.pid}/task")

        def children() -> list[str]:
            return [one for task in tasks.glob("*/children") for one in task.read_text().split()]

        wait_until(lambda: bool(children()))
        (decoder,) = map(int, children())
        server.kill()
        server.wait()
    wait_until(lambda: has_ended(decoder))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["no-such-bundle"], "bundle no-such-bundle"),
        ([str(BUNDLE), "--host", "192.0.2.1"], "must be a free address of this machine"),
        ([str(BUNDLE), "--api-key-file", "no-such-file"], "--api-key-file no-such-file"),
    ],
)
def test_what_cannot_be_served_is_one_line(words: list[str], said: str) -> None:
    command = [sys.executable, "-m", "mclas_fairseq", "serve", "--port", "0", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert done.returncode == 2, done.stderr
    assert "mclas serve: error: " in done.stderr
    assert said in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
