"""Which heads matter least: a ranking, and the CSV in which it travels.

The file says of which weights it is (their SHA-256), as a ranking of one checkpoint says nothing of
another's heads, though they have the same names.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.heads.slicing import weights_fingerprint
from mclas_fairseq.modules.attention_heads import split_name

ALL = "all"  # the importance of a head for the summaries of all languages together
_MARK = "# mclas heads rank"
_FIXED = ("rank", "head")


@dataclass(frozen=True)
class Ranking:
    """Importance of heads, from 0 to 1.

    Attributes:
        checkpoint: SHA-256 of the weights, see `weights_fingerprint`.
        estimator: how it was estimated.
        norm: by what the heads of a layer were divided, l1, l2 or none.
        heads: names, in the order of the model.
        importance: by language ("all": of all together), one number a head.
    """

    checkpoint: str
    estimator: str
    norm: str
    heads: tuple[str, ...]
    importance: Mapping[str, Sequence[float]]

    def least_first(self, language: str = ALL) -> list[str]:
        """Names of the heads, the least important first; of equals, those that come first.

        Raises:
            ConfigError: there is no ranking for that language.
        """
        if language not in self.importance:
            raise ConfigError(
                f"--language {language}: must be one of the ranking's, but those are"
                f" {', '.join(self.importance)}; give one of them"
            )
        values = self.importance[language]
        order = sorted(range(len(self.heads)), key=lambda number: (values[number], number))
        return [self.heads[number] for number in order]

    def lowest(self, k: int, language: str = ALL) -> list[str]:
        """The k least important heads.

        Raises:
            ConfigError: there are not so many.
        """
        if not 1 <= k <= len(self.heads):
            raise ConfigError(
                f"-k {k}: must be from 1 to {len(self.heads)}, the heads of the ranking; give"
                " another number"
            )
        return self.least_first(language)[:k]

    def check_checkpoint(self, path: Path, checkpoint: Path, state: Mapping[str, Any]) -> None:
        """Refuse a ranking of other weights.

        Args:
            path: of the ranking.
            checkpoint: file of the weights.
            state: what it holds.

        Raises:
            ConfigError: it is of another checkpoint.
        """
        fingerprint = weights_fingerprint(state["model"])
        if self.checkpoint != fingerprint:
            raise ConfigError(
                f"--ranking {path}: must be of {checkpoint} ({fingerprint[:12]}), but is of other"
                f" weights ({self.checkpoint[:12]}); rank the heads of this checkpoint"
            )

    def save(self, path: Path) -> None:
        """Write the CSV, the least important head first."""
        languages = list(self.importance)
        place = {name: number for number, name in enumerate(self.heads)}
        text = io.StringIO()
        text.write(f"{_MARK},{self.checkpoint},{self.estimator},{self.norm}\n")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*_FIXED, *languages])
        for rank, name in enumerate(self.least_first(languages[0]), start=1):
            row = place[name]
            values = (format(self.importance[code][row], ".9g") for code in languages)
            writer.writerow([rank, name, *values])
        with write_beside(path) as stream:
            stream.write(text.getvalue())

    @classmethod
    def load(cls, path: Path) -> "Ranking":
        """Read the CSV.

        Raises:
            DataError: the file is missing, or is none that `mclas heads rank` wrote.
        """
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(
                f"ranking {path}: must be a text file that can be read, but is not ({error}); give"
                " what mclas heads rank wrote"
            ) from error
        first = lines[0].split(",") if lines else []
        rows = list(csv.reader(lines[1:]))
        if len(first) != 4 or first[0] != _MARK or len(rows) < 2:
            raise DataError(f"ranking {path}: must begin with {_MARK!r}, but does not; {_AGAIN}")
        header, *body = rows
        try:
            order = [split_name(row[1]) for row in body]
            columns = [[float(row[column]) for row in body] for column in range(2, len(header))]
        except (IndexError, ValueError, ConfigError) as error:
            raise DataError(
                f"ranking {path}: each row must have a rank, a head and numbers, but one has not"
                f" ({error}); {_AGAIN}"
            ) from error
        if not columns or len(set(order)) < len(order):
            raise DataError(
                f"ranking {path}: must have each head once and a column of numbers, but has not;"
                f" {_AGAIN}"
            )
        heads = tuple(row[1] for row in body)
        return cls(first[1], first[2], first[3], heads, dict(zip(header[2:], columns, strict=True)))


_AGAIN = "write it again with mclas heads rank"
