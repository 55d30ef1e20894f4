"""Batches of several tasks: one of each per update, the small corpora repeated without favour."""

from collections import Counter
from collections.abc import Sequence

import numpy as np
import torch
from fairseq.data import Dictionary, ListDataset

from mclas_fairseq.data.summary_dataset import LayoutDataset, TargetSpec
from mclas_fairseq.vhm.batches import MultitaskDataset, TaggedRows, TaskDataset

PAD, EOS = 1, 2
TAGS = {"mt": 20, "ms": 21, "cls": 22}


def make_dictionary() -> Dictionary:
    dictionary = Dictionary()
    for number in range(20):
        dictionary.add_symbol(f"w{number}")
    return dictionary


def side(lengths: Sequence[int], first: int = 5) -> ListDataset:
    """Rows of so many tokens, EOS counted; token k of each is first + k."""
    rows = [torch.tensor([*range(first, first + length - 1), EOS]) for length in lengths]
    return ListDataset(rows, list(lengths))


def part(name: str, size: int, *, longest: int = 50, with_summaries: bool = False) -> TaskDataset:
    """`size` samples; document n has n % 4 + 2 tokens (EOS counted), its target n % 3 + 2."""
    lengths = [number % 4 + 2 for number in range(size)]
    spec = TargetSpec(eos=EOS, separator=9, max_positions=50)
    documents = TaggedRows(side(lengths), range(size), 50, EOS, TAGS[name])
    targets = LayoutDataset([side([n % 3 + 2 for n in range(size)], 10)], range(size), spec)
    summaries = LayoutDataset([side([n % 2 + 2 for n in range(size)], 15)], range(size), spec)
    return TaskDataset(
        documents,
        targets,
        make_dictionary(),
        split="train",
        shuffle=True,
        max_encoder_positions=longest,
        ms_targets=summaries if with_summaries else None,
    )


def updates(
    dataset: MultitaskDataset, epoch: int, sentences: int = 2
) -> list[dict[str, list[int]]]:
    """Ids of the samples of each task in each batch of an epoch, before fairseq shuffles."""
    dataset.set_epoch(epoch)
    batches = dataset.batch_by_size(dataset.ordered_indices(), max_sentences=sentences)
    merged = [dataset.collater([dataset[int(index)] for index in batch]) for batch in batches]
    return [{name: own["id"].tolist() for name, own in batch.items()} for batch in merged]


def all_ids(epoch: Sequence[dict[str, list[int]]], name: str) -> Counter[int]:
    return Counter(row for batch in epoch for row in batch[name])


def test_an_update_has_a_batch_of_each_task_and_an_epoch_is_the_largest_corpus() -> None:
    dataset = MultitaskDataset(
        {"mt": part("mt", 9), "ms": part("ms", 14), "cls": part("cls", 4)}, seed=1
    )
    epoch = updates(dataset, 1)
    assert len(epoch) == 7
    assert all(list(batch) == ["mt", "ms", "cls"] for batch in epoch)
    assert all(1 <= len(ids) <= 2 for batch in epoch for ids in batch.values())
    assert all_ids(epoch, "ms") == Counter(range(14))


def test_samples_of_a_small_corpus_are_repeated_equally_often_over_epochs() -> None:
    dataset = MultitaskDataset({"ms": part("ms", 14), "cls": part("cls", 6)}, seed=1)
    seen: Counter[int] = Counter()
    for epoch in range(1, 4):  # 21 updates, seven passes over three batches
        seen += all_ids(updates(dataset, epoch), "cls")
    assert seen == Counter(dict.fromkeys(range(6), 7))


def test_passes_over_a_small_corpus_are_shuffled_by_seed_and_epoch_alone() -> None:
    parts = {"ms": part("ms", 40), "cls": part("cls", 16)}
    first = updates(MultitaskDataset(parts, seed=1), 3)
    again = MultitaskDataset(parts, seed=1)
    updates(again, 1)
    assert updates(again, 3) == first, "an epoch does not depend on those before it"
    assert updates(again, 4) != first
    assert updates(MultitaskDataset(parts, seed=2), 3) != first
    order = [batch["cls"] for batch in first]
    assert order[:8] != order[8:16], "each pass has an order of its own"


def test_one_task_alone_keeps_the_batches_of_its_own_dataset() -> None:
    alone = part("cls", 11)
    dataset = MultitaskDataset({"cls": alone}, seed=1)
    expected = alone.batch_by_size(alone.ordered_indices(), max_sentences=3)
    for epoch in (1, 2):
        found = [batch["cls"] for batch in updates(dataset, epoch, sentences=3)]
        # Within a batch fairseq sorts by length.
        assert [sorted(ids) for ids in found] == [sorted(batch.tolist()) for batch in expected]


def test_the_limit_of_tokens_holds_for_each_task_by_itself() -> None:
    dataset = MultitaskDataset({"mt": part("mt", 12), "cls": part("cls", 12)}, seed=1)
    batches = dataset.batch_by_size(dataset.ordered_indices(), max_tokens=12)
    for batch in batches:
        merged = dataset.collater([dataset[int(index)] for index in batch])
        for own in merged.values():
            assert own["net_input"]["src_tokens"].numel() <= 12
    assert any(len(batch) > 3 for batch in batches)


def test_documents_begin_with_the_tag_which_counts_as_one_of_their_tokens() -> None:
    rows = TaggedRows(side([3, 8, 5]), [1, 2], 5, EOS, tag=20)
    assert rows[0].tolist() == [20, 5, 6, 7, EOS]
    assert rows[1].tolist() == [20, 5, 6, 7, EOS]
    assert rows.sizes.tolist() == [5, 5]
    assert (rows.truncated, rows.truncated_tokens) == (2, 4 + 1)


def test_targets_come_as_encoder_input_too_padded_on_the_left_and_in_the_batchs_order() -> None:
    own = part("cls", 6, with_summaries=True)
    batch = own.collater([own[index] for index in (0, 1, 5, 3)])
    assert batch["net_input"]["src_tokens"][:, 0].ne(PAD).sum() == 1, "documents differ in length"
    for name, base, modulus in (("tgt_src_tokens", 10, 3), ("ms_tgt_src_tokens", 15, 2)):
        for row, tokens in zip(batch["id"].tolist(), batch[name].tolist(), strict=True):
            text = [*range(base, base + row % modulus + 1), EOS]
            assert tokens == [PAD] * (len(tokens) - len(text)) + text
    assert "tgt_src_tokens" not in batch["net_input"], "generation hands net_input to the encoder"


def test_targets_are_cut_to_what_the_encoder_takes_and_stay_whole_for_the_decoder() -> None:
    own = part("ms", 3, longest=3)
    batch = own.collater([own[2]])
    assert batch["tgt_src_tokens"].tolist() == [[10, 11, EOS]]
    assert batch["target"].tolist() == [[10, 11, 12, EOS]]
    assert "ms_tgt_src_tokens" not in batch


def test_a_rank_without_samples_gets_an_empty_batch() -> None:
    dataset = MultitaskDataset({"ms": part("ms", 2), "cls": part("cls", 2)}, seed=1)
    assert dataset.collater([]) == {}


def test_samples_over_the_models_limit_are_reported_by_their_own_index() -> None:
    dataset = MultitaskDataset({"ms": part("ms", 4), "cls": part("cls", 4)}, seed=1)
    kept, ignored = dataset.filter_indices_by_size(np.arange(8), (5, 50))
    # Documents of row 3 have six tokens with their tag.
    assert kept.tolist() == [0, 1, 2, 4, 5, 6]
    assert ignored == [3, 7]
    assert dataset.size(7) == (6, 2)
    assert dataset.num_tokens(3) == 6
