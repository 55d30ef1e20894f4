"""First pass over a corpus: every record checked, its texts spread over one plain file a side.

The files hold one normalised text a line, in the order of the records; an absent summary is an
empty line. All later passes read these files as streams, so the size of a corpus is bounded by the
disk, not by memory (only ids, and with --dedup hashes of documents, are kept).
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import combinations
from pathlib import Path
from typing import TextIO

from mclas_fairseq.binarize.sieve import TRAIN, Sieve
from mclas_fairseq.corpus.records import Record, read_corpus
from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.data.data_bin import (
    DOCUMENT_SIDE,
    question_side,
    summary_side,
    translation_side,
)
from mclas_fairseq.errors import DataError

# How a record can serve, seen from one target language.
TRIPLE, MS_ONLY, NCLS_ONLY = "triples", "ms only", "ncls only"
TRANSLATION_PAIR = "translation pairs"
KINDS = (TRIPLE, MS_ONLY, NCLS_ONLY, TRANSLATION_PAIR)


@dataclass(frozen=True)
class Languages:
    """Source language and target languages of a corpus."""

    source: str
    targets: tuple[str, ...]

    def sides(self) -> dict[str, str]:
        """All sides that a corpus can have: side name -> its language."""
        sides = {DOCUMENT_SIDE: self.source}
        sides.update(
            {summary_side(language): language for language in (self.source, *self.targets)}
        )
        sides.update({translation_side(language): language for language in self.targets})
        every = (self.source, *self.targets)
        sides.update({question_side(language): language for language in every})
        return sides


@dataclass(frozen=True)
class SpooledSplit:
    """What is known of one split after the first pass.

    Attributes:
        name: "train", "valid" or "test".
        folder: where its raw files lie.
        ids: of the records, in order.
        is_triple: whether each record is complete: summaries in the source and the first target
            language.
        kinds: target language -> kind -> number of records.
        filled: side -> number of records that have a text there.
        left_out: (id, reason) of the records left out on demand, in order.
        noted: reason -> number of records that would be left out, were they training records.
    """

    name: str
    folder: Path
    ids: list[str]
    is_triple: list[bool]
    kinds: dict[str, Counter[str]]
    filled: Counter[str]
    left_out: list[tuple[str, str]] = field(default_factory=list)
    noted: Counter[str] = field(default_factory=Counter)

    @property
    def reasons(self) -> Counter[str]:
        """Why records were left out: reason -> number of records."""
        return Counter(reason for _, reason in self.left_out)

    def raw_file(self, side: str) -> Path:
        """The side's texts, one a line."""
        return self.folder / f"{self.name}.{side}.raw"


def spool_split(
    name: str,
    paths: Sequence[Path],
    folder: Path,
    languages: Languages,
    *,
    translation_key: str,
    sieve: Sieve,
    references: TextIO | None,
) -> SpooledSplit:
    """Read one split and write its raw side files into `folder`.

    Args:
        name: of the split.
        paths: files of records, or prefixes of parallel text.
        folder: where the raw files go.
        languages: which texts of the records matter.
        translation_key: key of the records that holds translations.
        sieve: says which records to leave out of training.
        references: where all raw references go, one record a line; None where none are kept.

    Raises:
        DataError: see `read_corpus`; also when no record is left.
    """
    split = SpooledSplit(
        name, folder, [], [], {lang: Counter() for lang in languages.targets}, Counter()
    )
    with ExitStack() as stack:
        files = {
            side: stack.enter_context(
                split.raw_file(side).open("w", encoding="utf-8", newline="\n")
            )
            for side in languages.sides()
        }
        for record in read_corpus(
            paths,
            source_lang=languages.source,
            target_langs=languages.targets,
            translation_key=translation_key,
        ):
            texts = _side_texts(record, languages)
            if reason := sieve.reason(name, record.id, texts):
                if name == TRAIN:
                    split.left_out.append((record.id, reason))
                    continue
                split.noted[reason] += 1
            _add(record, texts, split, files, languages)
            if references is not None:
                references.write(_reference_line(record, languages))
    if not split.ids:
        raise DataError(
            f"--{name}: a split must hold at least one record, but {', '.join(map(str, paths))} "
            f"holds none{_listed(split.reasons)}; give a file with records"
        )
    return split


def read_ids(path: Path) -> frozenset[str]:
    """Read ids to leave out, one a line; blank lines are passed over."""
    return frozenset(line.strip() for _, line in read_lines(path) if line.strip())


def check_splits_disjoint(splits: Iterable[SpooledSplit]) -> None:
    """Check that no id occurs in two splits.

    Raises:
        DataError: one does; it is named with both splits.
    """
    for one, other in combinations(splits, 2):
        fewer, more = sorted((one.ids, other.ids), key=len)
        held = set(fewer)
        for item in more:
            if item in held:
                raise DataError(
                    f"record {item!r}: must be in one split only, but is in {one.name} and"
                    f" {other.name}; remove it from one, or list it in a file for --exclude-ids to"
                    " leave it out of training"
                )


def _listed(reasons: Counter[str]) -> str:
    if not reasons:
        return ""
    return f" ({', '.join(f'{count} left out by {why}' for why, count in reasons.items())})"


def _add(
    record: Record,
    texts: Mapping[str, str],
    split: SpooledSplit,
    files: Mapping[str, TextIO],
    languages: Languages,
) -> None:
    for side, file in files.items():
        text = texts.get(side, "")
        file.write(text + "\n")
        if text:
            split.filled[side] += 1
    split.ids.append(record.id)
    for target in languages.targets:
        split.kinds[target].update(_kinds(record, languages.source, target))
    first = languages.targets[0]
    split.is_triple.append(TRIPLE in _kinds(record, languages.source, first))


def _side_texts(record: Record, languages: Languages) -> dict[str, str]:
    """Text of each side that the record has; of several references the first."""
    texts = {DOCUMENT_SIDE: record.document_text(languages.source)}
    for language in (languages.source, *languages.targets):
        if language in record.summary:
            texts[summary_side(language)] = record.summary[language][0]
    for language in languages.targets:
        if language in record.translation:
            texts[translation_side(language)] = record.translation_text(language)
    for language in (languages.source, *languages.targets):
        if language in record.question:
            texts[question_side(language)] = " ".join(record.question[language])
    return texts


def _kinds(record: Record, source: str, target: str) -> list[str]:
    kinds = []
    if source in record.summary or target in record.summary:
        if source not in record.summary:
            kinds.append(NCLS_ONLY)
        elif target not in record.summary:
            kinds.append(MS_ONLY)
        else:
            kinds.append(TRIPLE)
    if target in record.translation:
        kinds.append(TRANSLATION_PAIR)
    return kinds


def _reference_line(record: Record, languages: Languages) -> str:
    summaries = {
        language: list(record.summary[language])
        for language in (languages.source, *languages.targets)
        if language in record.summary
    }
    return json.dumps({"id": record.id, "summary": summaries}, ensure_ascii=False) + "\n"
