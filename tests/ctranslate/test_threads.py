"""A batch on several translators is what it is on one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mclas_fairseq.ctranslate.threads import Threads, translators
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.summarizer import Summarizer

MIB = 2**20


@pytest.mark.parametrize(
    ("threads", "size", "count"),
    [
        (1, 5 * MIB, 1),
        (4, 5 * MIB, 4),
        (4, 512 * MIB, 1),
        (4, 200 * MIB, 2),
        (6, 110 * MIB, 3),  # four would not share six
        (7, 100 * MIB, 1),
        (2, 0, 2),
    ],
)
def test_translators_share_threads_and_leave_memory(threads: int, size: int, count: int) -> None:
    assert translators(threads, size) == count


class Recorded:
    """Says what it was given."""

    def __init__(self) -> None:
        self.scored = 0
        self.given: list[list[str]] = []

    def score_batch(self, *given: Any) -> None:
        self.scored += 1

    def translate_batch(
        self, documents: list[list[str]], target_prefix: list[list[str]], beam: int
    ) -> list[str]:
        assert documents, "CTranslate2 is not asked for nothing"
        self.given += documents
        pairs = zip(documents, target_prefix, strict=True)
        return [f"{one[0]}{prefix[0]}{beam}" for one, prefix in pairs]


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_answers_come_in_the_order_of_the_documents(rows: int) -> None:
    each = [Recorded() for _ in range(3)]
    threads = Threads(each)
    documents, prefixes = [[f"d{n}"] for n in range(rows)], [[f"p{n}"] for n in range(rows)]
    found = threads.translate_batch(documents, prefixes, beam=4)
    assert found == [f"d{n}p{n}4" for n in range(rows)]
    sizes = [len(one.given) for one in each]
    assert sum(sizes) == rows
    assert max(sizes) - min(sizes) <= 1
    threads.score_batch([["x"]])
    assert [one.scored for one in each] == [1, 1, 1], "each forgets its list"


def test_an_error_of_one_is_an_error_of_all() -> None:
    class Failing(Recorded):
        def translate_batch(self, *given: Any, **asked: Any) -> list[str]:
            raise ValueError("no such token")

    with pytest.raises(ValueError, match="no such token"):
        Threads([Recorded(), Failing()]).translate_batch([["a"], ["b"]], [["c"], ["d"]], beam=1)


def test_summaries_are_those_of_one_thread(
    exported: Callable[[str], Path], documents: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    options = DecodingOptions(beam=3, max_len_b=12)

    def summaries(threads: int) -> list[dict[str, str]]:
        monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
        found = Summarizer.from_bundle(exported("many"), options, device="cpu", precision="float32")
        translator: Threads = found.search.generator._calls.translator
        assert len(translator._translators) == threads
        return [one.summary for one in found.summarize(documents)]

    assert summaries(3) == summaries(1)
