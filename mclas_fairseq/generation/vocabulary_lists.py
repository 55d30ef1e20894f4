"""Which rows of the output projection a step of search needs: lists of dictionary entries.

In most states of the grammar a hypothesis may go on with the entries of one language, a quarter of
a multilingual dictionary. States whose entries are nearly the same (a summary below its minimum
length may hold everything that an open one may, save its end) share one list; a state with one
entry needs none. The lists are made of the grammar's mask table alone, whatever its states mean.

A list has columns: places of its entries in the scores that search chooses from. Where it is
possible, the columns of padding and EOS have the number that those have in the dictionary, because
fairseq's search writes -inf to them by number. A column without an entry of its own is shut in
every state.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

# A state joins a list that holds at most so many entries more than the state allows; each of them
# is shut at every step, so that they must be few.
_MOST_SHUT = 16


@dataclass(frozen=True, eq=False)
class VocabularyLists:
    """Lists of dictionary entries, and how the states of a grammar use them.

    L lists, the longest of W columns; S states; V dictionary entries.

    Attributes:
        entries: dictionary ids of each list, int64, one tensor (W_l,) per list; a column without an
            entry has an id as well, that of padding.
        of_state: list of each state, int64, shape (S,).
        only: column of the only entry of each state, -1 where it allows more, int64, shape (S,).
        shut: columns that each state does not allow, int64, shape (S, K), repeated up to K.
        columns: column of each dictionary entry in each list, that of padding where the list does
            not hold it, int64, shape (L, V).
        ids: dictionary ids by column, for what search has chosen, int64, shape (L, W): never that
            of padding, as hypotheses that are not alive are written on.
        keeps_numbers: whether padding and EOS keep their numbers as columns in all lists.
    """

    entries: tuple[Tensor, ...]
    of_state: Tensor
    only: Tensor
    shut: Tensor
    columns: Tensor
    ids: Tensor
    keeps_numbers: bool

    @property
    def width(self) -> int:
        """Columns of the longest list, W."""
        return self.ids.size(1)

    @property
    def shortest(self) -> int:
        """Columns of the shortest list."""
        return min(entries.numel() for entries in self.entries)


def build_lists(mask_table: Tensor, *, pad: int, eos: int) -> VocabularyLists:
    """Group the states of a grammar by the entries that they allow.

    Args:
        mask_table: 0 where a state allows an entry, else -inf, shape (S, V); no state allows `pad`.
        pad: id of padding.
        eos: id of EOS.

    Returns:
        The lists, on the device of the table.
    """
    allowed = mask_table.eq(0)  # S x V
    lists, of_state = _group(allowed)
    keeps_numbers = all(int(held.sum()) >= max(pad, eos) for held in lists)
    entries = [
        _columns(held, pad=pad, eos=eos) if keeps_numbers else _append(held, pad) for held in lists
    ]
    # L rows of V -> L x V
    columns = torch.stack([_inverse(ids, pad, mask_table.size(1)) for ids in entries])
    only, shut = _only(allowed, of_state, columns), _shut(allowed, of_state, entries, pad)
    width = max(ids.numel() for ids in entries)
    # L rows of W_l -> L x W
    table = torch.stack([_pad_to(ids, width, pad) for ids in entries])
    first = torch.stack([held.int().argmax() for held in lists]).unsqueeze(1)  # an entry of each
    return VocabularyLists(
        entries=tuple(entries),
        of_state=of_state,
        only=only,
        shut=shut,
        columns=columns,
        ids=torch.where(table.eq(pad), first, table),
        keeps_numbers=keeps_numbers,
    )


def _group(allowed: Tensor) -> tuple[list[Tensor], Tensor]:
    """Lists as masks (V,), and the list of each state (S,)."""
    sizes = allowed.sum(dim=1)
    lists: list[Tensor] = []
    of_state = torch.zeros_like(sizes)
    for state in sizes.argsort(descending=True, stable=True).tolist():
        mine, size = allowed[state], int(sizes[state])
        fitting = [
            (int(held.sum()), number)
            for number, held in enumerate(lists)
            if not bool((mine & ~held).any())
            and (size == 1 or int(held.sum()) - size <= _MOST_SHUT)
        ]
        if fitting:
            of_state[state] = min(fitting)[1]
        else:
            of_state[state] = len(lists)
            lists.append(mine)
    return lists, of_state


def _columns(held: Tensor, *, pad: int, eos: int) -> Tensor:
    """Entries in ascending order, but EOS (or none, -> pad) and padding at their own numbers."""
    own_eos = bool(held[eos])
    rest = held.clone()
    rest[eos] = False
    # V -> W_l x 1 -> W_l
    ids: list[int] = rest.nonzero().squeeze(1).tolist()
    for place in sorted((pad, eos)):
        ids.insert(place, eos if place == eos and own_eos else pad)
    return torch.tensor(ids, device=held.device)


def _append(held: Tensor, pad: int) -> Tensor:
    """Entries in ascending order, then a column without an entry."""
    # V -> W_l x 1 -> W_l, and one column more
    ids = held.nonzero().squeeze(1)
    return torch.cat([ids, ids.new_tensor([pad])])


def _inverse(ids: Tensor, pad: int, size: int) -> Tensor:
    places = torch.arange(ids.numel(), device=ids.device)
    nowhere = int(ids.eq(pad).int().argmax())
    return torch.full((size,), nowhere, device=ids.device).scatter_(
        0, ids, torch.where(ids.eq(pad), nowhere, places)
    )


def _pad_to(ids: Tensor, width: int, pad: int) -> Tensor:
    return torch.nn.functional.pad(ids, (0, width - ids.numel()), value=pad)


def _only(allowed: Tensor, of_state: Tensor, columns: Tensor) -> Tensor:
    entry = allowed.int().argmax(dim=1)  # S: the first entry that a state allows
    return torch.where(allowed.sum(dim=1).eq(1), columns[of_state, entry], -1)


def _shut(allowed: Tensor, of_state: Tensor, entries: Sequence[Tensor], pad: int) -> Tensor:
    """See `VocabularyLists.shut`. States of one entry are not looked at: they need no product."""
    rows = []
    for mine, number in zip(allowed, of_state.tolist(), strict=True):
        ids = entries[number]
        # W_l -> k x 1 -> k: columns to shut
        rows.append((~mine[ids]).nonzero().squeeze(1))
        if int(mine.sum()) == 1:
            rows[-1] = rows[-1][:1]
    longest = max(row.numel() for row in rows)
    # S rows of k -> S x K, each filled up with its first column
    return torch.stack([torch.cat([row, row[:1].expand(longest - row.numel())]) for row in rows])
