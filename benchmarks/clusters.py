"""`mclas roundtrip` on this machine, on Slurm and on Ray: the same bytes, and pairs a second.

    python -m benchmarks.clusters --work /tmp/bench --pairs 100000 --executor local slurm ray

A corpus of summaries of 14 made-up words is translated by a program that looks its lines up, so
that the pipeline is measured and not the translator. Each executor runs the whole command, one
after another, and its results must be the first one's, byte for byte. Slurm and Ray must be running
(docs/corpora.md says how to start one of each); `--slurm-options` and `--ray-options` go to
`--executor-options`. Seconds are wall-clock time: of cutting the input, of the shards with what it
takes to begin and to notice their end, and of joining, filtering and writing. Processor time is
that of the command and what it started, so of a cluster's run without its shards.

A finished executor is kept in the folder, so that the same command goes on with the next.
"""

import argparse
import hashlib
import json
import os
import re
import resource
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from benchmarks.lookup import write_table
from benchmarks.roundtrip import write_corpus
from mclas_fairseq import __version__

EXECUTORS = ("local", "slurm", "ray")
_LOOKUP = Path(__file__).with_name("lookup.py").resolve()
_RESULTS = ("corpus.jsonl", "rejected.jsonl", "report.json")


def there(text: str) -> str:
    """The translation of a summary: some words are lost in it."""
    return re.sub("st[a-z]*", "zz", text)


def back(text: str) -> str:
    """The translation of that."""
    return text.replace("ness", "less")


def make_material(work: Path, pairs: int) -> None:
    """Corpus and tables, unless they are there."""
    if (work / "made").exists():
        return
    work.mkdir(parents=True, exist_ok=True)
    write_corpus(work / "in.jsonl", pairs)
    write_table(work / "there.sqlite", ((text, there(text)) for text in _summaries(work)))
    made = map(there, _summaries(work))
    write_table(work / "back.sqlite", ((text, back(text)) for text in made))
    (work / "made").touch()


def _summaries(work: Path) -> Iterator[str]:
    with (work / "in.jsonl").open("rb") as lines:
        for line in lines:
            yield orjson.loads(line)["summary"]["en"]


def command(args: argparse.Namespace, work: Path, executor: str) -> list[str]:
    """The command that is measured."""
    program = f"command:{shlex.join([sys.executable, '-S', str(_LOOKUP)])}"
    options = getattr(args, f"{executor}_options", [])
    return [
        *("mclas", "roundtrip", "--in", str(work / "in.jsonl"), "--out", str(work / executor)),
        *("--source-lang", "en", "--target-lang", "de", "--clean", "normalise,length,ratio"),
        *("--forward", f"{program} {work}/there.sqlite"),
        *("--backward", f"{program} {work}/back.sqlite"),
        *("--executor", executor, "--workers", str(args.workers)),
        *("--shard-lines", str(args.shard_lines)),
        *(["--executor-options", *options] if options else []),
    ]


def run_one(args: argparse.Namespace, work: Path, executor: str) -> dict[str, Any]:
    """Run an executor from the beginning; seconds, pairs a second, and hashes of the results."""
    out = work / executor
    shutil.rmtree(out, ignore_errors=True)
    begun, clock = time.time(), time.perf_counter()
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(command(args, work, executor), check=True, env=environment, stdout=sys.stderr)
    seconds = time.perf_counter() - clock
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cut = (out / "settings.json").stat().st_mtime
    shards = max(mark.stat().st_mtime for mark in (out / "work" / "completions").iterdir())
    return {
        "executor": executor,
        "pairs": args.pairs,
        "shards": -(-args.pairs // args.shard_lines),
        "workers": args.workers,
        "seconds": round(seconds, 1),
        "processor_seconds_of_command": round(
            after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 1
        ),
        "seconds_cutting": round(cut - begun, 1),
        "seconds_shards": round(shards - cut, 1),
        "seconds_joining": round(begun + seconds - shards, 1),
        "pairs_per_second": round(args.pairs / seconds),
        "pairs_per_second_shards": round(args.pairs / (shards - cut)),
        "sha256": {name: _sha256(out / name) for name in _RESULTS},
    }


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def measure(args: argparse.Namespace) -> list[dict[str, Any]]:
    """All executors, one after another; ends the benchmark where results differ."""
    work: Path = args.work.resolve() / f"clusters-{args.pairs}"
    make_material(work, args.pairs)
    found: list[dict[str, Any]] = []
    for executor in args.executor:
        kept = work / f"{executor}.json"
        if not kept.exists():
            kept.write_text(json.dumps(run_one(args, work, executor)), encoding="utf-8")
        found.append(json.loads(kept.read_text(encoding="utf-8")))
        if found[-1]["sha256"] != found[0]["sha256"]:
            raise SystemExit(f"{work}: {executor} wrote other bytes than {found[0]['executor']}")
    return found


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--work", type=Path, required=True, help="folder for corpora and runs")
    parser.add_argument("--pairs", type=int, default=10_000)
    parser.add_argument("--executor", nargs="+", choices=EXECUTORS, default=["local"])
    parser.add_argument("--shard-lines", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument(
        "--slurm-options", nargs="*", default=["time=10:00:00", "partition=all"],
        help="for Slurm's --executor-options (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--ray-options", nargs="*", default=[], help="the same for Ray")
    parser.add_argument("--json", type=Path, help="write the result there as well")
    args = parser.parse_args()
    result = {"benchmark": "clusters", "version": __version__, "runs": measure(args)}
    text = json.dumps(result, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
