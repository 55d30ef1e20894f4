"""What the two processes say to each other comes through as it was, and nothing else does."""

from typing import Any

import pytest

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.on_long import OnLong
from mclas_fairseq.inference.results import Hypothesis, Summary, Windows
from mclas_fairseq.serve.messages import (
    Asked,
    Begin,
    Done,
    Drain,
    FromDecoder,
    Message,
    Outcome,
    Reader,
    Submit,
    ToDecoder,
    written,
)
from mclas_fairseq.serve.searches import Search
from mclas_fairseq.serve.settings import ServeSettings

HYPOTHESIS = Hypothesis({"zh": "河水", "en": "The\nriver"}, 0.1 + 0.2, (5, 6, 2))
HOPELESS = Hypothesis({"de": ""}, float("-inf"), (2,))  # JSON proper has no such number
SUMMARY = Summary((HYPOTHESIS,), {"de": (HYPOTHESIS,)}, 3, Windows(2, 2, "joined"))
ATTENTION: dict[str, Any] = {"to_document": [[0.1, 1e-12], [0.25, 3.0]], "summaries": []}


@pytest.mark.parametrize(
    ("kinds", "message"),
    [
        (ToDecoder, Begin(("a/b", "ü"), None, "int8", ServeSettings(max_queue=99, grace=1.5))),
        (ToDecoder, Drain()),
        (
            ToDecoder,
            Submit(
                3,
                Search(DecodingOptions(beam=7, lenpen=0.7), ("de", "zh")),
                Asked(1.5, True, OnLong.WINDOWS),
                12.25,
                True,
                ((1, "A text.\u2028"), (2, "ش 🌊")),
            ),
        ),
        (FromDecoder, Done(4, "news", Outcome(SUMMARY, ATTENTION, 64, "a warning"))),
        (FromDecoder, Done(4, "news", Outcome(SUMMARY, None, 64))),
        (FromDecoder, Done(4, "news", Outcome(Summary((HOPELESS,)), None, 0))),
    ],
)
def test_a_message_comes_through_as_it_was(kinds: Any, message: Message) -> None:
    found = Reader(kinds).read(written(message))
    assert found == message
    assert type(found) is type(message)
    assert "A text" not in repr(message), "it could come into a log"


def test_the_order_of_languages_is_kept() -> None:
    found = Reader(FromDecoder).read(written(Done(1, "x", Outcome(SUMMARY, None, 1))))
    assert isinstance(found, Done)
    assert list(found.outcome.summary.best.summary) == ["zh", "en"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "must be one of Begin, Submit, Forget"),
        (b"Loaded {}", "must be one of Begin"),
        (b'Forget {"documents": ["SECRET"]}', "must be as its class says, but errs in 1 places"),
        (b'Forget {"documents": [1]', "errs in 1 places"),
        (b"Forget", "errs in 1 places"),
        (b'Release {"models": "SECRET"}', "errs in 1 places"),
    ],
)
def test_what_is_no_message_is_refused_and_not_repeated(data: bytes, said: str) -> None:
    with pytest.raises(ValueError, match=said) as met:
        Reader(ToDecoder).read(data)
    assert "SECRET" not in str(met.value)
    assert met.value.__cause__ is None


def test_options_out_of_range_do_not_come_through() -> None:
    search = Search(DecodingOptions(), ("de",))
    data = written(Submit(1, search, Asked(1.0), 0.0, False, ()))
    assert isinstance(Reader(ToDecoder).read(data), Submit)
    with pytest.raises(ConfigError, match="--beam -1: it must be at least 1"):
        Reader(ToDecoder).read(data.replace(b'"beam": 5', b'"beam": -1'))
