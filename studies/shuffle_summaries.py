"""Give each record the summary of another one: does the content help, or its tokens?

    python -m studies.shuffle_summaries records.jsonl shuffled.jsonl --lang en --seed 1

The summaries in --lang change places at random, none stays; all else stays as it is. Records
without one keep having none.
"""

import argparse
import json
import random
from pathlib import Path

from mclas_fairseq.corpus.records import write_records


def cycle(count: int, seed: int) -> list[int]:
    """Where each of `count` items gets its new content from: one random cycle, so never itself."""
    order = list(range(count))
    random.Random(seed).shuffle(order)
    source = [0] * count
    for position, place in enumerate(order):
        source[place] = order[position - 1]
    return source


def shuffle(records: Path, out: Path, language: str, seed: int) -> None:
    """Write the records with each summary in `language` that of another one.

    Ends the program where fewer than two records have one.
    """
    rows = [json.loads(line) for line in records.read_text(encoding="utf-8").splitlines()]
    having = [row for row in rows if row.get("summary", {}).get(language)]
    if len(having) < 2:
        raise SystemExit(
            f"{records}: two records or more must have a summary in {language} to exchange, "
            f"found {len(having)}; give another --lang"
        )
    summaries = [row["summary"][language] for row in having]
    for row, place in zip(having, cycle(len(having), seed), strict=True):
        row["summary"] = {**row["summary"], language: summaries[place]}
    write_records(out, rows)


def main() -> None:
    """Read, shuffle, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("records", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--lang", required=True)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    shuffle(args.records, args.out, args.lang, args.seed)


if __name__ == "__main__":
    main()
