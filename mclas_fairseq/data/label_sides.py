"""Labelled sentences in a data-bin: two sides of a language, and the list of tags.

labels.json                                {"kind": "pos" or "spans", "tags": [...]}
SPLIT.words-LANG-None.words-LANG.{bin,idx}    pieces of the words
SPLIT.labels-LANG-None.labels-LANG.{bin,idx}  as many numbers: n + 1 at the first piece of a word
                                              with tag n, 0 at its other pieces

Place in the pipeline: written by `mclas prepare --labels`, read by --task sequence_labelling.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from mclas_fairseq.corpus.labelled import LabelKind
from mclas_fairseq.corpus.writing import open_whole
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.integrity import REMEDY
from mclas_fairseq.data.text_sides import Ids, TextSide, open_side
from mclas_fairseq.errors import DataError, first_line

LABELS_FILE = "labels.json"


def words_side(language: str) -> str:
    """Name of the side that holds the pieces of labelled sentences."""
    return f"words-{language}"


def labels_side(language: str) -> str:
    """Name of the side that holds their labels."""
    return f"labels-{language}"


@dataclass(frozen=True)
class LabelSet:
    """The tags that a data-bin knows.

    Attributes:
        kind: of the labels.
        tags: in the order of their numbers.
    """

    kind: LabelKind
    tags: tuple[str, ...]

    def save(self, folder: Path) -> None:
        """Write `labels.json`."""
        content = {"kind": self.kind.value, "tags": list(self.tags)}
        with open_whole(folder / LABELS_FILE) as stream:
            stream.write((json.dumps(content, ensure_ascii=False, indent=1) + "\n").encode())

    @classmethod
    def load(cls, folder: Path) -> "LabelSet":
        """Read it.

        Raises:
            DataError: the data-bin has no labels, or the file is damaged.
        """
        path = folder / LABELS_FILE
        if not path.is_file():
            raise DataError(
                f"data-bin {folder}: must have labelled sentences ({LABELS_FILE}), but has none;"
                " make it with mclas prepare --labels"
            )
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            kind, tags = LabelKind(content["kind"]), content["tags"]
            if not tags or not all(isinstance(tag, str) for tag in tags) or _repeats(tags):
                raise ValueError("its tags are no list of different names")
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise DataError(
                f"{path}: must be as mclas prepare wrote it, but is not ({first_line(error)});"
                f" {REMEDY}"
            ) from error
        return cls(kind, tuple(tags))


def _repeats(tags: list[str]) -> bool:
    return len(set(tags)) < len(tags)


@dataclass(frozen=True)
class LabelledSide:
    """Labelled sentences of a language in a split.

    Attributes:
        language: of the words.
        words: pieces of each sentence.
        labels: numbers, see above.
    """

    language: str
    words: TextSide
    labels: TextSide

    def __len__(self) -> int:
        return len(self.words)

    def lengths(self) -> Ids:
        """Pieces of each sentence, (sentences,)."""
        width = self.words.ids.dtype.itemsize
        ends = np.append(self.words.begins[1:] // width, len(self.words.ids))
        lengths: Ids = ends - self.words.begins // width - 1  # without the mark of the end
        return lengths


def label_languages(data_bin: DataBin, split: str) -> tuple[str, ...]:
    """Languages of which a data-bin has labelled sentences in a split."""
    manifest = data_bin.manifest
    counts = manifest.counts.get(split, {})
    every = (manifest.source_lang, *manifest.target_langs)
    return tuple(language for language in every if labels_side(language) in counts)


def open_labelled(data_bin: DataBin, split: str, language: str) -> LabelledSide:
    """Map the labelled sentences of a language in a split.

    Raises:
        DataError: there are none, or they are damaged.
    """
    have = label_languages(data_bin, split)
    if language not in have:
        raise DataError(
            f"data-bin {data_bin.folder}: split {split!r} must have labelled sentences in"
            f" {language!r}, but has {', '.join(have) or 'none'}; give others (--train-langs,"
            " --valid-langs), or make it with mclas prepare --labels"
        )
    words = open_side(data_bin, split, words_side(language), language)
    labels = open_side(data_bin, split, labels_side(language), language)
    if len(words) != len(labels) or words.tokens != labels.tokens:
        raise DataError(
            f"data-bin {data_bin.folder}: {words_side(language)} and {labels_side(language)} of"
            f" {split!r} must be as long, but have {words.tokens:,} and {labels.tokens:,} tokens;"
            f" {REMEDY}"
        )
    return LabelledSide(language, words, labels)
