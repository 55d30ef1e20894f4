"""Which documents are decoded together, and what settings are refused."""

import logging
from pathlib import Path
from typing import Any

import pytest
import torch

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.documents import EncodedDocument
from mclas_fairseq.serve.batches import Job, Ticket, choose_batch, is_full
from mclas_fairseq.serve.messages import Asked
from mclas_fairseq.serve.running import warn_if_open
from mclas_fairseq.serve.searches import Search
from mclas_fairseq.serve.settings import ServeSettings, is_loopback, names_of, read_keys

MODEL: Any = object()


def of(length: int) -> EncodedDocument:
    return EncodedDocument("", torch.empty(0), length, 0, None)


def jobs(*lengths: int, beams: tuple[int, ...] = ()) -> list[Job]:
    kinds = beams or (2,) * len(lengths)
    return [
        Job(
            Ticket(0),
            MODEL,
            Search(DecodingOptions(beam=beam), ("de",)),
            "",
            Asked(1.0),
            0.0,
            encoded=of(length),
        )
        for length, beam in zip(lengths, kinds, strict=True)
    ]


def chosen(waiting: list[Job], limit: int, documents: int = 99) -> list[int]:
    return [waiting.index(job) for job in choose_batch(waiting, limit, documents)]


def test_the_oldest_goes_first_with_those_of_its_length() -> None:
    assert chosen(jobs(10, 50, 11, 90, 9), 33) == [0, 2, 4]


def test_padding_counts() -> None:
    assert chosen(jobs(10, 30), 59) == [0]
    assert chosen(jobs(10, 30), 60) == [0, 1]


def test_a_document_that_is_too_long_goes_alone() -> None:
    assert chosen(jobs(100, 100, 1), 60) == [0]


def test_a_batch_has_at_most_so_many_documents() -> None:
    assert chosen(jobs(10, 50, 11, 90, 9), 1000, 3) == [0, 2, 4]
    assert chosen(jobs(10, 50), 1000, 1) == [0]


@pytest.mark.parametrize(("queue", "batch"), [(1, 1), (2, 1), (3, 2), (64, 32)])
def test_a_batch_leaves_half_of_the_queue_to_the_next_one(queue: int, batch: int) -> None:
    assert ServeSettings(max_queue=queue, max_documents=1).max_batch_documents == batch


def test_other_searches_wait() -> None:
    assert chosen(jobs(10, 10, 10, beams=(2, 4, 2)), 1000) == [0, 2]


@pytest.mark.parametrize(
    ("lengths", "limit", "documents", "full"),
    [
        ((10,), 100, 9, False),
        ((10, 10), 20, 9, True),
        ((10, 10, 10), 20, 9, True),
        ((60,), 100, 9, True),
        ((10,), 100, 1, True),
        ((10, 10), 100, 3, False),
        ((10, 10), 100, 2, True),
    ],
)
def test_a_full_batch_does_not_wait(
    lengths: tuple[int, ...], limit: int, documents: int, full: bool
) -> None:
    assert is_full(jobs(*lengths), limit, documents) is full


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"max_queue": 0}, "--max-queue 0: it must be at least 1"),
        ({"timeout": float("nan")}, "--timeout nan: it must be at least 0.01"),
        ({"grace": float("inf")}, "finite"),
        ({"max_documents": 300}, "--max-documents 300: a request must fit into the queue"),
    ],
)
def test_settings_that_cannot_be(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        ServeSettings(**given)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"", "is empty"), (b" \n", "is empty"), (b"\xff", "no UTF-8"), ("ü".encode(), "key 1 must")],
)
def test_files_of_keys_that_cannot_be(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "keys"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        read_keys(path)
    with pytest.raises(ConfigError, match="No such file"):
        read_keys(tmp_path / "none")


def test_keys_are_read(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("one\n\n two \n")
    assert read_keys(path) == (b"one", b"two")
    assert read_keys(None) == ()


def test_two_bundles_of_one_name() -> None:
    with pytest.raises(ConfigError, match="names must differ, but both are 'x'"):
        names_of([Path("a/x"), Path("b/x")])


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("h", False)],
)
def test_a_server_that_others_reach_warns_without_keys(
    host: str, loopback: bool, caplog: pytest.LogCaptureFixture
) -> None:
    assert is_loopback(host) is loopback
    with caplog.at_level(logging.WARNING):
        warn_if_open(host, [b"key"])
        assert not caplog.records
        warn_if_open(host, [])
    assert ("nobody needs a key" in caplog.text) is not loopback
