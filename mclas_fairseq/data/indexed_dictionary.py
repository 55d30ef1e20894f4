"""A fairseq dictionary whose ids are those of a pretrained encoder's tokenizer.

fairseq's own dictionary puts BOS, padding, EOS and unknown at 0 to 3. BERT has `[PAD]` at 0,
`[unused1]` and more from 1, `[UNK]` at 100, `[CLS]` and `[SEP]` at 101 and 102; XLM-R has `<s>`,
`<pad>`, `</s>` and `<unk>` at 0 to 3. Here every entry stands at its id in the pretrained
vocabulary, so that embedding rows need no moving, and what is new stands behind them.

Which entry serves as what (Bai et al. 2021; `[unused*]` as in the released code):

role       symbol here   BERT                 XLM-R
BOS        `<s>`         `[unused1]`          `<s>`
padding    `<pad>`       `[PAD]`              `<pad>`
EOS        `</s>`        `[unused2]`          `</s>`
unknown    `<unk>`       `[UNK]`              `<unk>`
separator  `[LSEP]`      `[unused5]`          appended, a new row
others     `[LSEP:zh]`   `[unused6]`, ...     appended, new rows

A piece that serves as one of these is *named* as the rest of the package and fairseq name it
(`dictionary[1]` is `<s>` with BERT), at the id of the piece. A role that the vocabulary has no
piece for is appended; only padding and unknown must be there.

Sources: documents are binarised as `x1 ... xn EOS`, like everything in fairseq, with EOS being
`</s>` above. What the pretrained encoder reads is `encoder_start x1 ... xn encoder_end`: its
wrapper puts `encoder_start` before the first token (after padding on the left) and replaces EOS by
`encoder_end`. These are `[CLS]` and `[SEP]` of BERT and, nothing being replaced then, `<s>` and
`</s>` of XLM-R. Thus the decoder's BOS and EOS have rows of their own with BERT.

`dict.txt` holds all entries in the order of their ids, the special ones included, which fairseq's
own files never hold: `load_dictionary` knows by that which kind a file is, and fairseq's own
`Dictionary.load` refuses it as having duplicates rather than shifting all ids by four.

Pieces that a line of pieces cannot hold (white space, or a second piece of the same spelling) and
ids without a piece get the name `[id:N]`: nothing is ever encoded as one.

Place in the pipeline: made by `mclas prepare --pretrained`, read by `fairseq-preprocess` (through
the task), by data-bins and bundles.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Optional, TextIO, Union

from fairseq.data import Dictionary

from mclas_fairseq.corpus.tokenizers import SEPARATOR
from mclas_fairseq.data.quick_lines import QuickLines
from mclas_fairseq.errors import DataError

BOS, PAD, EOS, UNK = "<s>", "<pad>", "</s>", "<unk>"

# Role -> BERT's piece that serves as it.
_BERT_PIECES = {PAD: "[PAD]", UNK: "[UNK]", BOS: "[unused1]", EOS: "[unused2]"}
_FIRST_SEPARATOR_PIECE = 5  # [unused5]; further separators follow
_NEVER_TEXT = re.compile(r"\[(PAD|UNK|CLS|SEP|MASK|unused\d+|id:\d+|LSEP.*)\]|<mask>")


class IndexedDictionary(QuickLines):
    """A dictionary in the order of a pretrained vocabulary; made by `from_pieces` or `load`.

    `nspecial` is 0: no entry has its place because of fairseq. Which entries are no text, whatever
    the kind of dictionary, `special_indices` says.
    """

    def __init__(self, *, add_special_symbols: bool = False) -> None:
        assert not add_special_symbols, "special symbols are found among the entries, never added"
        super().__init__(add_special_symbols=False)
        self.nspecial = 0

    @classmethod
    def from_pieces(
        cls, pieces: Sequence[str], *, separators: Sequence[str] = (SEPARATOR,)
    ) -> "IndexedDictionary":
        """Make the dictionary of a pretrained vocabulary.

        Args:
            pieces: the pretrained vocabulary in the order of its ids, from `storable_pieces`.
            separators: names of the separators between summaries, in order.

        Raises:
            DataError: it has no piece for padding or for the unknown.
        """
        served = dict(_BERT_PIECES)
        for number, separator in enumerate(separators, start=_FIRST_SEPARATOR_PIECE):
            served[separator] = f"[unused{number}]"
        known = frozenset(pieces)
        names = {piece: role for role, piece in served.items() if role not in known}
        dictionary = cls()
        for piece in pieces:
            dictionary.add_symbol(names.get(piece, piece), n=0)
        assert len(dictionary) == len(pieces), "entries are distinct"
        for role, piece in served.items():
            if role in dictionary:
                continue
            if role in (PAD, UNK):
                raise DataError(
                    f"pretrained vocabulary: it must hold a piece for {role} ({piece} or {role}),"
                    f" none of its {len(pieces)} pieces is; give a BERT- or XLM-R-like checkpoint"
                )
            dictionary.add_symbol(role, n=0)
        dictionary.find_roles()
        return dictionary

    @classmethod
    def load(cls, f: Union[str, TextIO], add_special_symbols: bool = False) -> "IndexedDictionary":
        """Read what `save` wrote, ids as they were.

        Raises:
            DataError: it is fairseq's own kind of dictionary.
        """
        dictionary = cls()
        dictionary.add_from_file(f)
        dictionary.find_roles()
        return dictionary

    def find_roles(self) -> None:
        """Find out which entries serve as BOS, padding, EOS and unknown, once all are there.

        Raises:
            DataError: one of them is missing.
        """
        missing = [role for role in (BOS, PAD, EOS, UNK) if role not in self.indices]
        if missing:
            raise DataError(
                f"dictionary: one that lines up with a pretrained vocabulary holds {BOS}, {PAD},"
                f" {EOS} and {UNK} among its entries, this one lacks {', '.join(missing)}; prepare"
                " the data-bin again with mclas prepare --pretrained"
            )
        self.bos_index: int = self.indices[BOS]
        self.pad_index: int = self.indices[PAD]
        self.eos_index: int = self.indices[EOS]
        self.unk_index: int = self.indices[UNK]

    @property
    def encoder_start(self) -> int:
        """Id that begins what the pretrained encoder reads: `[CLS]`, or BOS without one."""
        return int(self.indices.get("[CLS]", self.bos_index))

    @property
    def encoder_end(self) -> int:
        """Id that ends what the pretrained encoder reads: `[SEP]`, or EOS without one."""
        return int(self.indices.get("[SEP]", self.eos_index))

    def finalize(self, threshold: int = -1, nwords: int = -1, padding_factor: int = 8) -> None:
        """Raise `DataError`: sorting by frequency would move entries away from their rows."""
        raise DataError(
            "dictionary: the order of its entries is that of a pretrained vocabulary and must stay,"
            " but sorting was asked for; give the dict.txt of the data-bin with --srcdict"
        )


def load_dictionary(path: Path) -> Dictionary:
    """Read a `dict.txt`: fairseq's own kind, or one in the order of a pretrained vocabulary."""
    with path.open(encoding="utf-8") as lines:
        indexed = any(line.startswith(f"{PAD} ") for line in lines)
    kind: Any = IndexedDictionary if indexed else QuickLines
    dictionary: Dictionary = kind.load(str(path))
    return dictionary


def special_indices(dictionary: Dictionary) -> frozenset[int]:
    """Ids of the entries that no text can hold, for either kind of dictionary.

    BOS, padding, EOS, unknown, and what the dictionary names itself; of a pretrained vocabulary
    also `[CLS]`, `[SEP]`, `[MASK]`, `[unused*]`, separators and names of empty places.
    """
    roles = {dictionary.bos(), dictionary.pad(), dictionary.eos(), dictionary.unk()}
    if not isinstance(dictionary, IndexedDictionary):
        return frozenset(roles | getattr(dictionary, "never_text", frozenset()))
    return frozenset(
        roles.union(n for n, name in enumerate(dictionary.symbols) if _NEVER_TEXT.fullmatch(name))
    )


def storable_pieces(pieces: Sequence[Optional[str]]) -> list[str]:
    """Names under which a vocabulary's pieces, None for an id without one, can be entries."""
    return list(_storable(pieces))


def _storable(pieces: Sequence[Optional[str]]) -> Iterator[str]:
    seen: set[str] = set()
    for number, piece in enumerate(pieces):
        if piece is None or piece.split() != [piece] or piece in seen:
            piece = f"[id:{number}]"
        seen.add(piece)
        yield piece
