"""The annotators' sheets: CSV files that spreadsheet programs open as they are.

UTF-8 with a byte order mark (without it Excel takes the text for another encoding), every row named
so that sorting does no harm, and no text that a spreadsheet would run as a formula.
"""

import csv
import hashlib
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mclas_fairseq.corpus.spreadsheets import guarded
from mclas_fairseq.corpus.subsets import draw_subset
from mclas_fairseq.corpus.text_files import normalize_text, write_beside
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.human.design import ASPECTS, BWS, Options, Question, arrange, ask
from mclas_fairseq.evaluation.human.key import Key, Row, fingerprint
from mclas_fairseq.evaluation.human.material import Material

ITEM = "item"
LETTERS = "ABCD"
DELIMITERS = {"comma": ",", "semicolon": ";"}
EMPTY = "(empty)"
# Excel cuts a cell at 32,767 characters without a word.
_LONGEST = 30_000
_CUT = " [...]"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Study:
    """An evaluation ready to be written: its key, and of each annotator's sheet the rows of cells
    (without the header).
    """

    key: Key
    sheets: tuple[tuple[tuple[str, ...], ...], ...]


def build_study(material: Material, language: str, options: Options) -> Study:
    """Draw documents, ask the questions and lay them out for each annotator.

    The same material and options give the same sheets. Which documents are drawn depends on their
    ids and the seed alone, not on the systems.

    Raises:
        ConfigError: there are fewer documents than wanted, or too few systems.
    """
    _check(material, options)
    drawn = draw_subset(material.ids, options.documents, options.seed)
    questions = ask(drawn, tuple(material.systems), options)
    mark = _mark(material, drawn, options)
    places = {document: place for place, document in enumerate(material.ids)}
    rows_of, keys = [], []
    for annotator in range(1, options.annotators + 1):
        rows, key_rows = [], {}
        for number, question in enumerate(arrange(questions, annotator, options.seed), 1):
            item = f"{mark}-{annotator}-{number:04d}"
            cells = _cells(material, question, places[question.document])
            rows.append((item, *cells))
            key_rows[item] = Row(question.document, question.systems, fingerprint(cells))
        rows_of.append(tuple(rows))
        keys.append(key_rows)
    key = Key(
        study=mark,
        design=options.design,
        language=language,
        seed=options.seed,
        systems=tuple(material.systems),
        documents=tuple(drawn),
        shown=tuple(material.shown),
        sheets=tuple(keys),
    )
    return Study(key, tuple(rows_of))


def text_columns(key: Key) -> list[str]:
    """The columns that show texts, from left to right."""
    if key.design != BWS:
        return [*key.shown, "summary"]
    shown = max(len(row.systems) for sheet in key.sheets for row in sheet.values())
    return [*key.shown, *LETTERS[:shown]]


def answer_columns(key: Key) -> list[str]:
    """The columns that annotators fill in: one for each aspect, or two in Best-Worst Scaling."""
    if key.design != BWS:
        return [f"{aspect} (1-5)" for aspect in ASPECTS]
    return [f"{aspect}: {end}" for aspect in ASPECTS for end in ("best", "worst")]


def write_sheet(path: Path, key: Key, rows: Sequence[Sequence[str]], delimiter: str) -> None:
    """Write one annotator's sheet, complete or not at all."""
    answers = answer_columns(key)
    with write_beside(path) as stream:
        stream.write("\ufeff")
        writer = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n")
        writer.writerow([ITEM, *text_columns(key), *answers])
        writer.writerows([*row, *[""] * len(answers)] for row in rows)


def guard(text: str) -> str:
    """A text as a cell: one line, cut to what a cell holds, marked as text where needed.

    Signs of formulas, and texts without a letter (dates, numbers), get an apostrophe in front.
    """
    text = normalize_text(text) or EMPTY
    if len(text) > _LONGEST:
        logger.warning(
            "a text of %d characters was cut to the %d that a spreadsheet's cell can hold: %s...",
            len(text), _LONGEST, text[:40],
        )  # fmt: skip
        text = text[: _LONGEST - len(_CUT)] + _CUT
    return guarded(text) if any(map(str.isalpha, text)) else f"'{text}"


def _check(material: Material, options: Options) -> None:
    if options.annotators < 1:
        raise ConfigError(
            f"--annotators: must be 1 or more, but is {options.annotators}; two or more give"
            " agreement"
        )
    if not 1 <= options.documents <= len(material.ids):
        raise ConfigError(
            f"--documents: must lie between 1 and the number of documents that all systems have,"
            f" {len(material.ids)}, but is {options.documents}; ask for a number in this range"
        )


def _cells(material: Material, question: Question, place: int) -> list[str]:
    shown = [texts[place] for texts in material.shown.values()]
    return [
        guard(text) for text in [*shown, *(material.systems[s][place] for s in question.systems)]
    ]


def _mark(material: Material, drawn: Sequence[str], options: Options) -> str:
    """A short name of the study from all that is in it; its first letter keeps it a text."""
    content = [material.shown, material.systems, drawn, options.design, options.seed]
    return "K" + hashlib.sha256(json.dumps(content).encode()).hexdigest()[:6]
