"""Speed of scoring: `score_rouge` beside plain `rouge-score` with the same tokenizer.

    python -m benchmarks.scoring --json scoring.json
    python -m benchmarks.scoring --hyp en2zh.tncls.gz --ref en2zh.reference.gz

Both compute all four metrics for 3,000 pairs in turn, a block of pairs each time; ours computes the
bootstrap intervals of all metrics as well, and that time is in its total. Without files the pairs
are made up, of the length of En2ZhSum: references of about 90 Chinese characters in three
sentences, hypotheses that share about half of them. The values must agree to 1e-12.
"""

import argparse
import json
import os
import platform
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.scoring import Score

from benchmarks.common import Ratio, timed
from mclas_fairseq import __version__
from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.evaluation.protocols import RougeProtocol, get_protocol
from mclas_fairseq.evaluation.rouge import KINDS, METRICS, RougeScores, score_rouge

_TOLERANCE = 1e-12
_CHARACTERS = [chr(code) for code in range(0x4E00, 0x4E00 + 2500)]
_SENTENCE = 30  # characters


def made_up_pairs(count: int, seed: int) -> tuple[list[str], list[str]]:
    """Hypotheses and references of the length of En2ZhSum."""
    generator = random.Random(seed)
    weights = [1 / (rank + 5) for rank in range(len(_CHARACTERS))]
    hypotheses, references = [], []
    for _ in range(count):
        size = min(200, max(20, round(generator.gauss(90, 30))))
        reference = generator.choices(_CHARACTERS, weights, k=size)
        noise = generator.choices(_CHARACTERS, weights, k=size)
        hypothesis = [
            other if generator.random() < 0.35 else own
            for own, other in zip(reference, noise, strict=True)
            if generator.random() < 0.75
        ]
        references.append(_in_sentences(reference))
        hypotheses.append(_in_sentences(hypothesis))
    return hypotheses, references


def _in_sentences(characters: Sequence[str]) -> str:
    starts = range(0, len(characters), _SENTENCE)
    return "".join("".join(characters[start : start + _SENTENCE]) + "。" for start in starts)


class PlainRougeScore:
    """rouge-score as one would use it with a protocol's tokens."""

    def __init__(self, rules: RougeProtocol) -> None:
        self._rules = rules
        self._scorer = RougeScorer(list(METRICS), tokenizer=self)
        self.last: list[dict[str, Score]] = []

    def tokenize(self, text: str) -> list[str]:
        """What rouge-score asks of a tokenizer."""
        return [token for sentence in self._rules.tokenise(text) for token in sentence]

    def score(self, hypotheses: Sequence[str], references: Sequence[str]) -> None:
        """All metrics of each pair; sentences are put on lines, where rouge-score cuts them."""
        self.last = [
            self._scorer.score(self._lines(reference), self._lines(hypothesis))
            for hypothesis, reference in zip(hypotheses, references, strict=True)
        ]

    def _lines(self, text: str) -> str:
        return "\n".join(self._rules.split_sentences(text))


@dataclass(frozen=True)
class Timing:
    """Seconds of each block, and the rows that rouge-score gave."""

    ours: list[float]
    plain: list[float]
    rows: list[dict[str, Score]]


def score_in_turn(
    hypotheses: Sequence[str], references: Sequence[str], rules: RougeProtocol, block: int
) -> Timing:
    """Score block by block with both; who comes first changes from block to block."""
    timing = Timing([], [], [])
    plain = PlainRougeScore(rules)
    for number, start in enumerate(range(0, len(hypotheses), block)):
        part = slice(start, start + block)
        runs: list[tuple[list[float], Callable[[], object]]] = [
            (timing.ours, partial(score, hypotheses[part], references[part], rules)),
            (timing.plain, partial(plain.score, hypotheses[part], references[part])),
        ]
        for seconds, run in runs[:: -1 if number % 2 else 1]:
            seconds.append(timed(run))
        timing.rows.extend(plain.last)
    return timing


def score(
    hypotheses: Sequence[str], references: Sequence[str], rules: RougeProtocol
) -> RougeScores:
    """Ours, with one reference each."""
    wanted = [[text] for text in references]
    return score_rouge(hypotheses, wanted, language=rules.language, protocol=rules)


def largest_difference(rows: Sequence[dict[str, Score]], scores: RougeScores) -> float:
    """Of any value of any pair, between rouge-score's and ours."""
    theirs = np.array([[tuple(row[metric]) for metric in METRICS] for row in rows])
    ours = np.array([[scores.values(metric, kind) for kind in KINDS] for metric in METRICS])
    return float(np.abs(theirs - ours.transpose(2, 0, 1)).max())


def arguments() -> argparse.Namespace:
    """Options of this benchmark."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hyp", type=Path, help="plain lines (default: made-up pairs)")
    parser.add_argument("--ref", type=Path, help="plain lines, as many")
    parser.add_argument("--lang", default="zh")
    parser.add_argument("--protocol", default="ncls")
    parser.add_argument("--count", type=int, default=3000, help="pairs (default: 3000)")
    parser.add_argument("--block", type=int, default=100, help="pairs at a time (default: 100)")
    parser.add_argument("--json", type=Path, help="write the result there as well")
    return parser.parse_args()


def main() -> None:
    """Score with both in turn and report the ratio of their speeds."""
    args = arguments()
    if args.hyp is None:
        hypotheses, references = made_up_pairs(args.count, seed=1)
    else:
        hypotheses, references = (
            [line for _, line in read_lines(file)][: args.count] for file in (args.hyp, args.ref)
        )
    rules = get_protocol(args.protocol, args.lang)
    timing = score_in_turn(hypotheses, references, rules, args.block)
    scores = score(hypotheses, references, rules)
    intervals = timed(lambda: [scores.interval(metric) for metric in METRICS])
    difference = largest_difference(timing.rows, scores)
    if difference > _TOLERANCE:
        raise SystemExit(f"the values differ by up to {difference}")
    ours, theirs = sum(timing.ours) + intervals, sum(timing.plain)
    result = {
        "benchmark": "scoring",
        "version": __version__,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "pairs": len(hypotheses),
        "tokens_of_a_hypothesis": round(float(scores.lengths.mean()), 1),
        "tokens_of_a_reference": round(float(scores.reference_lengths.mean()), 1),
        "signature": scores.signature(),
        "speed_ours_with_intervals_over_plain": round(theirs / ours, 2),
        "seconds_ours_with_intervals": round(ours, 2),
        "seconds_of_intervals": round(intervals, 2),
        "seconds_plain": round(theirs, 2),
        "blocks_without_intervals": Ratio(timing.ours, timing.plain).to_json(),
        "largest_difference": difference,
    }
    text = json.dumps(result, indent=2)
    print(text)
    if args.json is not None:
        args.json.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
