"""Dictionary entries that mGLM's texts are built with.

Sun et al. (mGLM), "Generating Cross-lingual Summary based on Multilingual Pre-Trained Model"; the
commands are those of the released code. There padding and the end of a document share one id; here
padding is an entry of its own, so that it can be told from text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mclas_fairseq.errors import DataError

# Attribute of `Symbols` -> entry of the dictionary, in the order in which they are added.
ENTRIES = {
    "cls": "[CLS]",
    "sep": "[SEP]",
    "mask": "[MASK]",
    "sentence_mask": "[sMASK]",
    "document_mask": "[gMASK]",
    "block": "[dBLOCK]",
    "sop": "<sop>",
    "eop": "<eop>",
}


@dataclass(frozen=True)
class Symbols:
    """Ids of the commands, and of padding and the end of a document.

    Attributes:
        cls: stands in front of each document.
        sep: between two texts.
        mask: stands for words that were taken out of a sentence.
        sentence_mask: for whole sentences; the blank of prompts, too.
        document_mask: for a large part of a document.
        block: read in place of a token that was to be read while a span is written.
        sop: read first in each span.
        eop: written last in each span.
        pad: padding.
        eos: the end of a document.
    """

    cls: int
    sep: int
    mask: int
    sentence_mask: int
    document_mask: int
    block: int
    sop: int
    eop: int
    pad: int
    eos: int

    @property
    def blanks(self) -> tuple[int, int, int]:
        """Entries that stand for what was taken out."""
        return self.mask, self.sentence_mask, self.document_mask

    @property
    def commands(self) -> frozenset[int]:
        """Entries that no text may hold: all but padding and the end of a document."""
        return frozenset(getattr(self, name) for name in ENTRIES)


def find_symbols(dictionary: Any) -> Symbols:
    """The ids of the commands in a dictionary.

    Raises:
        DataError: it lacks one.
    """
    indices: Mapping[str, int] = dictionary.indices
    missing = [entry for entry in ENTRIES.values() if entry not in indices]
    if missing:
        raise DataError(
            f"dictionary: mGLM needs the entries {' '.join(ENTRIES.values())}, it lacks "
            f"{' '.join(missing)}; give a data-bin of mclas prepare-text, or one made with mclas "
            "prepare --like such a data-bin"
        )
    found = {name: indices[entry] for name, entry in ENTRIES.items()}
    return Symbols(**found, pad=dictionary.pad(), eos=dictionary.eos())
