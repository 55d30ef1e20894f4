"""Overlap by arrays beside counting text by text, and texts as numbers."""

import random
from collections import Counter
from collections.abc import Sequence

import numpy as np
import pytest

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation import overlap
from mclas_fairseq.evaluation.content import MATCHED_CONTENT, content_rules, content_values
from mclas_fairseq.evaluation.overlap import TextCounts, gaps, overlap_scores
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.sanity import derangements

_PLACES = [[3, 0, 1, 2, *range(5, 40), 4], [1, 2, 3, 0, *range(6, 40), 4, 5]]


def _texts() -> tuple[list[str], list[list[str]]]:
    """Forty summaries with up to four references; words repeat, and some texts have none."""
    draw = random.Random(5)

    def text(least: int) -> str:
        return " ".join(draw.choices("abcdefg", k=draw.randint(least, 9)))

    references = [[text(1) for _ in range(draw.randint(1, 4))] for _ in range(40)]
    return [text(0) for _ in range(40)], references


def _score(predicted: str, wanted: str, order: int) -> tuple[float, float, float]:
    sides = []
    for text in (predicted, wanted):
        words = text.split()
        sides.append(Counter(zip(*(words[at:] for at in range(order)), strict=False)))
    hits = sum((sides[0] & sides[1]).values())
    if not hits:
        return 0.0, 0.0, 0.0
    precision, recall = hits / sides[0].total(), hits / sides[1].total()
    return precision, recall, 2 * precision * recall / (precision + recall)


def _expected(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    order: int,
    rule: str,
    places: Sequence[int],
) -> np.ndarray:
    rows = []
    for hypothesis, place in zip(hypotheses, places, strict=True):
        scores = [_score(hypothesis, reference, order) for reference in references[place]]
        best = max(scores, key=lambda score: score[2])
        rows.append(np.mean(scores, axis=0) if rule == "mean" else best)
    return np.array(rows)


@pytest.mark.parametrize("rows", [1, 7, 4096])
@pytest.mark.parametrize("rule", ["max", "mean"])
@pytest.mark.parametrize("order", [1, 2])
def test_overlap_is_that_of_counting_each_pair_to_the_last_digit(
    order: int, rule: str, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(overlap, "_BLOCK_ROWS", rows)
    hypotheses, references = _texts()
    counted = TextCounts(get_protocol("default", "en")).count(hypotheses, references, order)
    others = []
    for places in (range(40), *_PLACES):
        expected = _expected(hypotheses, references, order, rule, places)
        found = overlap_scores(counted, multi_reference=rule, places=list(places))
        np.testing.assert_array_equal(found, expected)
        others.append(expected[:, 2])
    wanted = others[0] - np.mean(others[1:], axis=0)
    np.testing.assert_array_equal(gaps(counted, _PLACES, multi_reference=rule), wanted)


def test_texts_that_are_kept_and_those_that_are_not_give_the_same() -> None:
    hypotheses, references = _texts()
    rules = content_rules(get_protocol("default", "de"))
    kept = content_values(hypotheses, references, rules=rules)
    again = content_values(hypotheses, references, rules=rules)
    fresh = content_values(hypotheses, references, rules=rules.fresh())
    for key, values in kept.items():
        np.testing.assert_array_equal(values, again[key])
        np.testing.assert_array_equal(values, fresh[key])


@pytest.mark.parametrize(("language", "protocol"), [("de", "default"), ("en", "mclas")])
def test_content_words_are_the_same_whether_or_not_they_are_cut_with_all_words(
    language: str, protocol: str
) -> None:
    hypotheses = ["Der rote Hund und die Katze", "the red dog", "der und die", "", "… !"]
    references = [["Ein roter Hund", "die Katze"], ["The dog is red."], ["und die"], ["the"], ["x"]]
    rules = content_rules(get_protocol(protocol, language))
    found = content_values(hypotheses, references, rules=rules)
    assert rules.content is not None
    alone = rules.content.count(hypotheses, references, 1)
    places = derangements(5, rules.seed)
    np.testing.assert_array_equal(found["content1", "f1"], overlap_scores(alone)[:, 2])
    np.testing.assert_array_equal(found[MATCHED_CONTENT, "f1"], gaps(alone, places))


def test_content_words_are_part_of_the_default_protocols_of_their_language_alone() -> None:
    content = ContentProtocol("de")
    assert content.is_part_of(get_protocol("default", "de"))
    assert not content.is_part_of(get_protocol("default", "tr"))
    assert not content.is_part_of(get_protocol("xlsum", "de"))
    assert not ContentProtocol("zh").is_part_of(get_protocol("default", "zh"))


@pytest.mark.parametrize("language", ["de", "zh", "tr", "el", "hi"])
def test_tokens_in_a_row_are_those_of_the_sentences(language: str) -> None:
    rules = get_protocol("default", language)
    texts = [
        "Ein Satz. Noch einer! 3.5 z.B. „Wer?“ (Ja.) Schluss…",
        "第一句。第二句！ＡＢＣ？第三\u00ad句",
        "ΟΔΟΣ. ΑΒΣ\nΟΔΟΣ।ΣΑΣ",
        "a。\u0301b\u200bc\u2028d\r\ne",
        "İI ıi. यह है। वह",
        "",
    ]
    for text in texts:
        assert rules.tokens(text) == [word for words in rules.tokenise(text) for word in words]


def test_more_words_than_integers_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(overlap, "_LARGEST", 5)
    counted = TextCounts(get_protocol("default", "en")).count(["a b"], [["a c"]], 2)
    with pytest.raises(DataError, match=r"too many to compare \(3 and 2\); cut the longest"):
        overlap_scores(counted)
