"""From files to a loss: data-bins, rows, parts of training sets, the model, what is refused."""

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from mclas_fairseq.binarize.options import TokenizerOptions
from mclas_fairseq.binarize.prepare_labels import LabelOptions, prepare_labels
from mclas_fairseq.corpus.labelled import LabelKind, LabelledFile
from mclas_fairseq.data.label_sides import LabelSet
from mclas_fairseq.errors import CheckpointError, ConfigError, DataError
from mclas_fairseq.evaluation.label_scores import LabelCounts, count
from mclas_fairseq.labelling.cross_entropy import LabelCrossEntropy
from mclas_fairseq.labelling.dataset import IGNORED, parts
from mclas_fairseq.labelling.folds import chosen, folds, read_folds
from mclas_fairseq.labelling.loading import LoadedLabeller
from mclas_fairseq.labelling.predicting import predict
from tests.labelling.conftest import DE, EN, batch_of, build_model, open_task, write_sentences

TAGS = ("O", "B-LOC", "B-PER", "I-LOC", "I-PER")


def test_labels_stand_at_the_first_piece_of_each_word(bert_bin: Path) -> None:
    task = open_task(bert_bin, valid_langs="en")
    assert task.labels == LabelSet(LabelKind.SPANS, TAGS)
    batch = batch_of(task)
    row = EN[0].split()
    firsts = batch["net_input"]["first_pieces"][0]
    pieces = [
        task.dictionary[int(number)]
        for number, first in zip(batch["net_input"]["src_tokens"][0], firsts, strict=True)
        if first
    ]
    # "in" is a piece of its own; of the others the first letter is
    assert pieces == ["a", "l", "in", "n", "y", "."]
    tags = [TAGS[int(number)] for number in batch["target"][0][firsts]]
    assert tags == [pair.split("/")[1] for pair in row]
    assert bool((batch["target"] == IGNORED).eq(~batch["net_input"]["first_pieces"]).all())
    assert batch["ntokens"] == sum(len(one.split()) for one in EN)


def test_long_sentences_are_cut_between_words_and_none_is_lost(words_bin: Path) -> None:
    firsts = [True, False, True, True, False, False, True]
    assert list(parts(firsts, 3)) == [(0, 3), (3, 6), (6, 7)]
    assert list(parts(firsts, 2)) == [(0, 2), (2, 3), (3, 5), (6, 7)]  # a word of three loses one
    assert list(parts(firsts, 100)) == [(0, 7)]
    assert not list(parts([], 3))
    cut = batch_of(open_task(words_bin, max_source_positions=8))
    assert cut["net_input"]["src_tokens"].size(1) <= 8
    assert cut["ntokens"] == sum(len(one.split()) for one in [*EN, *DE])


def test_ten_parts_are_disjoint_and_complete() -> None:
    for count_ in (10, 103, 7):
        dealt = folds(count_, seed=5)
        assert len(dealt) == 10
        assert sorted(np.concatenate(dealt).tolist()) == list(range(count_))
    assert set(chosen(103, 3, 5)) < set(chosen(103, 4, 5))
    assert len(chosen(103, 3, 5)) == 33
    assert not np.array_equal(chosen(103, 3, 5), chosen(103, 3, 6))
    assert chosen(103, 10, 5).tolist() == list(range(103))


def test_parts_of_a_training_set_are_trained_on(words_bin: Path) -> None:
    task = open_task(words_bin, train_langs="de,en", train_folds="en=2")
    task.load_dataset("train")
    dataset: Any = task.datasets["train"]
    assert dataset.languages == ["de", "en"]
    assert dataset.rows[:, 0].tolist() == [0, 0, 0, 1, 1]
    assert dataset.rows[3:, 1].tolist() == chosen(5, 2, 1).tolist()
    task = open_task(words_bin, train_langs="de", train_folds="en=2")
    with pytest.raises(ConfigError, match="--train-folds: must name languages of training"):
        task.load_dataset("train")


@pytest.mark.parametrize("text", ["en", "en=0", "en=11", "en=x", "=3"])
def test_what_names_no_parts_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="how many of their ten parts"):
        read_folds(text)


def test_scores_of_a_row_do_not_depend_on_its_batch(
    words_bin: Path, bert_bin: Path, pretrained_bert: Path
) -> None:
    for data, encoder in ((words_bin, None), (bert_bin, str(pretrained_bert))):
        task = open_task(data, max_source_positions=60)
        model = build_model(task, pretrained_encoder=encoder)
        together, _ = model(**batch_of(task)["net_input"])
        dataset: Any = task.datasets["valid"]
        alone = [
            model(**dataset.collater([dataset[row]])["net_input"])[0] for row in range(len(dataset))
        ]
        torch.testing.assert_close(together, torch.cat(alone), atol=1e-5, rtol=1e-4)


def test_the_scores_of_a_word_are_of_the_state_of_its_first_piece(
    bert_bin: Path, pretrained_bert: Path
) -> None:
    """A pretrained encoder puts [CLS] before: the states of transformers' own model say so."""
    task = open_task(bert_bin, valid_langs="en", max_source_positions=60)
    model = build_model(task, pretrained_encoder=str(pretrained_bert))
    batch = batch_of(task)
    dictionary: Any = task.dictionary
    pieces = batch["net_input"]["src_tokens"][0, : batch["net_input"]["src_lengths"][0] - 1]
    start, end = dictionary.encoder_start, dictionary.encoder_end
    read = torch.tensor([[start, *pieces.tolist(), end]])
    states = model.encoder.model(input_ids=read).last_hidden_state[0]
    first = batch["net_input"]["first_pieces"][0].nonzero().squeeze(1)
    logits, _ = model(**batch["net_input"])
    torch.testing.assert_close(
        logits[: len(first)], model.classifier(states[first + 1]), atol=1e-5, rtol=1e-4
    )


def test_the_loss_is_the_mean_over_words_and_counts_are_those_of_the_scorer(
    words_bin: Path,
) -> None:
    task = open_task(words_bin)
    model, batch = build_model(task), batch_of(task)
    criterion = LabelCrossEntropy(task, sentence_avg=False)
    loss, size, logged = criterion(model, batch)
    logits, _ = model(**batch["net_input"])
    gold = batch["target"][batch["net_input"]["first_pieces"]]
    by_hand = -logits.log_softmax(-1)[torch.arange(len(gold)), gold].sum()
    torch.testing.assert_close(loss, by_hand)
    assert size == len(gold) == batch["ntokens"]
    sentences = [one.split() for one in [*EN, *DE]]
    words = [[pair.split("/")[0] for pair in one] for one in sentences]
    right = [[pair.split("/")[1] for pair in one] for one in sentences]
    labeller = LoadedLabeller(model, task)
    guessed = list(predict(labeller, words, "en", max_tokens=12))
    counts = [count(one, two) for one, two in zip(guessed, right, strict=True)]
    total = sum(counts[1:], counts[0])
    assert LabelCounts(*(logged[n] for n in ("words", "right", "common", "found", "gold"))) == total
    german = sum(counts[6:], counts[5])
    assert (logged["words_de"], logged["found_de"]) == (german.words, german.found)


def test_losses_of_examples_are_means_over_their_words(words_bin: Path) -> None:
    task = open_task(words_bin, valid_langs="de")
    model, batch = build_model(task), batch_of(task)
    found = task.example_losses(model, batch)
    assert list(found) == ["all", "de"]
    loss, _, _ = LabelCrossEntropy(task, sentence_avg=False)(model, batch)
    words = torch.tensor([len(one.split()) for one in DE])
    torch.testing.assert_close((found["de"] * words).sum(), loss)


def test_labels_for_sentences_longer_than_the_model_reads(words_bin: Path) -> None:
    task = open_task(words_bin, max_source_positions=8)
    model = build_model(task)
    words = ["anna"] * 30
    (tags,) = predict(LoadedLabeller(model, task), [words], "en")
    assert len(tags) == 30
    assert tags[:7] == tags[7:14]  # each part is read by itself


def test_tags_that_training_has_not_are_refused_but_can_be_named(tmp_path: Path) -> None:
    train = LabelledFile(write_sentences(tmp_path / "t", ["a/B-X b/O"]), LabelKind.SPANS)
    test = LabelledFile(write_sentences(tmp_path / "v", ["a/O", "c/B-Y"]), LabelKind.SPANS)
    inputs = {"train": {"en": (train,)}, "test": {"de": (test,)}}
    words = TokenizerOptions(name="words")
    options = LabelOptions(LabelKind.SPANS, inputs, tmp_path / "bin", words)
    with pytest.raises(DataError, match="v: sentence 2 must have tags that training has, .* B-Y"):
        prepare_labels(options)
    assert not (tmp_path / "bin").exists()
    named = dataclasses.replace(options, tags=("B-X", "B-Y", "I-Y"))
    labels, reports = prepare_labels(named)
    assert labels.tags == ("O", "B-X", "B-Y", "I-Y")
    assert [(one.split, one.language, one.words) for one in reports] == [
        ("train", "en", 2),
        ("test", "de", 2),
    ]


def test_a_checkpoint_of_other_tags_is_refused(words_bin: Path) -> None:
    task = open_task(words_bin)
    task.load_state_dict(task.state_dict())
    other = {"label_kind": "spans", "labels": ["O", "B-LOC", "I-LOC"]}
    with pytest.raises(CheckpointError, match="its tags .* differ in B-PER, I-PER"):
        task.load_state_dict(other)
    with pytest.raises(CheckpointError, match="must be of --task sequence_labelling"):
        task.load_state_dict({"layout": "mclas"})
    model = build_model(task)
    weights = model.state_dict()
    weights["classifier.bias"] = weights["classifier.bias"][:3]
    with pytest.raises(CheckpointError, match="must have scores of 5 labels, but has 3"):
        model.load_state_dict(weights)


def test_what_is_not_there_is_said(words_bin: Path) -> None:
    task = open_task(words_bin, valid_langs="fr")
    with pytest.raises(DataError, match="split 'valid' must have labelled sentences in 'fr', but"):
        task.load_dataset("valid")
    with pytest.raises(DataError, match="split 'test' must .* in 'en', but has de"):
        open_task(words_bin, valid_langs="en").load_dataset("test")
    with pytest.raises(ConfigError, match="architecture token_classifier: it needs a task with"):
        build_model(SimpleNamespace(max_positions=lambda: 8))  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="criterion label_cross_entropy: it needs a task with"):
        LabelCrossEntropy(SimpleNamespace(target_dictionary=task.dictionary), False)
