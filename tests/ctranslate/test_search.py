"""Summaries by CTranslate2 beside those of our own search, of the same random weights."""

from collections.abc import Callable
from pathlib import Path

import pytest

from mclas_fairseq.ctranslate.calls import Row, Written
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.results import Summary
from mclas_fairseq.inference.summarizer import Summarizer

Load = Callable[[str, DecodingOptions], Summarizer]
Exported = Callable[[str], Path]


def with_ct2(bundle: Path, options: DecodingOptions, form: str = "float32") -> Summarizer:
    return Summarizer.from_bundle(bundle, options, device="cpu", precision=form)


def texts(summaries: list[Summary]) -> list[dict[str, str]]:
    return [one.summary for one in summaries]


@pytest.mark.parametrize("name", ["ms", "ncls", "mclas", "many"])
def test_greedy_search_writes_the_same_in_every_layout(
    name: str, exported: Exported, on_torch: Load, documents: list[str]
) -> None:
    options = DecodingOptions(beam=1, max_len_b=12)
    expected = texts(on_torch(name, options).summarize(documents))
    found = texts(with_ct2(exported(name), options).summarize(documents))
    assert found == expected
    assert len({str(one) for one in expected}) > 5, "documents are told apart"


@pytest.mark.parametrize(
    "changes",
    [
        {"no_repeat_ngram_size": 0},
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 2, "ngram_block_scope": "sequence"},
        {"min_len": 5, "no_repeat_ngram_size": 2},
        {"max_len_a": 0.2, "max_len_b": 2},
        {"max_words": 4},
    ],
    ids=str,
)
def test_lengths_and_blocking_are_those_of_our_search(
    changes: dict[str, float], exported: Exported, on_torch: Load, documents: list[str]
) -> None:
    options = DecodingOptions(**{"beam": 1, "max_len_b": 12, **changes})  # type: ignore[arg-type]
    plain = DecodingOptions(beam=1, max_len_b=12)
    expected = texts(on_torch("mclas", options).summarize(documents))
    assert texts(with_ct2(exported("mclas"), options).summarize(documents)) == expected
    assert expected != texts(on_torch("mclas", plain).summarize(documents)), "it changes something"


@pytest.mark.parametrize("lenpen", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("kind", ["fairseq", "gnmt"])
def test_a_beam_over_one_summary_finds_the_same_with_the_same_scores(
    lenpen: float, kind: str, exported: Exported, on_torch: Load, documents: list[str]
) -> None:
    options = DecodingOptions(
        beam=3, nbest=3, max_len_b=12, no_repeat_ngram_size=0, lenpen=lenpen, length_penalty=kind
    )
    expected = on_torch("ncls", options).summarize(documents)
    found = with_ct2(exported("ncls"), options).summarize(documents)
    same = [a.best.summary == b.best.summary for a, b in zip(expected, found, strict=True)]
    # Where our search ends every hypothesis at the limit, CTranslate2 has already left it.
    assert sum(same) >= len(documents) - 2
    for one, other, equal in zip(expected, found, same, strict=True):
        if equal:
            assert other.best.score == pytest.approx(one.best.score, abs=1e-3)
            assert other.best.tokens == one.best.tokens


def test_a_pair_found_with_a_beam_is_as_likely_as_ours(
    exported: Exported, on_torch: Load, documents: list[str]
) -> None:
    options = DecodingOptions(beam=4, max_len_b=12, no_repeat_ngram_size=0)
    expected = on_torch("mclas", options).summarize(documents)
    found = with_ct2(exported("mclas"), options).summarize(documents)
    mean, other = (
        sum(one.best.score for one in summaries) / len(documents) for summaries in (expected, found)
    )
    assert other == pytest.approx(mean, rel=0.05)


@pytest.mark.parametrize("name", ["mclas", "many"])
def test_a_summary_does_not_depend_on_its_batch(
    name: str, exported: Exported, documents: list[str]
) -> None:
    options = DecodingOptions(beam=3, max_len_b=12)
    summarizer = with_ct2(exported(name), options)
    alone = texts(summarizer.summarize(documents, batch_size=1))
    assert texts(summarizer.summarize(documents, batch_size=26)) == alone
    assert texts(summarizer.summarize(documents[::-1], batch_size=7)) == alone[::-1]


def test_a_second_summary_keeps_to_its_limit_behind_firsts_of_other_lengths(
    exported: Exported,
) -> None:
    options = DecodingOptions(beam=2, max_len_b=6, no_repeat_ngram_size=0)
    search = with_ct2(exported("mclas"), options).search.generator
    number = search._symbols.list_of[0][0]
    ids = sorted(
        set(search._symbols.listed(number)) - {search.grammar.eos, search._symbols.special.bos}
    )[8:]
    # Random weights write on to the limit; so firsts of several lengths are given to them.
    begun = [Written(tuple(ids[:length]), 0.0) for length in (1, 3, 3, 6)]
    rows = [Row(n, tuple(ids[n : n + 9]), 0, 6) for n in range(len(begun))]
    together = search._summaries(rows, begun, 1)
    alone = [search._summaries([row], [one], 1)[0] for row, one in zip(rows, begun, strict=True)]
    assert {len(one.tokens) for found in together for one in found} == {6}
    assert [[one.tokens for one in found] for found in together] == [
        [one.tokens for one in found] for found in alone
    ]


@pytest.mark.parametrize("form", ["int8", "bfloat16"])
def test_other_forms_write_nearly_the_same(
    form: str, exported: Exported, documents: list[str]
) -> None:
    options = DecodingOptions(beam=1, max_len_b=12, no_repeat_ngram_size=0)
    expected = with_ct2(exported("ncls"), options).summarize(documents)
    found = with_ct2(exported("ncls"), options, form).summarize(documents)
    mean, other = (
        sum(one.best.score for one in summaries) / len(documents) for summaries in (expected, found)
    )
    assert other == pytest.approx(mean, rel=0.1)


def test_one_of_several_target_languages_is_written_alone(
    exported: Exported, documents: list[str]
) -> None:
    options = DecodingOptions(beam=1, max_len_b=12)
    both = with_ct2(exported("many"), options).summarize(documents)
    one = Summarizer.from_bundle(
        exported("many"), options, device="cpu", precision="float32", target_langs=["zh"]
    ).summarize(documents)
    assert [a.summary["zh"] for a in one] == [b.summary["zh"] for b in both]
    assert "de" not in one[0].summary


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"repetition_penalty": 1.2},
            r"--repetition-penalty 1\.2: CTranslate2's is another one, .*; leave it out, or use a"
            r" bundle for torch",
        ),
        (
            {"restrict_vocab": "none"},
            r"--restrict-vocab none: the vocabularies of a bundle in CTranslate2's form are fixed"
            r" when it is made; .* with --restrict-vocab none",
        ),
    ],
)
def test_what_ctranslate2_cannot_follow_is_refused(
    changes: dict[str, object], message: str, exported: Exported
) -> None:
    options = DecodingOptions(**changes)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=message):
        with_ct2(exported("mclas"), options)


def test_attention_is_refused_and_not_offered(exported: Exported) -> None:
    summarizer = with_ct2(exported("mclas"), DecodingOptions(beam=1))
    assert not summarizer.has_attention
    with pytest.raises(ConfigError, match=r"attention: is that of a model of torch's, .*--format"):
        summarizer.attention("Today .")
