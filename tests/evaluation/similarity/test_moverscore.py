import copy
import logging
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

import mclas_fairseq
from mclas_fairseq.errors import ConfigError, DataError, SetupError
from mclas_fairseq.evaluation.similarity import Encoder, load_encoder, mover_scores
from mclas_fairseq.evaluation.similarity.transport import Mass, Matrix, movers_distance, n_grams

HYPOTHESES = ["the cats sat on a mat.", "a dog lay happily", "模型很好", "the rug"]
REFERENCES = [
    ["the cat sat on the mat."],
    ["the dog sat on a rug, happy"],
    ["模型好。"],
    ["a mat"],
]
ALL = [texts[0] for texts in REFERENCES]


@pytest.fixture(scope="module")
def encoder(small_encoder: Path) -> Encoder:
    return load_encoder(str(small_encoder), layer=2)


def linear_programme(first: Mass, second: Mass) -> float:
    """The cheapest plan T >= 0 whose rows sum to the first masses and columns to the second."""
    rows, columns = len(first.masses), len(second.masses)
    costs = [
        [float(np.sqrt(((one - other) ** 2).sum())) for other in second.vectors]
        for one in first.vectors
    ]
    leaving = np.kron(np.eye(rows), np.ones(columns))
    arriving = np.kron(np.ones(rows), np.eye(columns))
    plan = linprog(
        np.array(costs).ravel(),
        A_eq=np.vstack([leaving, arriving]),
        b_eq=np.concatenate([first.masses, second.masses]),
        bounds=(0, None),
    )
    assert plan.success
    return float(plan.fun)


def random_mass(size: int, seed: int) -> Mass:
    generator = np.random.default_rng(seed)
    return n_grams(generator.normal(size=(size, 3)), generator.uniform(0.1, 2.0, size), 1)


def distance(first: Mass, second: Mass) -> float:
    import ot

    return movers_distance(first, second, ot.emd2)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 7), st.integers(1, 7), st.integers(0, 10**6))
def test_distance_is_the_optimum_of_the_linear_programme(
    rows: int, columns: int, seed: int
) -> None:
    first, second = random_mass(rows, seed), random_mass(columns, seed + 1)
    found = distance(first, second)
    assert found == pytest.approx(linear_programme(first, second), abs=1e-8)
    assert found == pytest.approx(distance(second, first), abs=1e-9)
    assert 0.0 <= found <= 2.0


def test_hand_computed_distance() -> None:
    # Mass 3/4 and 1/4 on the x and y axis, against 1/2 on x and 1/2 on -x. The half on x stays.
    # 1/4 goes from x to -x (2), 1/4 from y to -x (root of 2): 1/2 + root of 2 / 4.
    first = Mass(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([0.75, 0.25]))
    second = Mass(np.array([[1.0, 0.0], [-1.0, 0.0]]), np.array([0.5, 0.5]))
    assert distance(first, second) == pytest.approx(0.5 + np.sqrt(2) / 4)


def test_hand_computed_bigrams() -> None:
    # Pieces on x, y, x with weights 1, 3, 0. The first bigram's mean is (1/4, 3/4), of length
    # root of 10 / 4, and its mass 1 + 3; the second's is (0, 1), of mass 3 + 0. Total 7.
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    found = n_grams(vectors, np.array([1.0, 3.0, 0.0]), 2)
    np.testing.assert_allclose(found.vectors, [[1 / np.sqrt(10), 3 / np.sqrt(10)], [0.0, 1.0]])
    np.testing.assert_allclose(found.masses, [4 / 7, 3 / 7])


def test_n_grams_without_weight_are_left_out_and_a_short_text_is_one() -> None:
    vectors = np.array([[2.0, 0.0], [0.0, 5.0], [0.0, 5.0]])
    pieces = n_grams(vectors, np.array([1.0, 0.0, 0.0]), 1)
    np.testing.assert_allclose(pieces.vectors, [[1.0, 0.0]])
    whole = n_grams(vectors[:2], np.array([1.0, 1.0]), 5)
    np.testing.assert_allclose(whole.vectors, [[2 / np.sqrt(29), 5 / np.sqrt(29)]])
    np.testing.assert_allclose(whole.masses, [1.0])


def rebuilt(encoder: Encoder, text: str, places: list[int], idf: dict[str, float]) -> Mass:
    """Unigrams of the pieces at these places, from the model itself."""
    ids = encoder.tokenizer(text, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        states = encoder.model(ids).last_hidden_state[0].double().numpy()
    tokens = encoder.tokenizer.convert_ids_to_tokens(ids[0].tolist())
    weights = np.array([idf[tokens[place]] for place in places])
    vectors: Matrix = np.stack([states[p] / np.linalg.norm(states[p]) for p in places])
    return Mass(vectors, weights / weights.sum())


def test_score_is_1_minus_the_distance_of_the_pieces_that_count(encoder: Encoder) -> None:
    # [CLS] the cat ##s sat on a mat . [SEP]: places 1 2 4 5 6 7; not ##s, the full stop, [CLS].
    # [CLS] the cat sat on the mat . [SEP]: places 1 to 6.
    # 4 references; "the" and "on" are in 2 of them, "sat" in 2, "a" in 2, "mat" in 2, "cat" in 1.
    idf = {
        **dict.fromkeys(("the", "on", "sat", "a", "mat"), float(np.log(5 / 3))),
        "cat": float(np.log(5 / 2)),
    }
    first = rebuilt(encoder, HYPOTHESES[0], [1, 2, 4, 5, 6, 7], idf)
    second = rebuilt(encoder, ALL[0], [1, 2, 3, 4, 5, 6], idf)
    scores = mover_scores(HYPOTHESES, REFERENCES, encoder).scores
    assert scores[0] == pytest.approx(1.0 - linear_programme(first, second), abs=1e-6)
    assert scores[0] < 0.9


@pytest.mark.parametrize("n_gram", [1, 2])
@pytest.mark.parametrize("idf", [False, True])
@pytest.mark.parametrize("power_means", [False, True])
def test_identical_texts_score_1_and_others_less(
    encoder: Encoder, n_gram: int, idf: bool, power_means: bool
) -> None:
    same = mover_scores(
        ALL, REFERENCES, encoder, n_gram=n_gram, idf=idf, power_means=power_means
    ).scores
    np.testing.assert_allclose(same, 1.0, atol=1e-9)
    other = mover_scores(
        HYPOTHESES, REFERENCES, encoder, n_gram=n_gram, idf=idf, power_means=power_means
    ).scores
    assert other.max() < 0.99
    assert other.min() >= -1.0


def test_options_change_what_is_moved(encoder: Encoder) -> None:
    plain = mover_scores(HYPOTHESES, REFERENCES, encoder).scores[0]
    others = [
        mover_scores(HYPOTHESES, REFERENCES, encoder, n_gram=2).scores[0],
        mover_scores(HYPOTHESES, REFERENCES, encoder, idf=False).scores[0],
        mover_scores(HYPOTHESES, REFERENCES, encoder, power_means=True).scores[0],
    ]
    assert len({plain, *others}) == 4


def test_power_means_are_minimum_mean_and_maximum_over_the_layers(encoder: Encoder) -> None:
    # Mass 1 on one piece of each text: the distance of two vectors made of layers 1 and 2. Layer 1
    # is made longer than layer 2, which must not matter more for it.
    model = copy.deepcopy(encoder.model)
    model.encoder.layer[0].output.LayerNorm.weight.data *= 5.0
    encoder = replace(encoder, model=model)

    def vector(text: str) -> Matrix:
        ids = encoder.tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            states = encoder.model(ids, output_hidden_states=True).hidden_states
        one, two = (s[0, 1].double().numpy() / np.linalg.norm(s[0, 1]) for s in states[1:])
        joined = np.concatenate([np.minimum(one, two), (one + two) / 2, np.maximum(one, two)])
        return np.asarray(joined / np.linalg.norm(joined))

    expected = 1.0 - np.linalg.norm(vector("cat") - vector("dog"))
    found = mover_scores(["cat"], [["dog"]], encoder, power_means=True).scores[0]
    assert found == pytest.approx(expected, abs=1e-6)


def test_nothing_to_move_scores_0(encoder: Encoder) -> None:
    scores = mover_scores(["", "  ", "!?。", "a cat"], [["a cat"]] * 4, encoder)
    assert scores.scores.tolist() == [0.0, 0.0, 0.0, 1.0]
    assert scores.empty == 3


def test_reference_with_nothing_to_move_is_refused(encoder: Encoder) -> None:
    message = "document 1: a reference must hold at least one piece that MoverScore compares"
    with pytest.raises(DataError, match=message):
        mover_scores(["a"], [["。!"]], encoder)


def test_scores_do_not_depend_on_batch_or_order(encoder: Encoder) -> None:
    one = mover_scores(HYPOTHESES, REFERENCES, encoder, batch_size=1).scores
    many = mover_scores(HYPOTHESES, REFERENCES, encoder, batch_size=16).scores
    np.testing.assert_allclose(many, one, atol=1e-6)
    turned = mover_scores(HYPOTHESES[::-1], REFERENCES[::-1], encoder, batch_size=3).scores
    np.testing.assert_allclose(turned[::-1], one, atol=1e-6)


def test_a_summary_scores_the_same_whatever_the_others_are(encoder: Encoder) -> None:
    # Frequencies are counted in the references: other summaries of the system do not matter.
    among_good = mover_scores(HYPOTHESES, REFERENCES, encoder).scores[0]
    among_bad = mover_scores([HYPOTHESES[0], "", "cat", "cat"], REFERENCES, encoder).scores[0]
    assert among_bad == pytest.approx(among_good, abs=1e-9)


def test_several_references_count_by_the_best_or_by_their_mean(encoder: Encoder) -> None:
    references = ["a dog sat", "the rug lay on a mat"]
    single = [
        mover_scores(["a cat sat"], [[text]], encoder, idf=False).scores[0] for text in references
    ]
    best = mover_scores(["a cat sat"], [references], encoder, idf=False)
    mean = mover_scores(["a cat sat"], [references], encoder, idf=False, multi_reference="mean")
    assert best.scores[0] == pytest.approx(max(single), abs=1e-6)
    assert mean.scores[0] == pytest.approx(sum(single) / 2, abs=1e-6)
    assert single[0] != pytest.approx(single[1], abs=1e-3)


def test_signature_says_what_the_numbers_are(encoder: Encoder) -> None:
    release = mclas_fairseq.__version__
    found = mover_scores(["a cat"], [["the cat"]], encoder).signature
    expected = f"moverscore1|model:small-bert|layer:2|idf:yes|pieces:first|refs:1|v:{release}"
    assert found == expected
    found = mover_scores(
        ["a cat"],
        [["the cat", "cat"]],
        encoder,
        n_gram=2,
        idf=False,
        power_means=True,
        multi_reference="mean",
    ).signature
    expected = (
        f"moverscore2|model:small-bert|layer:2-pmeans5|idf:no|pieces:first|refs:mean|v:{release}"
    )
    assert found == expected


def test_cut_texts_are_counted(encoder: Encoder, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert mover_scores(["cat " * 40], [["the cat"]], encoder).truncated == 1
    assert "MoverScore: 1 of 2 different texts are longer than the 24 pieces" in caplog.text


def test_n_grams_of_no_piece_are_refused(encoder: Encoder) -> None:
    with pytest.raises(ConfigError, match="n-grams must be of 1 piece or more, but are of 0"):
        mover_scores(["a"], [["a"]], encoder, n_gram=0)


def test_missing_package_is_named_with_its_remedy(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ot", None)
    with pytest.raises(SetupError, match=r"package POT.*pip install 'mclas-fairseq\[metrics\]'"):
        mover_scores(["a"], [["a"]], encoder)
