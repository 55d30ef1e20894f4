"""How often text of each language is drawn: two stages that lift languages with little text.

Sun et al. (mGLM), "Generating Cross-lingual Summary based on Multilingual Pre-Trained Model".
Stage 1 fits a curve to the sizes, largest first, and takes the curve in their place, so that what
is far above it goes down and what is below goes up; their sum stays. The paper gives neither curve
nor axis: `semilog` agrees with all that it says of the effect, `zipf` with the share that it
reports for seven Indic languages. Stage 2 draws a language in proportion to its size to the power
of 0.3.
"""

import math
from collections.abc import Mapping
from enum import StrEnum

from mclas_fairseq.errors import ConfigError, DataError

ALPHA = 0.3


class Balance(StrEnum):
    """The curve of stage 1, for the language of rank r by size.

    NONE: sizes as they are. SEMILOG: exp(a + b r). LOGLOG: exp(a) r^b. ZIPF: r^-s, s given. a and b
    are fitted to the logarithms of the sizes by least squares.
    """

    NONE = "none"
    SEMILOG = "semilog"
    LOGLOG = "loglog"
    ZIPF = "zipf"


def smooth_sizes(
    sizes: Mapping[str, float], balance: Balance, *, slope: float = 1.0
) -> dict[str, float]:
    """Stage 1: sizes on a curve, with the same sum, in the same order of languages by size.

    Args:
        sizes: of the text of each language, in any unit; largest first, and by their codes where
            they are equal, they have the ranks 1, 2, ...
        balance: which curve.
        slope: s of `zipf`.

    Raises:
        DataError: there is no language, or one without text.
        ConfigError: `slope` is no positive number.
    """
    _check(sizes)
    if not (math.isfinite(slope) and slope > 0):
        raise ConfigError(
            f"slope of zipf: it must be a positive number, it is {slope:g}; give one, such as 1"
        )
    if balance is Balance.NONE or len(sizes) == 1:
        return dict(sizes)
    ranked = sorted(sizes, key=lambda language: (-sizes[language], language))
    ranks = range(1, len(ranked) + 1)
    if balance is Balance.ZIPF:
        curve = [rank**-slope for rank in ranks]
    else:
        axis = [float(rank) if balance is Balance.SEMILOG else math.log(rank) for rank in ranks]
        steepness = _slope(axis, [math.log(sizes[language]) for language in ranked])
        # The height of the line goes into the sum, which is kept.
        curve = [math.exp(steepness * place) for place in axis]
    scale = sum(sizes.values()) / sum(curve)
    smoothed = {language: scale * value for language, value in zip(ranked, curve, strict=True)}
    return {language: smoothed[language] for language in sizes}


def sampling_shares(sizes: Mapping[str, float], alpha: float = ALPHA) -> dict[str, float]:
    """Stage 2: the share of samples of each language, in proportion to size ** alpha.

    Raises:
        DataError: there is no language, or one without text.
        ConfigError: `alpha` is not from 0 (all alike) to 1 (as they are).
    """
    _check(sizes)
    if not 0 <= alpha <= 1:
        raise ConfigError(
            f"alpha: it must be from 0 (all languages alike) to 1 (by size), it is {alpha:g}; "
            "give 0.3, as the paper has it"
        )
    powers = {language: size**alpha for language, size in sizes.items()}
    total = sum(powers.values())
    return {language: power / total for language, power in powers.items()}


def balanced_shares(
    sizes: Mapping[str, float],
    balance: Balance = Balance.SEMILOG,
    *,
    alpha: float = ALPHA,
    slope: float = 1.0,
) -> dict[str, float]:
    """Both stages: the share of samples of each language; see `smooth_sizes`, `sampling_shares`."""
    return sampling_shares(smooth_sizes(sizes, balance, slope=slope), alpha)


def repetitions(
    shares: Mapping[str, float], counts: Mapping[str, int], most: float = 100.0
) -> dict[str, float]:
    """How many times the samples of each language are drawn in an epoch of as many samples as are.

    A language whose samples would be drawn more than `most` times is drawn so often, and the others
    share what is left of the epoch as their shares say.

    Args:
        shares: of the samples of an epoch.
        counts: of samples of each language.
        most: the cap, at least 1.

    Raises:
        DataError: a language has no samples.
        ConfigError: `most` is below 1, so that an epoch could not be filled.
    """
    _check(counts)
    if most < 1:
        raise ConfigError(
            f"--max-upsample: it must be at least 1, or an epoch cannot be filled, it is {most:g}; "
            "give 100, the default"
        )
    left = float(sum(counts.values()))
    open_ones, found = dict(shares), {}
    while open_ones:
        total = sum(open_ones.values())
        ratios = {name: left * share / total / counts[name] for name, share in open_ones.items()}
        capped = [name for name, ratio in ratios.items() if ratio > most]
        if not capped:
            found.update(ratios)
            break
        for name in capped:
            found[name] = most
            left -= most * counts[name]
            del open_ones[name]
    return {name: found[name] for name in shares}


def _slope(axis: list[float], values: list[float]) -> float:
    """Slope of the line of least squares."""
    centre, height = sum(axis) / len(axis), sum(values) / len(values)
    above = sum((x - centre) * (y - height) for x, y in zip(axis, values, strict=True))
    return above / sum((x - centre) ** 2 for x in axis)


def _check(sizes: Mapping[str, float]) -> None:
    empty = [language for language, size in sizes.items() if not size > 0]
    if empty or not sizes:
        which = f"'{empty[0]}' has none" if empty else "there is no language"
        raise DataError(
            f"balancing: it needs text of each language, {which}; leave languages without text out"
        )
