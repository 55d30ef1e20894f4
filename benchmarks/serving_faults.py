"""Clients that misbehave: what each gets, and what another client gets meanwhile."""

import asyncio
import resource
import time
from collections import Counter
from typing import Any, Optional

from benchmarks.serving_client import HOST, Server, body, get, post, send

MIB = 2**20
# What is sent -> the status that is right.
BAD: dict[str, tuple[bytes, tuple[Optional[int], ...]]] = {
    "broken JSON": (post(b'{"text": "a'), (400,)),
    "invalid UTF-8": (post(b'{"text": "\xff\xfe"}'), (400,)),
    "100,000 levels": (post(b"[" * 100_000), (400,)),
    "a number of 5,000 digits": (post(b'{"beam": ' + b"9" * 5000 + b"}"), (400,)),
    "an unknown key": (post(b'{"text": "a", "beem": 1}'), (422,)),
    "no key at all": (post(b"{}"), (422,)),
    "a header of 64 KB": (get("/livez", "X-Long: " + "a" * 65_536), (400, 431)),
    "64 KB of headers": (get("/livez", *(f"X-{n}: {'a' * 100}" for n in range(600))), (400, 431)),
    "no HTTP": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n", (400,)),
    "two lengths": (post(b"{}", "Content-Length: 7"), (400,)),
    "a path upwards": (get("/../../etc/passwd"), (404,)),
    "an encoded path upwards": (get("/docs/%2e%2e/%2e%2e/etc/passwd"), (404,)),
    "a path with NUL": (get("/%00"), (404,)),
    "an absolute address": (get("http://192.0.2.1/secret"), (404,)),
    "another method": (get("/v1/summarize"), (405,)),
}


async def faults(server: Server, texts: list[str], connections: int) -> dict[str, Any]:
    """Try them one after another.

    Returns:
        For each what was answered and what was right; memory before and after; whether a client
        beside them always got 200, and how long the slowest such answer took.
    """
    others: list[tuple[Optional[int], float]] = []
    ended = asyncio.Event()

    async def well_behaved() -> None:
        for number in range(2000):  # bounded, if nobody ends it
            others.append(await send(server.port, post(body([texts[number % len(texts)]]))))
            if ended.is_set():
                return
            await asyncio.sleep(0.2)

    await send(server.port, post(body(texts)))
    before = server.resident_mib()
    beside = asyncio.create_task(well_behaved())
    rows = []
    for name, (request, right) in BAD.items():
        status, _ = await send(server.port, request, 60)
        rows.append({"fault": name, "status": status, "right": status in right})
    rows.append(await _large_body(server))
    rows += await _slow_clients(server)
    rows.append(await _idle(server, connections))
    ended.set()
    await beside
    return {
        "faults": rows,
        "all_right": all(row["right"] for row in rows),
        "beside": {str(status): count for status, count in Counter(s for s, _ in others).items()},
        "slowest_beside_seconds": round(max(seconds for _, seconds in others), 2),
        "memory_mib": [round(before), round(server.resident_mib())],
        "alive": server.process.poll() is None,
    }


async def _large_body(server: Server) -> dict[str, Any]:
    """100 MB without a length, in parts: stopped at the first that is too much."""
    sent = 0
    status: Optional[int] = None
    reader, writer = await asyncio.open_connection(HOST, server.port)
    head = f"POST /v1/summarize HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n"
    part = b"%x\r\n" % MIB + b"a" * MIB + b"\r\n"
    try:
        async with asyncio.timeout(60):
            writer.write(head.encode() + b"Content-Type: application/json\r\n\r\n")
            for _ in range(100):
                writer.write(part)
                await writer.drain()
                sent += 1
    except (OSError, TimeoutError):
        pass
    try:
        async with asyncio.timeout(10):
            answer = await reader.read(100)
        status = int(answer.split()[1]) if answer else None
    except (OSError, TimeoutError):
        pass
    writer.close()
    # An answer can be lost to the reset of a connection that is still being written to.
    right = status in (413, None) and sent < 100
    return {"fault": "100 MB", "status": status, "mib_taken": sent, "right": right}


async def _slow_clients(server: Server) -> list[dict[str, Any]]:
    """One byte a second of a head, and of a body; and a connection that is half shut."""
    found = []
    request = post(b'{"text": "' + b"a" * 200 + b'"}')
    body_starts = request.index(b"\r\n\r\n") + 4
    for name, at_once in (("a head by the second", 0), ("a body by the second", body_starts)):
        begun = time.monotonic()
        reader, writer = await asyncio.open_connection(HOST, server.port)
        answer = asyncio.create_task(reader.read(20))
        try:
            writer.write(request[:at_once])
            for place in range(at_once, min(len(request), at_once + 30)):
                if answer.done():
                    break
                writer.write(request[place : place + 1])
                await writer.drain()
                await asyncio.sleep(1)
            said = await asyncio.wait_for(answer, 30)
        except (OSError, TimeoutError):
            said = b""
        writer.close()
        status = int(said.split()[1]) if said else None
        seconds = round(time.monotonic() - begun, 1)
        right = status in (408, None) and seconds < 25
        found.append({"fault": name, "status": status, "seconds": seconds, "right": right})
    reader, writer = await asyncio.open_connection(HOST, server.port)
    writer.write(post(body(["The river rose."])))
    writer.write_eof()  # it sends no more, and still reads
    half = await asyncio.wait_for(reader.read(), 120)
    writer.close()
    right = half == b"" or half.startswith(b"HTTP/1.1 200")
    found.append({"fault": "half shut", "status": None if not half else 200, "right": right})
    return found


async def _idle(server: Server, connections: int) -> dict[str, Any]:
    """So many connections that send nothing: others are answered, and they are closed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before = server.resident_mib()
    opened: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []
    for _ in range(connections):
        opened.append(await asyncio.open_connection(HOST, server.port))
    most = server.resident_mib()
    status, seconds = await send(server.port, get("/livez"), 60)
    ends = await asyncio.gather(
        *(asyncio.wait_for(reader.read(1), 120) for reader, _ in opened), return_exceptions=True
    )
    for _, writer in opened:
        writer.close()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    closed = sum(end == b"" or isinstance(end, ConnectionError) for end in ends)
    return {
        "fault": f"{connections:,} idle connections",
        "status": status,
        "seconds_of_another": round(seconds, 2),
        "closed_by_server": closed,
        "memory_mib": [round(before), round(most)],
        "right": status == 200 and closed == connections,
    }
