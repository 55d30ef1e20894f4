"""A batch on several threads of a processor: each has a translator of CTranslate2's of its own.

CTranslate2 can compute each product on several threads, which for models of a summarizer's size
brings next to nothing. Here a batch is taken apart instead. The weights are there once for each
thread, so that a large model has fewer translators, of several threads each.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mclas_fairseq.ctranslate.forms import open_form

_COPIES = 2**29  # bytes that the weights may take on all threads together


class Threads:
    """As CTranslate2's translator, as far as our search asks it for something.

    Args:
        translators: of the same model, at least one.
    """

    def __init__(self, translators: Sequence[Any]):
        self._translators = list(translators)
        self._pool = ThreadPoolExecutor(len(self._translators), "ct2")

    def score_batch(self, *given: Any) -> None:
        """Let every translator score the same."""
        for one in self._translators:
            one.score_batch(*given)

    def translate_batch(
        self, documents: Sequence[list[str]], target_prefix: Sequence[list[str]], **asked: Any
    ) -> list[Any]:
        """Let each translate every so-many-th document; documents are sorted by length, mostly."""
        count = len(self._translators)

        def translate(number: int) -> list[Any]:
            part = slice(number, None, count)
            if not documents[part]:
                return []
            return list(
                self._translators[number].translate_batch(
                    documents[part], target_prefix=target_prefix[part], **asked
                )
            )

        parts = list(self._pool.map(translate, range(count)))
        return [parts[place % count][place // count] for place in range(len(documents))]


def open_threads(folder: Path, *, threads: int, device: str, form: str) -> Threads:
    """The translators of a model that `forms.save_form` wrote; see `forms.open_form`.

    Raises:
        CheckpointError: CTranslate2 cannot open it.
    """
    size = sum(file.stat().st_size for file in folder.iterdir())
    count = translators(threads, size) if device == "cpu" else 1
    each = threads // count
    return Threads(
        [open_form(folder, threads=each, device=device, form=form) for _ in range(count)]
    )


def translators(threads: int, size: int) -> int:
    """How many translators share threads: a divisor of these, by the bytes of the weights."""
    most = max(1, min(threads, _COPIES // max(1, size)))
    return max(one for one in range(1, most + 1) if threads % one == 0)
