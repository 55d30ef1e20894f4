"""The lexicon's file: one line that says what it is, then one line for each source piece.

    {"format": "mclas-lexicon", "version": 1, "source_lang": "en", "target_lang": "it", ...}
    {"piece": "▁dog", "translations": {"▁cane": 0.91, "▁cani": 0.09}}

JSON lines, so that `grep '"▁dog"'` shows an entry; gzip where the name ends in `.gz`. The first
line carries the fingerprint of the dictionary whose pieces these are.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.corpus.text_files import read_lines, write_beside
from mclas_fairseq.errors import DataError

FORMAT = "mclas-lexicon"
VERSION = 1

Entries = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Lexicon:
    """P(target piece | source piece) of the pieces that have translations.

    Attributes:
        source_lang: language that is translated.
        target_lang: language of the translations.
        dictionary_sha256: fingerprint of the dictionary that has the pieces.
        entries: source piece -> target piece -> probability, likeliest first; each sums to 1.
        made_from: how it was made, for people to read.
    """

    source_lang: str
    target_lang: str
    dictionary_sha256: str
    entries: Entries
    made_from: Mapping[str, object] = field(default_factory=dict)

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all.

        Raises:
            OutputError: nothing can be written there.
        """
        head = {
            "format": FORMAT,
            "version": VERSION,
            "source_lang": self.source_lang,
            "target_lang": self.target_lang,
            "dictionary_sha256": self.dictionary_sha256,
            "made_from": dict(self.made_from),
        }
        with write_beside(path) as stream:
            stream.write(json.dumps(head, ensure_ascii=False) + "\n")
            for piece, translations in self.entries.items():
                shown = {target: round(share, 6) for target, share in translations.items()}
                line = {"piece": piece, "translations": shown}
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path) -> "Lexicon":
        """Read a file that `save` wrote; probabilities are brought to a sum of 1 again.

        Raises:
            DataError: it is missing, damaged, or of a later version.
        """
        lines = read_lines(path)
        head = _object(next(lines, (1, ""))[1], path, 1)
        if head.get("format") != FORMAT or head.get("version") != VERSION:
            raise DataError(
                f"lexicon {path}: must begin with a line of format {FORMAT!r}, version {VERSION},"
                f" but that has {head.get('format')!r}, {head.get('version')!r}; make it with mclas"
                " lexicon of this version"
            )
        names = ("source_lang", "target_lang", "dictionary_sha256")
        source, target, fingerprint = (_text(head.get(name), name, path) for name in names)
        made_from = head.get("made_from")
        entries = dict(_entry(_object(line, path, number), path, number) for number, line in lines)
        return cls(
            source, target, fingerprint, entries, made_from if isinstance(made_from, dict) else {}
        )

    def check_dictionary(self, fingerprint: str, name: str) -> None:
        """Refuse a lexicon of another dictionary.

        Args:
            fingerprint: of the dictionary at hand.
            name: what messages call the lexicon: a flag and its file.

        Raises:
            DataError: it was made for another one.
        """
        if fingerprint != self.dictionary_sha256:
            raise DataError(
                f"{name}: must be of the data-bin's dictionary ({fingerprint[:12]}), but is of"
                f" another one ({self.dictionary_sha256[:12]}); make it with mclas lexicon --data"
                " and this data-bin"
            )

    def table(self, symbols: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
        """The lexicon as a table over a dictionary of V entries.

        Returns:
            Candidates of each entry and their weights, both (V, M), likeliest first. The rest of a
            row has weight 0 and the entry itself as candidate; an entry without translations has
            itself, with weight 1.

        Raises:
            DataError: a piece is not in the dictionary.
        """
        numbers = {symbol: number for number, symbol in enumerate(symbols)}
        width = max((len(one) for one in self.entries.values()), default=1)
        ids = np.repeat(np.arange(len(symbols))[:, None], width, axis=1)
        weights = np.zeros(ids.shape, dtype=np.float32)
        weights[:, 0] = 1.0
        for piece, translations in self.entries.items():
            missing = [one for one in (piece, *translations) if one not in numbers]
            if missing:
                raise DataError(
                    f"lexicon: its pieces must be in the dictionary, but {missing[0]!r} is not;"
                    " make it again with mclas lexicon"
                )
            row, size = numbers[piece], len(translations)
            ids[row, :size] = [numbers[target] for target in translations]
            weights[row, :size] = list(translations.values())
        return ids, weights


def _object(line: str, path: Path, number: int) -> dict[str, object]:
    try:
        content = json.loads(line)
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise DataError(
            f"lexicon {path}:{number}: every line must be one JSON object, but this one is not;"
            " make it again with mclas lexicon"
        )
    return content


def _text(value: object, name: str, path: Path) -> str:
    if not isinstance(value, str) or not value:
        raise DataError(
            f"lexicon {path}: its first line must say its {name}, found {value!r}; make it again"
            " with mclas lexicon"
        )
    return value


def _entry(content: dict[str, object], path: Path, number: int) -> tuple[str, dict[str, float]]:
    piece, given = content.get("piece"), content.get("translations")
    shares: dict[str, Any] = given if isinstance(given, dict) and given else {"": None}
    right = isinstance(piece, str) and all(
        isinstance(share, (int, float)) and math.isfinite(share) and share > 0
        for share in shares.values()
    )
    if not right or not isinstance(piece, str):
        raise DataError(
            f"lexicon {path}:{number}: an entry must have a piece, and translations with"
            " probabilities above 0, but this one has not; make it again with mclas lexicon"
        )
    total = float(sum(shares.values()))
    return piece, {target: share / total for target, share in shares.items()}
