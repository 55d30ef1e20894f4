import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mclas_fairseq
from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.statistics import NOVELTY_ORDERS, TextStatistics, text_statistics

ENGLISH = get_protocol("default", "en")
_TEXTS = st.text(alphabet="abc .\n", max_size=40)


def one(summary: str, document: str, reference: str = "a") -> TextStatistics:
    return text_statistics([summary], [[reference]], rules=ENGLISH, documents=[document])


def test_hand_computed_lengths_and_differences() -> None:
    # 5 tokens against 3; 0 against the mean of 2 and 5; 1 against 4. Punctuation is no token.
    found = text_statistics(
        ["The cat sat. It slept!", " ?", "Yes"],
        [["a cat slept"], ["two words", "there are five words here"], ["it is not so"]],
        rules=ENGLISH,
    )
    assert found.lengths.tolist() == [5, 0, 1]
    assert found.reference_lengths.tolist() == [3, 3.5, 4]
    assert found.differences.tolist() == [2, -3.5, -3]
    assert found.empty.tolist() == [False, True, False]
    assert found.novelty is None
    assert found.means() == pytest.approx(
        {
            "length": 2.0,
            "reference_length": 3.5,
            "difference": -1.5,
            "empty": 1 / 3,
            "repeated_trigrams": 0.0,
        }
    )


def test_lengths_are_counted_in_the_protocols_tokens() -> None:
    found = text_statistics(["模型很好。"], [["很好"]], rules=get_protocol("default", "zh"))
    assert (found.lengths.tolist(), found.reference_lengths.tolist()) == ([4], [2])


def test_hand_computed_share_of_repeated_trigrams() -> None:
    # "a b c a b c a": abc bca cab abc bca: 5 trigrams, 3 different. 2 of 5 stood there before.
    # "x x x x": xxx xxx: 1 of 2. Two tokens have no trigram.
    found = text_statistics(["a b c a b c a", "x x x x", "x x"], [["a"]] * 3, rules=ENGLISH)
    assert found.repeated_trigrams.tolist() == pytest.approx([0.4, 0.5, 0.0])
    assert found.means()["repeated_trigrams"] == pytest.approx(0.3)


def test_repeated_trigrams_run_across_sentences() -> None:
    found = text_statistics(["We won. We won. We won."], [["a"]], rules=ENGLISH)
    # we won we, won we won, we won we, won we won: 2 of 4.
    assert found.repeated_trigrams.tolist() == [0.5]


def test_hand_computed_novelty() -> None:
    # Document: the cat sat on the mat. Summary: the cat on the rug, the cat.
    # 1-grams: the cat on rug: rug is new: 1 of 4.
    # 2-grams: (the cat) (cat on) (on the) (the rug) (rug the): 3 of 5 are new.
    # 3-grams: (the cat on) (cat on the) (on the rug) (the rug the) (rug the cat): all new.
    found = one("the cat on the rug, the cat", "The cat sat on the mat.")
    assert found.novelty is not None
    shares = {order: float(values[0]) for order, values in found.novelty.items()}
    assert shares == pytest.approx({1: 0.25, 2: 0.6, 3: 1.0, 4: 1.0})


def test_repeated_n_grams_count_once_in_novelty() -> None:
    found = one("new new new old", "old")
    assert found.novelty is not None
    assert found.novelty[1].tolist() == [0.5]  # of 2 different words, not 3 of 4


def test_summary_without_n_grams_is_left_out_of_the_mean_novelty() -> None:
    found = text_statistics(
        ["", "old", "new old"], [["a"]] * 3, rules=ENGLISH, documents=["old"] * 3
    )
    assert found.novelty is not None
    np.testing.assert_equal(found.novelty[1], [np.nan, 0.0, 0.5])
    means = found.means()
    assert means["novelty1"] == 0.25
    assert means["novelty2"] == 1.0
    assert means["novelty3"] is None


def test_signature_names_the_rules() -> None:
    found = text_statistics(["a"], [["a"]], rules=get_protocol("ncls", "en"))
    assert found.signature() == (
        f"statistics|protocol:ncls|lang:en|tok:a-z0-9|stem:porter|v:{mclas_fairseq.__version__}"
    )


@given(_TEXTS, _TEXTS)
def test_shares_lie_between_0_and_1(summary: str, document: str) -> None:
    found = one(summary, document)
    assert 0.0 <= found.repeated_trigrams[0] < 1.0
    assert found.novelty is not None
    assert tuple(found.novelty) == NOVELTY_ORDERS
    shares = [float(values[0]) for values in found.novelty.values()]
    known = [share for share in shares if not np.isnan(share)]
    assert all(0.0 <= share <= 1.0 for share in known)
    assert known == sorted(known)  # a longer n-gram holds shorter ones: it is new if they are
    assert bool(found.empty[0]) == (found.lengths[0] == 0) == (not known)


@given(_TEXTS, _TEXTS)
def test_extracts_have_no_novelty(start: str, end: str) -> None:
    document = f"{start} {end}"
    for summary in (document, start, end):
        novelty = one(summary, document).novelty
        assert novelty is not None
        assert all(values[0] == 0.0 or np.isnan(values[0]) for values in novelty.values())


@pytest.mark.parametrize(
    ("summaries", "references", "documents", "message"),
    [
        (["a"], [["a"], ["b"]], None, "1 summaries, 2 lists of references and no documents' texts"),
        (["a"], [["a"]], [], "1 summaries, 1 lists of references and 0 documents' texts; give"),
        ([], [], None, "one document or more, but there are 0 summaries"),
        (["a", "b"], [["a"], []], None, "document 2: must have at least one reference"),
    ],
)
def test_different_documents_are_refused(
    summaries: list[str],
    references: list[list[str]],
    documents: list[str] | None,
    message: str,
) -> None:
    with pytest.raises(DataError, match=message):
        text_statistics(summaries, references, rules=ENGLISH, documents=documents)
