"""As many random records of one file as another one has.

python draw.py all.jsonl --like kept.jsonl --seed 1 --out random.jsonl
"""

import argparse
from pathlib import Path

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.corpus.subsets import draw_subset
from mclas_fairseq.corpus.text_files import read_lines, write_beside


def main() -> None:
    """Write the drawn lines as they stand."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--like", type=Path, required=True, help="records, whose number counts")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    lines = [line for _, line in read_lines(args.records)]
    ids = [record.id for record in read_records(args.records)]
    size = sum(1 for _ in read_records(args.like))
    drawn = set(draw_subset(ids, size, args.seed))
    with write_beside(args.out) as stream:
        for identifier, line in zip(ids, lines, strict=True):
            if identifier in drawn:
                stream.write(line + "\n")
    print(f"{args.out}: {size} of {len(ids)}")


if __name__ == "__main__":
    main()
