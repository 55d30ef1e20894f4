"""Memory of a round trip by size of corpus, and speed of its scoring and filtering.

    python -m benchmarks.roundtrip --work /tmp/bench --json roundtrip.json

For each size a corpus of summaries of 14 words is made and run through `mclas roundtrip` with a
program as translator, in a process of its own whose peak memory, and that of its workers, is
reported. Then the translated shards are read, scored, filtered and written again on one core, with
an unstemmed and with a stemmed protocol. Speeds are pairs per second of processor time, as other
programs may be running; wall-clock time is given beside.
"""

import argparse
import json
import logging
import resource
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import orjson

from benchmarks.common import own_peak_mib
from mclas_fairseq import __version__
from mclas_fairseq.roundtrip.collecting import Collection
from mclas_fairseq.roundtrip.options import (
    Direction,
    Execution,
    FilterOptions,
    Outputs,
    RunOptions,
    Translators,
)
from mclas_fairseq.roundtrip.plot import draw_scores
from mclas_fairseq.roundtrip.progress import Progress
from mclas_fairseq.roundtrip.report import Report
from mclas_fairseq.roundtrip.run_folder import RunFolder
from mclas_fairseq.roundtrip.running import RoundTrip, run_roundtrip
from mclas_fairseq.roundtrip.settings import RunSettings
from mclas_fairseq.roundtrip.statistics import Statistics
from mclas_fairseq.roundtrip.steps import CleaningSteps
from mclas_fairseq.translators import TranslatorOptions

SIZES = (10_000, 100_000, 1_000_000)
WORDS_IN_SUMMARY = 14
_PROTOCOLS = {"unstemmed": "default", "stemmed": "ncls"}
_VOCABULARY = 20_000


def vocabulary(draws: Random) -> list[str]:
    """Made-up words with endings that a stemmer takes off."""
    starts = ["b", "br", "d", "f", "gl", "k", "m", "n", "pr", "s", "st", "t", "tr", "v", "w"]
    vowels = ["a", "e", "i", "o", "u", "ea", "ou"]
    ends = ["", "s", "ed", "ing", "er", "ly", "ness", "ation"]
    return [
        "".join(draws.choice(part) for part in (starts, vowels, starts, vowels, starts, ends))
        for _ in range(_VOCABULARY)
    ]


def write_corpus(path: Path, pairs: int) -> None:
    """Records with a summary of 14 words; few words are frequent, as in any language."""
    draws = Random(1)
    words = vocabulary(draws)
    with path.open("wb") as stream:
        for number in range(pairs):
            places = (int(len(words) * draws.random() ** 4) for _ in range(WORDS_IN_SUMMARY))
            text = " ".join(words[place] for place in places).capitalize() + "."
            record = {"id": str(number), "summary": {"en": text}}
            stream.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))


def trip(work: Path, shard_lines: int, workers: int) -> RoundTrip:
    """A run that loses some words on its way: those with a certain syllable or ending."""
    return RoundTrip(
        run=RunOptions(
            inputs=(work / "in.jsonl",),
            direction=Direction("en", "de", made="de"),
            translators=Translators(
                forward="command:sed s/st[a-z]*/zz/g",
                backward="command:sed s/ness/less/g",
                forward_options=TranslatorOptions("en", "de"),
                backward_options=TranslatorOptions("de", "en"),
            ),
            shard_lines=shard_lines,
        ),
        filter=FilterOptions(),
        outputs=Outputs(work / "out"),
        execution=Execution(workers=workers),
    )


def run_one(asked: RoundTrip) -> dict[str, float]:
    """Run, in this process; its peak memory and that of its workers, in MiB, and seconds."""
    before = own_peak_mib()
    start = time.perf_counter()
    run_roundtrip(asked, Progress(lambda line: print(line, file=sys.stderr)))
    children = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    return {
        "peak_memory_before_mib": before,
        "peak_memory_parent_mib": own_peak_mib(),
        "peak_memory_worker_mib": round(children, 1),
        "seconds_of_the_run": round(time.perf_counter() - start, 1),
    }


def filter_speed(asked: RoundTrip, protocol: str) -> dict[str, float]:
    """Pairs per second of reading, scoring, filtering and writing."""
    folder = RunFolder(asked.outputs.folder)
    # A protocol that the workers did not score with, so that everything is scored again.
    settings = replace(RunSettings.load(folder), scored_with="none")
    options = FilterOptions(protocol=protocol)
    collection = Collection(folder, settings, options, asked.outputs, CleaningSteps())
    wall, processor = time.perf_counter(), time.process_time()
    collection.collect()
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    return {
        "pairs_per_second": round(settings.records / processor),
        "pairs_per_second_wall": round(settings.records / wall),
    }


def measure(args: argparse.Namespace, pairs: int) -> dict[str, Any]:
    """One size: a run in a process of its own, then filtering here."""
    work: Path = args.work / f"roundtrip-{pairs}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    write_corpus(work / "in.jsonl", pairs)
    command = [sys.executable, "-m", "benchmarks.roundtrip", "--work", str(work), "--one"]
    command += ["--shard-lines", str(args.shard_lines), "--workers", str(args.workers)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = {"pairs": pairs, **json.loads(done.stdout.splitlines()[-1])}
    asked = trip(work, args.shard_lines, args.workers)
    for name, protocol in _PROTOCOLS.items():
        found[f"filter_{name}"] = filter_speed(asked, protocol)
    shutil.rmtree(work)
    return found


def _load_matplotlib() -> None:
    """Loading it takes seconds, once in a process; they are not part of the speed."""
    direction = Direction("en", "de", made="de")
    draw_scores(Report(direction, "summary", FilterOptions(), Statistics(1.0), {}))


def main() -> None:
    """Measure every size and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder for corpora and runs")
    parser.add_argument("--pairs", type=int, nargs="+", default=list(SIZES), help="sizes")
    parser.add_argument("--shard-lines", type=int, default=10_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path, help="write the result there as well")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    logging.getLogger().setLevel(logging.WARNING)  # fairseq lets everybody say everything
    if args.one:
        print(json.dumps(run_one(trip(args.work, args.shard_lines, args.workers))))
        return
    _load_matplotlib()
    result = {
        "benchmark": "roundtrip",
        "version": __version__,
        "shard_lines": args.shard_lines,
        "workers": args.workers,
        "sizes": [measure(args, pairs) for pairs in args.pairs],
    }
    text = json.dumps(result, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
