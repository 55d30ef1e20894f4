"""What a run translates and how, saved in its folder and compared when it is started again.

The file is written once the input has been cut: a folder without it holds no run.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.json_text import parse_json
from mclas_fairseq.errors import DataError
from mclas_fairseq.roundtrip.options import Direction
from mclas_fairseq.roundtrip.run_folder import RunFolder, write_whole
from mclas_fairseq.roundtrip.shard_files import Cut


@dataclass(frozen=True)
class RunSettings:
    """Of one run.

    Attributes:
        translated: what its translations depend on: setting -> JSON value.
        records: of its input.
        scored_with: the protocol its workers score with.
    """

    translated: Mapping[str, Any]
    records: int
    scored_with: str

    @property
    def direction(self) -> Direction:
        """Which summaries are made."""
        values = self.translated
        return Direction(values["source_lang"], values["target_lang"], made=values["fill"])

    @property
    def unit(self) -> str:
        """What is translated at once."""
        return str(self.translated["unit"])

    @property
    def cut(self) -> Cut:
        """How its input was cut."""
        return Cut(self.records, int(self.translated["shard_lines"]))

    def save(self, path: Path) -> None:
        """Write the file."""
        values = {
            "translated": self.translated,
            "records": self.records,
            "scored_with": self.scored_with,
        }
        with write_whole(path) as stream:
            stream.write((json.dumps(values, ensure_ascii=False, indent=2) + "\n").encode("utf-8"))

    @classmethod
    def load(cls, folder: RunFolder) -> "RunSettings":
        """Read the file.

        Raises:
            DataError: the folder holds no run.
        """
        try:
            values = parse_json(folder.settings.read_text(encoding="utf-8"))
            return cls(values["translated"], values["records"], values["scored_with"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(
                f"{folder.path}: must be the folder of a run (with {folder.settings.name}), but is"
                f" not ({error}); check --out"
            ) from error

    def check_same(self, asked: Mapping[str, Any], folder: RunFolder) -> None:
        """Refuse settings that would translate otherwise.

        Raises:
            DataError: some differ; they are listed.
        """
        names = [name for name in {**self.translated, **asked}
                 if self.translated.get(name) != asked.get(name)]  # fmt: skip
        if names:
            listed = "; ".join(
                f"{name} was {_show(self.translated.get(name))} and is now {_show(asked.get(name))}"
                for name in names
            )
            raise DataError(
                f"{folder.path}: a run must go on with the settings that it began with, but"
                f" {listed}; give those, or choose another --out"
            )


def _show(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def check_new(folder: RunFolder) -> None:
    """Refuse to begin a run in a folder that holds something else.

    Raises:
        DataError: it does.
    """
    ours = {folder.work.name, "lock"}
    found = sorted(path.name for path in folder.path.iterdir() if path.name not in ours)
    if found:
        raise DataError(
            f"{folder.path}: must be empty, new, or the folder of a run, but holds {found[0]!r} and"
            " no settings.json; choose another --out"
        )
