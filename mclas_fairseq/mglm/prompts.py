"""Documents with a prompt around them, as mGLM reads them: `[CLS]`, template, one blank.

A document that is too long is cut at its end, so that the prompt stays whole; how many tokens of it
are not read is counted.

Place in the pipeline: the sources of task `glm_seq2seq`, in training and in decoding.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from fairseq.data import ConcatDataset, FairseqDataset
from numpy.typing import NDArray
from torch import Tensor

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.summary_dataset import Rows, RowsDataset
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.mglm.templates import BLANKS, DOCUMENT, Template

Numbers = NDArray[np.int64]

_LEAST_ROOM = 8  # tokens of a document, below which a prompt is about nothing


@dataclass(frozen=True)
class Prompt:
    """A template as ids.

    Attributes:
        before: ids before the document, `[CLS]` first.
        after: ids behind it.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.before) + len(self.after)

    def around(self, document: Tensor) -> Tensor:
        """The prompt around a document's ids (T,): (T + len(self),)."""
        before, after = (document.new_tensor(ids) for ids in (self.before, self.after))
        return torch.cat([before, document, after])


def make_prompt(template: Template, data_bin: DataBin, language: str) -> Prompt:
    """Cut a template to pieces.

    Raises:
        ConfigError: the dictionary cannot spell it.
    """
    dictionary = data_bin.dictionary
    halves: list[list[int]] = [[int(dictionary.index("[CLS]"))], []]
    half = 0
    for part in template.parts():
        if part == DOCUMENT:
            half = 1
        elif part in BLANKS:
            halves[half].append(int(dictionary.index(part)))
        else:
            pieces = data_bin.tokenizer.encode(part, language)
            unknown = [piece for piece in pieces if piece not in dictionary]
            if unknown:
                raise ConfigError(
                    f"template {template.name}: the dictionary must spell it, but it does not know"
                    f" {unknown[0]!r}; give another one by --templates, or a data-bin whose"
                    " tokenizer knows the language"
                )
            halves[half] += [int(dictionary.index(piece)) for piece in pieces]
    return Prompt(tuple(halves[0]), tuple(halves[1]))


def prompt_ids(prompts: Mapping[str, str], data_bin: DataBin) -> set[int]:
    """Ids that the prompts of a checkpoint hold, from language -> text of the template.

    Raises:
        ConfigError: one is no template.
    """
    made = (
        make_prompt(Template(f"for {language}", text), data_bin, language)
        for language, text in prompts.items()
    )
    return {number for prompt in made for number in (*prompt.before, *prompt.after)}


class PromptedDocuments(RowsDataset):
    """Rows of one or several sides, each with a prompt around it, at most `max_tokens` together.

    Args:
        sides: encoded documents, each closed by one mark of its end, which is left out.
        of_side: for each example the number of its side, (N,).
        rows: for each example its row there, (N,).
        prompts: the prompts.
        of_prompt: for each example the number of its prompt, (N,).
        max_tokens: longest source, the prompt included.

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
    ):
        starts = np.cumsum([0, *(len(side) for side in sides)], dtype=np.int64)
        rows = np.asarray(rows, dtype=np.int64)
        joined = sides[0] if len(sides) == 1 else ConcatDataset(list(sides))
        super().__init__(joined, rows, max_tokens, eos=0)
        self._places = starts[of_side] + rows
        self.prompts, self.of_prompt = list(prompts), of_prompt
        lengths = np.asarray([len(prompt) for prompt in prompts], dtype=np.int64)
        if max_tokens - int(lengths.max()) < _LEAST_ROOM:
            raise ConfigError(
                f"--max-source-positions {max_tokens}: the longest prompt, of"
                f" {int(lengths.max())} tokens, must leave room for {_LEAST_ROOM} tokens of a"
                " document; give more"
            )
        full = np.asarray(joined.sizes)[self._places] - 1 + lengths[of_prompt]
        self.sizes = np.minimum(full, max_tokens)
        self.unread = full - self.sizes
        self.truncated = int((self.unread > 0).sum())
        self.truncated_tokens = int(self.unread.sum())

    def __getitem__(self, index: int) -> Tensor:
        """Ids of a document with its prompt, (T,), T <= max_tokens."""
        prompt = self.prompts[int(self.of_prompt[index])]
        document: Tensor = self.side[int(self._places[index])].long()[:-1]
        return prompt.around(document[: self.max_tokens - len(prompt)])
