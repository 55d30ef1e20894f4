"""Batches: sorted, bounded by tokens, halved when memory runs out."""

from collections.abc import Callable, Sequence

import pytest
import torch

from mclas_fairseq.errors import TranslatorError
from mclas_fairseq.translators import Translation
from mclas_fairseq.translators.batching import Batches, is_out_of_memory

LINES = ["a", "b b b b", "c c", "d d d", "e", "f f f f", "g g"]


def upper(batch: Sequence[str]) -> list[Translation]:
    return [Translation(line.upper()) for line in batch]


def batches(run: Callable[[Sequence[str]], Sequence[Translation]], tokens: int) -> Batches[str]:
    return Batches(name="fake:", tokens=tokens, length=lambda line: len(line.split()), run=run)


class Small:
    """Runs out of memory above a number of tokens, padding included."""

    def __init__(self, tokens: int, error: Exception) -> None:
        self.tokens, self.error = tokens, error
        self.sizes: list[int] = []

    def __call__(self, batch: Sequence[str]) -> list[Translation]:
        size = len(batch) * max(len(line.split()) for line in batch)
        self.sizes.append(size)
        if size > self.tokens:
            raise self.error
        return upper(batch)


def test_translations_come_in_the_order_of_the_lines() -> None:
    found = batches(upper, 8).translate(LINES)
    assert [translation.text for translation in found] == [line.upper() for line in LINES]


def test_batches_hold_lines_of_like_length_within_the_limit() -> None:
    seen: list[list[int]] = []

    def run(batch: Sequence[str]) -> list[Translation]:
        seen.append([len(line.split()) for line in batch])
        return upper(batch)

    batches(run, 8).translate(LINES)
    assert seen == [[4, 4], [3, 2], [2, 1, 1]]


def test_a_line_longer_than_the_limit_is_a_batch_of_its_own() -> None:
    assert len(batches(upper, 2).translate(["a b c d e", "f"])) == 2


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        RuntimeError("CUDA failed with error out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory"),
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate"),
        MemoryError(),
    ],
)
def test_out_of_memory_halves_the_batch_and_loses_no_line(error: Exception) -> None:
    small = Small(4, error)
    found = batches(small, 16).translate(LINES)
    assert [translation.text for translation in found] == [line.upper() for line in LINES]
    assert small.sizes[:3] == [16, 8, 4]
    assert all(size <= 4 for size in small.sizes[2:]), "later batches start at the smaller size"


def test_the_next_call_starts_with_the_full_size_again() -> None:
    small = Small(4, MemoryError())
    runner = batches(small, 16)
    runner.translate(LINES)
    first = list(small.sizes)
    small.sizes.clear()
    runner.translate(LINES)
    assert small.sizes == first


def test_too_little_memory_for_one_line_is_said() -> None:
    with pytest.raises(TranslatorError) as caught:
        batches(Small(3, MemoryError()), 16).translate(LINES)
    assert str(caught.value) == (
        "fake:: memory must suffice for one line, but ran out on one of 4 tokens; lower --beam or "
        "--max-source-tokens, or use a smaller model"
    )


def test_other_errors_are_not_taken_for_a_lack_of_memory() -> None:
    error = RuntimeError("shapes do not match")
    assert not is_out_of_memory(error)
    assert not is_out_of_memory(ValueError("out of memory"))
    with pytest.raises(RuntimeError, match="shapes do not match"):
        batches(Small(4, error), 16).translate(LINES)


def test_a_batch_that_comes_back_short_is_an_error() -> None:
    with pytest.raises(TranslatorError, match="gave 1 for a batch of 2; use another model"):
        batches(lambda batch: upper(batch[:1]), 8).translate(LINES)
