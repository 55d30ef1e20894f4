"""Translation as the simplest summarization: sentences with themselves and their translation.

A few thousand triples are too few to learn German from. Each sentence pair becomes a record whose
document is the English sentence, whose English summary is the same sentence and whose German
summary is its translation, so that every target layout can be trained on it:

- the training triples' own summaries (`summary.en`, `summary.de`);
- the sentences of the abstracts with their machine translation (`document_mt`), aligned by length
  (Gale and Church 1993, as `nltk` has it), those kept that align one to one with like lengths.

    python sentence_pairs.py xscitldr/train.jsonl.gz --lang de --exclude-ids overlap.txt pairs.jsonl
"""

import argparse
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from nltk.translate.gale_church import align_blocks

from mclas_fairseq.corpus.record import Record
from mclas_fairseq.corpus.records import read_records, write_records

# The translations lack the blank after many full stops ("gelernt.Wir zeigen").
_SENTENCE_END = re.compile(r"(?<=[a-zß-öø-ÿ)][.!?])\s*(?=[A-ZÀ-ÖØ-Þ])|(?<=[。！？])\s*")
_RATIO = (0.6, 1.8)  # characters of the translation per character of the sentence
_SIGNS = {"zh": 3.2}  # letters of English that a sign of the language stands for; of others one
_FEWEST, _MOST = 4, 50  # words of a sentence


def aligned(record: Record, language: str) -> list[tuple[str, str]]:
    """Sentence pairs of an abstract and its translation that align one to one."""
    if language not in record.translation:
        return []
    source = list(record.document["en"])
    target = [one for one in _SENTENCE_END.split(record.translation_text(language)) if one]
    # The expected length of a translation, so that Gale and Church's ratio of 1 fits.
    scale = sum(map(len, source)) / max(1, sum(map(len, target)))
    links = align_blocks([len(s) for s in source], [round(len(t) * scale) for t in target])
    uses = Counter(("s", i) for i, _ in links) + Counter(("t", j) for _, j in links)
    pairs = [(source[i], target[j]) for i, j in links if uses["s", i] == uses["t", j] == 1]
    return [pair for pair in pairs if _fits(*pair, _SIGNS.get(language, 1.0))]


def _fits(source: str, target: str, signs: float) -> bool:
    ratio = signs * len(target) / len(source)
    return _FEWEST <= len(source.split()) <= _MOST and _RATIO[0] <= ratio <= _RATIO[1]


def records(path: Path, language: str, excluded: set[str]) -> Iterator[dict[str, object]]:
    """One record for each sentence pair of the training set."""
    for record in read_records(path, translation_key="document_mt"):
        if record.id in excluded:
            continue
        pairs = [(record.summary["en"][0], record.summary[language][0])]
        pairs += aligned(record, language)
        for number, (source, target) in enumerate(pairs):
            yield {
                "id": f"{record.id}-{number}",
                "document": {"en": source},
                "summary": {"en": [source], language: [target]},
            }


def main() -> None:
    """Read triples with machine-translated abstracts, write sentence pairs as records."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("train", type=Path, help="training records with document_mt")
    parser.add_argument("out", type=Path, help="records to write")
    parser.add_argument("--lang", default="de", help="target language (default: de)")
    parser.add_argument("--exclude-ids", type=Path, help="ids to leave out, one a line")
    args = parser.parse_args()
    excluded = set(args.exclude_ids.read_text().split()) if args.exclude_ids else set()
    written = write_records(args.out, records(args.train, args.lang, excluded))
    print(f"{args.out}: {written:,} records")


if __name__ == "__main__":
    main()
