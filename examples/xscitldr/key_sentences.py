"""Pre-training records: abstracts with their key sentence as the summary.

A title is a headline of 8 words; a TLDR has 19. The sentence of the abstract that shares most with
the title is nearer to a TLDR in length and wording, and gives the decoder several times as many
target tokens for each abstract that the encoder reads (compare the gap sentences of PEGASUS, Zhang
et al. 2020, arXiv:1912.08777; here the sentence stays in the abstract).

    python key_sentences.py papers/train.jsonl.gz key-sentences.jsonl
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from mclas_fairseq.corpus.records import read_records, write_records

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=[A-Z(])")
_WORD = re.compile(r"\w+")
_FEWEST, _MOST = 8, 45  # words of a key sentence


def words(text: str) -> set[str]:
    """The distinct words of a text, lower-cased."""
    return set(_WORD.findall(text.lower()))


def key_sentence(document: str, title: str) -> str | None:
    """The sentence whose words have the highest F1 with the title's; None when none fits."""
    wanted = words(title)
    best, best_score = None, 0.0
    for sentence in _SENTENCE_END.split(document):
        if not _FEWEST <= len(sentence.split()) <= _MOST:
            continue
        found = words(sentence)
        score = 2 * len(found & wanted) / (len(found) + len(wanted))
        if score > best_score:
            best, best_score = sentence, score
    return best


def records(path: Path) -> Iterator[dict[str, object]]:
    """Each abstract of `path` that has a key sentence, with it as its summary."""
    for record in read_records(path):
        document = record.document_text("en")
        sentence = key_sentence(document, record.summary["en"][0])
        if sentence is not None:
            yield {"id": record.id, "document": {"en": document}, "summary": {"en": [sentence]}}


def main() -> None:
    """Read records with titles, write records with key sentences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("papers", type=Path, help="records whose summary is a title")
    parser.add_argument("out", type=Path, help="records to write")
    args = parser.parse_args()
    print(f"{args.out}: {write_records(args.out, records(args.papers)):,} records")


if __name__ == "__main__":
    main()
