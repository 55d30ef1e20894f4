"""Documents with a prompt around them, as mGLM reads them: `[CLS]`, template, one blank.

A document that is too long is cut at its end, so that the prompt stays whole; how many tokens of it
are not read is counted.

Place in the pipeline: the sources of task `glm_seq2seq`, in training and in decoding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

import numpy as np
import torch
from fairseq.data import FairseqDataset
from numpy.typing import NDArray
from torch import Tensor

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.summary_dataset import Rows, RowsDataset, joined
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.mglm.symbols import find_symbols
from mclas_fairseq.mglm.templates import BLANKS, DOCUMENT, QUESTION, Template

Numbers = NDArray[np.int64]

_LEAST_ROOM = 8  # tokens of a document, below which a prompt is about nothing


@dataclass(frozen=True)
class Prompt:
    """A template as ids.

    Attributes:
        pieces: ids before the first place, between places, and behind the last one.
        places: what stands between them, in order: `{document}`, and perhaps `{question}`.
    """

    pieces: tuple[tuple[int, ...], ...]
    places: tuple[str, ...] = (DOCUMENT,)

    def __len__(self) -> int:
        return sum(map(len, self.pieces))

    @property
    def ids(self) -> set[int]:
        """All ids that it holds."""
        return {number for piece in self.pieces for number in piece}

    def around(self, document: Tensor, question: Optional[Tensor] = None) -> Tensor:
        """The prompt around a document's ids (T,), and a question's where there is a place."""
        first, *others = (document.new_tensor(ids) for ids in self.pieces)
        parts = [first]
        for place, piece in zip(self.places, others, strict=True):
            text = document if place == DOCUMENT else question
            assert text is not None, "checked when the examples were loaded"
            parts += [text, piece]
        return torch.cat(parts)


def make_prompt(template: Template, data_bin: DataBin, language: str) -> Prompt:
    """Cut a template to pieces.

    Raises:
        ConfigError: the dictionary cannot spell it.
    """
    dictionary = data_bin.dictionary
    pieces: list[list[int]] = [[int(dictionary.index("[CLS]"))]]
    places = []
    for part in template.parts():
        if part in (DOCUMENT, QUESTION):
            places.append(part)
            pieces.append([])
        elif part in BLANKS:
            pieces[-1].append(int(dictionary.index(part)))
        else:
            cut = data_bin.tokenizer.encode(part, language)
            unknown = [piece for piece in cut if piece not in dictionary]
            if unknown:
                raise ConfigError(
                    f"template {template.name}: the dictionary must spell it, but it does not know"
                    f" {unknown[0]!r}; give another one by --templates, or a data-bin whose"
                    " tokenizer knows the language"
                )
            pieces[-1] += [int(dictionary.index(piece)) for piece in cut]
    return Prompt(tuple(map(tuple, pieces)), tuple(places))


def needed_ids(prompts: Mapping[str, str], data_bin: DataBin) -> frozenset[int]:
    """Ids that a checkpoint with prompts needs whatever its texts are: theirs, and all commands.

    Args:
        prompts: language -> text of the template; empty for a checkpoint without prompts.
        data_bin: whose dictionary it has.

    Raises:
        ConfigError: one is no template.
        DataError: the dictionary lacks a command.
    """
    if not prompts:
        return frozenset()
    made = (
        make_prompt(Template(f"for {language}", text), data_bin, language)
        for language, text in prompts.items()
    )
    commands = find_symbols(data_bin.dictionary).commands
    return commands.union(*(prompt.ids for prompt in made))


class PromptedDocuments(RowsDataset):
    """Rows of one or several sides, each with a prompt around it, at most `max_tokens` together.

    Args:
        sides: encoded documents, each closed by one mark of its end, which is left out.
        of_side: for each example the number of its side, (N,).
        rows: for each example its row there, (N,).
        prompts: the prompts.
        of_prompt: for each example the number of its prompt, (N,).
        max_tokens: longest source, the prompt included.
        questions: of each source side, the side that holds its questions; None: no prompt asks.

    Raises:
        ConfigError: a prompt leaves hardly any room for documents.
    """

    def __init__(
        self,
        sides: Sequence[FairseqDataset],
        of_side: Numbers,
        rows: Rows,
        prompts: Sequence[Prompt],
        of_prompt: Numbers,
        max_tokens: int,
        questions: Optional[Sequence[FairseqDataset]] = None,
    ):
        starts = np.cumsum([0, *(len(side) for side in sides)], dtype=np.int64)
        rows = np.asarray(rows, dtype=np.int64)
        side = joined(sides)
        self.questions = None if questions is None else joined(questions)
        super().__init__(side, rows, max_tokens, eos=0)
        self._places = starts[of_side] + rows
        self.prompts, self.of_prompt = list(prompts), of_prompt
        lengths = np.asarray([len(prompt) for prompt in prompts], dtype=np.int64)[of_prompt]
        if self.questions is not None:
            lengths = lengths + np.asarray(self.questions.sizes)[self._places] - 1
        if max_tokens - int(lengths.max()) < _LEAST_ROOM:
            raise ConfigError(
                f"--max-source-positions {max_tokens}: the longest prompt, of"
                f" {int(lengths.max())} tokens, must leave room for {_LEAST_ROOM} tokens of a"
                " document; give more"
            )
        full = np.asarray(side.sizes)[self._places] - 1 + lengths
        self.sizes = np.minimum(full, max_tokens)
        self.unread = full - self.sizes
        self.truncated = int((self.unread > 0).sum())
        self.truncated_tokens = int(self.unread.sum())

    def __getitem__(self, index: int) -> Tensor:
        """Ids of a document with its prompt, (T,), T <= max_tokens."""
        prompt = self.prompts[int(self.of_prompt[index])]
        place = int(self._places[index])
        document: Tensor = self.side[place].long()[:-1]
        room = self.max_tokens - len(prompt)
        if self.questions is None:
            return prompt.around(document[:room])
        question: Tensor = self.questions[place].long()[:-1]
        return prompt.around(document[: room - len(question)], question)
