"""What `mclas prepare --pretrained` takes from a checkpoint: its tokenizer, and the order of ids.

Both are checked rather than believed: training texts must become the ids that transformers' own
tokenizer gives, and every entry of the dictionary must stand at the id of its piece.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from fairseq.data import Dictionary

from mclas_fairseq.binarize.spool import SpooledSplit
from mclas_fairseq.corpus.tokenizers import (
    SEPARATOR,
    PretrainedTokenizer,
    Tokenizer,
    load_tokenizer,
    target_separator,
)
from mclas_fairseq.corpus.tokenizers.pretrained_checkpoint import PretrainedCheckpoint
from mclas_fairseq.data.data_bin import TOKENIZER_FOLDER
from mclas_fairseq.data.indexed_dictionary import IndexedDictionary, storable_pieces
from mclas_fairseq.errors import DataError

_CHECKED_TEXTS = 100  # of each side


def take_tokenizer(
    checkpoint: PretrainedCheckpoint, train: SpooledSplit, sides: Mapping[str, str], folder: Path
) -> Tokenizer:
    """Save a checkpoint's tokenizer into a data-bin, after trying it on training texts.

    Args:
        checkpoint: where from.
        train: the training split.
        sides: side -> language.
        folder: of the data-bin.

    Returns:
        The tokenizer as read back from the folder.

    Raises:
        DataError: it cuts a text otherwise than transformers does.
    """
    for side, language in sides.items():
        with train.raw_file(side).open(encoding="utf-8", newline="\n") as lines:
            texts = (line.removesuffix("\n") for line in lines)
            checkpoint.check_cuts(list(islice(filter(None, texts), _CHECKED_TEXTS)), language)
    checkpoint.tokenizer.save(folder / TOKENIZER_FOLDER)
    return load_tokenizer(folder / TOKENIZER_FOLDER)


def build_indexed_dictionary(
    checkpoint: PretrainedCheckpoint, counts: Counter[str], target_langs: Sequence[str]
) -> IndexedDictionary:
    """Build the dictionary in the order of a checkpoint's ids, `[LSEP]` in it.

    Args:
        checkpoint: whose vocabulary it is.
        counts: piece -> occurrences in the training text.
        target_langs: each gets a separator of its own where there are several.
    """
    own = map(target_separator, target_langs) if len(target_langs) > 1 else ()
    dictionary = IndexedDictionary.from_pieces(
        storable_pieces(checkpoint.pieces), separators=(SEPARATOR, *own)
    )
    for piece, count in counts.items():
        if piece in dictionary:
            dictionary.add_symbol(piece, n=count)
    check_lined_up(dictionary, checkpoint.tokenizer, checkpoint.name)
    return dictionary


def check_lined_up(dictionary: Dictionary, tokenizer: PretrainedTokenizer, name: object) -> None:
    """Check that each piece that text can be cut into stands at its id in the tokenizer.

    Raises:
        DataError: one does not, or the dictionary is fairseq's own kind.
    """
    pieces = tokenizer.entries()
    for piece, number in zip(pieces, tokenizer.numbers(pieces), strict=True):
        found = dictionary.indices.get(piece)
        if found != number:
            raise DataError(
                f"{name}: each piece of the pretrained tokenizer must have its own id in the"
                f" dictionary, but {piece!r} has {number} there and {found} here; prepare the"
                " data-bin again with mclas prepare --pretrained"
            )


def describe_pretrained(checkpoint: PretrainedCheckpoint) -> dict[str, Any]:
    """What the manifest says of the checkpoint."""
    return {
        "name": checkpoint.name,
        "kind": checkpoint.tokenizer.kind,
        "pieces": len(checkpoint.pieces),
        "dictionary_sha256": checkpoint.sha256,
    }
