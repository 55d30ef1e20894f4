"""Subsequences on rows of bits against rouge-score's tables, choice of the subsequence included."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rouge_score import rouge_scorer

from mclas_fairseq.evaluation.lcs import lcs_length, union_hits

# Few different tokens: many longest subsequences to choose from.
SENTENCE = st.lists(st.sampled_from("abc"), max_size=14)
LONG_SENTENCE = st.lists(st.sampled_from("abcdefgh"), max_size=150)  # over two machine words
TEXT = st.lists(SENTENCE, max_size=4)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "length"),
    [
        ("", "abc", 0),
        ("abc", "", 0),
        ("a", "a", 1),
        ("abcbdab", "bdcaba", 4),  # Hirschberg's example: bcba
        ("abc", "xyz", 0),
        ("aaaa", "aa", 2),
    ],
)
def test_lengths_by_hand(reference: str, hypothesis: str, length: int) -> None:
    assert lcs_length(reference, hypothesis) == length


def test_union_by_hand() -> None:
    # Lin (2004), section 3.2: of w1..w5, "w1 w2 w6 w7 w8" shares w1 w2, "w1 w3 w8 w9 w5" shares
    # w1 w3 w5: the union has 4 words.
    reference = [["w1", "w2", "w3", "w4", "w5"]]
    hypothesis = [["w1", "w2", "w6", "w7", "w8"], ["w1", "w3", "w8", "w9", "w5"]]
    assert union_hits(reference, hypothesis) == 4
    # A word counts no more often than the hypothesis has it.
    assert union_hits([["a"], ["a"]], [["a", "b"]]) == 1


def test_which_of_two_subsequences_is_taken_changes_the_union() -> None:
    # "ab" and "ba" share a or b. rouge-score goes up when both ways are as good, and so takes the
    # earlier token of the reference: a. The second sentence adds b: 2. Had b been taken, 1.
    reference, hypothesis = [["a", "b"]], [["b", "a"], ["b"]]
    score = rouge_scorer._summary_level_lcs(reference, hypothesis)
    assert union_hits(reference, hypothesis) == 2 == round(score.recall * 2)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(LONG_SENTENCE, LONG_SENTENCE)
def test_lengths_are_those_of_rouge_score(reference: list[str], hypothesis: list[str]) -> None:
    table = rouge_scorer._lcs_table(reference, hypothesis)
    assert lcs_length(reference, hypothesis) == table[-1][-1]


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(TEXT, TEXT)
def test_hits_of_unions_are_those_of_rouge_score(
    reference: list[list[str]], hypothesis: list[list[str]]
) -> None:
    score = rouge_scorer._summary_level_lcs(reference, hypothesis)
    wanted, predicted = (sum(map(len, text)) for text in (reference, hypothesis))
    hits = union_hits(reference, hypothesis)
    assert hits == round(score.recall * wanted) == round(score.precision * predicted)
