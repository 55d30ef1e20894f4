"""Lexicons among the weights of a checkpoint: whose stays, and other dictionaries."""

import logging

import pytest
import torch
from torch import Tensor

from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.modules.lexicon_weights import (
    extend_lexicons,
    trim_lexicons,
    with_own_lexicons,
)
from mclas_fairseq.modules.translation_table import ALWAYS, TranslationTable

V = 6
P = "decoder.translations."


def weights(first: float = 0.75, announced: int = ALWAYS, filled: bool = True) -> dict[str, Tensor]:
    """1 is translated by 4 and 5, 2 by 3; the rest stands for itself."""
    ids = torch.tensor([[0, 0], [4, 5], [3, 2], [3, 3], [4, 4], [5, 5]])
    shares = torch.tensor([[1.0, 0.0]] * V)
    shares[1] = torch.tensor([first, 1 - first])
    table = TranslationTable(V)
    if filled:
        table.fill([(ids, shares)], ["en>de"], [announced])
    return {P + name: value for name, value in table.state_dict().items()}


def test_lexicon_given_is_used_and_else_that_of_the_checkpoint(
    caplog: pytest.LogCaptureFixture,
) -> None:
    own = {**weights(), P + "attention.key.weight": torch.ones(1), "decoder.fc": torch.ones(1)}
    found = {**weights(0.5), P + "attention.key.weight": torch.zeros(1), "decoder.fc": 7}
    kept = with_own_lexicons(own, found)
    assert kept[P + "weights"][1, 1].tolist() == [0.75, 0.25]
    assert float(kept[P + "attention.key.weight"]) == 0  # learned, so it is the checkpoint's
    assert kept["decoder.fc"] == 7
    assert "--lexicon: takes the place" in caplog.text
    caplog.clear()
    caplog.set_level(logging.INFO)
    assert set(with_own_lexicons(own, {"decoder.fc": 7})) == set(own)  # one that does not translate
    with_own_lexicons(own, own)
    empty = {**weights(filled=False), "decoder.fc": torch.ones(1)}
    taken = with_own_lexicons(empty, found)
    assert taken[P + "weights"][1, 1].tolist() == [0.5, 0.5]
    assert not caplog.text


def test_trimmed_lexicon_is_over_what_stays_and_sums_to_one() -> None:
    kept, places = torch.tensor([0, 1, 2, 5]), torch.tensor([0, 1, 2, -1, -1, 3])
    found = trim_lexicons({**weights(announced=5), "encoder.x": torch.ones(1)}, kept, places)
    assert set(found) == {P + "ids", P + "weights", P + "announced"}
    ids, shares = found[P + "ids"][1], found[P + "weights"][1]
    assert shares.sum(1).tolist() == [1.0] * 4
    assert ids.tolist() == [[0, 0], [1, 3], [2, 2], [3, 3]]
    assert shares.tolist() == [[1, 0], [0, 1], [1, 0], [1, 0]]  # of two one is left; of one none
    assert found[P + "announced"].tolist() == [3]
    assert trim_lexicons(weights(), kept, places)[P + "announced"].tolist() == [ALWAYS]
    with pytest.raises(CheckpointError, match=r"separator that announces one .* is dropped"):
        trim_lexicons(weights(announced=4), kept, places)


def test_new_entries_of_an_extended_lexicon_stand_for_themselves() -> None:
    before = weights()
    found = extend_lexicons(before, V + 2)
    assert torch.equal(found[P + "ids"][:, :V], before[P + "ids"])
    assert torch.equal(found[P + "weights"][:, :V], before[P + "weights"])
    assert found[P + "ids"][:, V:].tolist() == [[[6, 6], [7, 7]]] * 2
    assert found[P + "weights"][:, V:].tolist() == [[[1.0, 0.0]] * 2] * 2
    assert extend_lexicons({"encoder.x": torch.ones(V)}, V + 2) == {}
