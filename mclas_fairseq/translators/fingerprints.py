"""Fingerprints: what a translator's translations depend on, in one line of text.

A resumed run compares them with those of the run it resumes, so that translations of two models
never end up in one corpus.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from mclas_fairseq.errors import ConfigError


def hash_files(paths: Iterable[Path]) -> str:
    """SHA-256 over the names and contents of `paths`, in the order given, as 64 hex digits."""
    total = hashlib.sha256()
    for path in paths:
        total.update(f"{path.name}\0{hash_file(path)}\0".encode())
    return total.hexdigest()


def hash_file(path: Path) -> str:
    """SHA-256 of a file's content, as 64 hex digits.

    Raises:
        ConfigError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ConfigError(
            f"{path}: a translator's file must be readable, but is not ({error.strerror}); check "
            "name and rights"
        ) from error


def describe(kind: str, content: str, settings: Mapping[str, object]) -> str:
    """Put kind, hash (or command line) and settings into one line."""
    return " ".join([kind, content, *(f"{name}={value}" for name, value in settings.items())])
