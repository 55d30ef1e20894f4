"""Attention of a hypothesis: shapes, sums, and the same weights as a computation by hand."""

from typing import Any

import numpy as np
import pytest
import torch

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.inference.attention import SummaryAttention
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.summarization.task import CrossLingualSummarizationTask


@pytest.fixture(scope="module")
def looked(summarizer: Summarizer, documents: list[str]) -> SummaryAttention:
    return summarizer.attention(documents[0])


def test_rows_are_the_tokens_of_the_best_hypothesis(
    summarizer: Summarizer, documents: list[str], looked: SummaryAttention
) -> None:
    best = summarizer.summarize(documents[0]).best.summary
    tokenizer = summarizer.task.data_bin.tokenizer
    assert tokenizer.decode(looked.first, "en") == best["en"]
    assert tokenizer.decode(looked.second, "de") == best["de"]
    assert looked.tokens == [*looked.first, "[LSEP]", *looked.second, "</s>"]
    assert looked.inputs == ["<s>", *looked.tokens[:-1]]
    assert looked.document[-1] == "</s>"
    assert looked.languages == ("en", "de")


def test_shapes_are_layers_steps_and_what_is_looked_at(looked: SummaryAttention) -> None:
    steps, source = len(looked.tokens), len(looked.document)
    assert looked.cross_layers.shape == (1, steps, source)
    assert looked.self_layers.shape == (1, steps, steps)
    assert looked.cross.shape == (steps, source)
    assert looked.within.shape == (steps, steps)
    assert looked.between().shape == (len(looked.second), len(looked.first))


def test_rows_sum_to_one_and_nothing_looks_ahead(looked: SummaryAttention) -> None:
    np.testing.assert_allclose(looked.cross.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(looked.within.sum(axis=1), 1, atol=1e-6)
    assert np.all(looked.within[np.triu_indices(len(looked.tokens), k=1)] == 0)
    assert np.all(looked.between().sum(axis=1) < 1)


def test_between_is_what_second_summary_gives_the_inputs_of_the_first(
    looked: SummaryAttention,
) -> None:
    between = looked.between(0)
    for row, piece in enumerate(looked.second):
        step = looked.tokens.index("[LSEP]") + 1 + row
        assert looked.tokens[step] == piece
        for column, other in enumerate(looked.first):
            assert looked.inputs[column + 1] == other
            assert between[row, column] == looked.self_layers[0, step, column + 1]


def test_weights_are_those_of_the_formula(
    summarizer: Summarizer, documents: list[str], looked: SummaryAttention
) -> None:
    """softmax(Q K^T / sqrt(d)) of the one layer's two heads, written out for each position."""
    decoder: Any = summarizer.models[0].decoder
    attention = decoder.layers[0].self_attn
    seen: list[torch.Tensor] = []
    hook = attention.register_forward_pre_hook(
        lambda module, args, kwargs: seen.append(kwargs["query"]), with_kwargs=True
    )
    again = summarizer.attention(documents[0])
    hook.remove()
    query = seen[-1][:, 0]  # T_tgt x C, of the pass over the whole hypothesis
    with torch.no_grad():
        q, k = attention.q_proj(query), attention.k_proj(query)
    size = q.shape[1] // 2
    expected = np.zeros_like(again.within)
    for step in range(len(q)):
        for head in (slice(0, size), slice(size, None)):
            scores = (k[: step + 1, head] @ q[step, head]) / size**0.5
            expected[step, : step + 1] += scores.softmax(dim=0).numpy() / 2
    np.testing.assert_allclose(again.within, expected, atol=1e-6)
    np.testing.assert_allclose(again.within, looked.within, atol=0)


def test_what_pages_show_is_the_text_with_the_weights_of_its_pieces(
    summarizer: Summarizer, documents: list[str], looked: SummaryAttention
) -> None:
    shown = looked.to_json(summarizer.task.data_bin.tokenizer, "en")
    best = summarizer.summarize(documents[0]).best.summary
    english, german = shown["summaries"]
    assert ("".join(english["pieces"]), english["language"]) == (best["en"], "en")
    assert ("".join(german["pieces"]), german["language"]) == (best["de"], "de")
    assert len(shown["document"]["pieces"]) == len(looked.document) - 1
    written = len(looked.first) + len(looked.second)
    assert np.shape(shown["to_document"]) == (written, len(looked.document) - 1)
    weights = np.array(shown["to_summaries"])
    assert weights.shape == (written, written)
    between = weights[len(looked.first) :, : len(looked.first)]
    np.testing.assert_allclose(between, looked.between(), atol=1e-4)
    assert np.all(np.triu(weights) == 0), "no piece looks at itself or ahead"


def test_a_hypothesis_at_hand_is_not_searched_for_again(
    summarizer: Summarizer, documents: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    best = [one.best for one in summarizer.summarize(documents[:3])]
    expected = summarizer.attention(documents[2])
    assert best[2].tokens == len(expected.tokens)

    def search(*arguments: object) -> None:
        raise AssertionError("searched")

    monkeypatch.setattr(summarizer.task, "inference_step", search)
    looked = summarizer.attention(documents[2], best[2])
    assert (looked.tokens, looked.document) == (expected.tokens, expected.document)
    np.testing.assert_allclose(looked.cross_layers, expected.cross_layers, atol=1e-6)


def test_looking_changes_nothing(summarizer: Summarizer, documents: list[str]) -> None:
    before = summarizer.summarize(documents[:3])
    summarizer.attention(documents[1])
    assert summarizer.summarize(documents[:3]) == before
    modules = [module for model in summarizer.models for module in model.modules()]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in modules)


def test_a_layer_that_is_not_there_is_refused(looked: SummaryAttention) -> None:
    with pytest.raises(ConfigError, match="layer 1: the decoder has 1 of them; give 0 to 0"):
        looked.between(1)


def test_one_summary_has_nothing_between(looked: SummaryAttention) -> None:
    values = {**vars(looked), "separator": None, "languages": ("de",)}
    alone = SummaryAttention(**values)
    assert alone.second == []
    assert alone.first == looked.tokens[:-1]
    with pytest.raises(ConfigError, match=r"needs a hypothesis of two, .* one \(de\)"):
        alone.between()


def test_an_ensemble_has_no_attention_of_its_own(
    summarizer: Summarizer, task: CrossLingualSummarizationTask
) -> None:
    twice = Summarizer(summarizer.models * 2, task, summarizer.options)
    with pytest.raises(ConfigError, match="2 are loaded as an ensemble; load one checkpoint"):
        twice.attention("Today .")


def test_empty_document_is_refused(summarizer: Summarizer) -> None:
    with pytest.raises(DataError, match="document 1: must have text"):
        summarizer.attention(" ")
