"""Search with copies that are translated: its scores, restriction, batches, and what is learned."""

import itertools
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.generation.forced_scoring import score_hypotheses
from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.generation.grammar import build_grammar
from mclas_fairseq.generation.search_call import Shortcuts
from mclas_fairseq.lexicon.file import Lexicon
from mclas_fairseq.modules.softmax_loss import Smoothing
from tests.summarization.test_translated_copying import (
    DICTIONARY,
    LENGTHS,
    SEPARATOR,
    SRC,
    make_model,
    write_lexicon,
)

BATCH = {"net_input": {"src_tokens": SRC, "src_lengths": LENGTHS}}
ENGLISH = [DICTIONARY.index(f"w{number}") for number in range(10)]
GERMAN = [DICTIONARY.index(f"w{number}") for number in range(10, 20) if number != 11]


@pytest.fixture(params=["naive", "equal", "adaptive"])
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """MCLAS with distributions that are not flat; its lexicon goes beyond the German words."""
    lexicon = write_lexicon(tmp_path / "de.jsonl")
    made = make_model(Layout.MCLAS, lexicon, translated_copying=request.param)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.mul_(1.5)
    return made


def search(model: Any, restrict: str = "both", **options: Any) -> SummaryGenerator:
    grammar = build_grammar(
        DICTIONARY,
        [ENGLISH, GERMAN],
        separator=SEPARATOR,
        restrict_vocab=restrict,
        min_len=1,
        max_len_a=0.0,
        max_len_b=5,
    )
    return SummaryGenerator([model], DICTIONARY, grammar=grammar, beam_size=4, **options)


@pytest.mark.parametrize("once", [True, False])
@pytest.mark.parametrize("restrict", ["both", "none"])
def test_beam_scores_are_forced_scores(model: Any, restrict: str, once: bool) -> None:
    generator = search(model, restrict, shortcuts=Shortcuts(documents_once=once))
    assert generator.documents_once is once
    found = generator.generate([model], BATCH)
    forced = score_hypotheses(generator, BATCH, [[one["tokens"] for one in d] for d in found])
    for one, scores in zip(itertools.chain(*found), itertools.chain(*forced), strict=True):
        assert SEPARATOR in one["tokens"]
        torch.testing.assert_close(
            one["positional_scores"], scores.positional_scores, atol=1e-5, rtol=1.3e-6
        )


def test_hypotheses_are_those_of_each_document_alone(model: Any) -> None:
    generator = search(model)
    together = generator.generate([model], BATCH)
    for row, padding in enumerate((2, 0)):
        alone = {"src_tokens": SRC[row : row + 1, padding:], "src_lengths": LENGTHS[row : row + 1]}
        found = generator.generate([model], {"net_input": alone})[0]
        assert [one["tokens"].tolist() for one in found] == [
            one["tokens"].tolist() for one in together[row]
        ]
        for one, other in zip(found, together[row], strict=True):
            assert float(one["score"]) == pytest.approx(float(other["score"]), abs=1e-4)


def test_restricted_mixture_sums_to_one_over_the_vocabulary_of_the_language(model: Any) -> None:
    generator = search(model)
    prev = torch.tensor([[2, ENGLISH[0], SEPARATOR, GERMAN[0]], [2, ENGLISH[1], SEPARATOR, 14]])
    out = model(SRC, LENGTHS, prev)
    ensemble: Any = generator.model
    encoder_outs = ensemble.forward_encoder(BATCH["net_input"])
    states = ensemble.states(prev, encoder_outs)
    found = ensemble.restricted([out], states, 1.0).exp()
    torch.testing.assert_close(found.sum(2), torch.ones(2, 4))
    last = [*GERMAN, DICTIONARY.eos()]  # what the last position may hold
    outside = [number for number in range(len(DICTIONARY)) if number not in last]
    assert float(found[:, 3, outside].detach().sum()) == 0.0  # w11 among them, a translation of w0
    allowed = model.get_normalized_probs(model(SRC, LENGTHS, prev), False)[:, 3, last]
    torch.testing.assert_close(found[:, 3, last], allowed / allowed.sum(1, keepdim=True))


# -- a task that a lexicon makes learnable --------------------------------------------------------

_WORDS, _LENGTH, _EXAMPLES = 120, 5, 200


def toy(seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Documents, and targets in which each word is replaced by its only translation."""
    draws = torch.Generator().manual_seed(seed)
    words = torch.randint(_WORDS, (count, _LENGTH), generator=draws)
    ends = torch.full((count, 1), 2)
    order = torch.randperm(_WORDS, generator=torch.Generator().manual_seed(0))
    sources = torch.cat([words + 4, ends], 1)
    return sources, torch.cat([order[words] + 4 + _WORDS, ends], 1)


def accuracy(strategy: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> float:
    """Share of words of 200 new documents that a model of 200 examples finds, seed not tuned."""
    from tests.summarization import test_translated_copying as small

    dictionary = type(DICTIONARY)()
    for number in range(2 * _WORDS):
        dictionary.add_symbol(f"v{number}")
    dictionary.add_symbol("[LSEP]")
    monkeypatch.setattr(small, "DICTIONARY", dictionary)
    order = torch.randperm(_WORDS, generator=torch.Generator().manual_seed(0)).tolist()
    gold = {f"v{word}": {f"v{_WORDS + order[word]}": 1.0} for word in range(_WORDS)}
    fingerprint = dictionary_fingerprint(dictionary)
    Lexicon("en", "de", fingerprint, gold).save(tmp_path / "gold.jsonl")
    file = tmp_path / "gold.jsonl" if strategy else None
    options = {"translated_copying": strategy, "copy_attention": True}
    model = make_model(Layout.NCLS, file, **options).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    sources, targets = toy(1, _EXAMPLES)
    lengths = torch.full((_EXAMPLES,), _LENGTH + 1)
    for step in range(150):
        rows = torch.arange(step * 50, step * 50 + 50) % _EXAMPLES
        prev = torch.cat([torch.full((50, 1), 2), targets[rows, :-1]], 1)
        mask = torch.ones_like(prev, dtype=torch.bool)
        out = model(sources[rows], lengths[rows], prev, target_mask=mask)
        loss, _ = model.smoothed_loss(out, targets[rows].flatten(), Smoothing(0.1, 1))
        optimizer.zero_grad()
        loss.mean().backward()
        optimizer.step()
    sources, targets = toy(2, 200)
    prev = torch.cat([torch.full((200, 1), 2), targets[:, :-1]], 1)
    with torch.no_grad():
        found = model.eval()(sources, torch.full((200,), _LENGTH + 1), prev)
        likeliest = model.get_normalized_probs(found, False).argmax(2)
    return float(likeliest.eq(targets)[:, :-1].float().mean())


@pytest.mark.parametrize("strategy", ["naive", "adaptive"])
def test_word_for_word_substitution_is_learned_with_the_gold_lexicon_and_not_without(
    strategy: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_lexicon = accuracy(strategy, tmp_path, monkeypatch)
    without = accuracy(None, tmp_path, monkeypatch)
    assert with_lexicon > 0.7
    assert without < 0.25
