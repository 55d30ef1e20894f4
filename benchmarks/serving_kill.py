"""kill -9 under load: of a server, and of the process in which it decodes, and what comes after."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from benchmarks.serving_client import Server, body, get, post, send


def kills(bundle: Path, texts: Sequence[str], rounds: int) -> dict[str, Any]:
    """Kill when half of the documents are answered: the server, then what decodes alone.

    Args:
        bundle: that is served.
        texts: of the documents, each in a request of its own.
        rounds: of each.
    """
    servers, statuses = [Server(bundle, "--max-batch-tokens", "512")], []
    port = servers[0].port

    async def under_load(process: int) -> list[Optional[int]]:
        requests = [post(body([text])) for text in texts]
        tasks = [asyncio.create_task(send(port, request)) for request in requests]
        while sum(task.done() for task in tasks) < len(tasks) / 2:
            await asyncio.sleep(0.01)
        os.kill(process, signal.SIGKILL)
        return [status for status, _ in await asyncio.gather(*tasks)]

    for _ in range(rounds):
        statuses.append(Counter(asyncio.run(under_load(servers[-1].process.pid))))
        servers[-1].process.wait()
        servers.append(Server(bundle, "--max-batch-tokens", "512", port=port))
    decoder_statuses, back = [], []
    try:
        for _ in range(rounds):
            decoder_statuses.append(Counter(asyncio.run(under_load(servers[-1].decoder()))))
            back.append(asyncio.run(seconds_to_ready(port)))
        status, _ = asyncio.run(send(port, post(body([texts[0]]))))
    finally:
        servers[-1].close()
    return {
        "statuses_at_kill": [_by_status(one) for one in statuses],
        "ready_after_seconds": [round(one.seconds_to_ready, 1) for one in servers],
        "ready_after_processor_seconds": [round(one.cpu_to_ready, 1) for one in servers],
        "statuses_at_kill_of_decoder": [_by_status(one) for one in decoder_statuses],
        "ready_after_kill_of_decoder_seconds": [round(one, 1) for one in back],
        "first_answer": status,
    }


async def seconds_to_ready(port: int) -> float:
    """Seconds until documents are taken."""
    begun = time.monotonic()
    for _ in range(6000):
        if (await send(port, get("/readyz")))[0] == 200:
            break
        await asyncio.sleep(0.05)
    return time.monotonic() - begun


def _by_status(counts: "Counter[Optional[int]]") -> dict[str, int]:
    return {str(key): count for key, count in counts.items()}
