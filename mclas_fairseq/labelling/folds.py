"""Parts of a training set, as if little of a language were labelled.

Ma et al. (2021), section on low-resource languages: ten random parts of the target language's
training set, of which one to nine are trained on. The parts are disjoint, and the first three of a
seed are among the first four.
"""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.errors import ConfigError

FOLDS = 10


def folds(count: int, seed: int) -> list[NDArray[np.int64]]:
    """Ten disjoint parts of so many sentences, which together are all of them.

    Args:
        count: sentences.
        seed: of the order in which they are dealt out.
    """
    order = np.random.default_rng(seed).permutation(count)
    return [np.sort(part) for part in np.array_split(order, FOLDS)]


def chosen(count: int, used: int, seed: int) -> NDArray[np.int64]:
    """Rows of the first `used` of ten parts, in order."""
    return np.sort(np.concatenate(folds(count, seed)[:used]))


def read_folds(text: str) -> Mapping[str, int]:
    """Parts by language, of `de=3,fr=1`; empty: all of every language.

    Raises:
        ConfigError: it is not such a text.
    """
    found = {}
    for one in filter(None, text.split(",")):
        language, equals, number = one.partition("=")
        if not (language and equals and number.isdecimal() and 1 <= int(number) <= FOLDS):
            raise ConfigError(
                f"--train-folds {text}: must say of languages how many of their ten parts are"
                f" trained on, as in de=3,fr=1, but {one!r} does not; correct it"
            )
        found[language] = int(number)
    return found
