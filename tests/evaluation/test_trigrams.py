"""The trigram model: probabilities that sum to one, and what it can and cannot know."""

import random
from math import log2

import pytest

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.trigrams import TrigramModel

END = 9
PIECES = range(10)  # nine words and the end


def _summaries(count: int, seed: int = 1) -> list[list[int]]:
    """Each word is mostly the one before plus one."""
    generator = random.Random(seed)
    found = []
    for _ in range(count):
        words = [generator.randrange(9)]
        while len(words) < 8:
            jump = generator.randrange(9) if generator.random() < 0.2 else words[-1] + 1
            words.append(jump % 9)
        found.append([*words, END])
    return found


@pytest.mark.parametrize("context", [[], [3], [3, 4], [4, 4], [0, 8], [7, 3, 4]])
def test_probabilities_after_any_context_sum_to_one(context: list[int]) -> None:
    model = TrigramModel(_summaries(30), len(PIECES))
    total = sum(model.probability(piece, context) for piece in PIECES)
    assert total == pytest.approx(1.0, abs=1e-12)


def test_a_piece_never_seen_keeps_a_probability() -> None:
    model = TrigramModel([[1, 2, END]] * 3 + [[2, 1, END]], vocabulary=100)
    assert 0.0 < model.probability(50, [1, 2]) < 0.01
    assert model.bits_per_piece([[50, END]]) > 1.0


def test_by_hand_with_the_discounts_that_too_few_counts_leave() -> None:
    # One summary twice: trigrams (s s a) and (s a e) have count 2, so discounts fall back to 0.75.
    model = TrigramModel([["a", "e"]] * 2, vocabulary=4)
    # Unigrams: a and e follow one context each, total 2, left 1.5: 0.25 / 2 + 0.75 / 4.
    unigram = 0.25 / 2 + 0.75 * 0.25
    bigram = (1 - 0.75) + 0.75 * unigram  # (s a): after one context, total 1
    trigram = (2 - 0.75) / 2 + 0.75 / 2 * bigram
    assert model.probability("a", []) == pytest.approx(trigram)


def test_modified_discounts_depend_on_the_count() -> None:
    texts = [[1, END]] * 4 + [[2, END]] * 3 + [[3, END]] * 2 + [[4, END], [5, END]]
    model = TrigramModel(texts, vocabulary=20)
    # First words stand 4, 3, 2, 1 and 1 times: n1 = 4 of all trigrams, n2 = 2, n3 = 2, n4 = 2.
    ratio = 4 / (4 + 2 * 2)
    discounts = [1 - 2 * ratio * 2 / 4, 2 - 3 * ratio * 2 / 2, 3 - 4 * ratio * 2 / 2]
    kept = [4 - discounts[2], 3 - discounts[2], 2 - discounts[1], 1 - discounts[0]]
    found = [model.probability(piece, []) for piece in (1, 2, 3, 4)]
    # The rest of each is what lower orders add, which is the same for all four.
    added = {round(p - k / 11, 12) for p, k in zip(found, kept, strict=True)}
    assert len(added) == 1
    assert added.pop() > 0


def test_it_learns_what_two_pieces_before_say_and_nothing_else() -> None:
    model = TrigramModel(_summaries(400), len(PIECES))
    bits = model.bits_per_piece(_summaries(100, seed=2))
    # By construction: the first word has 9 values, and each later one 0.8 + 0.2 / 9 against the
    # rest; the end after eight words is not to be seen from two.
    sure, other = 0.8 + 0.2 / 9, 0.2 / 9
    entropy = (log2(9) + 7 * -(sure * log2(sure) + 8 * other * log2(other))) / 9
    assert entropy < bits < entropy + 0.6
    assert bits < log2(len(PIECES)) - 1


def test_nothing_to_learn_or_to_score_is_refused() -> None:
    with pytest.raises(DataError, match="must learn from one training summary or more"):
        TrigramModel([], 10)
    with pytest.raises(DataError, match="must score one summary or more, but there is none"):
        TrigramModel([[1, END]], 10).bits_per_piece([])
