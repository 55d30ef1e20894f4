"""Content words and matched minus shuffled: by hand, beside the ROUGE engine, and on real texts."""

import pickle
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.content import (
    MATCHED,
    MATCHED_CONTENT,
    add_content,
    content_protocol,
    content_rules,
    content_values,
    signature,
)
from mclas_fairseq.evaluation.inputs import Aligned
from mclas_fairseq.evaluation.overlap import Counted, TextCounts, overlap_scores
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.rouge import KINDS, score_rouge
from mclas_fairseq.evaluation.sanity import (
    DERANGEMENTS,
    derangement,
    derangements,
    matched_minus_shuffled,
)
from mclas_fairseq.evaluation.systems import rouge_system

HYPOTHESES = ["der rote Hund und die Katze", "ein Haus Haus Haus", "", "der und die"]
REFERENCES = [
    ["ein roter Hund jagt eine Katze", "der Hund und das Haus"],
    ["das große Haus", "ein Haus am See"],
    ["der Baum"],
    ["und die"],
]


@pytest.mark.parametrize(
    ("language", "text", "content"),
    [
        ("de", "Wir zeigen, dass der Hund 3 Katzen jagt!", "zeigen hund 3 katzen jagt"),
        ("it", "L'algoritmo dell'articolo è nuovo.", "algoritmo articolo"),
        ("fr", "L’étude qu’on propose d’écrire", "étude propose écrire"),
        ("en", "It doesn't show that BERT-2 is a model", "bert 2 model"),
        ("zh", "我们提出了一种新的跨语言摘要方法。", "提出 新 跨 语言 摘要 方法"),
        ("ja", "この論文では新しい方法を提案する。", "論文 新しい 方法 提案"),
        ("pt-BR", "O modelo que propomos", "modelo propomos"),
        ("nb", "Dette er en hund", "hund"),
    ],
)
def test_content_words_are_words_without_function_words_and_punctuation(
    language: str, text: str, content: str
) -> None:
    assert TextCounts(ContentProtocol(language)).tokens(text) == content.split()


def test_numbers_stay_where_a_list_has_digits() -> None:
    assert TextCounts(ContentProtocol("es")).tokens("los 5 y 20") == ["5", "20"]
    assert TextCounts(ContentProtocol("en")).tokens("10 and 39") == ["10", "39"]


def test_a_text_of_function_words_alone_keeps_them() -> None:
    rules = ContentProtocol("de")
    assert rules.tokenise("Das ist es!") == [["das", "ist", "es"]]
    assert rules.tokenise("。") == rules.tokenise("") == []


def test_content_words_go_to_another_process() -> None:
    rules = pickle.loads(pickle.dumps(ContentProtocol("zh")))
    assert rules.tokenise("我们的方法") == [["方法"]]


@pytest.mark.parametrize("language", ["sr", "lo", "my"])
def test_a_language_without_list_or_segmenter_is_refused_or_left_out_aloud(
    language: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigError, match=f"content words in '{language}': needs a list .*rouge1"):
        ContentProtocol(language)
    assert content_protocol(language) is None
    assert "content ROUGE is left out: content words" in caplog.text


@pytest.mark.parametrize("multi_reference", ["max", "mean"])
@pytest.mark.parametrize("order", [1, 2])
def test_overlap_is_that_of_the_rouge_engine(order: int, multi_reference: str) -> None:
    for rules in (get_protocol("default", "de"), ContentProtocol("de")):
        expected = score_rouge(
            HYPOTHESES, REFERENCES, language="de", protocol=rules, multi_reference=multi_reference
        )
        counted = TextCounts(rules).count(HYPOTHESES, REFERENCES, order)
        found = overlap_scores(counted, multi_reference=multi_reference)
        for column, kind in enumerate(KINDS):
            wanted = expected.values(f"rouge{order}", kind)
            np.testing.assert_allclose(found[:, column], wanted, atol=1e-12)


def test_matched_minus_shuffled_by_hand() -> None:
    counted = _count(["a b", "a c", "a d"], [["a b"], ["a c"], ["x y"]])
    # Against its own: 1, 1, 0. Round one (next document's): 1/2, 0, 1/2; round two: 0, 1/2, 1/2.
    rounds = [[1, 2, 0], [2, 0, 1]]
    np.testing.assert_allclose(matched_minus_shuffled(counted, rounds), [0.75, 0.75, -0.5])


def test_a_constant_summary_has_no_matched_minus_shuffled_and_a_perfect_one_all() -> None:
    texts = [f"wort{number} und" for number in range(30)]
    references = [[f"wort{number}"] for number in range(30)]
    rules = content_rules(get_protocol("default", "de"))
    constant = content_values(["und wort3"] * 30, references, rules=rules)[MATCHED_CONTENT, "f1"]
    assert abs(constant.mean()) < 0.01
    # Every summary has the function word, which no reference has: 2/3 over all words.
    perfect = content_values(texts, references, rules=rules)
    np.testing.assert_allclose(perfect[MATCHED_CONTENT, "f1"], 1.0)
    np.testing.assert_allclose(perfect[MATCHED, "f1"], 2 / 3)


def test_derangements_are_ten_of_a_seed_and_differ() -> None:
    found, again, other = (_orders(seed) for seed in (3, 3, 4))
    assert found == again
    assert len(set(found)) == DERANGEMENTS == 10
    assert all(sorted(order) == list(range(40)) for order in found)
    assert all(place != row for order in found for row, place in enumerate(order))
    assert not set(found) & set(other)
    with pytest.raises(DataError, match="at least two documents, but there are 1"):
        derangement(1, 1)


def test_a_system_gets_all_measures_by_run_and_document_with_signatures() -> None:
    rules = content_rules(get_protocol("default", "de"), seed=5)
    run = Aligned(tuple(HYPOTHESES), tuple(map(tuple, REFERENCES)), 0, (0, 1, 2, 3))
    scores = score_rouge(HYPOTHESES, REFERENCES, language="de")
    system = rouge_system("x", ["1", "2"], [run, run], [scores, scores])
    (found,) = add_content([system], rules, kinds=("f1", "recall"))
    new = {key: one for key, one in found.measures.items() if key not in system.measures}
    assert sorted(new) == [
        *("content1", "content1.recall", "content2", "content2.recall"),
        *("matched_content1", "matched_rouge1"),
    ]
    assert all(measure.values.shape == (2, 4) for measure in new.values())
    assert new["content1.recall"].signature.startswith("content1.r|lang:de|tok:word|stop:stopwords")
    assert "protocol:default|lang:de" in new["matched_rouge1"].signature
    assert "|refs:max|shuffled:10|seed:5|v:" in new["matched_rouge1"].signature


def test_signature_says_how_many_references() -> None:
    rules = content_rules(get_protocol("default", "de"), multi_reference="mean")
    assert "|refs:1|" in signature("content1", rules)
    assert "|refs:mean|" in signature("content1", rules, references="mean")


def test_without_a_list_matched_minus_shuffled_over_all_words_is_left() -> None:
    rules = content_rules(get_protocol("default", "sr"))
    assert list(content_values(["кућа", "пас"], [["кућа"], ["пас"]], rules=rules)) == [
        (MATCHED, "f1")
    ]
    assert content_values(["кућа"], [["кућа"]], rules=rules) == {}


@pytest.mark.parametrize("language", ["de", "it", "zh", "en"])
def test_people_pass_and_constants_do_not_on_real_summaries(language: str, data_dir: Path) -> None:
    records = list(read_records(data_dir / "xscitldr" / "test.jsonl.gz"))
    people = [record.summary[language][0] for record in records]
    references = [list(record.summary[language][1:]) for record in records]
    rules = content_rules(get_protocol("default", language))
    found = content_values(people, references, rules=rules)
    assert found[MATCHED, "f1"].mean() > 0.07
    assert found[MATCHED_CONTENT, "f1"].mean() > 0.12
    constant = content_values([people[7]] * len(records), references, rules=rules)
    assert abs(constant[MATCHED, "f1"].mean()) < 0.005
    assert constant["content1", "f1"].mean() < 0.5 * found["content1", "f1"].mean()


def _orders(seed: int) -> list[tuple[int, ...]]:
    return [tuple(order.tolist()) for order in derangements(40, seed)]


def _count(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Counted:
    return TextCounts(get_protocol("default", "en")).count(hypotheses, references, 1)
