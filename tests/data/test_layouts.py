"""Target layouts: building and splitting are inverses (Bai et al. 2021, Eq. 3)."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from mclas_fairseq.data.layouts import (
    DecoderChoice,
    Layout,
    build_target,
    first_summary_mask,
    split_tokens,
    summary_limit,
)
from mclas_fairseq.errors import DataError

SEPARATOR, EOS = 9, 2
summary = st.lists(st.integers(10, 30), min_size=1, max_size=12)


def test_layouts_name_the_languages_of_their_summaries_in_order() -> None:
    assert Layout("ms").languages("en", "de") == ("en",)
    assert Layout("ncls").languages("en", "de") == ("de",)
    assert Layout("mclas").languages("en", "de") == ("en", "de")


def test_mclas_target_is_both_summaries_with_one_separator_and_eos() -> None:
    target = build_target(
        [torch.tensor([11, 12]), torch.tensor([21])], separator=SEPARATOR, eos=EOS, limit=100
    )
    assert target.tolist() == [11, 12, SEPARATOR, 21, EOS]


@given(st.lists(summary, min_size=1, max_size=2))
def test_split_is_the_inverse_of_build(summaries: list[list[int]]) -> None:
    tensors = [torch.tensor(tokens) for tokens in summaries]
    target = build_target(tensors, separator=SEPARATOR, eos=EOS, limit=100)
    split = split_tokens(target.tolist(), separator=SEPARATOR, eos=EOS, summaries=len(summaries))
    assert split == summaries


@given(st.lists(summary, min_size=1, max_size=2), st.integers(6, 30))
def test_target_never_exceeds_its_limit_and_cuts_each_summary_to_its_share(
    summaries: list[list[int]], limit: int
) -> None:
    tensors = [torch.tensor(tokens) for tokens in summaries]
    target = build_target(tensors, separator=SEPARATOR, eos=EOS, limit=limit)
    share = summary_limit(limit, len(summaries))
    assert len(target) <= limit
    split = split_tokens(target.tolist(), separator=SEPARATOR, eos=EOS, summaries=len(summaries))
    assert split == [tokens[:share] for tokens in summaries]


@pytest.mark.parametrize("tokens", [[11, 21, EOS], [11, SEPARATOR, 21, SEPARATOR, 22, EOS]])
def test_missing_or_doubled_separator_is_an_error(tokens: list[int]) -> None:
    with pytest.raises(DataError, match="2 summaries need 1 separator.*another layout"):
        split_tokens(tokens, separator=SEPARATOR, eos=EOS, summaries=2)


def test_first_summary_mask_ends_with_the_separator() -> None:
    target = torch.tensor([[11, SEPARATOR, 21, EOS], [11, 12, 13, SEPARATOR]])
    expected = [[True, True, False, False], [True, True, True, True]]
    assert first_summary_mask(target, SEPARATOR).tolist() == expected


@pytest.mark.parametrize(
    ("decoder", "languages"), [("cls", ("de",)), ("ms", ("en",)), ("both", ("en", "de"))]
)
def test_the_decoder_says_what_a_model_of_two_writes_and_nothing_about_others(
    decoder: str, languages: tuple[str, ...]
) -> None:
    choice = DecoderChoice(decoder)
    assert Layout("ncls_ms").languages("en", "de") == ("en", "de")
    assert Layout("ncls_ms").written("en", "de", choice) == languages
    for layout in (Layout.MS, Layout.NCLS, Layout.MCLAS):
        assert layout.written("en", "de", choice) == layout.languages("en", "de")
