"""A loaded system: batches and buffers change nothing, and documents keep their order."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fairseq.data import Dictionary

from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.errors import CheckpointError, ConfigError, DataError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.loading import LoadedSystem, choose_device
from mclas_fairseq.inference.results import Summary
from mclas_fairseq.inference.summarizer import Summarizer

NBEST = 2  # of the fixture


def flat(results: list[Summary]) -> list[dict[str, str]]:
    return [hypothesis.summary for result in results for hypothesis in result.hypotheses]


@pytest.mark.parametrize("batch_size", [2, 4, 16])
def test_batch_of_one_equals_batch_of_many(
    summarizer: Summarizer, documents: list[str], batch_size: int
) -> None:
    alone = list(summarizer.stream(documents, batch_size=1))
    together = list(summarizer.stream(documents, batch_size=batch_size))
    assert flat(together) == flat(alone)
    for one, other in zip(alone, together, strict=True):
        assert len(one.hypotheses) == NBEST
        for left, right in zip(one.hypotheses, other.hypotheses, strict=True):
            assert left.score == pytest.approx(right.score, abs=1e-4)
    assert len({str(summary) for summary in flat(alone)}) > 10, "documents are told apart"


@pytest.fixture
def tokenised(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Documents that are tokenised from now on."""
    texts: list[str] = []
    plain = SummaryText.encode

    def encode(self: SummaryText, text: str) -> str:
        texts.append(text)
        return plain(self, text)

    monkeypatch.setattr(SummaryText, "encode", encode)
    return texts


def test_an_encoded_document_is_not_tokenised_again(
    summarizer: Summarizer, documents: list[str], tokenised: list[str]
) -> None:
    expected = list(summarizer.stream(documents))
    tokenised.clear()
    encoded = [summarizer.encode(one) for one in documents]
    found = list(summarizer.stream(encoded))
    assert tokenised == documents
    assert found == expected
    assert list(summarizer.stream([documents[0], *encoded[1:]])) == expected, "some of each"


def test_one_encoded_document_is_taken_like_one_text(
    summarizer: Summarizer, documents: list[str]
) -> None:
    encoded = summarizer.encode(documents[0])
    assert summarizer.encode(encoded) is encoded
    assert summarizer.summarize(encoded) == summarizer.summarize(documents[0])


def test_an_encoded_document_says_how_much_of_it_is_read(summarizer: Summarizer) -> None:
    short, long = summarizer.encode("one two."), summarizer.encode("word " * 50)
    assert (short.unread, short.tokens) == (0, short.read)
    assert (long.read, long.tokens) == (40, 51)
    (found,) = summarizer.stream([long])
    assert found.unread_tokens == long.unread == 11


def test_tokens_of_another_model_are_refused(summarizer: Summarizer, documents: list[str]) -> None:
    foreign = replace(summarizer.encode(documents[0]), dictionary=Dictionary())
    with pytest.raises(
        DataError, match="tokens of this model, but is in those of another; give its"
    ):
        list(summarizer.stream([foreign]))


@pytest.mark.parametrize("on_long", ["refuse", "truncate", "windows"])
def test_every_document_is_tokenised_once(
    summarizer: Summarizer, documents: list[str], tokenised: list[str], on_long: str
) -> None:
    short = [one for one in documents if not summarizer.encode(one).unread]
    tokenised.clear()
    summarizer.summarize(short, on_long=on_long)
    assert tokenised == short
    assert len(short) > 5


@pytest.mark.parametrize("buffer_size", [1, 3, 11, 100])
def test_buffers_keep_the_order_of_the_input(
    summarizer: Summarizer, documents: list[str], buffer_size: int
) -> None:
    whole = list(summarizer.stream(documents))
    buffered = list(summarizer.stream(documents, buffer_size=buffer_size, batch_size=2))
    assert flat(buffered) == flat(whole)
    backwards = list(summarizer.stream(reversed(documents), buffer_size=buffer_size))
    assert flat(backwards[::-1]) == flat(whole)


def test_documents_are_read_one_buffer_ahead_only(
    summarizer: Summarizer, documents: list[str]
) -> None:
    read = []

    def reading() -> Iterator[str]:
        for document in documents:
            read.append(document)
            yield document

    results = summarizer.stream(reading(), buffer_size=3)
    assert read == []
    next(results)
    assert len(read) == 3


def test_a_long_buffer_says_in_the_log_how_far_it_is(
    summarizer: Summarizer,
    documents: list[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("mclas_fairseq.inference.document_search._SECONDS_BETWEEN_SIGNS", 0.0)
    with caplog.at_level("INFO"):
        summarizer.summarize(documents[:3], batch_size=2)
    said = [line for line in caplog.messages if line.startswith("decoded")]
    assert said == ["decoded 2 of 3 documents read", "decoded 3 of 3 documents read"]
    caplog.clear()
    monkeypatch.setattr("mclas_fairseq.inference.document_search._SECONDS_BETWEEN_SIGNS", 3600.0)
    summarizer.summarize(documents[:3], batch_size=2)
    assert not [line for line in caplog.messages if line.startswith("decoded")]


def test_documents_that_are_cut_are_told_with_what_is_not_read(
    summarizer: Summarizer, documents: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    texts = ["Today .", " ".join(["Today"] * 50), " ".join(["Today"] * 39), "Today " * 100]
    found = list(summarizer.stream(texts, buffer_size=2))
    assert [summary.unread_tokens for summary in found] == [0, 11, 0, 61]  # EOS counts as well
    assert caplog.messages[-1] == (
        "2 of 4 documents are longer than the 40 tokens that the model reads: their ends are not"
        " read (document 2: 11 of 51, document 4: 61 of 101 tokens)"
    )
    caplog.clear()
    summarizer.summarize(texts[:1])
    assert not caplog.messages


def test_no_documents_give_no_summaries(summarizer: Summarizer) -> None:
    assert list(summarizer.stream([])) == []


def test_hypotheses_hold_both_summaries_best_first(
    summarizer: Summarizer, documents: list[str]
) -> None:
    assert summarizer.languages == ("en", "de")
    for summary in summarizer.stream(documents):
        assert all(list(one.summary) == ["en", "de"] for one in summary.hypotheses)
        scores = [hypothesis.score for hypothesis in summary.hypotheses]
        assert scores == sorted(scores, reverse=True)
        assert summary.best == summary.hypotheses[0]
        assert summary.text == str(summary) == summary.best.summary["de"]


def test_a_list_gives_a_list_and_a_string_its_summary(
    summarizer: Summarizer, documents: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    streamed = list(summarizer.stream(documents, batch_size=16))
    assert summarizer.summarize(iter(documents)) == streamed
    assert capsys.readouterr().err == "", "no bar unless it is asked for"
    assert summarizer.summarize(documents, progress=True) == streamed
    assert f"{len(documents)}/{len(documents)}" in capsys.readouterr().err
    alone = summarizer.summarize(documents[2])
    assert flat([alone]) == flat([streamed[2]])


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (" \n\t", "document 2: must have text, but is empty; leave it out"),
        (["A sentence ."], "document 2: must be a string, found list; join its sentences"),
    ],
)
def test_what_cannot_be_summarized_is_named_by_its_place(
    summarizer: Summarizer, document: Any, message: str
) -> None:
    with pytest.raises(DataError, match=message):
        summarizer.summarize(["Today .", document])


def test_batches_of_nothing_are_refused(summarizer: Summarizer) -> None:
    with pytest.raises(ConfigError, match="batch size 0: it must be at least 1"):
        summarizer.summarize(["Today ."], batch_size=0)


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="device quantum: must be one that torch can use here"):
        choose_device("quantum")


def test_more_hypotheses_than_the_beam_holds_are_refused() -> None:
    with pytest.raises(ConfigError, match="--nbest 4: it must lie between 1 and --beam 3"):
        DecodingOptions(beam=3, nbest=4)


def test_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pt: the file does not exist"):
        Summarizer.load([tmp_path / "none.pt"], tmp_path)


def test_an_unknown_precision_is_refused(summarizer: Summarizer) -> None:
    system = LoadedSystem(summarizer.models, summarizer.task, "float32", summarizer.options)
    assert system.in_precision(None) is system
    assert system.in_precision("bfloat16").precision == "bfloat16"
    with pytest.raises(
        ConfigError, match=r"precision half: must be one of float32, bfloat16, int8; "
    ):
        system.in_precision("half")
