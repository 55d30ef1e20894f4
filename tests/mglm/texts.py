"""A small data-bin of plain text, made of words that stand in no language."""

from pathlib import Path
from typing import Any

import numpy as np

from mclas_fairseq.binarize.prepare_text import TextOptions, prepare_text
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.text_sides import TextSide, open_text
from mclas_fairseq.mglm.symbols import ENTRIES

# Documents by language: one has much more than the others.
DOCUMENTS = {"en": 60, "de": 12, "it": 12}


def write_texts(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Raw text of each language, paragraphs by lines and documents by empty lines."""
    generator = np.random.default_rng(5)
    found: dict[str, tuple[Path, ...]] = {}
    for language, count in DOCUMENTS.items():
        words = [f"{language}{chr(97 + number)}{chr(97 + number // 5)}" for number in range(20)]
        documents = []
        for _ in range(count):
            drawn = generator.choice(words, size=int(generator.integers(20, 60)))
            lines = [" ".join(drawn[start : start + 9]) + "." for start in range(0, len(drawn), 9)]
            documents.append("\n".join(lines))
        path = folder / f"{language}.txt"
        path.write_text("\n\n".join(documents) + "\n", encoding="utf-8")
        found[language] = (path,)
    return found


def make_text_bin(folder: Path, **options: Any) -> DataBin:
    """The data-bin of `write_texts`."""
    chosen = TextOptions(
        texts=write_texts(folder),
        out=folder / "text",
        **{
            "commands": tuple(ENTRIES.values()),
            "vocab_size": 330,
            "valid_share": 0.25,
            **options,
        },
    )
    prepare_text(chosen)
    return DataBin.open(chosen.out)


def sides_of(data_bin: DataBin, split: str = "train") -> list[TextSide]:
    """Text of each language."""
    return [open_text(data_bin, split, language) for language in DOCUMENTS]
