"""What search leaves out changes nothing: sliced = masked, documents once = once per hypothesis."""

import logging
import math
from argparse import Namespace
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, Optional

import pytest
import torch
from fairseq.search import DiverseSiblingsSearch, Sampling
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mclas_fairseq.generation import search_call
from mclas_fairseq.generation.grammar import PlanContent, build_grammar
from mclas_fairseq.generation.search_call import SearchCall, Shortcuts
from mclas_fairseq.generation.sliced_projection import SlicedProjection
from mclas_fairseq.generation.vocabulary_lists import build_lists
from mclas_fairseq.summarization.model import MclasModel, mclas_tiny

LENGTHS = [9, 4, 6, 1]
NONE = Shortcuts(allowed_only=False, documents_once=False)
V, PAD, EOS = 40, 1, 2

Found = list[list[dict[str, Tensor]]]


def assert_same(found: Found, expected: Found, tolerance: float = 1e-5) -> None:
    """Same hypotheses in the same order, same scores of each token."""
    for some, others in zip(found, expected, strict=True):
        assert [one["tokens"].tolist() for one in some] == [
            other["tokens"].tolist() for other in others
        ]
        for one, other in zip(some, others, strict=True):
            for name in ("score", "positional_scores", "attention"):
                torch.testing.assert_close(one[name], other[name], atol=tolerance, rtol=0)


def random_table(data: st.DataObject) -> Tensor:
    """Masks of random states: some of one entry, some nearly alike, some of no relation."""
    content = st.sets(st.integers(3, V - 1), min_size=1, max_size=V - 3)
    rows = []
    for _ in range(data.draw(st.integers(1, 3))):
        ids = sorted(data.draw(content))
        end = data.draw(st.sampled_from([EOS, ids[0], V - 1]))
        rows += [ids, sorted({*ids, end}), [end]]
    table = torch.full((len(rows), V), -math.inf)
    for row, ids in zip(table, rows, strict=True):
        row[ids] = 0.0
    return table


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data(), bias=st.booleans(), compact=st.booleans())
def test_sliced_scores_are_masked_scores_on_random_grammars(
    data: st.DataObject, bias: bool, compact: bool
) -> None:
    table = random_table(data)
    seed, temperature = data.draw(st.integers(0, 10**6)), data.draw(st.sampled_from([1.0, 0.7]))
    torch.manual_seed(seed)
    layer, features = nn.Linear(8, V, bias=bias), torch.randn(7, 8)
    states = torch.randint(0, len(table), (7,))
    with torch.no_grad():
        expected = (layer(features) / temperature + table[states]).log_softmax(dim=-1)
        lists = build_lists(table, pad=PAD, eos=EOS)
        projection = SlicedProjection(layer, lists, compact=compact)
        found = projection(features, states, temperature)
    if compact:
        columns = lists.columns[projection.lists_of_rows]  # N x V: where each entry is
        assert bool(found.isneginf().sum(dim=1).eq(lists.width - (table == 0).sum(1)[states]).all())
        found = found.gather(1, columns)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(data=st.data())
def test_lists_lead_from_entries_to_columns_and_back(data: st.DataObject) -> None:
    table = random_table(data)
    lists = build_lists(table, pad=PAD, eos=EOS)
    for state, row in enumerate(table):
        number = int(lists.of_state[state])
        allowed = row.eq(0).nonzero().squeeze(1)
        columns = lists.columns[number, allowed]
        assert lists.ids[number, columns].tolist() == allowed.tolist()
        assert int(lists.only[state]) == (int(columns[0]) if len(allowed) == 1 else -1)
        assert not set(lists.shut[state].tolist()) & set(columns.tolist())
        if len(allowed) > 1:
            width = lists.entries[number].numel()
            assert set(lists.shut[state].tolist()) == set(range(width)) - set(columns.tolist())
        if lists.keeps_numbers:
            assert lists.columns[number, PAD] == PAD
            assert lists.columns[number, EOS] in (PAD, EOS)
    assert not bool(lists.ids.eq(PAD).any())


def test_two_languages_are_two_lists_and_their_ends_none(world: Any) -> None:
    """Six states of `S^A [LSEP] S^B`: a list for each half, no product where the end is forced."""
    lists = build_lists(world.grammar().mask_table(), pad=PAD, eos=EOS)
    assert len(lists.entries) == 2
    assert lists.of_state[:3].unique().numel() == lists.of_state[3:].unique().numel() == 1
    assert lists.only.lt(0).tolist() == [True, True, False, True, True, False]


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    seed=st.integers(0, 10**6),
    two=st.booleans(),
    restrict=st.sampled_from(["both", "target", "none"]),
    min_len=st.integers(0, 3),
    slope=st.sampled_from([0.0, 0.5]),
    beam=st.integers(1, 6),
    size=st.sampled_from([0, 2]),
    shortcuts=st.sampled_from([Shortcuts(), Shortcuts(True, False), Shortcuts(False, True)]),
)
def test_search_with_shortcuts_finds_what_search_without_them_finds(
    world: Any,
    seed: int,
    two: bool,
    restrict: str,
    min_len: int,
    slope: float,
    beam: int,
    size: int,
    shortcuts: Shortcuts,
) -> None:
    grammar = world.grammar(
        two=two, restrict_vocab=restrict, min_len=min_len, max_len_a=slope, max_len_b=4
    )
    model, sample = world.model(seed), world.sample(seed, LENGTHS)
    options = {"beam_size": beam, "no_repeat_ngram_size": size, "temperature": 0.9}
    found = world.search([model], grammar, shortcuts=shortcuts, **options)
    expected = world.search([model], grammar, shortcuts=NONE, **options)
    assert_same(found.generate(None, sample), expected.generate(None, sample))


def _strategies(dictionary: Any) -> list[Optional[nn.Module]]:
    return [
        Sampling(dictionary),
        Sampling(dictionary, sampling_topp=0.8),
        DiverseSiblingsSearch(dictionary, diversity_rate=0.5),
    ]


@pytest.mark.parametrize("number", range(3))
def test_other_searches_find_the_same_with_shortcuts(world: Any, number: int) -> None:
    grammar, sample = world.grammar(min_len=2), world.sample(3, LENGTHS)
    found = []
    for shortcuts in (Shortcuts(), NONE):
        search = world.search(
            [world.model(3)],
            grammar,
            beam_size=3,
            search_strategy=_strategies(world.dictionary)[number],
            shortcuts=shortcuts,
        )
        torch.manual_seed(5)
        found.append(search.generate(None, sample))
    assert_same(*found)


def test_prefixes_are_followed_by_the_same_with_shortcuts(world: Any) -> None:
    grammar, sample = world.grammar(), world.sample(1, [5, 7])
    prefix = torch.tensor([[world.words_a[0], world.separator]] * 2)
    found, expected = (
        world.search([world.model(1)], grammar, beam_size=3, shortcuts=shortcuts).generate(
            None, sample, prefix_tokens=prefix
        )
        for shortcuts in (Shortcuts(), NONE)
    )
    assert_same(found, expected)


def test_batches_of_two_target_languages_find_the_same_with_shortcuts(world: Any) -> None:
    words, second = world.words_b[:6], world.words_b[-1]
    grammar = build_grammar(
        world.dictionary,
        [world.words_a, words],
        separator=world.separator,
        restrict_vocab="both",
        min_len=1,
        max_len_a=0.0,
        max_len_b=4,
        further=[PlanContent([world.words_a, world.words_b[6:-1]], second)],
    )
    sample = {**world.sample(4, LENGTHS), "target_lang": torch.tensor([0, 1, 1, 0])}
    found, expected = (
        world.search([world.model(4)], grammar, beam_size=3, shortcuts=shortcuts).generate(
            None, sample
        )
        for shortcuts in (Shortcuts(), NONE)
    )
    assert_same(found, expected)


def test_bf16_finds_the_same_with_shortcuts(world: Any) -> None:
    grammar, sample = world.grammar(), world.sample(6, LENGTHS)
    model = world.model(6).to(torch.bfloat16)
    found, expected = (
        world.search([model], grammar, beam_size=2, shortcuts=shortcuts).generate(None, sample)
        for shortcuts in (Shortcuts(documents_once=False), NONE)
    )
    assert_same(found, expected)


def test_an_ensemble_is_masked_as_the_log_says_once(
    world: Any, caplog: pytest.LogCaptureFixture
) -> None:
    search_call._not_sliced.cache_clear()
    models, grammar, sample = (
        [world.model(1), world.model(2)],
        world.grammar(),
        world.sample(1, [5]),
    )
    with caplog.at_level(logging.INFO):
        found = world.search(models, grammar, beam_size=3)
        expected = world.search(models, grammar, beam_size=3, shortcuts=NONE)
        world.search(models, grammar)
    assert found.lists is None
    assert_same(found.generate(None, sample), expected.generate(None, sample))
    said = "over all entries and then masked, as the models of an ensemble are averaged"
    assert caplog.text.count(said) == 1


@pytest.mark.parametrize("copying", [False, True])
def test_our_architecture_takes_the_shortcuts_but_for_copying(world: Any, copying: bool) -> None:
    """Copying mixes in the attention over the document, entry by entry: all are computed."""
    task = SimpleNamespace(
        source_dictionary=world.dictionary,
        target_dictionary=world.dictionary,
        dictionary_sha256="0" * 64,
        max_positions=lambda: (64, 64),
    )
    args = Namespace(copy_attention=copying)
    mclas_tiny(args)
    torch.manual_seed(1)
    model: Any = MclasModel.build_model(args, task).eval()
    grammar, sample = world.grammar(), world.sample(1, LENGTHS)
    found = world.search([model], grammar, beam_size=3)
    assert (found.lists is None) == copying
    assert found.documents_once
    expected = world.search([model], grammar, beam_size=3, shortcuts=NONE)
    assert_same(found.generate(None, sample), expected.generate(None, sample))


def test_calls_see_the_weights_of_their_time(world: Any) -> None:
    """A generator kept over an update (as in validation) must not decode with old slices."""
    model, grammar, sample = world.model(1), world.grammar(), world.sample(1, LENGTHS)
    search = world.search([model], grammar, beam_size=3)
    search.generate(None, sample)
    with torch.no_grad():
        for parameter, other in zip(model.parameters(), world.model(2).parameters(), strict=True):
            parameter.copy_(other)
    expected = world.search([world.model(2)], grammar, beam_size=3, shortcuts=NONE)
    assert_same(search.generate(None, sample), expected.generate(None, sample))


def _fail(*_: Any) -> None:
    raise RuntimeError("interrupted")


@pytest.mark.parametrize("interrupt", [False, True])
def test_nothing_of_a_call_stays_on_model_or_generator(
    world: Any, interrupt: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beam 1 after beam 5, and training after decoding, are as if nothing had been before."""
    model, grammar, sample = world.model(1), world.grammar(), world.sample(1, LENGTHS)

    def loss() -> Tensor:
        source = sample["net_input"]
        logits, _ = model.train()(source["src_tokens"], source["src_lengths"], source["src_tokens"])
        total: Tensor = logits.float().logsumexp(dim=-1).sum()
        model.zero_grad()
        total.backward()
        return total

    before = loss()
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    model.eval()
    wide = world.search([model], grammar, beam_size=5)
    kept = {name: dict(vars(module)) for name, module in [*model.named_modules(), ("g", wide)]}
    if interrupt:
        with monkeypatch.context() as patched:
            patched.setattr(SearchCall, "reorder_incremental_state", _fail)
            with pytest.raises(RuntimeError, match="interrupted"):
                wide.generate(None, sample)
    else:
        wide.generate(None, sample)
    for name, module in [*model.named_modules(), ("g", wide)]:
        assert vars(module).keys() == kept[name].keys()
        assert getattr(module, "beam_size", 1) in (1, 5 if name == "g" else 1)
    narrow = world.search([model], grammar, beam_size=1).generate(None, sample)
    assert_same(
        narrow, world.search([world.model(1)], grammar, shortcuts=NONE).generate(None, sample)
    )
    torch.testing.assert_close(loss(), before, atol=0, rtol=0)
    for parameter, gradient in zip(model.parameters(), gradients, strict=True):
        assert torch.equal(parameter.grad, gradient)


def test_a_model_that_takes_a_beam_size_is_given_none(world: Any) -> None:
    """It would stay on its modules: fairseq's BART decodes wrongly with beam 1 after beam 5."""
    sizes: list[int] = []
    model = world.model(1)
    model.set_beam_size = sizes.append
    world.search([model], world.grammar(), beam_size=5).generate(None, world.sample(1, LENGTHS))
    assert sizes == []


def test_keys_and_values_are_kept_once_for_each_document(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And follow the documents that are left, when others are done."""
    rows: list[int] = []
    original: Callable[..., Any] = SearchCall.forward_decoder

    def spy(call: SearchCall, tokens: Tensor, outs: Any, states: Any, temperature: float) -> Any:
        result = original(call, tokens, outs, states, temperature)
        rows.append(min(kept["prev_key"].size(0) for kept in states[0].values()))
        assert tokens.size(0) == 4 * rows[-1]
        return result

    monkeypatch.setattr(SearchCall, "forward_decoder", spy)
    grammar = world.grammar(max_len_a=1.0, max_len_b=0, min_len=0)
    world.search([world.model(2)], grammar, beam_size=4).generate(None, world.sample(2, LENGTHS))
    assert rows[0] == len(LENGTHS)
    assert rows[-1] < len(LENGTHS)
