"""Documents longer than a model reads: windows are whole, even and within the limit."""

from collections.abc import Iterable, Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.inference.documents import Document, EncodedDocument
from mclas_fairseq.inference.long_documents import stream_long
from mclas_fairseq.inference.on_long import OnLong, check_windows, choose_on_long
from mclas_fairseq.inference.results import Hypothesis, Summary
from mclas_fairseq.inference.windows import Reader, Windowed, cut_windows


def reader(limit: int, language: str = "en") -> Reader:
    """Reads words as tokens, and EOS; where words are not spaced, characters."""

    def encode(text: str) -> EncodedDocument:
        tokens = len(text if language == "zh" else text.split()) + 1
        read = min(tokens, limit)
        return EncodedDocument(text, torch.zeros(tokens), read, tokens - read, None)

    return Reader(limit, encode, language)


def windows_of(text: str, one: Reader) -> list[str]:
    return [part.text for part in cut_windows(text, one)]


def test_windows_end_at_sentences() -> None:
    text = "One two three. Four five. Six seven eight nine. Ten."
    assert windows_of(text, reader(7)) == [
        "One two three. Four five.",
        "Six seven eight nine. Ten.",
    ]


def test_windows_are_even() -> None:
    text = " ".join(f"Word {number}." for number in range(11))  # 22 tokens; 10 go into a window
    counts = [len(one.split()) for one in windows_of(text, reader(11))]
    assert counts == [8, 8, 6], "three windows are needed; a last one of a single sentence is none"


def test_a_sentence_longer_than_a_window_is_cut_between_words() -> None:
    words = [f"w{number}" for number in range(23)]
    windows = windows_of(" ".join(words), reader(6))
    assert " ".join(windows).split() == words
    assert all(1 <= len(one.split()) <= 5 for one in windows)


def test_a_language_without_spaces() -> None:
    assert windows_of("一二三。四五六七。八九。", reader(8, "zh")) == [
        "一二三。",
        "四五六七。",
        "八九。",
    ]
    long = "一二三四五六七八九"
    windows = windows_of(long, reader(4, "zh"))
    assert "".join(windows) == long
    assert max(map(len, windows)) <= 3


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.sampled_from(["a", "Bb", "c.", "D!", "ee?", "F。"]), min_size=1), st.integers(3, 9)
)
def test_nothing_is_lost_and_no_window_is_too_long(words: list[str], limit: int) -> None:
    one = reader(limit)
    windows = windows_of(" ".join(words), one)
    assert "".join("".join(windows).split()) == "".join(words)
    assert all(one.fits(one.encode(window)) for window in windows)


class Shortener:
    """Writes the first words of a document, in English and, with a mark, in German."""

    languages = ("en", "de")

    def __init__(self, limit: int, keeps: int):
        self.reader = reader(limit)
        self.keeps = keeps
        self.read: list[str] = []

    def stream(self, documents: Iterable[Document], *, batch_size: int = 16) -> Iterator[Summary]:
        for one in documents:
            text = one if isinstance(one, str) else one.text
            self.read.append(text)
            words = text.split()
            unread = max(0, len(words) + 1 - self.reader.limit)
            short = " ".join(words[: self.keeps])
            found = Hypothesis({"en": short, "de": f"de {short}"}, -1.0)
            yield Summary((found,), unread_tokens=unread)


SHORT = "Short one."
LONG = " ".join(f"S{number} a b c." for number in range(6))  # 24 tokens


def test_joined_summaries_are_summarized() -> None:
    model = Shortener(limit=9, keeps=2)
    found = list(stream_long(model, [SHORT, LONG, SHORT], OnLong.WINDOWS))
    assert model.read[:2] == [SHORT, SHORT]
    assert model.read[2:] == [
        "S0 a b c. S1 a b c.",
        "S2 a b c. S3 a b c.",
        "S4 a b c. S5 a b c.",
    ] + ["S0 a S2 a S4 a"]
    assert [one.windows is None for one in found] == [True, False, True]
    assert found[1].windows is not None
    assert vars(found[1].windows) == {"count": 3, "passes": 2, "joined": "S0 a S2 a S4 a"}
    assert found[1].summary == {"en": "S0 a", "de": "de S0 a"}
    assert found[1].unread_tokens == 0


def test_too_long_joined_summaries_are_read_in_windows_again() -> None:
    model = Shortener(limit=9, keeps=4)
    (found,) = stream_long(model, [" ".join([LONG] * 4)], OnLong.WINDOWS)  # 96 tokens
    assert found.windows is not None
    assert (found.windows.count, found.windows.passes) == (12, 5)
    assert len(found.windows.joined.split()) <= 8


def test_a_model_that_does_not_shorten_ends() -> None:
    model = Shortener(limit=9, keeps=100)
    (found,) = stream_long(model, [LONG], OnLong.WINDOWS)
    assert found.windows is not None
    assert found.windows.passes == 2
    assert found.unread_tokens == 16, "what was not read is said"


def test_refused_documents_are_named_before_any_is_summarized() -> None:
    model = Shortener(limit=9, keeps=2)
    with pytest.raises(DataError, match=r"at most 9 tokens.*but 2 have more \(document 2: 25, doc"):
        list(stream_long(model, [SHORT, LONG, LONG], OnLong.REFUSE))
    assert model.read == []
    assert len(list(stream_long(model, [SHORT], OnLong.REFUSE))) == 1


def test_truncation_is_the_models_own() -> None:
    model = Shortener(limit=9, keeps=2)
    (found,) = stream_long(model, [LONG], OnLong.TRUNCATE)
    assert (found.unread_tokens, found.windows) == (16, None)
    assert model.read == [LONG]


def test_windows_need_a_model_that_reads_what_it_writes() -> None:
    model = Shortener(limit=9, keeps=2)
    model.languages = ("de",)  # type: ignore[assignment]
    with pytest.raises(ConfigError, match="also writes summaries in 'en'.*writes de; take a model"):
        list(stream_long(model, [SHORT], OnLong.WINDOWS))
    check_windows("en", ("en",))


def test_an_unknown_choice() -> None:
    with pytest.raises(
        ConfigError, match="on_long 'half': must be one of truncate, windows, refuse"
    ):
        choose_on_long("half")


def test_the_last_round_is_known() -> None:
    one = Windowed(reader(9).encode(LONG), reader(9))
    assert not one.last
    summaries = list(Shortener(9, 1).stream(one.parts))
    assert one.advance(summaries) is None
    assert one.last
