"""Heads of labellers: ranked and taken out by the tools that summarizers have."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mclas_fairseq.binarize.options import TokenizerOptions
from mclas_fairseq.binarize.prepare_labels import LabelOptions, prepare_labels
from mclas_fairseq.corpus.labelled import LabelKind, LabelledFile
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.heads.gates import gated, gates_without
from mclas_fairseq.heads.importance import make_ranking, measure
from mclas_fairseq.heads.losses import batches, example_losses
from mclas_fairseq.heads.merging import RANKS, SUM, merged
from mclas_fairseq.heads.slicing import prune_state
from mclas_fairseq.modules.attention_heads import head_names
from tests.labelling.conftest import DE, EN, batch_of, build_model, open_task, write_sentences

PLANTED = "encoder.0.self.2"
WORDS, LENGTH = 8, 7


def stored(model: Any, args: dict[str, Any]) -> dict[str, Any]:
    """A checkpoint of a model as fairseq stores it, as far as slicing looks at it."""
    weights = {name: value.clone() for name, value in model.state_dict().items()}
    cfg = {"model": {"encoder_attention_heads": 4, **args}}
    return {"model": weights, "cfg": cfg, "extra_state": {}}


@pytest.mark.parametrize("encoder", [False, True])
def test_a_labeller_without_heads_gives_what_it_gives_with_heads_at_0(
    words_bin: Path, bert_bin: Path, pretrained_bert: Path, encoder: bool
) -> None:
    task = open_task(bert_bin if encoder else words_bin, max_source_positions=60)
    options: dict[str, Any] = {"pretrained_encoder": str(pretrained_bert)} if encoder else {}
    model = build_model(task, **options)
    every = head_names(model)
    draw = np.random.default_rng(5)
    sets = [every[:4], *(list(draw.permutation(every)[:n]) for n in (1, 3, 5))]  # all of a layer
    batch = batch_of(task)["net_input"]
    settings = {}
    if encoder:
        settings["pretrained_config"] = model.encoder_settings
    for names in sets:
        with torch.no_grad(), gated(model, gates_without(model, names)):
            expected, _ = model(**batch)
        pruned = prune_state(Path("run.pt"), stored(model, settings), names)
        smaller = build_model(task, **options, pruned_heads=",".join(names))
        smaller.load_state_dict(pruned["model"])
        with torch.no_grad():
            found, _ = smaller(**batch)
        torch.testing.assert_close(found, expected, atol=1e-6, rtol=1e-6)
        sizes = [sum(value.numel() for value in one.parameters()) for one in (model, smaller)]
        assert sizes[1] < sizes[0]


def test_the_importance_of_a_head_is_the_slope_of_the_loss(
    words_bin: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fairseq.modules import multihead_attention

    monkeypatch.setattr(
        multihead_attention.utils,
        "softmax",
        lambda scores, dim, onnx_trace=False: scores.double().softmax(dim),
    )
    task = open_task(words_bin)
    model = build_model(task, activation_fn="relu").double()  # fairseq's gelu is in fp32
    found = list(batches(task, "valid", documents=0, batch_size=3))
    rows = measure(task, model, found, "gate")
    assert list(rows) == ["all", "en", "de"]
    assert [len(rows[name]) for name in rows] == [len(EN) + len(DE), len(EN), len(DE)]
    np.testing.assert_allclose(rows["all"], np.concatenate([rows["en"], rows["de"]]))
    names, step = head_names(model), 1e-4
    for number in (0, 5, 7):
        place, own = names[number].rpartition(".")[0], int(names[number].rpartition(".")[2])
        for batch, begin in zip(found[:2], (0, 3), strict=True):
            losses = []
            for sign in (1, -1):
                gate = torch.ones(4, dtype=torch.float64)
                gate[own] += sign * step
                with torch.no_grad(), gated(model, {place: gate}):
                    losses.append(example_losses(task, model, batch)["all"])
            slope = ((losses[0] - losses[1]) / (2 * step)).abs().numpy()
            measured = rows["en"][begin : begin + len(slope), number]
            np.testing.assert_allclose(measured, slope, rtol=1e-4, atol=1e-9)


def test_batches_hold_one_language_and_as_many_sentences_of_each_as_asked(words_bin: Path) -> None:
    task = open_task(words_bin)
    found = list(batches(task, "valid", documents=2, batch_size=16))
    assert [batch["language"].tolist() for batch in found] == [[0, 0], [1, 1]]


# -- a head that is all that matters --------------------------------------------------------------


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Any]:
    """Task and model: the label of a word is the word before it, which one head of 16 looks at."""
    folder = tmp_path_factory.mktemp("planted")
    draw = np.random.default_rng(1)
    sentences = []
    for _ in range(40):
        words = draw.integers(0, WORDS, LENGTH).tolist()
        before = [words[0], *words[:-1]]
        sentences.append(" ".join(f"w{a}/B-w{b}" for a, b in zip(words, before, strict=True)))
    file = LabelledFile(write_sentences(folder / "text", sentences), LabelKind.SPANS)
    inputs = {split: {"en": (file,)} for split in ("train", "valid")}
    words_only = TokenizerOptions(name="words")
    prepare_labels(LabelOptions(LabelKind.SPANS, inputs, folder / "bin", words_only))
    task = open_task(folder / "bin")
    model = build_model(task, encoder_layers=4, encoder_learned_pos=True, wide=32)
    with torch.no_grad():
        _plant(task, model)
    return task, model


def _plant(task: Any, model: Any) -> None:
    """Channels: 0 to 7 the word, 8 to 15 the word before (written by the head), 16 on the place."""
    for name, weight in model.named_parameters():
        if "layer_norm" not in name:
            noisy = "out_proj.weight" in name or "v_proj.weight" in name
            weight.copy_(torch.randn_like(weight) * (0.02 if noisy else 0.0))
        else:
            weight.fill_(1.0 if name.endswith("weight") else 0.0)
    encoder, layer = model.encoder, model.encoder.layers[0].self_attn
    for word in range(WORDS):
        row = task.dictionary.index(f"w{word}")
        encoder.embed_tokens.weight[row, word] = 1 / encoder.embed_scale
        layer.v_proj.weight[16 + word, word] = 1.0  # rows 16 to 23 are those of head 2
        layer.out_proj.weight[8 + word, 16 + word] = 1.0
        tag = task.labels.tags.index(f"B-w{word}")
        model.classifier.weight[tag, 8 + word] = 1.0
    encoder.embed_tokens.weight[task.dictionary.eos(), 30] = 1 / encoder.embed_scale
    for place in range(WORDS):
        encoder.embed_positions.weight[place + task.dictionary.pad() + 1, 16 + place] = 1.0
        layer.k_proj.weight[16 + place, 16 + place] = 3.0
        layer.q_proj.weight[16 + max(0, place - 1), 16 + place] = 3.0


def _accuracy(task: Any, model: Any, without: list[str]) -> float:
    batch = batch_of(task)
    with torch.no_grad(), gated(model, gates_without(model, without)):
        logits, _ = model(**batch["net_input"])
    gold = batch["target"][batch["net_input"]["first_pieces"]]
    return float(logits.argmax(-1).eq(gold).float().mean())


@pytest.mark.parametrize("estimator", ["gate", "gate-token", "kv-weight", "leave-one-out"])
def test_the_planted_head_ranks_first_and_only_without_it_all_is_lost(
    planted: tuple[Any, Any], estimator: str
) -> None:
    task, model = planted
    rows = measure(task, model, batches(task, "valid", documents=0, batch_size=16), estimator)
    ranking = make_ranking(model, rows, "0" * 64, estimator, "none")
    assert ranking.least_first()[-1] == PLANTED
    lowest = ranking.lowest(12)
    assert _accuracy(task, model, []) > 0.99
    assert _accuracy(task, model, lowest) > 0.99
    assert _accuracy(task, model, [PLANTED]) < 0.3


def test_cut_by_columns_as_released_other_heads_seem_to_matter(planted: tuple[Any, Any]) -> None:
    """Key and value columns that matter are those of places and words, in three of four parts."""
    task, model = planted

    def shares(estimator: str) -> Any:
        found = batches(task, "valid", documents=0, batch_size=16)
        first = measure(task, model, found, estimator)["all"].mean(0)[:4]
        return first / first.sum()

    right, literal = shares("kv-weight"), shares("kv-weight-literal")
    assert right.argmax() == 2
    assert right[2] > 0.9
    assert literal[2] < 0.5
    assert abs(right - literal).sum() > 0.5


# -- rankings of several languages ----------------------------------------------------------------


def test_rankings_of_languages_are_merged_as_by_hand() -> None:
    """By hand: sums 1.0, 0.9, 1.6, 0.5; ranks (0 2 3 1) and (3 0 2 1)."""
    found = merged({"en": [0.0, 0.8, 1.0, 0.2], "de": [1.0, 0.1, 0.6, 0.3]})
    assert found[SUM] == pytest.approx([5 / 11, 4 / 11, 1.0, 0.0])
    # means 1.5, 1.0, 2.5, 1.0
    assert found[RANKS] == pytest.approx([1 / 3, 0.0, 1.0, 0.0])


def test_a_ranking_has_columns_of_languages_and_of_what_is_merged(
    words_bin: Path, tmp_path: Path
) -> None:
    task = open_task(words_bin)
    model = build_model(task)
    rows = measure(task, model, batches(task, "valid", documents=0, batch_size=4), "gate")
    ranking = make_ranking(model, rows, "0" * 64, "gate", "l1", merge=True)
    assert list(ranking.importance) == ["all", "en", "de", SUM, RANKS]
    # MD: the importance on all sentences together, before anything is normalised
    raw = rows["en"].sum(0) + rows["de"].sum(0)
    by_hand = make_ranking(model, {"all": raw[None]}, "0" * 64, "gate", "l1")
    assert ranking.importance["all"] == pytest.approx(list(by_hand.importance["all"]))
    both = zip(ranking.importance["en"], ranking.importance["de"], strict=True)
    sums = np.array([one + two for one, two in both])
    order = [ranking.heads[number] for number in np.argsort(sums, kind="stable")]
    assert ranking.least_first(SUM) == order
    with pytest.raises(ConfigError, match="--merge: needs examples in two languages"):
        make_ranking(model, {"all": rows["all"], "en": rows["en"]}, "0", "gate", "l1", merge=True)
