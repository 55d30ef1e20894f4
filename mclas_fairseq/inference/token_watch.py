"""From tokens as they are chosen to the text that each adds, for who looks on.

A piece may be half a word or half a letter, and the next one may change how it reads. So what is
told lags a piece behind, and the rest comes with the finished hypothesis.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor

from mclas_fairseq.generation.watching import WATCH
from mclas_fairseq.inference.results import Watch
from mclas_fairseq.summarization.base_task import SummarizationTask

_BROKEN = "\ufffd"  # what half a letter is decoded to


@dataclass
class _Row:
    """A hypothesis that is being written.

    Attributes:
        document: its place among the documents.
        languages: of its summaries, in order.
        number: of the summary that is being written.
        pieces: of that one.
        told: its text so far.
    """

    document: int
    languages: tuple[str, ...]
    number: int = 0
    pieces: list[str] = field(default_factory=list)
    told: str = ""


class TextWatch:
    """Turns the tokens of a batch into text for a `Watch`.

    Args:
        watch: who is told.
        task: knows tokenizer, dictionary and languages.
        documents: of each row of the batch its document's place, (B,).
        targets: of each row its target language, (B,).
    """

    def __init__(
        self,
        watch: Watch,
        task: SummarizationTask,
        documents: Sequence[int],
        targets: Sequence[str],
    ):
        self._watch, self._task = watch, task
        self._separators = set(task.targets.symbols.values())
        several, source = task.targets.several, task.source_lang
        self._rows = [
            _Row(
                document,
                tuple(one for one in task.languages if not several or one in (source, target)),
            )
            for document, target in zip(documents, targets, strict=True)
        ]

    def of(self, batch: dict[str, Any]) -> dict[str, Any]:
        """The batch, whose rows are told apart by their places, with this to look on."""
        places = batch["id"].new_tensor(range(len(self._rows)))
        return {**batch, "id": places, WATCH: self}

    def __call__(self, rows: list[int], tokens: Tensor) -> None:
        """Take what was chosen last; see `generation/watching.py`."""
        newest: list[int] = tokens[:, -1].tolist()
        for number, token in zip(rows, newest, strict=True):
            row = self._rows[number]
            if tokens.size(1) == 1:  # the start; a second one is that of the second decoder
                if row.pieces:
                    self._next(row)
            elif token in self._separators:
                self._next(row)
            else:
                row.pieces.append(self._task.dictionary[token])
                self._tell(row, row.pieces[:-1])

    def finish(self, number: int, summaries: dict[str, str]) -> None:
        """Tell what is left of a row's last summary when its hypothesis is there."""
        row = self._rows[number]
        text = summaries[row.languages[-1]]
        if row.number == len(row.languages) - 1 and text.startswith(row.told):
            self._add(row, text)

    def _next(self, row: _Row) -> None:
        """The rest of a summary, and on to the next one."""
        self._add(row, self._decoded(row, row.pieces))
        row.number += 1
        row.pieces, row.told = [], ""

    def _tell(self, row: _Row, pieces: list[str]) -> None:
        before, now = self._decoded(row, pieces), self._decoded(row, row.pieces)
        self._add(row, os.path.commonprefix([before, now]).rstrip(_BROKEN))

    def _add(self, row: _Row, text: str) -> None:
        if len(text) > len(row.told) and text.startswith(row.told):
            language = row.languages[row.number]
            self._watch(row.document, row.languages[-1], language, text[len(row.told) :])
            row.told = text

    def _decoded(self, row: _Row, pieces: list[str]) -> str:
        return self._task.data_bin.tokenizer.decode(pieces, row.languages[row.number])
