"""A limit of words: hypotheses are cut in tokens and in text alike."""

from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.corpus.languages import count_words
from mclas_fairseq.corpus.records import write_records
from mclas_fairseq.corpus.shortening import shorten
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.errors import DataError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.summarizer import Summarizer

WORDS = 4


def summarizer_of(summarizer: Summarizer, **options: Any) -> Summarizer:
    decoding = DecodingOptions(beam=3, nbest=3, max_len_b=12, min_len=8, **options)
    return Summarizer(summarizer.models, summarizer.task, decoding)


def test_each_summary_is_cut_and_scores_stay(summarizer: Summarizer, documents: list[str]) -> None:
    whole = summarizer_of(summarizer).summarize(documents)
    cut = summarizer_of(summarizer, max_words=WORDS).summarize(documents)
    for one, other in zip(whole, cut, strict=True):
        for long, short in zip(one.hypotheses, other.hypotheses, strict=True):
            assert short.score == pytest.approx(long.score)
            for language, text in long.summary.items():
                assert count_words(text, language) > WORDS
                assert short.summary[language] == shorten(text, WORDS, language)


def test_tokens_and_their_scores_are_cut_alike(
    summarizer: Summarizer, documents: list[str]
) -> None:
    limited = summarizer_of(summarizer, max_words=WORDS)
    task: Any = limited.task
    batch = limited.search.batch(limited.search.dataset(documents), range(3))
    for hypotheses in task.inference_step(limited.search.generator, limited.models, batch):
        for hypothesis in hypotheses:
            tokens = hypothesis["tokens"].tolist()
            assert tokens.count(task.data_bin.separator) == 1
            assert tokens[-1] == task.dictionary.eos()
            assert len(tokens) <= 2 * WORDS + 2
            assert len(tokens) == hypothesis["positional_scores"].numel()
            assert hypothesis["attention"].size(1) == len(tokens)


def test_no_limit_changes_nothing(summarizer: Summarizer, documents: list[str]) -> None:
    assert summarizer_of(summarizer).search.generator.limit is None
    assert summarizer_of(summarizer, max_words=1000).summarize(documents[:3]) == summarizer_of(
        summarizer
    ).summarize(documents[:3])


@pytest.fixture(scope="module", params=["sentencepiece", "bpe"])
def data_bin(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> DataBin:
    folder: Path = tmp_path_factory.mktemp("words")
    write_records(folder / "train.jsonl", generate("easy", "train", 60, 1))
    inputs = {"train": (folder / "train.jsonl",), "valid": (), "test": ()}
    tokenizer = TokenizerOptions(name=request.param, vocab_size=400)
    prepare(PrepareOptions("en", ("zh",), folder / "bin", inputs, tokenizer))
    return DataBin.open(folder / "bin")


def test_pieces_of_words_are_cut_where_the_text_is(data_bin: DataBin) -> None:
    text = SummaryText(data_bin, "en", ["en", "zh"])
    dictionary = data_bin.dictionary
    record: Any = next(iter(generate("easy", "train", 1, 1)))
    summaries = {code: "".join(record["summary"][code]) for code in ("en", "zh")}
    tokens: list[int] = []
    for language, summary in summaries.items():
        pieces = data_bin.tokenizer.encode(summary, language)
        tokens += [dictionary.index(piece) for piece in pieces]
        tokens.append(data_bin.separator if language == "en" else dictionary.eos())
    whole = text.summaries(tokens)
    lengths = []
    for words in range(1, 60):
        kept = text.shorten(tokens, words)
        found = text.summaries([tokens[place] for place in kept])
        expected = shorten(whole["en"], words, "en")
        assert found["en"] == expected
        # A piece of several characters is left out when it does not fit, but never the first one.
        chinese = kept[kept.index(tokens.index(data_bin.separator)) + 1 : -1]
        assert len(chinese) == 1 or shorten(whole["zh"], words, "zh").startswith(found["zh"])
        lengths.append(len(kept))
    assert lengths == sorted(lengths)
    assert kept == list(range(len(tokens)))
    with pytest.raises(DataError, match="2 summaries need 1 separator"):
        text.shorten(tokens[:3], 2)
