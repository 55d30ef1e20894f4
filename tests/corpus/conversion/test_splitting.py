"""Which split a document goes to."""

import numpy as np
import pytest

from mclas_fairseq.corpus.conversion.splitting import SplitOptions, assign_splits, parse_shares
from mclas_fairseq.errors import ConfigError

SHARES = (0.8, 0.1, 0.1)


def digests(size: int) -> list[int]:
    return [int(key) for key in np.random.default_rng(3).integers(0, 2**63, size)]


def assign(keys: list[int], options: SplitOptions, labels: list[int] | None = None) -> list[str]:
    return assign_splits(keys, np.array(labels or range(len(keys))), options)


def test_shares_are_met_about() -> None:
    splits = assign(digests(20_000), SplitOptions(SHARES))
    counts = [splits.count(name) for name in ("train", "valid", "test")]
    assert counts == pytest.approx([16_000, 2000, 2000], rel=0.05)


def test_a_document_keeps_its_split_when_others_come_or_go() -> None:
    keys = digests(100)
    splits = dict(zip(keys, assign(keys, SplitOptions(SHARES)), strict=True))
    fewer = keys[::-3]
    assert assign(fewer, SplitOptions(SHARES)) == [splits[key] for key in fewer]


def test_a_group_goes_as_one_whatever_its_order() -> None:
    keys = digests(400)
    labels = [number // 4 * 4 for number in range(400)]
    splits = assign(keys, SplitOptions(SHARES), labels)
    assert all(len(set(splits[start : start + 4])) == 1 for start in range(0, 400, 4))
    assert len(set(splits)) == 3
    turned = assign(keys[::-1], SplitOptions(SHARES), labels)  # members of a group come reversed
    assert turned == splits[::-1]


def test_another_seed_makes_another_split() -> None:
    keys = digests(200)
    first = assign(keys, SplitOptions(SHARES, seed=1))
    assert assign(keys, SplitOptions(SHARES, seed=1)) == first
    assert assign(keys, SplitOptions(SHARES, seed=2)) != first


def test_a_split_without_a_share_gets_nothing() -> None:
    options = SplitOptions(parse_shares("9/1/0"))
    assert options.used() == ["train", "valid"]
    assert set(assign(digests(500), options)) == {"train", "valid"}


def test_shares_are_read_as_proportions() -> None:
    assert parse_shares("80/10/10") == pytest.approx(SHARES)
    assert parse_shares("1/1/2") == pytest.approx((0.25, 0.25, 0.5))


@pytest.mark.parametrize(
    "text", ["80/20", "80/10/10/0", "a/b/c", "0/50/50", "100/0/0", "-1/1/1", "nan/1/1", "inf/1/1"]
)
def test_shares_that_cannot_be_meant_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=f"--split: must be three numbers .* but is '{text}'"):
        parse_shares(text)


@pytest.mark.parametrize("similarity", [0.1, 0.0, 1.1, float("nan")])
def test_a_similarity_at_which_pairs_would_be_missed_is_refused(similarity: float) -> None:
    with pytest.raises(ConfigError, match="--similarity: must lie between 0.2"):
        SplitOptions(SHARES, similarity=similarity)
