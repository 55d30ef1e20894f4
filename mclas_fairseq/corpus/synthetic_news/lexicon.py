"""Words and sentence patterns of the synthetic news, read from the JSON files of this folder.

A phrase holds the same content in each language, `{"en": ..., "de": ..., "zh": ...}`, with slots in
braces that `realisation` fills. `kinds.json` has the kinds of events, each with patterns for the
report and, in other words, for the summary; `words.json` has everything else. Entries of level
`easy` belong to both settings, entries of level `hard` to the hard one only. Place in the pipeline:
under `events` and `documents`.
"""

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

LANGUAGES = ("en", "de", "zh")

Phrase = Mapping[str, str]


@dataclass(frozen=True)
class Group:
    """A plural noun for people, with what each language needs to count it."""

    nouns: Phrase
    german_dative: str
    chinese_measure: str


@dataclass(frozen=True)
class Kind:
    """A kind of event: whom it can happen to, and how reports and summaries put it."""

    name: str
    groups: tuple[Group, ...]
    reports: tuple[Phrase, ...]
    summaries: tuple[Phrase, ...]


@dataclass(frozen=True)
class Revision:
    """A sentence that raises (`sign` 1) or lowers (-1) a number reported before."""

    sign: int
    report: Phrase


@dataclass(frozen=True)
class Reaction:
    """What an official said, in the report and in the summary."""

    report: Phrase
    summaries: tuple[Phrase, ...]


@dataclass(frozen=True)
class Syllables:
    """Beginnings and endings that names are put together from.

    So many names can be made of them that each is rare in a corpus, as names are: a subword
    tokenizer cuts them in the syllables, those unseen in training like all others.
    """

    starts: tuple[str, ...]
    ends: tuple[str, ...]


@dataclass(frozen=True)
class Lexicon:
    """All words of one setting. `people` is the word that covers every group."""

    people: Group
    kinds: tuple[Kind, ...]
    times: Mapping[str, tuple[Phrase, ...]]
    revisions: tuple[Revision, ...]
    titles: tuple[Phrase, ...]
    reactions: tuple[Reaction, ...]
    fillers: tuple[Phrase, ...]
    places: Syllables
    persons: Syllables


def _read(name: str) -> Any:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return json.loads(text)


def _group(entry: Mapping[str, str]) -> Group:
    nouns = {language: entry[language] for language in LANGUAGES}
    return Group(nouns, entry["de_dat"], entry["zh_measure"])


def _kinds(levels: tuple[str, ...], groups: Mapping[str, tuple[Group, ...]]) -> tuple[Kind, ...]:
    return tuple(
        Kind(
            entry["name"],
            groups[entry["groups"]],
            tuple(entry["reports"]),
            tuple(entry["summaries"]),
        )
        for entry in _read("kinds.json")
        if entry["level"] in levels
    )


def _syllables(entry: Mapping[str, list[str]]) -> Syllables:
    return Syllables(tuple(entry["starts"]), tuple(entry["ends"]))


@functools.cache
def load_lexicon(setting: str) -> Lexicon:
    """The words of a setting, "easy" or "hard"; the easy ones are a part of the hard ones."""
    easy = setting == "easy"
    levels = ("easy",) if easy else ("easy", "hard")
    words = _read("words.json")
    groups = {
        name: tuple(_group(entry) for entry in entries if entry["level"] in levels)
        for name, entries in words["groups"].items()
    }
    return Lexicon(
        people=groups["people"][0],
        kinds=_kinds(levels, groups),
        times={name: tuple(phrases) for name, phrases in words["times"].items()},
        revisions=tuple(Revision(entry["sign"], entry["text"]) for entry in words["revisions"]),
        titles=tuple(words["titles"]),
        reactions=tuple(
            Reaction(entry["report"], tuple(entry["summaries"])) for entry in words["reactions"]
        ),
        fillers=tuple(entry["text"] for entry in words["fillers"] if entry["level"] in levels),
        places=_syllables(words["names"]["place"]),
        persons=_syllables(words["names"]["person"]),
    )
