"""Parallel text for the small English-German translators, tokenised as fairseq's hub expects it.

Takes everyday sentences (Tatoeba), image descriptions (Multi30k) and scientific sentences: those of
xscitldr's training abstracts, from `examples/xscitldr/sentence_pairs.py`, three times, as they are
few and the domain is theirs. The summaries are left out, as the round trip is tried on them. Writes
`{train,valid}.{en,de}` in byte-pair pieces and, beside them, `bpecodes`. The test sets stay plain
text: translators tokenise for themselves.

    python translator_text.py DATA pairs.jsonl OUT
"""

import argparse
import gzip
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from fairseq.data.encoders.moses_tokenizer import MosesTokenizer, MosesTokenizerConfig
from subword_nmt.apply_bpe import BPE
from subword_nmt.learn_bpe import learn_bpe

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.corpus.text_files import normalize_text

_LANGUAGES = ("en", "de")
_MERGES = 8000
_TIMES = 3  # the scientific sentences
_SUMMARY = "-0"  # ends the ids of the pairs made of a triple's own summaries
_HELD_OUT = 40  # every so-many-th of them validates


def _lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return [normalize_text(line) for line in file]


def _sentences(data: Path, split: str) -> Iterator[tuple[str, str]]:
    tatoeba = [_lines(data / "tatoeba" / f"{split}.en-de.{code}.gz") for code in _LANGUAGES]
    images = [_lines(data / "multi30k" / f"{split}.{code}.gz") for code in _LANGUAGES]
    yield from zip(*tatoeba, strict=True)
    yield from zip(*images, strict=True)


def _scientific(path: Path, split: str) -> Iterator[tuple[str, str]]:
    records = (record for record in read_records(path) if not record.id.endswith(_SUMMARY))
    for number, record in enumerate(records):
        pair = (record.summary["en"][0], record.summary["de"][0])
        if (number % _HELD_OUT == 0) == (split == "valid"):
            yield from [pair] * (_TIMES if split == "train" else 1)


def _tokenise(lines: Iterable[str], language: str) -> list[str]:
    config = MosesTokenizerConfig(source_lang=language, target_lang=language)
    tokenizer: Any = MosesTokenizer(config)
    return [tokenizer.encode(line) for line in lines]


def main() -> None:
    """Write the files named above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("pairs", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    texts: dict[tuple[str, str], list[str]] = {}
    for split in ("train", "valid"):
        pairs = [*_sentences(args.data, split), *_scientific(args.pairs, split)]
        for side, language in enumerate(_LANGUAGES):
            texts[split, language] = _tokenise((pair[side] for pair in pairs), language)
    codes = args.out / "bpecodes"
    training = [line for language in _LANGUAGES for line in texts["train", language]]
    with codes.open("w", encoding="utf-8") as file:
        learn_bpe(training, file, _MERGES)
    with codes.open(encoding="utf-8") as file:
        bpe = BPE(file)
    for (split, language), lines in texts.items():
        path = args.out / f"{split}.{language}"
        path.write_text("".join(bpe.process_line(line) + "\n" for line in lines), encoding="utf-8")
        print(f"{path}: {len(lines):,} sentences")


if __name__ == "__main__":
    main()
