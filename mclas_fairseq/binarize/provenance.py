"""What a data-bin's manifest says of its making: inputs by their hash, counts, versions."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

from fairseq.data import Dictionary

from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.spool import SpooledSplit
from mclas_fairseq.corpus.records import input_files
from mclas_fairseq.corpus.tokenizers import Tokenizer
from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.errors import DataError

# The distributions whose version can change what a data-bin holds.
_DISTRIBUTIONS = (
    "mclas-fairseq",
    "fairseq-fixed",
    "fairseq",
    "numpy",
    "sacremoses",
    "sentencepiece",
    "subword-nmt",
    "tokenizers",
    "torch",
)


@dataclass(frozen=True)
class SourceNotes:
    """What a manifest says of where tokenizer and dictionary come from; see its fields."""

    tokenizer_subset: Optional[dict[str, int]] = None
    pretrained: Optional[dict[str, Any]] = None
    extension: Optional[dict[str, Any]] = None


def hash_inputs(options: PrepareOptions) -> dict[str, str]:
    """SHA-256 of every input file by "split/number/name": folders are left out, they vary.

    Raises:
        DataError: a file is missing or cannot be read.
    """
    hashes = {}
    if options.tokenizer.given is not None:
        given = options.tokenizer.given
        hashes[f"tokenizer/{given.name}"] = digest(given)
    for split, paths in options.inputs.items():
        files = [
            file
            for path in paths
            for file in input_files(
                path, source_lang=options.source_lang, target_langs=options.target_langs
            )
        ]
        for number, file in enumerate(files, start=1):
            hashes[f"{split}/{number}/{file.name}"] = digest(file)
    return hashes


def digest(file: Path) -> str:
    """SHA-256 of a file.

    Raises:
        DataError: it cannot be read.
    """
    try:
        with file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise DataError(
            f"{file}: must be a readable file, but is not ({error.strerror}); check name and rights"
        ) from error


def make_manifest(
    options: PrepareOptions,
    splits: Sequence[SpooledSplit],
    sides: Mapping[str, str],
    inputs: dict[str, str],
    tokenizer: Tokenizer,
    dictionary: Dictionary,
    notes: SourceNotes,
) -> Manifest:
    """Put the manifest together, to be written last."""
    return Manifest(
        source_lang=options.source_lang,
        target_langs=options.target_langs,
        tokenizer=tokenizer.name,
        lowercase=tokenizer.lowercase,
        counts={
            split.name: {
                "documents": len(split.ids),
                **{side: split.filled[side] for side in sides},
            }
            for split in splits
        },
        inputs=inputs,
        dictionary_sha256=dictionary_fingerprint(dictionary),
        versions=versions(),
        tokenizer_subset=notes.tokenizer_subset,
        filters=options.filters.chosen,
        left_out={split.name: dict(split.reasons) for split in splits if split.left_out},
        pretrained=notes.pretrained,
        extension=notes.extension,
    )


def versions() -> dict[str, str]:
    """Versions of what is installed; fairseq goes by either of two names."""
    found = {}
    for name in _DISTRIBUTIONS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
