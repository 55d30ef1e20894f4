"""The manifest of a data-bin: what is in it, from what it was made, and by which versions.

It is written last: a folder without it is not a data-bin. It is read as something that may be
damaged: whatever is wrong with it is one error that names the file.
"""

import dataclasses
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.errors import DataError

# 2 added `files`. Data-bins of format 1 are read like those of format 2, but for the checksums that
# they lack.
FORMAT_VERSION = 2
READABLE_VERSIONS = (1, 2)
MANIFEST_FILE = "manifest.json"


@dataclass(frozen=True)
class Manifest:
    """What a data-bin says of itself.

    Attributes:
        source_lang: language of the documents.
        target_langs: languages of the cross-lingual summaries.
        tokenizer: name of the tokenizer, its files are in `tokenizer/`.
        lowercase: whether the text was lower-cased.
        counts: split -> {"documents": N, side name: items that are there}.
        inputs: name of each input file -> SHA-256 of its bytes.
        dictionary_sha256: fingerprint of the dictionary, see `data_bin.dictionary_fingerprint`.
        versions: package name -> version used.
        tokenizer_subset: {"size": N, "seed": S} when the tokenizer learned from a subset of the
            triples only.
        filters: limits by which records were left out of training: name -> value.
        left_out: split -> reason -> number of records left out on demand.
        extension: {"languages": those added, "pieces": N, "dictionary_sha256": of the dictionary
            that was extended} when this one extends an earlier dictionary.
        pretrained: {"name": of the checkpoint, "kind": "bert", "xlmr" or "mbart", "pieces": N,
            "dictionary_sha256": fingerprint of its pieces in the order of their ids} when the
            dictionary is in the order of a pretrained vocabulary.
        trimming: {"entries": N, "dictionary_sha256": of the earlier dictionary} when entries were
            dropped from it.
        files: path of every other file -> {"bytes": N, "sha256": of its bytes}, see `integrity`;
            empty where version 0.1 wrote it.
        format_version: layout of the folder.
    """

    source_lang: str
    target_langs: tuple[str, ...]
    tokenizer: str
    lowercase: bool
    counts: dict[str, dict[str, int]]
    inputs: dict[str, str]
    dictionary_sha256: str
    versions: dict[str, str] = field(default_factory=dict)
    tokenizer_subset: dict[str, int] | None = None
    filters: dict[str, float | bool] = field(default_factory=dict)
    left_out: dict[str, dict[str, int]] = field(default_factory=dict)
    extension: dict[str, Any] | None = None
    pretrained: dict[str, Any] | None = None
    trimming: dict[str, Any] | None = None
    files: dict[str, dict[str, Any]] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def save(self, folder: Path) -> None:
        """Write the manifest into a data-bin, as the last of its files."""
        text = json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True, ensure_ascii=False)
        temporary = folder / f".{MANIFEST_FILE}.tmp"
        temporary.write_text(text + "\n", encoding="utf-8")
        temporary.rename(folder / MANIFEST_FILE)

    @classmethod
    def load(cls, folder: Path) -> "Manifest":
        """Read the manifest of a data-bin.

        Raises:
            DataError: the folder is missing, is not a data-bin, was made by a later version, or its
                manifest is damaged.
        """
        path = folder / MANIFEST_FILE
        if not path.is_file():
            raise DataError(
                f"data-bin {folder}: a data-bin has a {MANIFEST_FILE}, this one has none; "
                "make it with mclas prepare"
            )
        content = _read(path)
        if content.get("format_version") not in READABLE_VERSIONS:
            raise DataError(
                f"data-bin {folder}: format version {FORMAT_VERSION} or lower can be read, found "
                f"{content.get('format_version')!r}; prepare it again with this version"
            )
        _check(path, content)
        return cls(**{**content, "target_langs": tuple(content["target_langs"])})


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise _damaged(path, f"it cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise _damaged(path, f"it holds a {type(content).__name__}, not an object")
    return content


def _check(path: Path, content: dict[str, Any]) -> None:
    for item in dataclasses.fields(Manifest):
        optional = (
            item.default is not dataclasses.MISSING
            or item.default_factory is not dataclasses.MISSING
        )
        if item.name not in content:
            if not optional:
                raise _damaged(path, f"it lacks {item.name!r}")
        elif not _CHECKS[item.name](content[item.name]):
            raise _damaged(path, f"{item.name!r} is {_shorten(content[item.name])}")
    unknown = sorted(set(content) - set(_CHECKS))
    if unknown:
        raise _damaged(path, f"it holds {unknown[0]!r}, which means nothing")


def _damaged(path: Path, problem: str) -> DataError:
    return DataError(
        f"{path}: must be as mclas prepare wrote it, but {problem}; copy the data-bin again, or"
        " prepare it again"
    )


def _shorten(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:60] + "..."


def _is_language(value: object) -> bool:
    try:
        return isinstance(value, str) and check_language(value) == value
    except DataError:
        return False


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_object(of: Callable[[object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, dict) and all(of(item) for item in value.values())


def _is_object_or_none(value: object) -> bool:
    return value is None or isinstance(value, dict)


def _is_file(value: object) -> bool:
    return (
        isinstance(value, dict)
        and set(value) == {"bytes", "sha256"}
        and _is_count(value["bytes"])
        and _is_text(value["sha256"])
    )


_CHECKS: dict[str, Callable[[Any], bool]] = {
    "source_lang": _is_language,
    "target_langs": lambda value: isinstance(value, list) and all(map(_is_language, value)),
    "tokenizer": _is_text,
    "lowercase": lambda value: isinstance(value, bool),
    "counts": _is_object(_is_object(_is_count)),
    "inputs": _is_object(_is_text),
    "dictionary_sha256": _is_text,
    "versions": _is_object(_is_text),
    "tokenizer_subset": lambda value: value is None or _is_object(_is_count)(value),
    "filters": _is_object(lambda value: isinstance(value, int | float)),
    "left_out": _is_object(_is_object(_is_count)),
    "extension": _is_object_or_none,
    "pretrained": _is_object_or_none,
    "trimming": _is_object_or_none,
    "files": _is_object(_is_file),
    "format_version": _is_count,
}
