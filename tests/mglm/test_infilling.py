"""Samples of pretraining: a function of seed, epoch and number, in the shares asked for."""

from argparse import Namespace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch.utils.data import DataLoader

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.mglm.infilling_dataset import (
    OBJECTIVES,
    FixedInfillingDataset,
    InfillingDataset,
    Making,
    make_sample,
)
from mclas_fairseq.mglm.model import glm_tiny
from mclas_fairseq.mglm.packing import find_sentence_ends
from mclas_fairseq.mglm.pretraining import GlmPretrainingConfig, GlmPretrainingTask
from mclas_fairseq.mglm.symbols import find_symbols
from tests.mglm.texts import DOCUMENTS, make_text_bin, sides_of

LENGTH = 40


@pytest.fixture(scope="module")
def text_bin(tmp_path_factory: pytest.TempPathFactory) -> DataBin:
    return make_text_bin(tmp_path_factory.mktemp("texts"))


def making(text_bin: DataBin, **changes: Any) -> Making:
    dictionary = text_bin.dictionary
    ends = find_sentence_ends(dictionary.symbols)
    chosen = {"length": LENGTH, "seed": 3, **changes}
    return Making(find_symbols(dictionary), ends, **chosen)


def task_of(text_bin: DataBin, **options: Any) -> GlmPretrainingTask:
    cfg = GlmPretrainingConfig(
        data=str(text_bin.folder), **{"tokens_per_sample": LENGTH, "seed": 3, **options}
    )
    return GlmPretrainingTask.setup_task(cfg)


def same(one: Any, other: Any) -> bool:
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return torch.equal(one, other) if isinstance(one, torch.Tensor) else bool(one == other)


def test_samples_are_the_same_for_any_number_of_workers(text_bin: DataBin) -> None:
    dataset = InfillingDataset(sides_of(text_bin), [0.5, 0.3, 0.2], 24, making(text_bin))
    dataset.set_epoch(2)
    batches = [list(range(start, start + 6)) for start in range(0, 24, 6)]
    found = [
        list(
            DataLoader(
                dataset, collate_fn=dataset.collater, batch_sampler=batches, num_workers=workers
            )
        )
        for workers in (0, 1, 3)
    ]
    for other in found[1:]:
        assert all(same(one, two) for one, two in zip(found[0], other, strict=True))


def test_every_epoch_has_samples_of_its_own_with_workers_too(text_bin: DataBin) -> None:
    found = []
    for workers in (0, 2):
        task = task_of(text_bin)
        task.load_dataset("train")
        iterator = task.get_batch_iterator(
            task.dataset("train"), max_sentences=8, seed=3, num_workers=workers, epoch=1
        )
        epochs = [list(iterator.next_epoch_itr(shuffle=True)) for _ in range(2)]
        found.append(epochs)
    for alone, spread in zip(*found, strict=True):
        assert all(same(one, other) for one, other in zip(alone, spread, strict=True))
    first, second = found[0]
    assert not any(same(one, other) for one in first for other in second)


def test_samples_differ_by_seed_epoch_and_number(text_bin: DataBin) -> None:
    dataset = InfillingDataset(sides_of(text_bin), [1, 0, 0], 2, making(text_bin))
    first, second = dataset[0]["source"], dataset[1]["source"]
    dataset.set_epoch(2)
    later = dataset[0]["source"]
    other = InfillingDataset(sides_of(text_bin), [1, 0, 0], 2, making(text_bin, seed=4))
    texts = [tuple(each.tolist()) for each in (first, second, later, other[0]["source"])]
    assert len(set(texts)) == 4
    dataset.set_epoch(1)
    assert torch.equal(dataset[0]["source"], first)


def test_languages_are_drawn_as_the_shares_say(text_bin: DataBin) -> None:
    task = task_of(text_bin, alpha=0.5, balance="none")
    task.load_dataset("train")
    dataset: Any = task.dataset("train")
    sizes = np.array([side.tokens for side in sides_of(text_bin)]) ** 0.5
    assert dataset.shares == pytest.approx(sizes / sizes.sum())
    drawn = np.bincount([dataset[index]["language"] for index in range(900)], minlength=3)
    assert chisquare(drawn, 900 * dataset.shares).pvalue > 0.01
    # By size alone it would be another distribution, which this many draws tell apart.
    by_size = np.array([side.tokens for side in sides_of(text_bin)], dtype=float)
    assert chisquare(drawn, 900 * by_size / by_size.sum()).pvalue < 1e-6


def test_an_epoch_has_as_many_samples_as_the_text_gives(text_bin: DataBin) -> None:
    task = task_of(text_bin)
    task.load_dataset("train")
    tokens = sum(side.tokens for side in sides_of(text_bin))
    assert len(task.dataset("train")) == tokens // LENGTH


def test_a_cap_on_repetitions_takes_from_small_languages(text_bin: DataBin) -> None:
    free, capped = (task_of(text_bin, alpha=0.0, max_upsample=most) for most in (100, 1.2))
    shares = []
    for task in (free, capped):
        task.load_dataset("train")
        dataset: Any = task.dataset("train")
        shares.append(dataset.shares)
    assert shares[0] == pytest.approx([1 / 3] * 3)
    assert shares[1][0] > 0.5
    assert sum(shares[1]) == pytest.approx(1)


def test_validation_has_as_many_samples_of_each_kind_and_they_stay(text_bin: DataBin) -> None:
    dataset = FixedInfillingDataset(sides_of(text_bin, "valid"), 2, making(text_bin))
    kinds = [(each["language"], each["objective"]) for each in map(dataset.__getitem__, range(18))]
    assert len(dataset) == 18
    every = [(z, o) for z in range(len(DOCUMENTS)) for o in range(len(OBJECTIVES))]
    assert sorted(kinds) == sorted(every * 2)
    before = dataset[4]
    dataset.set_epoch(7)
    assert same(before, dataset[4])


def test_no_sample_is_left_out_of_batches(text_bin: DataBin) -> None:
    dataset = InfillingDataset(sides_of(text_bin), [1, 0, 0], 21, making(text_bin))
    indices = dataset.ordered_indices()
    batches = dataset.batch_by_size(indices, None, 8, required_batch_size_multiple=8)
    assert [len(batch) for batch in batches] == [8, 8, 5]


def test_batches_that_hold_no_sample_are_refused(text_bin: DataBin) -> None:
    task = task_of(text_bin)
    task.load_dataset("train")
    said = "at most 30 tokens fit .* give --max-tokens 40 or more .* let --tokens-per-sample cut at"
    with pytest.raises(ConfigError, match=said):
        task.get_batch_iterator(
            task.dataset("train"), max_tokens=30, max_positions=(30, 30), ignore_invalid_inputs=True
        )


def test_a_batch_has_what_the_model_reads(text_bin: DataBin) -> None:
    dataset = InfillingDataset(sides_of(text_bin), [0.4, 0.3, 0.3], 8, making(text_bin))
    samples = [dataset[index] for index in range(8)]
    batch = dataset.collater(samples)
    pad = text_bin.dictionary.pad()
    rows = zip(samples, batch["target"], batch["net_input"]["tgt_pos1"], strict=True)
    for sample, target, blank in rows:
        length = len(sample["target"])
        assert target[:length].equal(sample["target"])
        assert target[length:].eq(pad).all()
        blanks = sample["source"][sample["blank"]]
        mask = find_symbols(text_bin.dictionary).blanks[sample["objective"]]
        assert blanks.eq(mask).all()
        assert blank[:length].equal(sample["blank"])
    assert batch["ntokens"] == sum(len(sample["target"]) for sample in samples)
    assert dataset.collater([]) == {}


def test_text_without_room_for_blanks_is_refused(text_bin: DataBin) -> None:
    class Short:
        language = "xx"

        def draw(self, generator: np.random.Generator) -> Any:
            return np.array([40])

    short: Any = Short()
    rng = np.random.default_rng(1)
    with pytest.raises(DataError, match="text in 'xx': blanks need documents of a few tokens"):
        make_sample(short, making(text_bin, length=4), rng, OBJECTIVES[0])


def test_wrong_options_and_data_bins_are_refused(text_bin: DataBin) -> None:
    with pytest.raises(ConfigError, match="--tokens-per-sample 5: it must be at least 16"):
        task_of(text_bin, tokens_per_sample=5)
    with pytest.raises(ConfigError, match="--valid-samples 0: it must be at least 1"):
        task_of(text_bin, valid_samples=0)
    with pytest.raises(ConfigError, match="glm_pretraining: it needs a data-bin, none was given"):
        GlmPretrainingTask.setup_task(GlmPretrainingConfig())
    args = GlmPretrainingConfig(data=str(text_bin.folder), tokens_per_sample=64)
    task = GlmPretrainingTask.setup_task(args)
    model = Namespace(arch="glm_tiny", _name="glm_tiny", stack_positions=64, stack_embed_dim=8)
    glm_tiny(model)
    with pytest.raises(ConfigError, match="--tokens-per-sample 64: it must be below the rows of"):
        task.build_model(model)
