"""Which pairs of summaries that CTranslate2 wrote in one call are taken."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.ctranslate.calls import Row, Written
from mclas_fairseq.ctranslate.pairs import PairRules
from mclas_fairseq.ctranslate.search import Ct2Search
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.summarizer import Summarizer

SEPARATOR, EOS = 9, 2
RULES = PairRules(
    (frozenset({10, 11, 12}), frozenset({11, 20, 21})), SEPARATOR, EOS, shortest=2, longest=4,
    ngram=2,
)  # fmt: skip


@pytest.mark.parametrize(
    ("tokens", "kept"),
    [
        ((10, 11, 9, 20, 21, 2), True),
        ((10, 11, 9, 20, 21, 20), False),  # the second has no end
        ((10, 11, 20, 21, 2), False),  # the first has none
        ((10, 11, 9, 20, 9, 21, 2), False),
        ((10, 9, 20, 21, 2), False),  # too short
        ((10, 11, 9, 20, 2), False),
        ((10, 11, 12, 10, 12, 9, 20, 21, 2), False),  # too long
        ((10, 11, 9, 20, 21, 11, 20, 20, 2), False),
        ((10, 20, 9, 20, 21, 2), False),  # a word of the other language
        ((10, 11, 9, 10, 21, 2), False),
        ((11, 11, 11, 9, 20, 21, 2), False),  # a bigram twice
        ((10, 11, 9, 11, 11, 11, 2), False),
        ((12, 11, 11, 9, 11, 11, 2), True),  # once in each
    ],
)
def test_a_pair_keeps_to_every_rule(tokens: tuple[int, ...], kept: bool) -> None:
    assert RULES.keep(tokens) is kept


def test_without_blocking_repetitions_are_kept() -> None:
    free = PairRules(RULES.allowed, SEPARATOR, EOS, shortest=1, longest=9, ngram=0)
    assert free.keep((11,) * 5 + (9, 11, 11, 11, 2))


Search = Callable[..., Ct2Search]


@pytest.fixture
def search(exported: Callable[[str], Path]) -> Search:
    """Gives the search of random weights, whose pairs are those that are given."""

    def of(pairs: list[Written], **options: Any) -> Ct2Search:
        made = DecodingOptions(**{"beam": 3, "max_len_b": 4, **options})
        bundle = exported("mclas")
        found = Summarizer.from_bundle(bundle, made, device="cpu", precision="float32")
        generator = found.search.generator
        assert isinstance(generator, Ct2Search)
        generator._calls.both = lambda rows: [pairs for _ in rows]  # type: ignore[method-assign]
        return generator

    return of


def content(search: Ct2Search, part: int) -> list[int]:
    """Ids that only this summary may hold."""
    lists = [search._symbols.listed(number) for number in search._symbols.list_of[0]]
    ends = {search.grammar.eos, search.grammar.separator}
    return sorted(lists[part] - lists[1 - part] - ends)


def pair(search: Ct2Search, first: int, second: int, total: float) -> Written:
    """A pair of so many tokens."""
    one, other = content(search, 0)[:first], content(search, 1)[:second]
    assert search.grammar.separator is not None
    return Written((*one, search.grammar.separator, *other, search.grammar.eos), total)


ROW = Row(place=0, document=(10, 11, 12), plan=0, limit=4)


def found(search: Ct2Search, pairs: list[Written]) -> list[tuple[int, ...]] | None:
    """The pairs that are taken, best first; None: two calls are needed."""
    search._calls.both = lambda rows: [pairs for _ in rows]  # type: ignore[method-assign]
    taken = search._together([ROW]).get(0)
    return None if taken is None else [tuple(one["tokens"].tolist()) for one in taken]


def test_the_best_pairs_are_ranked_by_our_penalty(search: Search) -> None:
    by_average = search([], lenpen=1.0)
    short, long = pair(by_average, 1, 1, -4.0), pair(by_average, 4, 4, -5.0)
    assert found(by_average, [short, long]) == [long.tokens, short.tokens]
    assert found(search([], lenpen=0.0), [short, long]) == [short.tokens, long.tokens]


def test_a_document_whose_best_pair_breaks_a_rule_is_searched_in_two_calls(search: Search) -> None:
    one = search([])
    good, too_long = pair(one, 2, 2, -4.0), pair(one, 2, 5, -1.0)
    assert found(one, [good, too_long]) is None
    worse = Written(too_long.tokens, -99.0)
    assert found(one, [worse, good]) == [good.tokens], "what breaks a rule is no hypothesis"
    assert found(search([], nbest=2), [worse, good]) is None, "two were asked for"
    assert found(search([], max_len_b=5), [too_long]) is None, "the row's own limit holds"


def test_repetitions_are_those_of_each_summary(search: Search) -> None:
    by_summary = search([], no_repeat_ngram_size=1)
    once, twice = pair(by_summary, 2, 2, -4.0), pair(by_summary, 2, 2, -4.0)
    repeated = Written((twice.tokens[0], *twice.tokens), -1.0)
    assert found(by_summary, [once]) == [once.tokens]
    assert found(by_summary, [repeated]) is None
    # Over both, CTranslate2 blocks them itself.
    whole = search([], no_repeat_ngram_size=1, ngram_block_scope="sequence")
    assert found(whole, [repeated]) == [repeated.tokens]


def test_documents_without_a_pair_are_found_all_the_same(
    search: Search, exported: Callable[[str], Path], documents: list[str]
) -> None:
    options = DecodingOptions(beam=2, max_len_b=12)
    summarizer = Summarizer.from_bundle(
        exported("mclas"), options, device="cpu", precision="float32"
    )
    generator = summarizer.search.generator
    assert isinstance(generator, Ct2Search)
    expected = [one.summary for one in summarizer.summarize(documents)]
    taken: list[int] = []

    def every_third(rows: Any) -> dict[int, Any]:
        taken.extend(row.place for row in rows[::3])
        plain = dict(generator._one_by_one(rows[::3]))
        return {row.place: found for row, found in plain.items()}

    generator._together = every_third  # type: ignore[method-assign]
    assert [one.summary for one in summarizer.summarize(documents)] == expected
    assert taken
