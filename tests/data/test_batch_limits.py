"""Documents that no batch can hold are named, never dropped behind the user's back."""

from collections.abc import Sequence

import numpy as np
import pytest
from fairseq.data import Dictionary

from mclas_fairseq.data.batch_limits import within_limits
from mclas_fairseq.data.summary_dataset import (
    LayoutDataset,
    RowsDataset,
    SummaryDataset,
    TargetSpec,
)
from mclas_fairseq.errors import ConfigError
from tests.data.test_summary_dataset import EOS, side

ROWS = np.array([3, 1, 0, 2])
ALL = np.arange(4)


def _dataset(lengths: Sequence[int], targets: int = 3) -> SummaryDataset:
    return SummaryDataset(
        RowsDataset(side(lengths), ROWS, 100, EOS),
        LayoutDataset([side([targets] * 4)], ROWS, TargetSpec(EOS, 9, 100)),
        Dictionary(),
        shuffle=False,
        split="train",
        names=["a", "b", "c", "d"],
    )


@pytest.mark.parametrize("leave_out", [False, True])
def test_what_fits_is_kept_as_it_is(leave_out: bool) -> None:
    kept = within_limits(_dataset([5, 9, 7, 6]), ALL[::-1], (9, 9), leave_out=leave_out)
    assert kept.tolist() == [3, 2, 1, 0]


def test_the_longest_document_is_named_with_lengths_and_remedies() -> None:
    with pytest.raises(ConfigError) as told:
        within_limits(_dataset([5, 12, 30, 6]), ALL, (10, 40), leave_out=False)
    assert str(told.value) == (
        "--max-tokens: a batch must hold every document, but at most 10 tokens fit into one and"
        " 2 of 4 are longer, the longest being train document 'c': 30 tokens, its target 3; give"
        " --max-tokens 30 or more (--batch-size for fewer documents a batch), or let"
        " --max-source-positions and --max-target-positions cut at 10"
    )


def test_a_target_can_be_too_long_as_well() -> None:
    with pytest.raises(ConfigError, match=r"4 of 4 .* its target 20; give --max-tokens 20 or"):
        within_limits(_dataset([5, 5, 5, 5], targets=20), ALL, (10, 10), leave_out=False)


def test_left_out_on_demand_they_are_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    kept = within_limits(_dataset([5, 12, 30, 6]), ALL, (10, 10), leave_out=True)
    assert ROWS[kept].tolist() == [3, 0]
    assert "they are left out (train document 'b', train document 'c')" in caplog.text


def test_none_left_is_an_error_even_so() -> None:
    with pytest.raises(ConfigError, match="4 of 4 are longer"):
        within_limits(_dataset([5, 5, 5, 5]), ALL, (4, 4), leave_out=True)
