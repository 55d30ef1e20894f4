"""A server of its own on the loopback address, and clients for it, for `benchmarks/serving.py`."""

import asyncio
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, Optional

HOST = "127.0.0.1"  # and no other, whatever is asked for


class Server:
    """`mclas serve`, ready; the log is kept.

    Args:
        bundle: that it serves.
        flags: further ones.
        port: that it listens on; 0: one that is free.
    """

    def __init__(self, bundle: Path, *flags: str, port: int = 0):
        command = [sys.executable, "-m", "mclas_fairseq", "serve", str(bundle)]
        command += ["--port", str(port)]
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [*command, "--host", HOST, "--device", "cpu", *flags],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1")},
        )
        self.log: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = int(self._wait_for(rf" at http://{HOST}:(\d+)/"))
        self._wait_for(" (ready): ")
        self.seconds_to_ready = time.monotonic() - begun
        self._counted = Path("/proc") / str(self.process.pid)
        self.cpu_to_ready = self.cpu_seconds()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if len(self.log) < 10_000:
                self.log.append(line)

    def _wait_for(self, pattern: str, seconds: float = 600) -> str:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if found := re.search(pattern, "".join(self.log)):
                return found[1]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        raise SystemExit("the server did not start: " + "".join(self.log)[-2000:])

    def _processes(self) -> list[Path]:
        """Its own, and that in which it decodes."""
        children = [file.read_text().split() for file in self._counted.glob("task/*/children")]
        return [self._counted, *(Path("/proc") / one for each in children for one in each)]

    def decoder(self) -> int:
        """The process in which it decodes."""
        return int(self._processes()[1].name)

    def cpu_seconds_of_each(self) -> list[float]:
        """Processor time so far: of the process, and of that in which it decodes."""
        stats = [(one / "stat").read_text() for one in self._processes()]
        fields = [stat.rpartition(")")[2].split() for stat in stats]
        return [(int(one[11]) + int(one[12])) / os.sysconf("SC_CLK_TCK") for one in fields]

    def cpu_seconds(self) -> float:
        """Processor time of both so far."""
        return sum(self.cpu_seconds_of_each())

    def resident_mib_of_each(self) -> list[float]:
        """Memory of the process, and of that in which it decodes."""
        pages = [int((one / "statm").read_text().split()[1]) for one in self._processes()]
        return [one * os.sysconf("SC_PAGE_SIZE") / 2**20 for one in pages]

    def resident_mib(self) -> float:
        """Memory of both; pages that they share are counted twice."""
        return sum(self.resident_mib_of_each())

    def close(self) -> None:
        """Kill it."""
        self.process.kill()
        self.process.wait()


def body(texts: list[str], **options: Any) -> bytes:
    """A request for summaries."""
    return json.dumps({"documents": [{"text": text} for text in texts], **options}).encode()


def post(content: bytes, *headers: str) -> bytes:
    """A POST of `content`, the connection closed after it."""
    lines = [
        "POST /v1/summarize HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json",
        f"Content-Length: {len(content)}", "Connection: close", *headers,
    ]  # fmt: skip
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def get(path: str, *headers: str) -> bytes:
    """A GET, the connection closed after it."""
    return "\r\n".join(
        [f"GET {path} HTTP/1.1", f"Host: {HOST}", "Connection: close", *headers, "", ""]
    ).encode()


async def send(port: int, request: bytes, seconds: float = 120) -> tuple[Optional[int], float]:
    """Send bytes, read the answer whole.

    Returns:
        Its status, None for a reset or no answer, and the seconds that it took.
    """
    begun = time.monotonic()
    status: Optional[int] = None
    try:
        async with asyncio.timeout(seconds):
            reader, writer = await asyncio.open_connection(HOST, port)
            try:
                writer.write(request)
                answer = await reader.read()
            finally:
                writer.close()
        found = re.match(rb"HTTP/1\.1 (\d{3})", answer)
        status = int(found[1]) if found else None
    except (OSError, TimeoutError):
        status = None
    return status, time.monotonic() - begun
