"""Baselines in the documents' own language: what names, numbers and borrowed words reach alone.

A document's title or first words, and its reference in its own language, all untranslated. The
reference is no baseline that a system must beat: people chose what it says. Nor is a title where
summaries are in the documents' own language: there it is a summary by the author, and people's own
summaries stay below it. Place in the pipeline: `mclas report`, beside the baselines of
`evaluation/baselines.py`.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.languages import is_unspaced
from mclas_fairseq.corpus.records import Record
from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.evaluation.text_input import TextInput, as_input

TITLE = "title untranslated"
FIRST_WORDS = "first ten words untranslated"
SOURCE_REFERENCE = "untranslated reference"
OWN_TITLE = "title"
OWN_FIRST_WORDS = "first ten words"
SHOWN = frozenset({SOURCE_REFERENCE, OWN_TITLE})  # written by people: not asked of a system
_WORDS, _CHARACTERS = 10, 20


def untranslated_summaries(
    test: Sequence[Record], language: str, source_lang: str, titles: Mapping[str, str]
) -> dict[str, Optional[list[str]]]:
    """Each baseline's summaries of N documents by its name; None where it is not available.

    Args:
        test: N records; their first reference in the documents' language is taken.
        language: that is scored.
        source_lang: of the documents; where it is the scored one, title and first words are both
            given, under names of their own, and there is no untranslated reference.
        titles: id -> title; unless all documents have one, their first ten words are taken (twenty
            characters where words are not spaced).
    """
    first = [_first_words(record.document_text(source_lang), source_lang) for record in test]
    has_titles = all(record.id in titles for record in test)
    title = [titles[record.id] for record in test] if has_titles else None
    if language == source_lang:
        return {OWN_FIRST_WORDS: first, OWN_TITLE: title}
    has_all = all(source_lang in record.summary for record in test)
    own = [record.summary[source_lang][0] for record in test] if has_all else None
    shown = {FIRST_WORDS: first} if title is None else {TITLE: title}
    return {**shown, SOURCE_REFERENCE: own}


def read_titles(source: Path | TextInput, language: str) -> dict[str, str]:
    """Id -> title of the records that have one: `"title": "..."` or `"title": {"en": "..."}`.

    Records themselves keep no titles (`corpus/record.py`); whatever else is wrong with a line is
    said by who reads them.
    """
    found = {}
    for _, line in as_input(source).lines():
        row = json.loads(line) if line.strip() else {}
        title = row.get("title")
        text = title.get(language) if isinstance(title, dict) else title
        if isinstance(text, str) and normalize_text(text):
            found[str(row["id"])] = normalize_text(text)
    return found


def _first_words(text: str, language: str) -> str:
    if is_unspaced(language):
        return text[:_CHARACTERS]
    return " ".join(text.split()[:_WORDS])
