"""Records without their summaries in one language: what a round trip is to bring back.

    python hide_summaries.py train.jsonl.gz --lang en --out hidden.jsonl [--exclude-ids FILE]

Title and translated abstracts go as well, so that nothing but document and summary is left.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from mclas_fairseq.corpus.records import read_records, write_records


def records(path: Path, language: str, excluded: set[str]) -> Iterator[dict[str, object]]:
    """The records that still have a summary, without the hidden one."""
    for record in read_records(path):
        summary = {code: list(texts) for code, texts in record.summary.items() if code != language}
        if summary and record.id not in excluded:
            document = {code: list(texts) for code, texts in record.document.items()}
            yield {"id": record.id, "document": document, "summary": summary}


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("records", type=Path)
    parser.add_argument("--lang", required=True, help="the language to hide")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--exclude-ids", type=Path, help="ids to leave out, one a line")
    args = parser.parse_args()
    excluded = set(args.exclude_ids.read_text().split()) if args.exclude_ids else set()
    print(f"{args.out}: {write_records(args.out, records(args.records, args.lang, excluded))}")


if __name__ == "__main__":
    main()
