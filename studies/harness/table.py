"""The results of a study: one table, and one file of what it has by document.

`results/NAME.csv` has a row for each cell. A column is the path of a value in the cell's report,
keys joined by "/" ("/" and "~" in a key are escaped as in a JSON Pointer, RFC 6901; "#0" is the
first of a list of objects). A field is JSON, or a text that is no JSON; an empty one is no value.

`results/NAME.trials.csv` is a table like it, of trials of a learning rate: they take long, and
stay when the cell that they are for is not finished.

`results/NAME.documents.jsonl.gz` has a line for each cell, split and language, with values by
document in the order of the records, and a line with the summaries of a cell where these are kept.

Several processes may add to both: each addition is made under a lock, and the files are written
beside and renamed. Rows and lines are in the order of their names, so that what is added first
makes no difference.
"""

import csv
import fcntl
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.text_files import read_lines, write_beside

RESULTS = Path(__file__).parent.parent / "results"
BY_DOCUMENT = "by_document"
_LONGEST_FIELD = 2**24  # characters; csv refuses longer ones than 2**17 unless it is told

Row = dict[str, Any]
Line = dict[str, Any]


class Table:
    """The table of one study and its file of values by document.

    Args:
        name: of the study.
        folder: of both files.
        run: of a table that holds an earlier run of the same cells beside, as rows "RUN/NAME": only
            these are seen, as NAME, and nothing can be added.
    """

    def __init__(self, name: str, folder: Path = RESULTS, run: str = ""):
        self._prefix = f"{run}/" if run else ""
        self._name = name
        self.path = folder / f"{name}.csv"
        self.documents_path = folder / f"{name}.documents.jsonl.gz"

    @property
    def trials(self) -> "Table":
        """The table of trials beside this one."""
        return Table(f"{self._name}.trials", self.path.parent)

    def rows(self) -> dict[str, Row]:
        """The report of each cell by its name, as it is on disk now, without values by document."""
        if not self.path.exists():
            return {}
        csv.field_size_limit(_LONGEST_FIELD)
        with self.path.open(encoding="utf-8", newline="") as stream:
            rows = {fields.pop("name"): nested(fields) for fields in csv.DictReader(stream)}
        cut = len(self._prefix)
        return {name[cut:]: row for name, row in rows.items() if name.startswith(self._prefix)}

    def row(self, name: str) -> Row | None:
        """The report of one cell; None while it is not finished."""
        return self.rows().get(name)

    def lines(self) -> list[Line]:
        """What there is by document."""
        if not self.documents_path.exists():
            return []
        lines = [json.loads(line) for _, line in read_lines(self.documents_path)]
        cut, prefix = len(self._prefix), self._prefix
        found = [line for line in lines if line["cell"].startswith(prefix)]
        return [{**line, "cell": line["cell"][cut:]} for line in found]

    def summaries(self, name: str, split: str) -> list[Line] | None:
        """The kept summaries of a cell, as `mclas summarize` wrote them; None if there are none."""
        for line in self.lines():
            if _key(line) == (name, split, "") and "summaries" in line:
                return list(line["summaries"])
        return None

    def full_rows(self) -> dict[str, Row]:
        """As `rows`, with `by_document` in each language's scores."""
        rows = self.rows()
        for line in self.lines():
            scores = rows.get(line["cell"], {}).get(line["split"], {}).get(line.get("language"))
            if scores is not None:
                keys = ("cell", "split", "language")
                scores[BY_DOCUMENT] = {key: line[key] for key in line if key not in keys}
        return rows

    def add(self, name: str, report: Mapping[str, Any], lines: Iterable[Line] = ()) -> None:
        """Add a cell, or columns to its row.

        Args:
            name: of the cell.
            report: its values; `by_document` in the scores of a split and language goes to the
                file of documents.
            lines: of that file, beside these; each has "cell" and "split".
        """
        assert not self._prefix
        row, found = _split(name, report)
        with self._locked():
            # The documents come first: a cell is finished when its row is there.
            self._add_lines([*found, *lines])
            rows = self.rows()
            self._write_rows({**rows, name: {**rows.get(name, {}), **row}})

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f".{self.path.stem}.lock").open("w") as stream:
            fcntl.flock(stream, fcntl.LOCK_EX)
            yield

    def _write_rows(self, rows: Mapping[str, Row]) -> None:
        flat = {name: flattened(row) for name, row in sorted(rows.items())}
        # Columns in the order in which a reader wants them: as reports have them, by the longest.
        columns = list(dict.fromkeys(key for row in flat.values() for key in row))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(["name", *columns])
        for name, row in flat.items():
            writer.writerow([name, *(row.get(column, "") for column in columns)])
        with write_beside(self.path) as stream:
            stream.write(text.getvalue())

    def _add_lines(self, lines: Iterable[Line]) -> None:
        new = {_key(line): line for line in lines}
        if not new:
            return
        every = {**{_key(line): line for line in self.lines()}, **new}
        with write_beside(self.documents_path) as stream:
            for _, line in sorted(every.items()):
                stream.write(json.dumps(line, ensure_ascii=False) + "\n")


def flattened(value: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Path -> field of all values of a report."""
    found: dict[str, str] = {}
    for key, one in value.items():
        path = prefix + key.replace("~", "~0").replace("/", "~1")
        if isinstance(one, list) and one and all(isinstance(item, dict) for item in one):
            for number, item in enumerate(one):
                found |= flattened(item, f"{path}/#{number}/") or {f"{path}/#{number}": "{}"}
        elif isinstance(one, dict) and one:
            found |= flattened(one, f"{path}/")
        else:
            found[path] = _field(one)
    return found


def nested(fields: Mapping[str, str]) -> Row:
    """The report again, of path -> field; empty fields are left out."""
    found: Row = {}
    for path, field in fields.items():
        if field == "":
            continue
        *parents, last = path.split("/")
        place = found
        for parent in parents:
            place = place.setdefault(parent.replace("~1", "/").replace("~0", "~"), {})
        place[last.replace("~1", "/").replace("~0", "~")] = _value(field)
    return {key: _with_lists(value) for key, value in found.items()}


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    inner = {key: _with_lists(one) for key, one in value.items()}
    if inner and all(key.startswith("#") for key in inner):
        return list(inner.values())
    return inner


def _field(value: Any) -> str:
    if isinstance(value, str) and value and _value(value) is value:
        return value
    return json.dumps(value, ensure_ascii=False)


def _value(field: str) -> Any:
    try:
        return json.loads(field)
    except ValueError:
        return field


def _key(line: Line) -> tuple[str, str, str]:
    return line["cell"], line["split"], line.get("language", "")


def _split(name: str, report: Mapping[str, Any]) -> tuple[Row, list[Line]]:
    """A report without its values by document, and these as lines."""
    row, lines = dict(report), []
    for split, by_language in report.items():
        if not isinstance(by_language, dict):
            continue
        for language, scores in by_language.items():
            if isinstance(scores, dict) and BY_DOCUMENT in scores:
                key = {"cell": name, "split": split, "language": language}
                lines.append({**key, **scores[BY_DOCUMENT]})
                kept = {key: value for key, value in scores.items() if key != BY_DOCUMENT}
                row[split] = {**row[split], language: kept}
    return row, lines
