"""How often text of each language is drawn, before and after balancing: numbers and a picture.

The shares of `balancing.py` say what one would draw from endless text. Where a language has little,
a cap on how often its text comes in an epoch (`--max-upsample`) takes some of its share away.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mclas_fairseq.corpus.writing import open_whole
from mclas_fairseq.mglm.balancing import ALPHA, Balance, balanced_shares, repetitions

MAX_UPSAMPLE = 100.0


@dataclass(frozen=True)
class Shares:
    """Shares of the samples of an epoch by language.

    Attributes:
        balance: the curve of stage 1.
        alpha: the exponent of stage 2.
        sizes: tokens of each language.
        before: share of the tokens.
        after: share of the samples.
        times: how many times a language's text comes in an epoch of as much text as there is.
    """

    balance: Balance
    alpha: float
    sizes: dict[str, int]
    before: dict[str, float]
    after: dict[str, float]
    times: dict[str, float]

    @classmethod
    def of(
        cls,
        sizes: Mapping[str, int],
        balance: Balance = Balance.SEMILOG,
        *,
        alpha: float = ALPHA,
        slope: float = 1.0,
        most: float = MAX_UPSAMPLE,
    ) -> "Shares":
        """Shares for texts of these sizes.

        Raises:
            DataError: a language has no text.
            ConfigError: a number is out of range.
        """
        wanted = balanced_shares(sizes, balance, alpha=alpha, slope=slope)
        times = repetitions(wanted, sizes, most)
        total = sum(sizes.values())
        return cls(
            balance,
            alpha,
            dict(sizes),
            {language: size / total for language, size in sizes.items()},
            {language: times[language] * size / total for language, size in sizes.items()},
            times,
        )

    def lines(self) -> list[str]:
        """A table: a line a language, the largest first."""
        head = f"language      tokens   share  drawn as   times an epoch   ({self.rule})"
        return [
            head,
            *(
                f"{language:<8} {self.sizes[language]:>11,} {self.before[language]:>7.2%}"
                f" {self.after[language]:>9.2%} {self.times[language]:>16.2f}"
                for language in self.ranked
            ),
        ]

    @property
    def ranked(self) -> list[str]:
        """The languages, that with most text first."""
        return sorted(self.sizes, key=lambda language: (-self.sizes[language], language))

    @property
    def rule(self) -> str:
        """What was done, in a few words."""
        return f"--balance {self.balance.value} --alpha {self.alpha:g}"


def plot_shares(shares: Shares, path: Path) -> None:
    """Draw both shares of each language side by side into a PNG file.

    Raises:
        OutputError: nothing can be written there.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    ranked = shares.ranked
    figure = Figure(figsize=(max(5.0, 0.6 * len(ranked) + 2), 4), layout="constrained")
    axes = figure.subplots()
    places = range(len(ranked))
    for offset, name, values in ((-0.2, "text", shares.before), (0.2, "samples", shares.after)):
        heights = [100 * values[language] for language in ranked]
        axes.bar([place + offset for place in places], heights, width=0.4, label=name)
    axes.set_xticks(list(places), ranked)
    axes.set_ylabel("share in per cent")
    axes.set_title(shares.rule)
    axes.legend()
    with open_whole(path) as stream:
        FigureCanvasAgg(figure).print_png(stream)
