"""Rows of TMX files, the exchange format of translation memories (TMX 1.4b): a unit is a row.

Columns are the languages of the units, as the file writes them (`en-US`) and without their region
(`en`), and `id`, the unit's `tuid`. What stands in a segment for codes of another format (`bpt`,
`ept`, `ph`, `it`, `ut`) is left out; highlighted text (`hi`) is text.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Union
from xml.etree.ElementTree import Element, ParseError, iterparse

from mclas_fairseq.corpus.conversion.encodings import open_bytes
from mclas_fairseq.corpus.conversion.rows import Row, Source, check_columns
from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import DataError

_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
_CODES = frozenset({"bpt", "ept", "ph", "it", "ut"})
_MANY = 200  # columns that are remembered for a message

Values = dict[str, Union[str, list[str]]]


class TranslationMemorySource(Source):
    """A TMX file, plain or `.gz`, read unit by unit.

    Args:
        path: the file; its encoding stands in its first line.
        wanted: the columns that are asked for; each must be in one unit at least.
    """

    description = "TMX"

    def __init__(self, path: Path, wanted: Sequence[str]):
        self.path, self.name = path, str(path)
        self._wanted = wanted

    def rows(self) -> Iterator[Row]:
        """Stream the units. Raises `DataError` where the file is no well-formed TMX."""
        there: dict[str, None] = {}
        with open_bytes(self.path) as raw:
            try:
                for number, unit in enumerate(_units(iterparse(raw, ["start", "end"])), start=1):
                    values = _values(unit)
                    if len(there) < _MANY:
                        there.update(dict.fromkeys(values))
                    wanted = {name: values[name] for name in self._wanted if name in values}
                    yield Row(f"{self.path.name} unit {number}", wanted, values)
            except ParseError as error:
                raise DataError(
                    f"{self.path}: must be a well-formed TMX file, but is not ({error}); export it"
                    " again"
                ) from error
        check_columns(self.path, self._wanted, there)


def _units(events: Iterator[tuple[str, Element]]) -> Iterator[Element]:
    """The units of a file, each taken out of the tree when it has been read."""
    parents: list[Element] = []
    for event, element in events:
        if event == "start":
            parents.append(element)
            continue
        parents.pop()
        if element.tag == "tu":
            yield element
            if parents:
                parents[-1].remove(element)


def _values(unit: Element) -> Values:
    values: Values = {"id": unit.get("tuid", "")}
    for variant in unit.iter("tuv"):
        language = variant.get(_LANGUAGE) or variant.get("lang") or ""
        segment = variant.find("seg")
        text = normalize_text("" if segment is None else _text(segment))
        for name in dict.fromkeys((language, language.replace("_", "-").split("-")[0].lower())):
            before = values.get(name)
            if before is None:
                values[name] = text
            elif text != before:  # several translations of one unit, or regions of one language
                values[name] = [*before, text] if isinstance(before, list) else [before, text]
    return values


def _text(element: Element) -> str:
    parts = [element.text or ""]
    for child in element:
        parts += ["" if child.tag in _CODES else _text(child), child.tail or ""]
    return "".join(parts)
