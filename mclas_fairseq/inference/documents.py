"""Documents that are given to a summarizer: which are none, and which are read in part."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Union

from torch import Tensor

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import DataError

logger = logging.getLogger(__name__)

_CUTS_NAMED = 5  # documents that are cut, in the log


@dataclass(frozen=True, eq=False)
class EncodedDocument:
    """A document as tokens: `Summarizer.encode` makes one, and the same summarizer reads it.

    Attributes:
        text: raw.
        ids: of all its tokens, closed by EOS, (T,).
        read: tokens that the model reads, what it closes and marks documents with included.
        unread: tokens of the end, beyond those.
        dictionary: that the ids are of.
    """

    text: str = field(repr=False)
    ids: Tensor = field(repr=False)
    read: int
    unread: int
    dictionary: Any = field(repr=False)

    @property
    def tokens(self) -> int:
        """Those that are read, and those that are not."""
        return self.read + self.unread


Document = Union[str, EncodedDocument]


def tell_of_cuts(unread: Mapping[int, int], documents: int, limit: int) -> None:
    """Say which documents are longer than the model reads, and by how much.

    Args:
        unread: number of a document -> tokens that are not read.
        documents: how many there are.
        limit: tokens that the model reads.
    """
    named = ", ".join(
        f"document {number}: {tokens:,} of {limit + tokens:,}"
        for number, tokens in islice(unread.items(), _CUTS_NAMED)
    )
    logger.warning(
        "%s of %s documents are longer than the %s tokens that the model reads: their ends are not"
        " read (%s%s tokens)",
        *(f"{len(unread):,}", f"{documents:,}", f"{limit:,}", named),
        ", ..." if len(unread) > _CUTS_NAMED else "",
    )


def check_document(number: int, document: object) -> Document:
    """Return the document, the `number`-th of its input.

    Raises:
        DataError: it is no string, or has no text.
    """
    if not isinstance(document, (str, EncodedDocument)):
        raise DataError(
            f"document {number}: must be a string, found {type(document).__name__}; join its"
            " sentences with spaces"
        )
    if not normalize_text(document if isinstance(document, str) else document.text):
        raise DataError(f"document {number}: must have text, but is empty; leave it out")
    return document
