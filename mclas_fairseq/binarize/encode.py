"""Second pass: the raw texts of a side become lines of pieces, in several processes, order kept.

The result does not depend on the number of processes: texts travel in blocks, and blocks come back
in the order in which they were sent.
"""

import itertools
import multiprocessing
import multiprocessing.connection
import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.languages import count_words
from mclas_fairseq.corpus.tokenizers import Tokenizer, load_tokenizer
from mclas_fairseq.errors import DataError, SetupError

_BLOCK = 256  # texts that go to a process at a time


@dataclass
class SideStatistics:
    """What was counted while a side was encoded.

    Attributes:
        texts: texts that are there.
        units: words of the texts; characters for languages written without spaces.
        learned_pieces: piece -> occurrences, in the rows that the tokenizer may learn from.
        other_pieces: the same in all other rows.
    """

    texts: int = 0
    units: int = 0
    learned_pieces: Counter[str] = field(default_factory=Counter)
    other_pieces: Counter[str] = field(default_factory=Counter)

    @property
    def pieces(self) -> Counter[str]:
        """Piece -> occurrences in all rows."""
        if not self.other_pieces:
            return self.learned_pieces
        return self.learned_pieces + self.other_pieces


@dataclass(frozen=True)
class _Block:
    """Neighbouring rows of a side; `learned` marks those that the tokenizer may learn from."""

    texts: tuple[str, ...]
    learned: tuple[bool, ...]
    language: str


@dataclass(frozen=True)
class _EncodedBlock:
    """Pieces of each row, separated by spaces; None for an absent text."""

    lines: list[Optional[str]]
    statistics: SideStatistics


EncodeBlocks = Callable[[Iterable[_Block]], Iterator[_EncodedBlock]]


@contextmanager
def block_encoder(folder: Path, workers: int) -> Iterator[EncodeBlocks]:
    """Yield a function that encodes blocks in order, in `workers` processes (one: in this one).

    Args:
        folder: of the saved tokenizer, which each process loads.
        workers: number of processes.
    """
    if workers == 1:
        tokenizer = load_tokenizer(folder)
        yield lambda blocks: (_encode_block(tokenizer, block) for block in blocks)
        return
    with ProcessPoolExecutor(workers, initializer=_start_worker, initargs=(folder,)) as pool:
        try:
            yield lambda blocks: _in_order(pool, blocks, ahead=4 * workers)
        except BrokenProcessPool as error:
            raise SetupError(
                "tokenising: every worker process must live to the end, but one was ended from"
                " outside (out of memory?); give fewer --workers"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)


def encode_side(
    encode: EncodeBlocks,
    raw_file: Path,
    encoded_file: Path,
    *,
    language: str,
    ids: Sequence[str],
    learned: Sequence[bool],
    progress: Callable[[int], object],
) -> SideStatistics:
    """Write the pieces of each text of a side, separated by spaces, one text a line.

    Args:
        encode: from `block_encoder`.
        raw_file: the side's texts, an absent one being an empty line.
        encoded_file: where the pieces go.
        language: of the side.
        ids: of the rows, for messages.
        learned: whether the tokenizer may learn from each row.
        progress: called with the number of rows done after each block.

    Raises:
        DataError: a text has no piece left.
    """
    total = SideStatistics()
    row = 0
    with encoded_file.open("w", encoding="utf-8", newline="\n") as out:
        for block in encode(_blocks(raw_file, learned, language)):
            for line in block.lines:
                if line == "":
                    raise DataError(
                        f"record {ids[row]!r}: its {encoded_file.name} must hold visible text, but"
                        " the tokenizer finds none in it; mend or remove the record"
                    )
                out.write(f"{line or ''}\n")
                row += 1
            _merge(total, block.statistics)
            progress(len(block.lines))
    return total


def encode_texts(
    encode: EncodeBlocks, texts: Iterable[str], language: str
) -> Iterator[tuple[str, list[str]]]:
    """Yield each text of a language with its pieces; texts are taken as they are needed."""
    waiting: deque[str] = deque()

    def blocks() -> Iterator[_Block]:
        remaining = iter(texts)
        while block := tuple(itertools.islice(remaining, _BLOCK)):
            waiting.extend(block)
            yield _Block(block, (True,) * len(block), language)

    for block in encode(blocks()):
        for line in block.lines:
            yield waiting.popleft(), (line or "").split()


def _blocks(raw_file: Path, learned: Sequence[bool], language: str) -> Iterator[_Block]:
    with raw_file.open(encoding="utf-8", newline="\n") as lines:
        rows = zip((line.removesuffix("\n") for line in lines), learned, strict=True)
        while block := tuple(itertools.islice(rows, _BLOCK)):
            texts, marks = zip(*block, strict=True)
            yield _Block(texts, marks, language)


def _encode_block(tokenizer: Tokenizer, block: _Block) -> _EncodedBlock:
    lines: list[Optional[str]] = []
    counted = SideStatistics()
    for text, may_learn in zip(block.texts, block.learned, strict=True):
        if not text:
            lines.append(None)
            continue
        pieces = tokenizer.encode(text, block.language)
        line = " ".join(pieces)
        assert line.split() == pieces, f"a piece of {text!r} holds white space"
        lines.append(line)
        counted.texts += 1
        counted.units += count_words(text, block.language)
        (counted.learned_pieces if may_learn else counted.other_pieces).update(pieces)
    return _EncodedBlock(lines, counted)


def _merge(total: SideStatistics, more: SideStatistics) -> None:
    total.texts += more.texts
    total.units += more.units
    total.learned_pieces.update(more.learned_pieces)
    total.other_pieces.update(more.other_pieces)


def _in_order(
    pool: ProcessPoolExecutor, blocks: Iterable[_Block], ahead: int
) -> Iterator[_EncodedBlock]:
    """Encode blocks in the pool, at most `ahead` of them under way, so that memory stays flat."""
    pending: deque[Future[_EncodedBlock]] = deque()
    for block in blocks:
        pending.append(pool.submit(_encode_in_worker, block))
        if len(pending) >= ahead:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


# A worker process lives for one pool and keeps that pool's tokenizer here; there is no other way to
# hand something to a worker once instead of with every block.
_worker_tokenizer: Optional[Tokenizer] = None


def _start_worker(folder: Path) -> None:
    global _worker_tokenizer
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker_tokenizer = load_tokenizer(folder)


def _encode_in_worker(block: _Block) -> _EncodedBlock:
    assert _worker_tokenizer is not None
    return _encode_block(_worker_tokenizer, block)


def _end_with_parent() -> None:
    """Wait for the parent's end and follow it: a parent killed with -9 cannot say goodbye."""
    parent = multiprocessing.parent_process()
    assert parent is not None
    multiprocessing.connection.wait([parent.sentinel])
    os._exit(1)
