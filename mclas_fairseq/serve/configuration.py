"""Where a server's options come from: flags, then the environment, then a TOML file, then defaults.

`--max-queue 64`, `MCLAS_SERVE_MAX_QUEUE=64` and `max-queue = 64` say the same.
"""

import dataclasses
import logging
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.serve.settings import Address, ServeSettings, flag

logger = logging.getLogger(__name__)

PREFIX = "MCLAS_SERVE_"
CONFIG = f"{PREFIX}CONFIG"
BUNDLES = "bundle"


@dataclass(frozen=True)
class Configuration:
    """All that a server is told.

    Attributes:
        bundles: folders that `mclas export` wrote.
        address: where it listens, and who may ask.
        settings: its limits.
    """

    bundles: tuple[Path, ...]
    address: Address
    settings: ServeSettings


def configure(
    given: Mapping[str, Any], environ: Mapping[str, str], config: Optional[Path] = None
) -> Configuration:
    """Put the options of all sources together.

    Args:
        given: name -> value of the flags that were given.
        environ: the environment.
        config: the TOML file; None: that which `MCLAS_SERVE_CONFIG` names, if any.

    Raises:
        ConfigError: an option is unknown, has another type or is out of range, the file cannot be
            read, or no bundle is named anywhere.
    """
    if config is None and environ.get(CONFIG):
        config = Path(environ[CONFIG])
    values = {
        **({} if config is None else _of_file(config)),
        **_of_environment(environ),
        **{name: value for name, value in given.items() if value not in (None, [])},
    }
    bundles = values.pop(BUNDLES, ())
    if not bundles:
        raise ConfigError(
            "mclas serve: needs a bundle, but none is given; name the folder that mclas export"
            f" wrote, or give {PREFIX}BUNDLE, or bundle = [...] in the file of --config"
        )
    address = Address(**_chosen(values, Address))
    return Configuration(
        tuple(map(Path, bundles)), address, ServeSettings(**_chosen(values, ServeSettings))
    )


def _chosen(values: Mapping[str, Any], configured: type[Any]) -> dict[str, Any]:
    return {name: values[name] for name in _kinds(configured) if name in values}


def _kinds(configured: type[Any]) -> dict[str, type[Any]]:
    """Names and types of the options that a dataclass holds."""
    return {one.name: one.metadata["kind"] for one in dataclasses.fields(configured)}


def _options() -> dict[str, type[Any]]:
    return {**_kinds(Address), **_kinds(ServeSettings)}


def _of_environment(environ: Mapping[str, str]) -> dict[str, Any]:
    options, found = _options(), {}
    for key, text in environ.items():
        name = key.removeprefix(PREFIX).lower()
        if not key.startswith(PREFIX) or key == CONFIG or not text:
            continue
        if name == BUNDLES:
            found[BUNDLES] = text.split(":")
        elif name in options:
            found[name] = _read(options[name], text, key)
        else:
            # Not refused: Kubernetes adds such variables for a service of the name mclas-serve.
            logger.warning("%s: is no option of mclas serve, and is passed over", key)
    return found


def _read(kind: type[Any], text: str, named: str) -> Any:
    try:
        return kind(text)
    except ValueError:
        rule = "a whole number" if kind is int else "a number"
        raise ConfigError(
            f"{named} {text!r}: must be {rule}; correct it (Kubernetes sets MCLAS_SERVE_PORT where"
            " a service is called mclas-serve: give that another name)"
        ) from None


def _of_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"--config {path}: must be a readable TOML file, but is not ({reason}); correct it"
        ) from error
    options, found = _options(), {}
    for key, value in content.items():
        name = key.replace("-", "_")
        if name == BUNDLES:
            found[BUNDLES] = [path.parent / one for one in _bundles(path, value)]
        elif name in options:
            found[name] = _checked(path, key, options[name], value)
        else:
            known = ", ".join(flag(one)[2:] for one in [BUNDLES, *options])
            raise ConfigError(f"--config {path}: {key}: must be one of {known}; correct it")
    return found


def _bundles(path: Path, value: Any) -> Iterable[str]:
    found = [value] if isinstance(value, str) else value
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise ConfigError(f'--config {path}: bundle: must be folders, as in ["a", "b"]; correct it')
    return found


def _checked(path: Path, key: str, kind: type[Any], value: Any) -> Any:
    """A value of the file; paths in it are relative to its folder."""
    wanted = {int: (int,), float: (int, float)}.get(kind, (str,))
    if type(value) not in wanted:
        rule = {int: "a whole number", float: "a number"}.get(kind, "a text in quotes")
        raise ConfigError(f"--config {path}: {key}: must be {rule}, met {value!r}; correct it")
    return path.parent / value if kind is Path else kind(value)
