"""Labels for sentences that have none yet."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from mclas_fairseq.labelling.dataset import parts
from mclas_fairseq.labelling.loading import LoadedLabeller

_AT_ONCE = 1000  # sentences that are ordered by length
_Row = tuple[int, list[int], list[bool]]  # sentence, pieces, first pieces


def predict(
    labeller: LoadedLabeller,
    sentences: Iterable[Sequence[str]],
    language: str,
    *,
    max_tokens: int = 4096,
) -> Iterator[tuple[str, ...]]:
    """Label the words of sentences, in order; each word gets a tag, however long its sentence.

    Args:
        labeller: model and task.
        sentences: words of each.
        language: of the words.
        max_tokens: pieces of a batch, padding among them.
    """
    waiting = iter(sentences)
    while block := list(islice(waiting, _AT_ONCE)):
        yield from _predict_block(labeller, block, language, max_tokens)


@torch.no_grad()
def _predict_block(
    labeller: LoadedLabeller, block: Sequence[Sequence[str]], language: str, max_tokens: int
) -> list[tuple[str, ...]]:
    rows = [
        row
        for number, words in enumerate(block)
        for row in _rows(labeller, number, words, language)
    ]
    found: dict[int, list[str]] = {}
    order = sorted(range(len(rows)), key=lambda place: len(rows[place][1]))
    batch: list[int] = []
    for place in order:
        if batch and (1 + len(batch)) * len(rows[place][1]) > max_tokens:
            found.update(zip(batch, _label(labeller, [rows[at] for at in batch]), strict=True))
            batch = []
        batch.append(place)
    if batch:
        found.update(zip(batch, _label(labeller, [rows[at] for at in batch]), strict=True))
    tags: list[list[str]] = [[] for _ in block]
    for place, (number, _, _) in enumerate(rows):
        tags[number] += found[place]
    return [tuple(row) for row in tags]


def _rows(
    labeller: LoadedLabeller, number: int, words: Sequence[str], language: str
) -> Iterator[_Row]:
    """Rows of a sentence, cut as in training."""
    task = labeller.task
    dictionary, tokenizer = task.dictionary, task.data_bin.tokenizer
    pieces: list[int] = []
    firsts: list[bool] = []
    for word in words:
        own = [dictionary.index(piece) for piece in tokenizer.encode(word, language)]
        own = own or [dictionary.unk()]
        pieces += own
        firsts += [True, *[False] * (len(own) - 1)]
    for begin, end in parts(firsts, task.max_positions() - 1):
        yield number, [*pieces[begin:end], dictionary.eos()], [*firsts[begin:end], False]


def _label(labeller: LoadedLabeller, rows: Sequence[_Row]) -> list[list[str]]:
    """Tags of each row of a batch."""
    dictionary, tags = labeller.task.dictionary, labeller.task.labels.tags
    device = next(labeller.model.parameters()).device
    longest = max(len(pieces) for _, pieces, _ in rows)
    tokens = torch.full((len(rows), longest), dictionary.pad())
    firsts = torch.zeros(len(rows), longest, dtype=torch.bool)
    for at, (_, pieces, first) in enumerate(rows):
        tokens[at, : len(pieces)] = torch.tensor(pieces)
        firsts[at, : len(first)] = torch.tensor(first)
    lengths = torch.tensor([len(pieces) for _, pieces, _ in rows])
    logits: Tensor
    logits, _ = labeller.model(tokens.to(device), lengths.to(device), firsts.to(device))
    found = logits.argmax(-1).cpu().split(firsts.sum(1).tolist())
    return [[tags[number] for number in row.tolist()] for row in found]
