"""Does a line's translation depend on its neighbours, and what does one cost?

    python sample.py papers/train.jsonl.gz sample.jsonl --abstracts 300
    python apart.py sample.jsonl eng-spa spa-ita --alone 100

Translates the summaries together by apertium_lines.py, again in two other orders, and some of them
each alone; says how many came out otherwise, and the processor time of a line.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from random import Random

from mclas_fairseq.corpus.records import read_records

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from examples.en2it_roundtrip.apertium_lines import translate


def through(directions: Sequence[str], lines: Sequence[str]) -> list[str]:
    """Translate lines over all directions."""
    found = list(lines)
    for direction in directions:
        found = translate(direction, found)
    return found


def reordered(directions: Sequence[str], lines: Sequence[str], order: Sequence[int]) -> list[str]:
    """Translate lines in another order; what comes of each, in theirs."""
    found: list[str] = [""] * len(lines)
    for place, text in zip(order, through(directions, [lines[n] for n in order]), strict=True):
        found[place] = text
    return found


def main() -> None:
    """Translate in several ways, and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("records", type=Path)
    parser.add_argument("directions", nargs="+", help="as Apertium names them: eng-spa spa-ita")
    parser.add_argument("--alone", type=int, default=100, metavar="N", help="default: 100")
    args = parser.parse_args()
    lines = [record.summary["en"][0] for record in read_records(args.records)]
    before = os.times()
    together = through(args.directions, lines)
    spent = os.times()
    seconds = spent.children_user + spent.children_system
    seconds -= before.children_user + before.children_system
    places = range(len(lines))
    orders = {
        "reversed": list(reversed(places)),
        "shuffled": Random(1).sample(places, len(lines)),
    }
    found = {name: reordered(args.directions, lines, order) for name, order in orders.items()}
    counts = {
        name: sum(a != b for a, b in zip(together, other, strict=True))
        for name, other in found.items()
    }
    chosen = Random(2).sample(places, min(args.alone, len(lines)))
    alone = sum(through(args.directions, [lines[n]]) != [together[n]] for n in chosen)
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    print(f"{len(lines)} lines, {' '.join(args.directions)}: otherwise {told}")
    print(f"{len(chosen)} of them each alone: otherwise {alone}")
    print(f"{1000 * seconds / len(lines):.1f} ms of processor time a line")


if __name__ == "__main__":
    main()
