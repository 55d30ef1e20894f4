"""Which facts and names belong to which split of the synthetic news.

The pair (kind of event, place) of every event told in a document decides its split, through a hash
that depends on nothing else: not on seed, setting or size. Summaries and event sentences name both,
so none of test can occur in training, not even as a distracting sentence, whatever is generated. A
fifth of all names is reserved: it occurs in validation and test only. Place in the pipeline: under
`documents`.
"""

import functools
import hashlib

from mclas_fairseq.corpus.synthetic_news.draws import Draws
from mclas_fairseq.corpus.synthetic_news.lexicon import Kind, Syllables

SPLITS = ("train", "valid", "test")

RESERVED_SHARE_DRAWN = 0.3  # of the names in validation and test documents


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")


def split_of(kind: str, place: str) -> str:
    """The split that an event of this kind in this place belongs to (80, 10 and 10 per cent)."""
    bucket = _hash(f"synthetic_news fact {kind} {place}") % 10
    return {0: "valid", 1: "test"}.get(bucket, "train")


def is_reserved(name: str) -> bool:
    """Whether a name is kept out of training documents (a fifth of them is)."""
    return _hash(f"synthetic_news name {name}") % 5 == 0


@functools.cache
def names(syllables: Syllables, reserved: bool) -> tuple[str, ...]:
    """All names that can be made of the syllables and are, or are not, reserved."""
    made = (
        start + end
        for start in syllables.starts
        for end in syllables.ends
        if start[-1] != end[0] and start.lower() != end
    )
    return tuple(name for name in dict.fromkeys(made) if is_reserved(name) == reserved)


def draw_name(draws: Draws, syllables: Syllables, split: str) -> str:
    """A name that may occur in the split."""
    reserved = split != "train" and draws.chance(RESERVED_SHARE_DRAWN)
    return draws.choice(names(syllables, reserved))


def draw_place(draws: Draws, syllables: Syllables, split: str, kind: Kind, taken: set[str]) -> str:
    """A place, not yet `taken`, in which an event of this kind belongs to the split."""
    while True:
        place = draw_name(draws, syllables, split)
        if place not in taken and split_of(kind.name, place) == split:
            return place
