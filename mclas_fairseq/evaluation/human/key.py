"""The key of an evaluation: which system wrote what, apart from the sheets that annotators see.

Written by `mclas human sample`, read by `mclas human score`. It also holds a fingerprint of the
texts of each row, so that a row that was altered is noticed.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.json_text import parse_json
from mclas_fairseq.corpus.text_files import normalize_text, write_beside
from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.human.design import DESIGNS

FORMAT = 1


@dataclass(frozen=True)
class Row:
    """One row of a sheet: the document, the systems as shown from left to right, the texts'
    fingerprint.
    """

    document: str
    systems: tuple[str, ...]
    shown: str


@dataclass(frozen=True)
class Key:
    """One evaluation.

    Attributes:
        study: its mark, with which the names of all its rows begin.
        design: "bws" or "rating".
        language: of the summaries.
        seed: that it was drawn with.
        systems: names, in the order of tables.
        documents: ids, in the order of their files.
        shown: columns that stand beside the summaries ("document", "reference").
        sheets: for each annotator, name of a row -> the row.
    """

    study: str
    design: str
    language: str
    seed: int
    systems: tuple[str, ...]
    documents: tuple[str, ...]
    shown: tuple[str, ...]
    sheets: tuple[Mapping[str, Row], ...]


def fingerprint(cells: Iterable[str]) -> str:
    """Of texts as shown; what spreadsheets do to white space or a leading apostrophe is ignored."""
    texts = [normalize_text(cell).lstrip("'") for cell in cells]
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()[:16]


def write_key(path: Path, key: Key) -> None:
    """Write the key as JSON, complete or not at all."""
    content = {
        "format": FORMAT,
        "study": key.study,
        "design": key.design,
        "language": key.language,
        "seed": key.seed,
        "systems": key.systems,
        "documents": key.documents,
        "shown": key.shown,
        "sheets": [
            {
                item: {"document": row.document, "systems": row.systems, "shown": row.shown}
                for item, row in sheet.items()
            }
            for sheet in key.sheets
        ],
    }
    with write_beside(path) as stream:
        json.dump(content, stream, ensure_ascii=False, indent=1)
        stream.write("\n")


def read_key(path: Path) -> Key:
    """Read a key.

    Raises:
        DataError: the file cannot be read, or is not a key of this format.
    """
    try:
        content = parse_json(path.read_text(encoding="utf-8"))
        key = _parse(content)
    except OSError as error:
        raise DataError(
            f"{path}: the key must be a readable file, but is not ({error.strerror}); check --key"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(
            f"{path}: must be a key of mclas human sample (format {FORMAT}), but is not"
            f" ({type(error).__name__}: {error}); give --key the file that was written then"
        ) from error
    return key


def _parse(content: Any) -> Key:
    if content["format"] != FORMAT or content["design"] not in DESIGNS:
        raise ValueError(f"format {content['format']!r}, design {content['design']!r}")
    return Key(
        study=str(content["study"]),
        design=str(content["design"]),
        language=str(content["language"]),
        seed=int(content["seed"]),
        systems=tuple(map(str, content["systems"])),
        documents=tuple(map(str, content["documents"])),
        shown=tuple(map(str, content["shown"])),
        sheets=tuple(
            {
                str(item): Row(str(row["document"]), tuple(row["systems"]), str(row["shown"]))
                for item, row in sheet.items()
            }
            for sheet in content["sheets"]
        ),
    )
