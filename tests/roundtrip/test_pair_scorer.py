"""The fast scorer gives the values of `score_rouge`, whatever the text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.roundtrip import scoring
from mclas_fairseq.roundtrip.scoring import PairScorer

PIECES = [
    "a", "A", "I", "it", "running", "runner", "runs", "flies", "fly", "nationally", "1.5", "U.S.",
    "don't", "e-mail", "x_y", "(so)", ".", "!", "\t", "\x1f", "Straße", "ÜBER", "naïve", "İ", "ﬁne",
    "soft\u00adhyphen", "“q”", "–", "新闻", "。", "ABC新", "\u0301", "…", "12", "٣", "Ｆull",
]  # fmt: skip
ASCII = st.characters(max_codepoint=127)
TEXT = st.lists(st.sampled_from(PIECES) | st.text(max_size=3), max_size=9).map(" ".join)
TEXT |= st.lists(st.sampled_from(PIECES[:15]) | st.text(ASCII), max_size=9).map(" ".join)
SETTINGS = [
    ("default", "en"), ("default", "de"), ("default", "tr"), ("default", "zh"), ("ncls", "en"),
    ("ncls", "zh"),
]  # fmt: skip


@pytest.mark.parametrize(("protocol", "language"), SETTINGS)
@given(pairs=st.lists(st.tuples(TEXT, TEXT), min_size=5, max_size=25))
@settings(max_examples=15, deadline=None)
def test_values_are_those_of_score_rouge(
    protocol: str, language: str, pairs: list[tuple[str, str]]
) -> None:
    scorer = PairScorer(protocol, language)
    found = [scorer.score(back, original) for back, original in pairs]
    scored = [place for place, scores in enumerate(found) if scores is not None]
    if scored:
        wanted = score_rouge(
            [pairs[place][0] for place in scored],
            [[pairs[place][1]] for place in scored],
            language=language,
            protocol=protocol,
        )
        assert [found[place] for place in scored] == list(
            zip(wanted.f1["rouge1"].tolist(), wanted.f1["rouge2"].tolist(), strict=True)
        )


def test_values_of_an_example() -> None:
    # Of 4 and 5 words 3 are shared; of 3 and 4 bigrams "the cat" is.
    scores = PairScorer("default", "en").score("The cat sat down", "the cat has sat there")
    assert scores == pytest.approx((2 * 3 / 9, 2 * 1 / 7))


def test_a_repeated_word_counts_as_often_as_in_both_texts() -> None:
    scores = PairScorer("default", "en").score("a a a b b", "a a c c b")
    assert scores == pytest.approx((2 * 3 / 10, 2 * 1 / 8))


def test_an_original_without_tokens_has_no_scores() -> None:
    assert PairScorer("default", "en").score("words", " -- ") is None


def test_an_empty_back_translation_scores_nothing() -> None:
    assert PairScorer("default", "en").score("", "words") == (0, 0)


def test_stems_are_compared_where_the_protocol_says_so() -> None:
    assert PairScorer("ncls", "en").score("dogs running", "dog runs") == (1, 1)
    assert PairScorer("default", "en").score("dogs running", "dog runs") == (0, 0)


def test_stems_are_forgotten_before_they_fill_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scoring, "_MOST_STEMS", 3)
    scorer = PairScorer("ncls", "en")
    texts = [f"flying{letter} running houses" for letter in "abcdefgh"]
    assert [scorer.tokens(text)[1:] for text in texts] == [["run", "hous"]] * 8
    assert len(scorer._stems) <= 6


def test_an_unknown_protocol_is_refused() -> None:
    with pytest.raises(ConfigError, match="but is 'rouge-x'; change --protocol"):
        PairScorer("rouge-x", "en")
