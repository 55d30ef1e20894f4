"""Load and faults of `mclas serve`, on the loopback address alone; every loop has a bound.

    python -m benchmarks.serving capacity --bundle demo/bundle --json capacity.json --plot load.png
    python -m benchmarks.serving storm --bundle demo/bundle --seconds 300 --json storm.json
    python -m benchmarks.serving kill --bundle demo/bundle --json kill.json
    python -m benchmarks.serving faults --bundle demo/bundle --json faults.json

`capacity`: throughput of one client with full requests beside offline decoding of the same
documents in the same batches, in processor seconds, and latency at shares of it; `storm`: so many
times its capacity, with memory; `kill`: kill -9 under load, and the next start (`serving_kill.py`);
`faults`: clients that misbehave (`serving_faults.py`). Documents are synthetic news. On a machine
with other work compare ratios only.
"""

import argparse
import asyncio
import json
import logging
import platform
import random
import statistics
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from benchmarks.serving_client import Server, body, post, send
from benchmarks.serving_faults import faults
from benchmarks.serving_kill import kills
from mclas_fairseq import __version__
from mclas_fairseq.corpus.synthetic_news import generate

SEED = 7
SHARES = (0.25, 0.5, 0.75, 0.9, 1.0, 1.25)  # of the capacity


def documents(count: int) -> list[str]:
    """Synthetic news, with a number that makes each another text."""
    rows: Any = generate("easy", "test", count, SEED)
    return [" ".join(row["document"]["en"]) for row in rows]


def offline_seconds(bundle: Path, texts: Sequence[str], batch_tokens: int) -> tuple[float, float]:
    """Seconds of decoding without a server, in batches as the server makes them.

    Returns:
        Of the processor, and of the clock.
    """
    from mclas_fairseq.inference.documents import EncodedDocument
    from mclas_fairseq.inference.summarizer import Summarizer

    model = Summarizer.from_bundle(bundle, device="cpu")
    list(model.stream(texts[:2]))
    begun, clock = time.process_time(), time.monotonic()
    batches: list[list[EncodedDocument]] = [[]]
    for one in sorted(map(model.encode, texts), key=lambda one: one.read):
        if batches[-1] and (len(batches[-1]) + 1) * one.read > batch_tokens:
            batches.append([])
        batches[-1].append(one)
    for batch in batches:
        list(model.stream(batch, batch_size=len(batch)))
    return time.process_time() - begun, time.monotonic() - clock


async def saturate(port: int, texts: Sequence[str], each: int, at_once: int) -> float:
    """Seconds in which all documents are answered, in requests of `each`, `at_once` of them."""
    requests = [post(body(list(texts[i : i + each]))) for i in range(0, len(texts), each)]
    gate = asyncio.Semaphore(at_once)

    async def one(request: bytes) -> Optional[int]:
        async with gate:
            return (await send(port, request, 600))[0]

    begun = time.monotonic()
    statuses = await asyncio.gather(*map(one, requests))
    assert set(statuses) == {200}, Counter(statuses)
    return time.monotonic() - begun


async def offer(port: int, texts: Sequence[str], rate: float, seconds: float) -> dict[str, Any]:
    """Requests of one document at random times, `rate` a second, whether or not any is answered."""
    draws = random.Random(SEED)
    tasks, begun, due = [], time.monotonic(), 0.0
    while due < seconds:
        await asyncio.sleep(max(0.0, begun + due - time.monotonic()))
        tasks.append(asyncio.create_task(send(port, post(body([draws.choice(texts)])))))
        due += draws.expovariate(rate)
    done = await asyncio.gather(*tasks)
    took = sorted(seconds for status, seconds in done if status == 200)
    cuts = statistics.quantiles(took, n=100) if len(took) > 1 else [0.0] * 99
    return {
        "offered_per_second": round(rate, 2),
        "statuses": {str(status): count for status, count in Counter(s for s, _ in done).items()},
        "answered_per_second": round(len(took) / (time.monotonic() - begun), 2),
        "p50_seconds": round(cuts[49], 3),
        "p99_seconds": round(cuts[98], 3),
    }


def capacity(args: argparse.Namespace) -> dict[str, Any]:
    """Throughput beside offline decoding, and latency at shares of it."""
    texts = documents(args.documents)
    flags = ("--max-batch-tokens", str(args.batch_tokens), "--timeout", "600")
    server = Server(args.bundle, *flags)
    try:
        asyncio.run(saturate(server.port, texts[:32], 32, 1))  # warm
        rounds = []
        for _ in range(args.rounds):
            alone, alone_wall = offline_seconds(args.bundle, texts, args.batch_tokens)
            before = server.cpu_seconds()
            wall = asyncio.run(saturate(server.port, texts, 64, 4))
            rounds.append((alone, server.cpu_seconds() - before, alone_wall, wall))
        rate = len(texts) / statistics.median(wall for *_, wall in rounds)
        shares = [
            asyncio.run(offer(server.port, texts, share * rate, args.seconds)) for share in SHARES
        ]
    finally:
        server.close()
    ratios = [alone / served for alone, served, *_ in rounds]
    by_clock = [alone / served for *_, alone, served in rounds]
    return {
        "throughput_of_offline": round(statistics.median(ratios), 3),
        "throughput_of_offline_by_the_clock": round(statistics.median(by_clock), 3),
        "rounds": [[round(value, 2) for value in one] for one in rounds],
        "documents_per_second": round(rate, 2),
        "load": [{"share": share, **one} for share, one in zip(SHARES, shares, strict=True)],
    }


def storm(args: argparse.Namespace) -> dict[str, Any]:
    """Far more than can be answered, for a while; memory each second, and the pace afterwards."""
    texts = documents(args.documents)
    limits = ("--max-queue", str(args.queue), "--max-documents", str(args.queue))
    server = Server(args.bundle, *limits)
    memory: list[float] = []

    async def run() -> tuple[dict[str, Any], float, float]:
        half = min(len(texts), args.queue)
        await saturate(server.port, texts[:half], args.queue // 4, 4)  # warm
        before = half / await saturate(server.port, texts[:half], args.queue // 4, 4)

        async def watch() -> None:
            for _ in range(int(args.seconds)):
                memory.append(server.resident_mib())
                await asyncio.sleep(1)

        watching = asyncio.create_task(watch())
        begun = [*server.cpu_seconds_of_each(), time.process_time()]
        found = await offer(server.port, texts, args.times * before, args.seconds)
        ended = [*server.cpu_seconds_of_each(), time.process_time()]
        # HTTP, decoding, and the clients, which want the same processors.
        found["processors_used"] = [
            round((now - then) / args.seconds, 2) for then, now in zip(begun, ended, strict=True)
        ]
        await watching
        await asyncio.sleep(10)
        after = half / await saturate(server.port, texts[:half], args.queue // 4, 4)
        return found, before, after

    try:
        found, before, after = asyncio.run(run())
        each = server.resident_mib_of_each()
    finally:
        server.close()
    steady = memory[len(memory) // 5 :]  # of five minutes the last four
    fifths = [memory[len(memory) * n // 5 : len(memory) * (n + 1) // 5] for n in range(5)]
    # A queue, and a batch: half of it, where these documents of some 30 tokens are not too many.
    waited = args.queue + min(args.queue / 2, 8192 / 30)
    return {
        **found,
        "capacity_per_second": round(before, 2),
        "bound_on_p99_seconds": round(waited / before, 2),
        "bound_by_pace_in_storm_seconds": round(waited / found["answered_per_second"], 2),
        # Least and most in each fifth: batches use memory and give it back, so that what grows
        # shows in these, and what comes and goes in the spread.
        "memory_mib_by_fifth": [[round(min(one)), round(max(one))] for one in fifths],
        "memory_mib_of_each_process": [round(one) for one in each],
        "memory_spread": round(max(steady) / min(steady) - 1, 4),
        "memory_growth_of_peaks": round(max(fifths[4]) / max(fifths[1]) - 1, 4),
        "pace_after_of_before": round(after / before, 3),
        "errors_in_log": sum(" ERROR " in line for line in server.log),
    }


def kill(args: argparse.Namespace) -> dict[str, Any]:
    """Kill -9 of the server, and of the process in which it decodes."""
    return kills(args.bundle, documents(64), args.rounds)


def misbehave(args: argparse.Namespace) -> dict[str, Any]:
    """Clients that misbehave, beside one that does not."""
    server = Server(args.bundle, "--read-timeout", "5")
    try:
        return asyncio.run(faults(server, documents(16), args.connections))
    finally:
        server.close()


PARTS = {"capacity": capacity, "storm": storm, "kill": kill, "faults": misbehave}


def plot(path: Path, found: dict[str, Any]) -> None:
    """Median and 99th percentile of the latency against offered load."""
    import matplotlib

    matplotlib.use("Agg")
    logging.getLogger("matplotlib").setLevel(logging.WARNING)  # which fonts there are
    from matplotlib import pyplot
    from matplotlib.ticker import FormatStrFormatter

    rates = [one["offered_per_second"] for one in found["load"]]
    figure, axes = pyplot.subplots(figsize=(6, 4))
    for name, label in (("p50_seconds", "median"), ("p99_seconds", "99th percentile")):
        axes.plot(rates, [one[name] for one in found["load"]], marker="o", label=label)
    axes.axvline(found["documents_per_second"], linestyle=":", color="grey", label="capacity")
    axes.set(xlabel="documents offered a second", ylabel="seconds to the answer", yscale="log")
    for show in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        show(FormatStrFormatter("%g"))
    axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    """Run one part."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--bundle", type=Path, required=True)
    parser.add_argument("--documents", type=int, default=256)
    parser.add_argument("--batch-tokens", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=3, help="of the ratio (default: 3)")
    parser.add_argument("--seconds", type=float, default=30, help="of each load (default: 30)")
    parser.add_argument("--times", type=float, default=10, help="capacity, in the storm")
    parser.add_argument("--queue", type=int, default=64, help="--max-queue in the storm")
    parser.add_argument("--connections", type=int, default=10_000, help="idle ones")
    parser.add_argument("--json", type=Path, help="write the result there as well")
    parser.add_argument("--plot", type=Path, help="of capacity: a picture")
    args = parser.parse_args()
    assert 0 < args.seconds <= 600
    assert 0 < args.connections <= 10_000
    found = {
        "part": args.part,
        **PARTS[args.part](args),
        "version": __version__,
        "machine": f"{platform.processor() or platform.machine()}",
    }
    text = json.dumps(found, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")
    if args.plot is not None and args.part == "capacity":
        plot(args.plot, found)


if __name__ == "__main__":
    main()
