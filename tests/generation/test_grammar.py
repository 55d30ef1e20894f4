"""Vocabularies, lengths and states of the grammar, by hand."""

import math
from typing import Any

import pytest
import torch

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.grammar import build_grammar


def content(grammar: Any) -> list[set[int]]:
    return [set(mask.nonzero().flatten().tolist()) for mask in grammar.allowed]


def test_restriction_chooses_which_summaries_keep_to_their_vocabulary(world: Any) -> None:
    a, b = set(world.words_a), set(world.words_b)
    assert content(world.grammar(restrict_vocab="both")) == [a, b]
    assert content(world.grammar(restrict_vocab="target")) == [a | b, b]
    assert content(world.grammar(restrict_vocab="none")) == [a | b, a | b]
    assert content(world.grammar(two=False, restrict_vocab="target")) == [b]
    assert content(world.grammar(two=False, restrict_vocab="none")) == [a | b]


@pytest.mark.parametrize("restrict", ["both", "target", "none"])
@pytest.mark.parametrize("two", [True, False])
def test_special_symbols_are_content_of_no_summary(world: Any, restrict: str, two: bool) -> None:
    everything = range(len(world.dictionary))
    grammar = build_grammar(
        world.dictionary,
        [everything, everything] if two else [everything],
        separator=world.separator,
        restrict_vocab=restrict,
        min_len=1,
        max_len_a=0,
        max_len_b=5,
        never=[7],
    )
    d = world.dictionary
    special = {d.bos(), d.pad(), d.eos(), d.unk(), world.separator, 7}
    for ids in content(grammar):
        assert ids == set(everything) - special
    assert grammar.separator == (world.separator if two else None)


def test_limits_are_each_documents_own(world: Any) -> None:
    lengths = torch.tensor([1, 10, 100])
    grammar = world.grammar(max_len_a=0.29, max_len_b=2, min_len=3)
    # int(0.29 * 10 + 2) = 4; the shortest document's 2 gives way to the minimum length.
    # 0.29 * 100 is a little less than 29 in double precision: Python's int() decides, everywhere.
    assert grammar.limits(lengths, 1000).tolist() == [3, 4, int(0.29 * 100 + 2)] == [3, 4, 30]
    # 41 positions: BOS, 20 tokens and the separator leave 19 for the second summary, so 19 each.
    assert grammar.limits(lengths, 41).tolist() == [3, 4, 19]
    one = world.grammar(two=False, max_len_b=90)
    assert one.limits(lengths, 41).tolist() == [40, 40, 40]


def test_states_follow_separator_minimum_and_limit(world: Any) -> None:
    grammar = world.grammar(min_len=2, max_len_b=3)
    bos, a, b, sep = world.dictionary.bos(), world.words_a[0], world.words_b[0], world.separator
    tokens = torch.tensor([[bos, a, a, a, sep, b, b], [bos, a, a, sep, b, b, b]])
    states = grammar.states(tokens, torch.tensor([3, 3]))
    assert states.tolist() == [[0, 0, 1, 2, 3, 3, 4], [0, 0, 1, 3, 3, 4, 5]]
    # The limit is the row's: at 2 the first summary of both must end after two tokens.
    assert grammar.states(tokens, torch.tensor([2, 3]))[:, 2].tolist() == [2, 1]


def test_states_of_one_summary(world: Any) -> None:
    grammar = world.grammar(two=False, min_len=0, max_len_b=2)
    b = world.words_b[0]
    tokens = torch.tensor([[world.dictionary.bos(), b, b]])
    assert grammar.states(tokens, torch.tensor([2])).tolist() == [[0, 1, 2]]


def test_masks_open_each_state_to_its_tokens(world: Any) -> None:
    grammar = world.grammar()
    table = grammar.mask_table()
    assert set(table.unique().tolist()) == {-math.inf, 0.0}
    a, b, sep, eos = set(world.words_a), set(world.words_b), {world.separator}, {grammar.eos}
    opened = [set(row.eq(0).nonzero().flatten().tolist()) for row in table]
    assert opened == [a, a | sep, sep, b, b | eos, eos]
    single = world.grammar(two=False).mask_table()
    assert [set(row.eq(0).nonzero().flatten().tolist()) for row in single] == [b, b | eos, eos]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"min_len": 6, "max_len_b": 5},
            r"summary lengths: the longest must reach the shortest \(6 token\(s\)\), met "
            r"--min-len 6 with --max-len-b 5 .*; lower --min-len or raise --max-len-b",
        ),
        ({"min_len": 0, "max_len_b": 0}, r"the shortest \(1 token\(s\)\), met --min-len 0"),
        ({"min_len": -1}, r"none can be negative, met --min-len -1 and --max-len-a 0"),
        ({"max_len_a": -0.5}, r"none can be negative, met --min-len 1 and --max-len-a -0.5"),
        (
            {"restrict_vocab": "all"},
            r"--restrict-vocab: it must be one of both, target, none, met 'all'; choose one",
        ),
        (
            {"words_b": [0, 1, 2, 3]},
            r"vocabulary of summary 2: it must hold a token that can be written, it holds none; "
            r"prepare the data-bin again or use --restrict-vocab none",
        ),
    ],
)
def test_a_grammar_without_hypotheses_is_refused(
    world: Any, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        world.grammar(**change)
