"""Decoding a model of two decoders: each equals a loop by hand, whatever the batch."""

import math
from argparse import Namespace
from typing import Any

import pytest
import torch

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.forced_scoring import score_hypotheses
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)
from mclas_fairseq.summarization.two_decoders import NclsMsModel, ncls_ms_tiny

LIMIT = 9
DECODERS = ("cls", "ms")
LANGUAGE = {"cls": "de", "ms": "en"}


def make_summarizer(
    task: CrossLingualSummarizationTask, decoder: str, **options: Any
) -> Summarizer:
    config = CrossLingualSummarizationConfig(
        data=str(task.data_bin.folder),
        target_layout="ncls_ms",
        summary_decoder=decoder,
        max_source_positions=40,
    )
    own = CrossLingualSummarizationTask.setup_task(config)
    torch.manual_seed(4)
    args = Namespace(dropout=0.0)
    for side in ("encoder", "decoder"):
        setattr(args, f"{side}_embed_dim", 16)
        setattr(args, f"{side}_ffn_embed_dim", 32)
        setattr(args, f"{side}_layers", 1)
        setattr(args, f"{side}_attention_heads", 2)
    ncls_ms_tiny(args)
    model = NclsMsModel.build_model(args, own).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    asked = {"beam": 3, "max_len_b": LIMIT, "no_repeat_ngram_size": 0, **options}
    return Summarizer([model], own, DecodingOptions(summary_decoder=decoder, **asked))


@torch.no_grad()
def greedy(summarizer: Summarizer, decoder: str, document: str) -> tuple[list[int], float]:
    """Tokens and score in bits of the likeliest token at each step, of what may be written."""
    task: Any = summarizer.task
    model: Any = summarizer.models[0]
    dictionary = task.dictionary
    pieces = task.data_bin.tokenizer.encode(document, "en")
    source = [dictionary.index(piece) for piece in pieces][:39] + [dictionary.eos()]
    encoded = model.encoder(torch.tensor([source]), src_lengths=torch.tensor([len(source)]))
    network = {"cls": model.decoder, "ms": model.ms_decoder}[decoder]
    shut = {dictionary.unk(), task.data_bin.separator}
    words = sorted(set(task.vocabulary(LANGUAGE[decoder])) - shut)
    tokens, total = [dictionary.bos()], 0.0
    while tokens[-1] != dictionary.eos():
        written = len(tokens) - 1
        allowed = [] if written == LIMIT else list(words)
        if written > 0:
            allowed.append(dictionary.eos())
        logits = network(torch.tensor([tokens]), encoder_out=encoded)[0][0, -1]
        scores = torch.log_softmax(logits[allowed], dim=0)
        best = int(scores.argmax())
        tokens.append(allowed[best])
        total += float(scores[best])
    return tokens[1:], total / (len(tokens) - 1) / math.log(2)


@pytest.mark.parametrize("decoder", DECODERS)
def test_each_decoder_writes_what_a_greedy_loop_writes(
    task: CrossLingualSummarizationTask, documents: list[str], decoder: str
) -> None:
    summarizer = make_summarizer(task, decoder, beam=1)
    assert summarizer.languages == (LANGUAGE[decoder],)
    text = summarizer.task.summary_text()
    texts = set()
    for document in documents[:4]:
        tokens, score = greedy(summarizer, decoder, document)
        best = summarizer.summarize(document).best
        assert best.summary == text.summaries(tokens)
        assert best.score == pytest.approx(score, abs=1e-4)
        texts.add(best.summary[LANGUAGE[decoder]])
    assert len(texts) > 1, "documents make a difference"


@pytest.mark.parametrize("decoder", DECODERS)
def test_score_of_search_is_that_of_forced_decoding(
    task: CrossLingualSummarizationTask, documents: list[str], decoder: str
) -> None:
    summarizer = make_summarizer(task, decoder)
    batch = summarizer.search.batch(summarizer.search.dataset(documents[:4]), range(4))
    found = summarizer.search.generator.generate(summarizer.models, batch)
    forced = score_hypotheses(
        summarizer.search.generator, batch, [[one["tokens"] for one in ranked] for ranked in found]
    )
    for ranked, scores in zip(found, forced, strict=True):
        assert len(ranked) == 3
        for one, other in zip(ranked, scores, strict=True):
            torch.testing.assert_close(one["score"], other.score, atol=1e-5, rtol=1.3e-6)


@pytest.mark.parametrize("decoder", [*DECODERS, "both"])
def test_summaries_do_not_depend_on_the_batch(
    task: CrossLingualSummarizationTask, documents: list[str], decoder: str
) -> None:
    summarizer = make_summarizer(task, decoder)
    together = summarizer.summarize(documents, batch_size=16)
    alone = summarizer.summarize(documents, batch_size=1)
    for one, other in zip(together, alone, strict=True):
        assert one.best.summary == other.best.summary
        assert one.best.score == pytest.approx(other.best.score, abs=1e-4)


def test_both_gives_the_hypotheses_of_each_decoder_rank_by_rank(
    task: CrossLingualSummarizationTask, documents: list[str]
) -> None:
    found = make_summarizer(task, "both", nbest=2).summarize(documents)
    each = {name: make_summarizer(task, name, nbest=2).summarize(documents) for name in DECODERS}
    for row, summary in enumerate(found):
        assert len(summary.hypotheses) == 2
        for rank, joined in enumerate(summary.hypotheses):
            cls, ms = (each[name][row].hypotheses[rank] for name in DECODERS)
            assert joined.summary == {**ms.summary, **cls.summary}
            assert list(joined.summary) == ["en", "de"]
            assert joined.score == pytest.approx(cls.score + ms.score, abs=1e-4)


def test_attention_is_that_of_the_decoder_that_was_asked_for(
    task: CrossLingualSummarizationTask, documents: list[str]
) -> None:
    looked = {name: make_summarizer(task, name).attention(documents[0]) for name in DECODERS}
    assert looked["ms"].languages == ("en",)
    assert looked["cls"].languages == ("de",)
    assert looked["ms"].cross[0].tolist() != looked["cls"].cross[0].tolist()
    with pytest.raises(ConfigError, match="both of two are to write; .* cls or ms"):
        make_summarizer(task, "both").attention(documents[0])


def test_a_choice_of_decoder_is_refused_where_there_is_one(
    task: CrossLingualSummarizationTask, summarizer: Summarizer
) -> None:
    config = CrossLingualSummarizationConfig(
        data=str(task.data_bin.folder), target_layout="mclas", summary_decoder="ms"
    )
    other = CrossLingualSummarizationTask.setup_task(config)
    with pytest.raises(ConfigError, match="--summary-decoder ms: only .*layout mclas; leave it"):
        other.build_generator(summarizer.models, Namespace(beam=2))


def test_both_cannot_score_references_or_go_on_from_a_prefix(
    task: CrossLingualSummarizationTask, documents: list[str]
) -> None:
    summarizer = make_summarizer(task, "both")
    with pytest.raises(ConfigError, match="--summary-decoder both: .*references"):
        summarizer.task.build_generator(summarizer.models, Namespace(score_reference=True))
    batch = summarizer.search.batch(summarizer.search.dataset(documents[:1]), [0])
    with pytest.raises(ConfigError, match="search without a prefix"):
        summarizer.search.generator.generate(summarizer.models, batch, torch.zeros(1, 1))
