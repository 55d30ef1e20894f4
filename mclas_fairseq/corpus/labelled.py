"""Sentences whose words have labels: readers of CoNLL-U, of columns with IOB tags, of two files.

- `pos`, parts of speech: CoNLL-U (universaldependencies.org/format.html), words in column 2, UPOS
  in column 4; or two columns, word and tag, as `mclas label` writes them. Multi-word tokens (`3-4`)
  and empty nodes (`5.1`) are no words of their own and are left out: the syntactic words have the
  tags.
- `spans`, named entities or slots in IOB tags (`O`, `B-PER`, `I-PER`): a word a line, columns by
  tabs (or by blanks, where a line has no tab), an empty line between sentences. A number in the
  first column makes the second one the word. Or two files, words in one and tags in the other, a
  sentence a line.

What is no sentence with a tag of the kind for each word is refused with file and line.

Place in the pipeline: `mclas prepare --labels`, `mclas label`, `mclas score --labels`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest
from pathlib import Path
from typing import Optional, TextIO

from mclas_fairseq.corpus.text_files import normalize_text, read_lines, shown_name
from mclas_fairseq.errors import DataError

UPOS = tuple(
    "ADJ ADP ADV AUX CCONJ DET INTJ NOUN NUM PART PRON PROPN PUNCT SCONJ SYM VERB X".split()
)
OUTSIDE = "O"
_CONLLU, _WRITTEN = 10, 2  # columns
_IOB = re.compile(r"O|[BI]-\S+")
_COMMENT = re.compile(r"#\s*(\S+\s*=|new(doc|par)\b)")
_DOCUMENT = "-DOCSTART-"  # CoNLL 2003
_NUMBER = re.compile(r"\d+")
_NO_WORD = re.compile(r"\d+[-.]\d+")


class LabelKind(StrEnum):
    """What labels are: a tag for each word, or spans of words written as IOB tags."""

    POS = "pos"
    SPANS = "spans"


@dataclass(frozen=True)
class LabelledSentence:
    """Words and their tags, as many.

    Attributes:
        words: without white space at their ends.
        tags: of each word.
    """

    words: tuple[str, ...]
    tags: tuple[str, ...]


@dataclass(frozen=True)
class LabelledFile:
    """Where labelled sentences are.

    Attributes:
        path: the file, or the words of parallel lines.
        kind: of the labels.
        labels: the tags of parallel lines; None where words and tags are in one file.
        column: number from 1 of the column with the tags; None: CoNLL-U's fourth, else the last, or
            the third where the first one is a number.
    """

    path: Path
    kind: LabelKind
    labels: Optional[Path] = None
    column: Optional[int] = None

    def sentences(self) -> Iterator[LabelledSentence]:
        """Read the sentences one after another.

        Raises:
            DataError: a line is not as the format has it, a tag is none of the kind, or a sentence
                has no word; naming file and line.
        """
        read = self._parallel() if self.labels is not None else self._columns()
        found = False
        for sentence in read:
            found = True
            yield sentence
        if not found:
            raise DataError(
                f"{shown_name(self.path)}: must have a sentence at least, but has none; give a file"
                " with labelled sentences"
            )

    def plain(self) -> Iterator[tuple[str, ...]]:
        """Words of sentences without labels: a line each, blanks between words.

        Raises:
            DataError: a line has no word.
        """
        for number, line in read_lines(self.path):
            words = tuple(normalize_text(line).split(" "))
            if words == ("",):
                raise self._wrong(number, "a sentence must have a word, but it has none")
            yield words

    # -- a word a line --------------------------------------------------------------------------

    def _columns(self) -> Iterator[LabelledSentence]:
        words: list[str] = []
        tags: list[str] = []
        opened = 0  # line where a sentence begins, its comments included
        for number, line in read_lines(self.path):
            line = line.rstrip("\r")
            if not line.strip():
                if opened:
                    yield self._closed(words, tags, opened)
                words, tags, opened = [], [], 0
                continue
            opened = opened or number
            if _is_comment(line, self.kind) and not words:
                continue
            if line.split()[0] == _DOCUMENT and not words:
                opened = 0
                continue
            found = self._token(number, line)
            if found is not None:
                words.append(found[0])
                tags.append(found[1])
        if opened:
            yield self._closed(words, tags, opened)

    def _token(self, number: int, line: str) -> Optional[tuple[str, str]]:
        """Word and tag of a line; None for what is no word of its own."""
        columns = line.split("\t") if "\t" in line else line.split()
        if self.kind is LabelKind.POS and len(columns) == _WRITTEN:
            at_word, at_tag = 0, 1
        elif self.kind is LabelKind.POS:
            if len(columns) != _CONLLU:
                raise self._wrong(
                    number,
                    f"CoNLL-U has {_CONLLU} columns with tabs between, but it has {len(columns)}",
                )
            if _NO_WORD.fullmatch(columns[0]):
                return None
            at_word, at_tag = 1, 3
        else:
            numbered = len(columns) > 2 and bool(_NUMBER.fullmatch(columns[0]))
            at_word = 1 if numbered else 0
            at_tag = 2 if numbered else len(columns) - 1
        at_tag = at_tag if self.column is None else self.column - 1
        if at_tag >= len(columns) or at_tag == at_word:
            raise self._wrong(
                number, f"it must have a word and a tag in column {at_tag + 1}, but has not"
            )
        word = normalize_text(columns[at_word])
        if not word:
            raise self._wrong(number, "its word is empty")
        return word, self._tag(number, columns[at_tag].strip(), self.path)

    def _closed(self, words: list[str], tags: list[str], line: int) -> LabelledSentence:
        if not words:
            raise self._wrong(line, "a sentence must have a word, but the one that begins has none")
        return LabelledSentence(tuple(words), tuple(tags))

    # -- two files ------------------------------------------------------------------------------

    def _parallel(self) -> Iterator[LabelledSentence]:
        assert self.labels is not None
        pairs = zip_longest(read_lines(self.path), read_lines(self.labels))
        for number, (text, labels) in enumerate(pairs, start=1):
            if text is None or labels is None:
                shorter = self.path if text is None else self.labels
                raise DataError(
                    f"{shown_name(self.path)} and {shown_name(self.labels)}: must have as many"
                    f" lines, but {shown_name(shorter)} ends after {number - 1}; give the labels of"
                    " these sentences"
                )
            words = tuple(normalize_text(text[1]).split(" "))
            # behind a tab some files have a label of the whole sentence
            tags = tuple(labels[1].partition("\t")[0].split())
            if words == ("",):
                raise self._wrong(number, "a sentence must have a word, but it has none")
            if len(words) != len(tags):
                raise DataError(
                    f"{shown_name(self.labels)}:{number}: must have a tag for each of the"
                    f" {len(words)} words of {shown_name(self.path)}, but has {len(tags)}; correct"
                    " the line"
                )
            yield LabelledSentence(
                words, tuple(self._tag(number, tag, self.labels) for tag in tags)
            )

    def _tag(self, number: int, tag: str, path: Path) -> str:
        fine = tag in UPOS if self.kind is LabelKind.POS else _IOB.fullmatch(tag)
        if not fine:
            rule = f"one of {', '.join(UPOS)}" if self.kind is LabelKind.POS else "O, B-X or I-X"
            raise DataError(
                f"{shown_name(path)}:{number}: a tag of {self.kind.value} must be {rule}, but is"
                f" {tag!r:.40}; correct it, or say where the tags are (--label-column)"
            )
        return tag

    def _wrong(self, number: int, problem: str) -> DataError:
        return DataError(
            f"{shown_name(self.path)}:{number}: must be a line of a labelled sentence"
            f" ({self.kind.value}), but {problem}; correct it"
        )


def _is_comment(line: str, kind: LabelKind) -> bool:
    """Whether a line before the first word of a sentence is none; a word may begin with # too."""
    if not line.startswith("#") or "\t" in line:
        return False
    no_tag = kind is LabelKind.POS or not _IOB.fullmatch(line.split()[-1])
    return no_tag or _COMMENT.match(line) is not None


def tag_set(kind: LabelKind, found: Sequence[str]) -> list[str]:
    """Tags in the order of their numbers: the 17 of UPOS; of spans O, then those found, sorted."""
    if kind is LabelKind.POS:
        return list(UPOS)
    return [OUTSIDE, *sorted(set(found) - {OUTSIDE})]


def write_labelled(stream: TextIO, sentences: Iterable[LabelledSentence]) -> int:
    """Write words and tags, two columns, an empty line behind each sentence.

    Returns:
        How many sentences there were.
    """
    written = 0
    for sentence in sentences:
        for word, tag in zip(sentence.words, sentence.tags, strict=True):
            stream.write(f"{word}\t{tag}\n")
        stream.write("\n")
        written += 1
    return written
