"""What a document is made of, for comparing documents: its sequences of five words.

Words are runs of letters and digits, in lower case; in scripts without spaces every letter counts
as a word. Sequences are hashed to 30 bits by scikit-learn (murmur hash), so that a document is a
set of numbers. Two documents are as alike as their sets: shared sequences by all sequences (the
Jaccard similarity).
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import regex
from numpy.typing import NDArray

LENGTH = 5  # words of a sequence
_BITS = 30
_WORDS = regex.compile(
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]|"
    r"[[\p{L}\p{M}\p{N}]--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]]+",
    flags=regex.VERSION1,
)


def words(text: str) -> list[str]:
    """The words of a text, in lower case; the whole text where it has none."""
    folded = text.casefold()
    return _WORDS.findall(folded) or [folded]


def sequences(text: str) -> list[str]:
    """Every sequence of five words, or the only one there is in a shorter text."""
    found = words(text)
    last = max(1, len(found) - LENGTH + 1)
    return [" ".join(found[start : start + LENGTH]) for start in range(last)]


def digest(text: str) -> int:
    """64 bits that are equal for texts with the same words, whatever case and punctuation."""
    content = " ".join(words(text)).encode("utf-8")
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "big")


def hash_sequences(texts: Sequence[str]) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """The sets of several texts.

    Returns:
        The hashes (H,), sorted and distinct within each text, and where each of the N texts begins
        in them, (N + 1,). No set is empty.
    """
    # Imported here as it takes two seconds, and few conversions compare documents.
    from sklearn.feature_extraction.text import HashingVectorizer

    vectorizer: Any = HashingVectorizer(
        analyzer=sequences, n_features=2**_BITS, norm=None, alternate_sign=False, binary=True
    )
    matrix = vectorizer.transform(texts)
    matrix.sort_indices()
    return matrix.indices.astype(np.uint32), matrix.indptr.astype(np.int64)
