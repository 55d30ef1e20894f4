"""The manifest of a data-bin: what is in it, from what it was made, and by which versions.

It is written last: a folder without it is not a data-bin.
"""

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mclas_fairseq.errors import DataError

FORMAT_VERSION = 1
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
            DataError: the folder is missing, is not a data-bin, or was made by a later version.
        """
        path = folder / MANIFEST_FILE
        if not path.is_file():
            raise DataError(
                f"data-bin {folder}: a data-bin has a {MANIFEST_FILE}, this one has none; "
                "make it with mclas prepare"
            )
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if content.get("format_version") != FORMAT_VERSION:
            raise DataError(
                f"data-bin {folder}: format version {FORMAT_VERSION} can be read, found "
                f"{content.get('format_version')}; prepare it again with this version"
            )
        content["target_langs"] = tuple(content["target_langs"])
        return cls(**content)
