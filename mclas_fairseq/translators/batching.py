"""Batches of lines of like length, made smaller when memory runs out.

The longest lines come first, so that memory runs out early or not at all.
"""

import gc
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import torch

from mclas_fairseq.errors import TranslatorError
from mclas_fairseq.translators.base import Translation

logger = logging.getLogger(__name__)

Line = TypeVar("Line")

# What torch, its allocator for the CPU and CTranslate2 say in a plain RuntimeError.
_OUT_OF_MEMORY = ("out of memory", "not enough memory", "can't allocate memory")


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether `error` says that memory, of the device or of the machine, ran out."""
    if isinstance(error, (MemoryError, torch.OutOfMemoryError)):
        return True
    text = str(error).lower()
    return isinstance(error, RuntimeError) and any(words in text for words in _OUT_OF_MEMORY)


@dataclass(frozen=True)
class Batches(Generic[Line]):
    """How lines are put into batches and run.

    Attributes:
        name: of the translator, for messages.
        tokens: largest size of a batch, its number of lines times the tokens of the longest; a
            longer line is a batch of its own.
        length: tokens of a line.
        run: translates a batch; a translation for each line, in order.
    """

    name: str
    tokens: int
    length: Callable[[Line], int]
    run: Callable[[Sequence[Line]], Sequence[Translation]]

    def translate(self, lines: Sequence[Line]) -> list[Translation]:
        """Return the translations of `lines`, in their order.

        A batch for which memory does not suffice is halved, and so are those after it, until the
        end of this call: batches, and with them the last digits of scores, depend on the lines of
        the call alone.

        Raises:
            TranslatorError: memory does not suffice for one line, or `run` lost a line.
        """
        lengths = [self.length(line) for line in lines]
        order = sorted(range(len(lines)), key=lambda place: (-lengths[place], place))
        found: dict[int, Translation] = {}
        limit, start = self.tokens, 0
        while start < len(order):
            longest = lengths[order[start]]
            batch = order[start : start + max(1, limit // max(1, longest))]
            translations = self._run([lines[place] for place in batch])
            if translations is None:
                limit = self._halve(len(batch), longest)
                continue
            if len(translations) != len(batch):
                raise TranslatorError(
                    f"{self.name}: must give one translation for each line, but gave "
                    f"{len(translations)} for a batch of {len(batch)}; use another model"
                )
            found.update(zip(batch, translations, strict=True))
            start += len(batch)
        return [found[place] for place in range(len(lines))]

    def _run(self, batch: Sequence[Line]) -> Sequence[Translation] | None:
        """Run a batch; None if memory ran out."""
        try:
            return self.run(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        # Only now, out of the handler, nothing refers to the failed batch's tensors any more.
        if torch.cuda.is_initialized():
            gc.collect()
            torch.cuda.empty_cache()
        return None

    def _halve(self, lines: int, longest: int) -> int:
        if lines == 1:
            raise TranslatorError(
                f"{self.name}: memory must suffice for one line, but ran out on one of {longest} "
                "tokens; lower --beam or --max-source-tokens, or use a smaller model"
            )
        half = lines // 2
        logger.warning("%s: out of memory, going on with %d lines a batch", self.name, half)
        return half * longest
