import random
from typing import Any

import numpy as np
import pytest
from rouge_score.rouge_scorer import RougeScorer

import mclas_fairseq
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation import rouge_engine
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.rouge import KINDS, METRICS, RougeScores, score_rouge


def f1(hypothesis: str, *references: str, language: str = "en") -> dict[str, float]:
    scores = score_rouge([hypothesis], [references], language=language)
    return {metric: float(scores.f1[metric][0]) for metric in METRICS}


def test_hand_computed_scores_of_one_sentence() -> None:
    # Hypothesis "the cat sat" (3 tokens, 2 bigrams), reference "the cat sat down here" (5, 4).
    # rouge1: 3 of 3 and 3 of 5: 2 * 1 * 0.6 / 1.6 = 0.75.
    # rouge2: 2 of 2 and 2 of 4: 2 * 1 * 0.5 / 1.5 = 2/3.
    # The longest common subsequence has 3 tokens: as rouge1.
    result = f1("The cat sat.", "the cat sat down here")
    assert result == pytest.approx(
        {"rouge1": 0.75, "rouge2": 2 / 3, "rougeL": 0.75, "rougeLsum": 0.75}
    )


def test_hand_computed_scores_of_german_keep_umlauts() -> None:
    # "für große Bäume" against "für kleine Bäume": 2 of 3 tokens, no bigram, subsequence of 2.
    # Were umlauts lost, the tokens would fall into pieces (f, r, gro, e, b, ume).
    result = f1("für große Bäume", "für kleine Bäume", language="de")
    assert result == pytest.approx(
        {"rouge1": 2 / 3, "rouge2": 0.0, "rougeL": 2 / 3, "rougeLsum": 2 / 3}
    )
    assert f1("ubung", "Übung", language="de")["rouge1"] == 0.0


def test_hand_computed_scores_of_swapped_sentences_differ_between_both_rouge_l() -> None:
    # "c d. a b." against "a b. c d.": all 4 tokens are there: rouge1 = 1. Bigrams run across
    # sentences: (c d)(d a)(a b) against (a b)(b c)(c d): 2 of 3. As one sequence, "c d a b" and
    # "a b c d" share a subsequence of 2 of 4 tokens; sentence by sentence everything is found.
    result = f1("c d. a b.", "a b. c d.")
    assert result == pytest.approx(
        {"rouge1": 1.0, "rouge2": 2 / 3, "rougeL": 0.5, "rougeLsum": 1.0}
    )


def test_repeated_words_count_no_more_often_than_in_the_reference() -> None:
    # "the the the" against "the cat": 1 of 3 and 1 of 2: 2 * (1/3) * (1/2) / (5/6) = 0.4.
    assert f1("the the the", "the cat")["rouge1"] == pytest.approx(0.4)


def test_hand_computed_scores_of_chinese_count_characters() -> None:
    # 模型很好 against 模型不好: 3 of 4 characters, bigrams 模型 of 3, subsequence 模型好.
    result = f1("模型很好。", "模型不好", language="zh")
    assert result == pytest.approx(
        {"rouge1": 0.75, "rouge2": 1 / 3, "rougeL": 0.75, "rougeLsum": 0.75}
    )


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("zh", "我们提出一种新方法。它很快！"),
        ("ja", "要約を生成する。速い。"),
        ("th", "สรุปข้ามภาษา"),
        ("hi", "यह सारांश है। दूसरा वाक्य।"),
        ("ar", "هذا ملخص. جملة ثانية؟"),
        ("tr", "İyi bir özet. ILIK."),
        ("de", "Übermäßig große Bäume. Ja!"),
    ],
)
def test_identical_texts_score_100(language: str, text: str) -> None:
    scores = score_rouge([text], [[text]], language=language)
    assert {metric: scores.mean(metric) for metric in METRICS} == dict.fromkeys(METRICS, 100.0)


@pytest.mark.parametrize("hypothesis", ["", "   ", "?!"])
def test_hypothesis_without_words_scores_0(hypothesis: str) -> None:
    assert f1(hypothesis, "a reference") == dict.fromkeys(METRICS, 0.0)


def test_identical_single_words_have_no_bigram_to_match() -> None:
    assert f1("yes", "Yes.") == {"rouge1": 1.0, "rouge2": 0.0, "rougeL": 1.0, "rougeLsum": 1.0}


def test_best_reference_counts_for_each_metric_by_itself() -> None:
    # "a b c d" against "d c b a x": 4 of 4 and 4 of 5 unigrams (8/9), no bigram, subsequence 1.
    # Against "a b y z": 2 of 4 unigrams (1/2), bigram (a b): 1 of 3, subsequence 2 (1/2).
    result = f1("a b c d", "d c b a x", "a b y z")
    assert result == pytest.approx(
        {"rouge1": 8 / 9, "rouge2": 1 / 3, "rougeL": 0.5, "rougeLsum": 0.5}
    )


def test_precision_and_recall_by_hand() -> None:
    # As in the first test: 3 of 3 tokens found, 3 of 5 covered; bigrams 2 of 2 and 2 of 4.
    scores = score_rouge(["The cat sat."], [["the cat sat down here"]], language="en")
    for metric, precision, recall in (
        ("rouge1", 1.0, 0.6),
        ("rouge2", 1.0, 0.5),
        ("rougeL", 1.0, 0.6),
        ("rougeLsum", 1.0, 0.6),
    ):
        assert scores.values(metric, "precision")[0] == pytest.approx(precision)
        assert scores.values(metric, "recall")[0] == pytest.approx(recall)
    assert scores.mean("rouge1", "recall") == pytest.approx(60.0)
    assert scores.interval("rouge1", "recall") == pytest.approx((60.0, 60.0))


def test_precision_and_recall_are_those_of_the_reference_with_the_best_f1() -> None:
    # "a b c d" against "a": precision 1/4, recall 1, F1 0.4.
    # Against "a b x y" both are 1/2, F1 1/2: that reference counts, though its recall is lower.
    scores = score_rouge(["a b c d"], [["a", "a b x y"]], language="en")
    assert scores.f1["rouge1"][0] == pytest.approx(0.5)
    assert scores.recall["rouge1"][0] == pytest.approx(0.5)
    assert scores.precision["rouge1"][0] == pytest.approx(0.5)


def test_mean_over_references_is_over_each_kind() -> None:
    # The same two references: F1 (0.4 + 0.5) / 2, precision (1/4 + 1/2) / 2, recall (1 + 1/2) / 2.
    scores = score_rouge(
        ["a b c d", "x"], [["a", "a b x y"], ["x"]], language="en", multi_reference="mean"
    )
    np.testing.assert_allclose(scores.f1["rouge1"], [0.45, 1.0])
    np.testing.assert_allclose(scores.precision["rouge1"], [0.375, 1.0])
    np.testing.assert_allclose(scores.recall["rouge1"], [0.75, 1.0])
    assert "|refs:mean|" in scores.signature()
    one = score_rouge(["x"], [["x"]], language="en", multi_reference="mean")
    assert "|refs:1|" in one.signature()


def random_texts(count: int) -> list[str]:
    generator = random.Random(7)
    marks = [" ", " ", " ", ". ", "\n"]
    return [
        "".join(
            generator.choice("abcdeäß") + generator.choice(marks)
            for _ in range(generator.randint(1, 30))
        )
        for _ in range(count)
    ]


def test_scores_are_those_of_plain_rouge_score_with_the_same_tokenizer() -> None:
    rules = get_protocol("default", "de")

    class Tokenizer:
        def tokenize(self, text: str) -> list[str]:
            return [token for sentence in rules.tokenise(text) for token in sentence]

    def lines(text: str) -> str:  # plain rouge-score cuts sentences at line breaks
        return "\n".join(rules.split_sentences(text))

    hypotheses, first, second = random_texts(120), *(random_texts(240)[i::2] for i in (0, 1))
    references = list(zip(first, second, strict=True))
    scores = score_rouge(hypotheses, references, language="de")
    engine = RougeScorer(list(METRICS), tokenizer=Tokenizer())
    for row, (hypothesis, texts) in enumerate(zip(hypotheses, references, strict=True)):
        expected = engine.score_multi([lines(text) for text in texts], lines(hypothesis))
        for metric in METRICS:
            got = [float(scores.values(metric, kind)[row]) for kind in KINDS]
            assert got == pytest.approx(list(expected[metric]), abs=1e-12)


def test_results_do_not_depend_on_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rouge_engine, "_SMALLEST_FOR_POOL", 0)
    monkeypatch.setattr(rouge_engine, "_BLOCK", 7)
    hypotheses = random_texts(40)
    references = [[text] for text in reversed(hypotheses)]
    one, two = (
        score_rouge(hypotheses, references, language="de", workers=workers) for workers in (1, 2)
    )
    for metric in METRICS:
        for kind in KINDS:
            np.testing.assert_array_equal(one.values(metric, kind), two.values(metric, kind))
    np.testing.assert_array_equal(one.lengths, two.lengths)
    np.testing.assert_array_equal(one.reference_lengths, two.reference_lengths)
    references[30] = [" "]
    with pytest.raises(DataError, match="document 31: a reference must hold"):
        score_rouge(hypotheses, references, language="de", workers=2)


def test_small_inputs_stay_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rouge_engine, "ProcessPoolExecutor", None)
    assert score_rouge(["a"], [["a"]], language="en", workers=8).mean("rouge1") == 100.0


def test_protocol_that_was_made_before_is_taken_for_its_language_only() -> None:
    rules = get_protocol("ncls", "en")
    scores = score_rouge(["dogs"], [["dog"]], language="en", protocol=rules)
    assert scores.mean("rouge1") == 100.0  # "dogs" is stemmed
    assert scores.protocol is rules
    with pytest.raises(ConfigError, match=r"'zh': the protocol must be made .* for 'en'"):
        score_rouge(["x"], [["x"]], language="zh", protocol=rules)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"multi_reference": "best"}, "--multi-reference: must be one of max, mean, but is 'best'"),
        ({"workers": 0}, "--workers: must be 1 or more, but is 0"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        score_rouge(["a"], [["a"]], language="en", **options)


@pytest.mark.parametrize("reference", ["", " ", "..."])
def test_reference_without_words_is_an_error_that_names_the_document(reference: str) -> None:
    with pytest.raises(DataError, match=r"document 2: a reference must hold at least one token"):
        score_rouge(["a", "b"], [["a"], ["b", reference]], language="en")


def test_document_without_references_is_an_error() -> None:
    with pytest.raises(DataError, match="document 1: must have at least one reference in 'en'"):
        score_rouge(["a"], [[]], language="en")


@pytest.mark.parametrize(("hypotheses", "references"), [([], []), (["a"], [["a"], ["b"]])])
def test_counts_must_match_and_not_be_zero(
    hypotheses: list[str], references: list[list[str]]
) -> None:
    with pytest.raises(DataError, match=f"there are {len(hypotheses)} hypotheses"):
        score_rouge(hypotheses, references, language="en")


def test_unknown_protocol_is_an_error_before_anything_is_scored() -> None:
    with pytest.raises(ConfigError, match="must be one of default, ncls, .*, but is 'nlcs'"):
        score_rouge([], [], language="en", protocol="nlcs")


def two_documents() -> RougeScores:
    return score_rouge(["a b", "x"], [["a b"], ["y z", "w"]], language="de")


def test_signature_says_what_the_number_is() -> None:
    version = mclas_fairseq.__version__
    scores = two_documents()
    assert scores.signature("rouge1") == (
        f"rouge1.f|protocol:default|lang:de|tok:word|stem:no|lsum:both|refs:max|v:{version}"
    )
    assert scores.signature("rougeLsum") == (
        "rougeLsum.f|protocol:default|lang:de|tok:word|stem:no|lsum:both|split:marks|refs:max"
        f"|v:{version}"
    )
    assert scores.signature().startswith("rouge{1,2,L,Lsum}.f|")
    assert scores.signature("rouge2", "recall").startswith("rouge2.r|protocol:default|")
    assert scores.signature("rouge2", "precision").startswith("rouge2.p|protocol:default|")
    single = score_rouge(["好的"], [["好"]], language="zh", protocol="ncls")
    assert single.signature("rougeL") == (
        f"rougeL.f|protocol:ncls|lang:zh|tok:char+punct|stem:no|lsum:yes|refs:1|v:{version}"
    )


def test_means_and_lengths_are_over_documents() -> None:
    scores = two_documents()
    assert len(scores) == 2
    assert scores.mean("rouge1") == pytest.approx(50.0)
    np.testing.assert_array_equal(scores.lengths, [2.0, 1.0])
    np.testing.assert_array_equal(scores.reference_lengths, [2.0, 1.5])


def test_interval_is_in_points_and_holds_the_mean() -> None:
    texts = [f"a b c d {'e' if number % 3 else 'a'}" for number in range(30)]
    scores = score_rouge(texts, [["a b c d e"]] * 30, language="en")
    low, high = scores.interval("rouge1")
    assert 80.0 <= low < scores.mean("rouge1") < high <= 100.0
    assert scores.interval("rouge1", seed=1) != (low, high)
