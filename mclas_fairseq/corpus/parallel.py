"""Parallel plain text as records: line n of `x.en` and of `x.de` translate one another.

Each pair of lines becomes the record {document.en, translation.de}, so translation data takes the
same way through `mclas prepare` as everything else.
"""

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.record import Record
from mclas_fairseq.corpus.text_files import normalize_text, read_lines
from mclas_fairseq.errors import DataError


def read_parallel(prefix: Path, source_lang: str, target_langs: Sequence[str]) -> Iterator[Record]:
    """Stream the records of `PREFIX.<source_lang>` and those `PREFIX.<target>` that exist.

    Each file may also end in `.gz`. The id of line n is "<name of the prefix>:n", so that several
    prefixes can be read together.

    Raises:
        DataError: the source file or every target file is missing, a line is empty, or the files
            differ in their numbers of lines.
    """
    paths = parallel_files(prefix, source_lang, target_langs)
    lines = zip_longest(*(read_lines(path) for path in paths.values()))
    for number, row in enumerate(lines, start=1):
        texts = {}
        for (language, path), item in zip(paths.items(), row, strict=True):
            if item is None:
                raise _unequal(paths)
            texts[language] = _line_text(item[1], path, number)
        yield Record(
            id=f"{normalize_text(prefix.name)}:{number}",
            document={source_lang: (texts[source_lang],)},
            summary={},
            translation={
                language: (text,) for language, text in texts.items() if language != source_lang
            },
            origin=f"{paths[source_lang]}:{number}",
        )


def parallel_files(prefix: Path, source_lang: str, target_langs: Sequence[str]) -> dict[str, Path]:
    """Find the files that belong to a prefix of parallel text: language -> file, source first.

    Raises:
        DataError: the source file or every target file is missing.
    """
    found = {language: _find(prefix, language) for language in (source_lang, *target_langs)}
    paths = {language: path for language, path in found.items() if path is not None}
    if source_lang not in paths or len(paths) < 2:
        raise DataError(
            f"{prefix}: the file must exist, but does not, nor is it the prefix of parallel text"
            f" {prefix}.{source_lang} with {prefix}.{'|'.join(target_langs)} (.gz or not); check"
            " the name"
        )
    return paths


def _find(prefix: Path, language: str) -> Optional[Path]:
    for suffix in ("", ".gz"):
        path = prefix.with_name(f"{prefix.name}.{language}{suffix}")
        if path.is_file():
            return path
    return None


def _line_text(line: str, path: Path, number: int) -> str:
    text = normalize_text(line)
    if not text:
        raise DataError(
            f"{path}:{number}: a line of parallel text must not be empty; remove the line from"
            " each of the files"
        )
    return text


def _unequal(paths: dict[str, Path]) -> DataError:
    counts = ", ".join(f"{path} has {_count(path)}" for path in paths.values())
    return DataError(
        f"parallel text: its files must have equally many lines, but {counts}; align them again"
    )


def _count(path: Path) -> int:
    return sum(1 for _ in read_lines(path))
