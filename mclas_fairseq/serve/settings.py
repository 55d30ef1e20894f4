"""How a server behaves: limits, times, who may ask, and what its bundles are called."""

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Optional

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.inference.on_long import choose_on_long


def _limit(default: float, text: str, *, least: float = 1) -> Any:
    return field(default=default, metadata={"kind": type(default), "help": text, "least": least})


def _word(kind: type[Any], default: Optional[str], text: str, shown: str) -> Any:
    return field(default=default, metadata={"kind": kind, "help": text, "metavar": shown})


@dataclass(frozen=True)
class Address:
    """Where a server listens and decodes, and who may ask.

    Raises:
        ConfigError: there is no such port.
    """

    host: str = _word(
        str, "127.0.0.1", "where to listen (default: 127.0.0.1, this machine alone)", "ADDRESS"
    )
    port: int = _limit(8000, "0 takes a free one, which the log names (default: 8000)", least=0)
    api_key_file: Optional[Path] = _word(
        Path, None, "keys, one a line; clients send one as Authorization: Bearer KEY", "FILE"
    )
    device: Optional[str] = _word(str, None, "cpu or cuda (default: a GPU if there is one)", "NAME")
    precision: Optional[str] = _word(
        str,
        None,
        "number format in which all bundles decode: float32, bfloat16 or int8 (default: that of"
        " each one's training, or its first form for CTranslate2)",
        "NAME",
    )

    def __post_init__(self) -> None:
        """Check the port."""
        if not 0 <= self.port <= 65_535:
            raise ConfigError(
                f"--port {self.port}: it must lie between 0 and 65535; give 8000, say"
            )


@dataclass(frozen=True)
class ServeSettings:
    """Limits of a server; each is a flag of `mclas serve` with hyphens for underscores.

    Raises:
        ConfigError: a limit is too small, a request could never enter the queue, or there is no
            such way with long documents.
    """

    max_batch_tokens: int = _limit(
        8192, "tokens of documents decoded together, padding included, for each target language"
    )
    max_wait_ms: int = _limit(
        20, "a document waits so many milliseconds for others to be decoded with", least=0
    )
    max_queue: int = _limit(
        256, "documents that may wait or be decoded, in batches of at most half as many; more are"
        " answered with 429",
    )  # fmt: skip
    max_documents: int = _limit(64, "documents of one request")
    max_body_bytes: int = _limit(1_048_576, "size of a request; larger ones are answered with 413")
    max_windows: int = _limit(64, "windows that a long document may be cut into")
    max_beam: int = _limit(16, "widest beam that a request may ask for")
    timeout: float = _limit(
        60.0, "seconds until a request is given up with 504; requests may ask for less", least=0.01
    )
    read_timeout: float = _limit(
        10.0, "seconds that a client may take to send a request", least=0.01
    )
    idle_timeout: float = _limit(
        5.0, "seconds after which a connection without a request is closed"
    )
    grace: float = _limit(
        30.0, "seconds that running requests get after SIGTERM; after them the rest is cut off"
    )
    watch_seconds: float = _limit(
        5.0, "seconds between looks at the bundles; one that was replaced is loaded anew; 0: never",
        least=0,
    )  # fmt: skip
    on_long: str = _word(
        str, "truncate",
        "a document that is longer than the model reads is cut off there (truncate), summarized in"
        " windows whose joined summaries are summarized (windows), or refused (refuse); requests"
        " may ask for another way", "HOW",
    )  # fmt: skip

    def __post_init__(self) -> None:
        """Check every limit."""
        choose_on_long(self.on_long)
        for one in dataclasses.fields(self):
            if "least" not in one.metadata:
                continue
            value, least = getattr(self, one.name), one.metadata["least"]
            if not least <= value < float("inf"):
                raise ConfigError(
                    f"{flag(one.name)} {value}: it must be at least {least:g} and finite; give"
                    f" {one.default}, say"
                )
        if self.max_documents > self.max_queue:
            raise ConfigError(
                f"--max-documents {self.max_documents}: a request must fit into the queue, but"
                f" --max-queue is {self.max_queue}; raise that or lower this"
            )

    @property
    def max_batch_documents(self) -> int:
        """Of a batch: half of those that are taken, so that the others wait ready meanwhile."""
        return (self.max_queue + 1) // 2


def flag(name: str) -> str:
    """The flag that gives a limit."""
    return "--" + name.replace("_", "-")


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def read_keys(path: Optional[Path]) -> tuple[bytes, ...]:
    """The keys of a file, one a line; without a file none.

    Raises:
        ConfigError: the file cannot be read, holds no key, or one that no header can carry.
    """
    if path is None:
        return ()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8 text"
        raise ConfigError(
            f"--api-key-file {path}: must be a file of keys, one a line, but cannot be read"
            f" ({reason}); correct the path"
        ) from error
    keys = [line.strip() for line in text.splitlines() if line.strip()]
    if not keys:
        raise ConfigError(
            f"--api-key-file {path}: must hold a key, but is empty; write one a line, say with"
            " openssl rand -hex 32"
        )
    for number, key in enumerate(keys, start=1):
        if not (key.isascii() and key.isprintable()) or " " in key:
            raise ConfigError(
                f"--api-key-file {path}: key {number} must be of visible ASCII characters, as a"
                " header carries it; make another one, say with openssl rand -hex 32"
            )
    return tuple(key.encode("ascii") for key in keys)


def names_of(bundles: Sequence[Path]) -> dict[str, Path]:
    """The name of each bundle.

    Raises:
        ConfigError: two folders have the same name.
    """
    named: dict[str, Path] = {}
    for folder in bundles:
        name = Path(os.path.abspath(folder)).name
        if name in named:
            raise ConfigError(
                f"bundles {named[name]} and {folder}: each is named as its folder, and the names"
                f" must differ, but both are {name!r}; rename one"
            )
        named[name] = folder
    return named
