"""A translator that looks lines up in a SQLite file, to measure and test what surrounds one.

    python benchmarks/lookup.py TABLE.sqlite < lines > translations

It needs the standard library only, so that it starts in a moment, and reads no more of the table
than it is asked for. A line that the table lacks ends it with status 1. `write_table` makes the
file.
"""

import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path


def write_table(path: Path, pairs: Iterable[tuple[str, str]]) -> None:
    """Write a table of lines and their translations; of a line that comes twice the first stays."""
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = OFF")
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("CREATE TABLE pair (line TEXT PRIMARY KEY, translation TEXT) WITHOUT ROWID")
    connection.executemany("INSERT OR IGNORE INTO pair VALUES (?, ?)", pairs)
    connection.commit()
    connection.close()


def look_up(path: Path, lines: Iterable[str]) -> Iterable[str]:
    """Yield the translation of each line.

    Raises:
        SystemExit: the table lacks a line.
    """
    connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
    for number, line in enumerate(lines, start=1):
        query = "SELECT translation FROM pair WHERE line = ?"
        row = connection.execute(query, (line.rstrip("\n"),)).fetchone()
        if row is None:
            raise SystemExit(f"{path}: holds no translation of line {number}: {line[:100]!r}")
        yield row[0]


def main() -> None:
    """Translate standard input."""
    sys.stdin.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
    for translation in look_up(Path(sys.argv[1]), sys.stdin):
        sys.stdout.write(translation + "\n")


if __name__ == "__main__":
    main()
