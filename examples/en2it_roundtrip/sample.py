"""Records of titles and of key sentences, two of an abstract, drawn at random or all.

    python sample.py papers/train.jsonl.gz sample.jsonl --abstracts 1000

The key sentence is the one of the abstract whose words share most with the title's
(examples/xscitldr/key_sentences.py).
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

from mclas_fairseq.corpus.records import Record, read_records, write_records

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from examples.xscitldr.key_sentences import key_sentence


def both(records: Sequence[Record]) -> Iterator[dict[str, object]]:
    """For each record one with its title and, where it has one, one with its key sentence."""
    for record in records:
        document, title = record.document_text("en"), record.summary["en"][0]
        for kind, text in (("title", title), ("key", key_sentence(document, title))):
            if text is not None:
                yield {
                    "id": f"{record.id}#{kind}",
                    "document": {"en": document},
                    "summary": {"en": [text]},
                }


def main() -> None:
    """Read papers, write records."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("papers", type=Path, help="records whose summary is a title")
    parser.add_argument("out", type=Path)
    parser.add_argument("--abstracts", type=int, help="how many to draw (default: all, in order)")
    args = parser.parse_args()
    records = list(read_records(args.papers))
    if args.abstracts is not None:
        records = Random(1).sample(records, args.abstracts)
    print(f"{args.out}: {write_records(args.out, both(records)):,} records")


if __name__ == "__main__":
    main()
