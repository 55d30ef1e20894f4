"""Processor time and memory of the aligner, beside IBM model 1 in plain loops.

    python -m benchmarks.alignment --pairs 80000 --json alignment.json
    python -m benchmarks.alignment --parallel news/text --source-lang en --target-lang de

Sentence pairs, cut into words, are those of the built-in corpus (English and German) or of parallel
plain text. The aligner (model 1 and HMM, five iterations each, both directions) gets all of them;
the loops (model 1, one iteration, one direction) get a sample, since they are slow. The report
gives the processor seconds of `word_pairs`, its peak memory, and microseconds for each token pair,
iteration and direction of both.
"""

import argparse
import json
import platform
import random
import re
import resource
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path

from mclas_fairseq.corpus.parallel import read_parallel
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.lexicon.alignment import word_pairs
from mclas_fairseq.version import __version__

Pair = tuple[list[str], list[str]]
_PASSES = 2 * (5 + 5 + 1)  # directions, iterations, and one to count with


def synthetic_pairs() -> Iterator[Pair]:
    """Sentences of the built-in corpus with their translations, without end."""
    for record in generate("hard", "train", 10**9, seed=1):
        document, translation = record["document"], record["translation"]
        assert isinstance(document, dict)
        assert isinstance(translation, dict)
        for english, german in zip(document["en"], translation["de"], strict=True):
            yield _words(english), _words(german)


def parallel_pairs(prefix: Path, source_lang: str, target_lang: str) -> Iterator[Pair]:
    """Lines of parallel plain text."""
    for record in read_parallel(prefix, source_lang, [target_lang]):
        yield (
            _words(record.document_text(source_lang)),
            _words(record.translation_text(target_lang)),
        )


def _words(text: str) -> list[str]:
    return re.findall(r"\w+|[^\w\s]", text.lower())


def loops(pairs: Sequence[Pair]) -> float:
    """Processor seconds of one iteration of model 1, a loop for each sum."""
    table: dict[tuple[str, str], float] = defaultdict(lambda: 1.0)
    start = time.process_time()
    counts: dict[tuple[str, str], float] = defaultdict(float)
    totals: dict[str, float] = defaultdict(float)
    for source, target in pairs:
        for word in target:
            whole = sum(table[other, word] for other in source)
            for other in source:
                share = table[other, word] / whole
                counts[other, word] += share
                totals[other] += share
    for (other, word), count in counts.items():
        table[other, word] = count / totals[other]
    return time.process_time() - start


def cells(pairs: Sequence[Pair]) -> int:
    """Token pairs that may be linked."""
    return sum(len(source) * len(target) for source, target in pairs)


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pairs", type=int, default=80_000, metavar="N", help="default: 80000")
    parser.add_argument("--parallel", type=Path, metavar="PREFIX", help="instead of the built-in")
    parser.add_argument("--source-lang", default="en", metavar="LANG", help="default: en")
    parser.add_argument("--target-lang", default="de", metavar="LANG", help="default: de")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the result there as well")
    args = parser.parse_args()
    lines = synthetic_pairs()
    if args.parallel is not None:
        lines = parallel_pairs(args.parallel, args.source_lang, args.target_lang)
    pairs = list(islice(lines, args.pairs))
    sample = random.Random(1).sample(pairs, min(2000, len(pairs)))
    seconds = loops(sample)
    before, start = _peak_mib(), time.process_time()
    word_pairs([source for source, _ in pairs], [target for _, target in pairs])
    used = time.process_time() - start
    ours, theirs = used / cells(pairs) / _PASSES, seconds / cells(sample)
    result = {
        "benchmark": "alignment",
        "pairs": len(pairs),
        "token_pairs": cells(pairs),
        "processor_seconds": round(used, 1),
        "peak_mib": round(_peak_mib()),
        "peak_mib_before": round(before),
        "microseconds_each": {"aligner": round(ours * 1e6, 4), "loops": round(theirs * 1e6, 4)},
        "ratio": round(ours / theirs, 4),
        "version": __version__,
        "python": platform.python_version(),
    }
    print(json.dumps(result, indent=2))
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
