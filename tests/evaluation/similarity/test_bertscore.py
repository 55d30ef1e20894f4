import logging
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from mclas_fairseq.errors import ConfigError, DataError, SetupError
from mclas_fairseq.evaluation.similarity import Encoder, bert_scores, load_encoder

HYPOTHESES = ["the cats sat on a mat.", "a dog lay happily", "模型很好", "the rug"]
REFERENCES = [
    ["the cat sat on the mat."],
    ["the dog sat on a rug, happy"],
    ["模型好。"],
    ["a mat"],
]


@pytest.fixture(scope="module")
def encoder(small_encoder: Path) -> Encoder:
    return load_encoder(str(small_encoder), layer=1)


def package_scores(folder: Path, *, layer: int, idf: bool) -> list[Tensor]:
    """P, R and F1 of the texts above by bert-score's own scorer, one pair at a time."""
    from bert_score import BERTScorer

    flat = [texts[0] for texts in REFERENCES]
    scorer = BERTScorer(model_type=str(folder), num_layers=layer, idf=idf, device="cpu", nthreads=0)
    scorer._tokenizer.model_max_length = 24  # without it, the package overflows
    if idf:
        scorer.compute_idf(flat)
    return list(scorer.score(HYPOTHESES, flat, batch_size=1))


@pytest.mark.parametrize("idf", [False, True])
@pytest.mark.parametrize("layer", [1, 2])
def test_scores_are_those_of_the_package(small_encoder: Path, layer: int, idf: bool) -> None:
    encoder = load_encoder(str(small_encoder), layer=layer)
    ours = bert_scores(HYPOTHESES, REFERENCES, encoder, idf=idf)
    theirs = package_scores(small_encoder, layer=layer, idf=idf)
    for values, expected in zip((ours.precision, ours.recall, ours.f1), theirs, strict=True):
        np.testing.assert_allclose(values, expected.numpy(), atol=1e-6)
    assert float(np.ptp(ours.f1)) > 0.02  # the texts are told apart


def test_scores_are_the_papers_equations_written_as_loops(encoder: Encoder) -> None:
    hypothesis, reference = HYPOTHESES[1], REFERENCES[1][0]
    pieces = [encoder.pieces(text) for text in (hypothesis, reference)]
    first, second = encoder.vectors(pieces, 1)

    def best(of: Tensor, among: Tensor) -> float:
        # Mean over the pieces but [CLS] and [SEP] of the cosine with the most similar piece.
        cosines = [
            max(float(torch.cosine_similarity(one, other, dim=0)) for other in among)
            for one in of[1:-1]
        ]
        return sum(cosines) / len(cosines)

    precision, recall = best(first, second), best(second, first)
    scores = bert_scores([hypothesis], [[reference]], encoder)
    assert scores.precision[0] == pytest.approx(precision, abs=1e-6)
    assert scores.recall[0] == pytest.approx(recall, abs=1e-6)
    assert scores.f1[0] == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-6)


class TableModel(torch.nn.Module):
    """Gives each piece the vector that a table has for it, whatever stands beside it."""

    def __init__(self, table: Tensor) -> None:
        super().__init__()
        self.table = table

    def forward(self, input_ids: Tensor, **_: object) -> SimpleNamespace:
        return SimpleNamespace(hidden_states=(self.table[input_ids],))


@pytest.fixture
def flat_encoder(encoder: Encoder) -> Encoder:
    """Vectors in the plane, at these degrees; every other piece stands at 90."""
    degrees = torch.full((len(encoder.tokenizer),), 90.0)
    for word, angle in {"cat": 0.0, "dog": 60.0, "mat": 180.0, "rug": 240.0}.items():
        degrees[encoder.tokenizer.convert_tokens_to_ids(word)] = angle
    table = torch.stack([degrees.deg2rad().cos(), degrees.deg2rad().sin()], dim=1) * 3.0
    return replace(encoder, layer=0, model=TableModel(table))


def test_hand_computed_scores(flat_encoder: Encoder) -> None:
    # [CLS] and [SEP] stand at 90 degrees; they are matched, but do not count themselves.
    # Precision of "cat mat": cat (0) finds dog (60): 0.5; mat (180) finds [CLS] (90): 0.
    # Recall of "dog": dog (60) finds [CLS] (90), nearer than cat: cos 30 = root of 3 / 2.
    scores = bert_scores(["cat mat"], [["dog"]], flat_encoder)
    precision, recall = 0.25, np.sqrt(3) / 2
    assert scores.precision[0] == pytest.approx(precision, abs=1e-6)
    assert scores.recall[0] == pytest.approx(recall, abs=1e-6)
    assert scores.f1[0] == pytest.approx(2 * precision * recall / (precision + recall), abs=1e-6)


def test_opposite_texts_score_the_same_beside_longer_ones(flat_encoder: Encoder) -> None:
    # rug (240) is nearest to [CLS] (90), at 150 degrees: cos 150 = minus root of 3 / 2. In a batch,
    # the package would match it with the 0 that stands for padding.
    texts, references = ["rug", "cat dog mat cat"], [["dog"], ["cat dog mat cat"]]
    scores = bert_scores(texts, references, flat_encoder)
    assert scores.precision.tolist() == pytest.approx([-np.sqrt(3) / 2, 1.0], abs=1e-6)


@pytest.mark.parametrize("idf", [False, True])
def test_identical_texts_score_1(encoder: Encoder, idf: bool) -> None:
    texts = [text for texts in REFERENCES for text in texts]
    scores = bert_scores(texts, REFERENCES, encoder, idf=idf)
    np.testing.assert_allclose(scores.f1, 1.0, atol=1e-6)
    assert scores.f1.max() <= 1.0


def test_empty_hypotheses_score_0_and_never_reach_the_package(
    encoder: Encoder, capsys: pytest.CaptureFixture[str]
) -> None:
    scores = bert_scores(["", " \n", "a cat"], [["a cat"]] * 3, encoder)
    for values in (scores.precision, scores.recall, scores.f1):
        assert values.tolist() == pytest.approx([0.0, 0.0, 1.0])
    assert scores.empty == 2
    assert capsys.readouterr() == ("", "")  # the package prints where it meets an empty text


def test_scores_do_not_depend_on_the_batch(encoder: Encoder) -> None:
    texts = [*HYPOTHESES, "", "a very happy dog lay on the mat, the cat sat on the rug"]
    references = [*REFERENCES, ["the"], ["sat"]]
    alone = bert_scores(texts, references, encoder, batch_size=1)
    for size in (2, 3, 64):
        together = bert_scores(texts, references, encoder, batch_size=size)
        np.testing.assert_allclose(together.f1, alone.f1, atol=1e-6)
    backwards = bert_scores(texts[::-1], references[::-1], encoder, batch_size=2)
    np.testing.assert_allclose(backwards.f1[::-1], alone.f1, atol=1e-6)


def test_many_documents_are_scored_some_at_a_time(encoder: Encoder) -> None:
    some = bert_scores(HYPOTHESES, REFERENCES, encoder)
    many = bert_scores(HYPOTHESES * 80, REFERENCES * 80, encoder)  # 320: more than one chunk
    np.testing.assert_allclose(many.recall, np.tile(some.recall, 80), atol=1e-6)


def test_several_references_count_by_the_best_or_by_their_mean(encoder: Encoder) -> None:
    references = ["a dog sat", "the rug lay on a mat", "the cat"]
    single = [bert_scores(["a cat sat"], [[text]], encoder) for text in references]
    best = bert_scores(["a cat sat"], [references], encoder)
    mean = bert_scores(["a cat sat"], [references], encoder, multi_reference="mean")
    for name in ("precision", "recall", "f1"):
        values = [float(getattr(one, name)[0]) for one in single]
        assert len(set(values)) == 3
        assert getattr(best, name)[0] == pytest.approx(max(values), abs=1e-6)
        assert getattr(mean, name)[0] == pytest.approx(sum(values) / 3, abs=1e-6)


def test_signature_says_what_the_numbers_are(encoder: Encoder) -> None:
    release = version("bert-score")
    one = bert_scores(["a cat"], [["the cat"]], encoder)
    assert one.signature == f"bertscore.f|model:small-bert|layer:1|idf:no|refs:1|v:{release}"
    several = bert_scores(["a cat"], [["the cat", "cat"]], encoder, idf=True)
    assert several.signature == f"bertscore.f|model:small-bert|layer:1|idf:yes|refs:max|v:{release}"
    mean = bert_scores(["a cat"], [["the cat", "cat"]], encoder, multi_reference="mean")
    assert "|refs:mean|" in mean.signature


def test_longer_texts_than_the_encoder_reads_are_cut_and_counted(
    encoder: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    long = "the cat sat on a mat " * 10  # 60 pieces; 24 positions leave 22 beside [CLS] and [SEP]
    start = " ".join(long.split()[:22])
    with caplog.at_level(logging.WARNING):
        scores = bert_scores([long, start], [["the dog"], ["the dog"]], encoder)
    assert scores.truncated == 1
    assert scores.f1[0] == pytest.approx(scores.f1[1], abs=1e-6)
    assert (
        "BERTScore: 1 of 3 different texts are longer than the 24 pieces that encoder small-bert"
        " reads, and were cut; what stands behind is not scored"
    ) in caplog.text


def test_short_texts_are_cut_nowhere(encoder: Encoder, caplog: pytest.LogCaptureFixture) -> None:
    assert bert_scores(["the cat"], [["a cat"]], encoder).truncated == 0
    assert not caplog.records


def test_two_pieces_are_a_text_where_the_tokenizer_adds_none(encoder: Encoder) -> None:
    # The package takes two pieces for the two special ones, and gives precision and recall of 0.
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(WordLevel(encoder.tokenizer.get_vocab(), unk_token="[UNK]"))
    words.pre_tokenizer = Whitespace()
    plain = Encoder(
        name="plain",
        layer=1,
        layers=2,
        max_tokens=24,
        device="cpu",
        tokenizer=PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]"),
        model=encoder.model,
    )
    assert len(plain.pieces("cat sat")) == 2
    scores = bert_scores(["cat sat", "cat sat"], [["cat sat"], ["dog sat"]], plain)
    assert scores.precision[0] == scores.recall[0] == pytest.approx(1.0)
    assert 0.1 < scores.precision[1] < 0.99


def test_equally_frequent_pieces_weigh_the_same_and_it_is_said(
    encoder: Encoder, caplog: pytest.LogCaptureFixture
) -> None:
    # With one reference, all its pieces are in every counted text: inverse frequency 0.
    weighted = bert_scores(["the cat"], [["the cat"]], encoder, idf=True)
    assert weighted.f1[0] == pytest.approx(1.0)
    assert "in 1 of 1 different texts every piece is as frequent as can be" in caplog.text


@pytest.mark.parametrize(
    ("hypotheses", "references", "message"),
    [
        (["a"], [["a"], ["b"]], "there are 1 hypotheses and 2 documents; score the same documents"),
        ([], [], "there are 0 hypotheses and 0 documents"),
        (["a", "a"], [["a"], []], "document 2: must have at least one reference, but has none"),
        (
            ["a"],
            [["a", " "]],
            "document 1: a reference must hold at least one piece that BERTScore",
        ),
    ],
)
def test_what_cannot_be_scored_is_refused(
    encoder: Encoder, hypotheses: Sequence[str], references: list[list[str]], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        bert_scores(hypotheses, references, encoder)


def test_unknown_rule_for_several_references_is_refused(encoder: Encoder) -> None:
    message = "must be max or mean and the batch size 1 or more, but they are 'min' and 32"
    with pytest.raises(ConfigError, match=message):
        bert_scores(["a"], [["a"]], encoder, multi_reference="min")


def test_missing_package_is_named_with_its_remedy(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "bert_score", None)
    with pytest.raises(
        SetupError, match=r"BERTScore: needs .*pip install 'mclas-fairseq\[metrics\]'"
    ):
        bert_scores(["a"], [["a"]], encoder)
