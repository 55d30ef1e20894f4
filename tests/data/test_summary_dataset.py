"""Documents and targets become batches: cut, counted, ordered, and all of them."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from fairseq.data import Dictionary, ListDataset, data_utils
from torch import Tensor

from mclas_fairseq.data.summary_dataset import (
    LayoutDataset,
    RowsDataset,
    SummaryDataset,
    TargetSpec,
)

BOS, PAD, EOS = 0, 1, 2


def make_dictionary() -> Dictionary:
    dictionary = Dictionary()
    for number in range(20):
        dictionary.add_symbol(f"w{number}")
    assert (dictionary.bos(), dictionary.pad(), dictionary.eos()) == (BOS, PAD, EOS)
    return dictionary


def side(lengths: Sequence[int], first: int = 10) -> ListDataset:
    """A binarised side whose rows have so many tokens, EOS counted; no two rows are alike."""
    rows = [
        torch.tensor([first + row % 5] * (length - 1) + [EOS]) for row, length in enumerate(lengths)
    ]
    return ListDataset(rows, list(lengths))


def spec(limit: int) -> TargetSpec:
    return TargetSpec(eos=EOS, separator=9, max_positions=limit)


def make_dataset(
    lengths: Sequence[int], rows: Sequence[int], *, shuffle: bool = False
) -> SummaryDataset:
    documents = RowsDataset(side(lengths), rows, 8, EOS)
    summaries = [side([3] * len(lengths), 14), side([4] * len(lengths), 17)]
    targets = LayoutDataset(summaries, rows, spec(100))
    return SummaryDataset(documents, targets, make_dictionary(), shuffle=shuffle, split="valid")


def test_rows_are_cut_with_eos_kept_and_counted() -> None:
    dataset = RowsDataset(side([3, 9, 5, 12]), [1, 2, 3], 5, EOS)
    assert (dataset.truncated, dataset.truncated_tokens) == (2, 4 + 7)
    assert dataset.sizes.tolist() == [5, 5, 5]
    assert dataset[0].tolist() == [11, 11, 11, 11, EOS]
    assert dataset[1].tolist() == [12, 12, 12, 12, EOS]
    assert len(dataset) == 3


def test_sizes_of_targets_are_their_lengths_and_cut_ones_are_counted() -> None:
    dataset = LayoutDataset([side([6, 2, 5]), side([3, 8, 2])], [0, 1, 2], spec(9))
    assert dataset.sizes.tolist() == [len(dataset[row]) for row in range(3)]
    # Each summary has room for (9 - 2) // 2 = 3 tokens.
    assert dataset[0].tolist() == [10, 10, 10, 9, 10, 10, EOS]
    assert dataset[1].tolist() == [11, 9, 11, 11, 11, EOS]
    assert dataset.truncated == 3


def test_id_is_the_row_in_the_split() -> None:
    dataset = make_dataset([3, 4, 5, 6, 7], [1, 3, 4])
    assert [dataset[index]["id"] for index in range(3)] == [1, 3, 4]
    assert dataset[1]["source"].tolist() == [13, 13, 13, 13, 13, EOS]
    batch = dataset.collater([dataset[index] for index in range(3)])
    by_row = dict(
        zip(batch["id"].tolist(), batch["net_input"]["src_lengths"].tolist(), strict=True)
    )
    assert by_row == {1: 4, 3: 6, 4: 7}
    assert batch["split"] == "valid"


def test_decoder_input_is_bos_and_the_target_without_its_end() -> None:
    dataset = make_dataset([3, 4, 5], [0, 1, 2])
    batch = dataset.collater([dataset[index] for index in range(3)])
    previous: Tensor = batch["net_input"]["prev_output_tokens"]
    assert previous[:, 0].tolist() == [BOS] * 3
    assert torch.equal(previous[:, 1:], batch["target"][:, :-1])
    assert batch["target"][0, -1] == EOS
    sources: Tensor = batch["net_input"]["src_tokens"]
    assert sources[-1, 0] == PAD, "padded on the left, longest first"
    assert (sources[:, -1] == EOS).all()


@pytest.mark.parametrize("shuffle", [False, True])
def test_order_does_not_depend_on_the_seed_of_the_epoch(shuffle: bool) -> None:
    orders = []
    for epoch in (1, 7):
        dataset = make_dataset([4, 7, 4, 7, 4, 7, 4, 7] * 3, range(24), shuffle=shuffle)
        with data_utils.numpy_seed(epoch):
            orders.append(dataset.ordered_indices().tolist())
    assert orders[0] == orders[1]
    assert sorted(orders[0]) == list(range(24))
    lengths = [dataset.src_sizes[index] for index in orders[0]]
    assert lengths == sorted(lengths)


def test_ordering_leaves_the_random_state_of_the_epoch_alone() -> None:
    dataset = make_dataset([4, 7, 4], range(3), shuffle=True)
    np.random.seed(5)
    expected = np.random.rand()
    np.random.seed(5)
    dataset.ordered_indices()
    assert np.random.rand() == expected


@pytest.mark.parametrize("size", [1, 3, 8, 9, 12, 20])
@pytest.mark.parametrize(("sentences", "tokens"), [(4, None), (8, None), (None, 30), (5, 30)])
def test_every_document_is_batched_within_the_limits(
    size: int, sentences: int | None, tokens: int | None
) -> None:
    dataset = make_dataset([4 + row % 4 for row in range(size)], range(size))
    indices = dataset.ordered_indices()
    batches = dataset.batch_by_size(indices, tokens, sentences, 8)
    assert [int(index) for batch in batches for index in batch] == indices.tolist()
    for batch in batches:
        assert len(batch) <= (sentences or size)
        longest = max(dataset.num_tokens(int(index)) for index in batch)
        assert longest * len(batch) <= (tokens or 10**6)


def make_two_target_dataset() -> SummaryDataset:
    documents = RowsDataset(side([3, 7, 5]), [0, 1, 2], 8, EOS)
    cls = LayoutDataset([side([3, 6, 2], 14)], [0, 1, 2], spec(100))
    ms = LayoutDataset([side([4, 2, 9], 17)], [0, 1, 2], spec(7))
    return SummaryDataset(documents, cls, make_dictionary(), shuffle=False, ms_targets=ms)


def test_second_targets_stand_beside_the_first_row_by_row() -> None:
    dataset = make_two_target_dataset()
    batch = dataset.collater([dataset[index] for index in range(3)])
    assert batch["id"].tolist() == [1, 2, 0], "fairseq puts the longest document first"
    expected = {0: [17, 17, 17, EOS], 1: [18, EOS], 2: [19] * 6 + [EOS]}  # the last is cut to 7
    for row, target in zip(batch["id"].tolist(), batch["ms_target"], strict=True):
        assert target.tolist() == expected[row] + [PAD] * (7 - len(expected[row]))
    first = batch["target"][:, 0].tolist()
    assert first == [15, 16, 14]


def test_second_decoder_reads_bos_and_its_target_without_its_end() -> None:
    dataset = make_two_target_dataset()
    batch = dataset.collater([dataset[index] for index in range(3)])
    previous: Tensor = batch["net_input"]["ms_prev_output_tokens"]
    assert previous[:, 0].tolist() == [BOS] * 3
    for read, target in zip(previous, batch["ms_target"], strict=True):
        length = int(target.ne(PAD).sum())
        assert read[1:length].tolist() == target[: length - 1].tolist()
        assert read[length:].tolist() == [PAD] * (7 - length)


def test_tokens_of_both_targets_are_counted_and_the_longer_one_fills_batches() -> None:
    dataset = make_two_target_dataset()
    batch = dataset.collater([dataset[index] for index in range(3)])
    content = [int(batch[name].ne(PAD).sum()) for name in ("target", "ms_target")]
    assert content == [11, 13]
    assert batch["ntokens"] == sum(content)
    assert [dataset.num_tokens(index) for index in range(3)] == [4, 7, 7]
