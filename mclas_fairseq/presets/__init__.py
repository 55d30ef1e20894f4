"""Settings for corpora of a certain size: plain files that one can read, copy and change.

A preset is a TOML file with up to two tables, `[prepare]` and `[train]`, whose keys are flags of
`mclas prepare` and `fairseq-train` without their dashes. The files in this folder are those that
`--preset NAME` means; `--preset FILE.toml` takes one's own. Where their values come from stands in
each of them and in docs/small_data.md.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from mclas_fairseq.errors import ConfigError

_FOLDER = Path(__file__).parent
_TABLES = ("prepare", "train")

Value = str | int | float | bool


@dataclass(frozen=True)
class Preset:
    """The settings of one file.

    Attributes:
        name: its name, or the path of the user's own file.
        path: where it stands.
        prepare: flags of `mclas prepare`, without dashes.
        train: flags of `fairseq-train`, without dashes; True for a switch.
    """

    name: str
    path: Path
    prepare: Mapping[str, Value]
    train: Mapping[str, Value]


def preset_names() -> list[str]:
    """The presets that come with the package, in alphabetical order."""
    return sorted(path.stem for path in _FOLDER.glob("*.toml"))


def load_preset(name: str) -> Preset:
    """Read a preset by its name, or a file that ends in `.toml`.

    Raises:
        ConfigError: there is no such preset, or the file is not as described above.
    """
    path = Path(name) if name.endswith(".toml") else _FOLDER / f"{name}.toml"
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise ConfigError(
            f"--preset: must be one of {', '.join(preset_names())} or a .toml file that exists, but"
            f" is {name!r}"
        ) from error
    except OSError as error:
        raise ConfigError(
            f"--preset: {path} must be a readable TOML file, but is not ({error.strerror}); check"
            " its name and rights"
        ) from error
    # Beside TOML's own errors: numbers of too many digits, and values nested too deep.
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deep" if isinstance(error, RecursionError) else str(error)
        raise ConfigError(
            f"--preset: {path} must be a TOML file, but is not: {reason}; correct it"
        ) from error
    for table, values in tables.items():
        if table not in _TABLES or not isinstance(values, dict):
            raise ConfigError(
                f"--preset: {path} must hold the tables [prepare] and [train] alone, but holds"
                f" {table!r}; move it into one of them"
            )
        _check_values(path, table, values)
    return Preset(name, path, tables.get("prepare", {}), tables.get("train", {}))


def flags(values: Mapping[str, Value]) -> list[str]:
    """A table as words of a command line; a switch that is False is left out."""
    words: list[str] = []
    for key, value in values.items():
        if value is True:
            words.append(f"--{key}")
        elif value is not False:
            words += [f"--{key}", str(value)]
    return words


def _check_values(path: Path, table: str, values: Mapping[str, object]) -> None:
    for key, value in values.items():
        if not isinstance(value, str | int | float | bool):
            raise ConfigError(
                f"--preset: {path}, {key} in [{table}]: must be a text, a number, true or false,"
                f" but is {value!r}; write it as on the command line"
            )
        if key.startswith("-"):
            raise ConfigError(
                f"--preset: {path}, {key} in [{table}]: flags are written without dashes;"
                f" write {key.lstrip('-')}"
            )
