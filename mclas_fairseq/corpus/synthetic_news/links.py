"""Which words of a summary render which of the English one: those of names, numbers and people.

They stand in the slots of the patterns, so that their making tells. Words are numbered as
`corpus/plain_words.py` does; the rest of a pattern is linked with nothing.
"""

from collections.abc import Iterator

import regex

from mclas_fairseq.corpus.plain_words import WORD
from mclas_fairseq.corpus.synthetic_news.documents import Plan, draw_plan
from mclas_fairseq.corpus.synthetic_news.draws import Draws
from mclas_fairseq.corpus.synthetic_news.realisation import GRAMMARS, slots_of
from mclas_fairseq.errors import ConfigError

# Around what fills a slot, with the slot's name; no pattern has these characters.
_OPEN, _NAMED, _CLOSE = "\ue000", "\ue001", "\ue002"
_SLOT = regex.compile(f"{_OPEN}([a-z]+){_NAMED}(.*?){_CLOSE}")
_FIRST = "en"


def generate_links(
    setting: str, split: str, size: int, seed: int, language: str
) -> Iterator[dict[str, object]]:
    """Links of the English summaries and those in another language, record by record.

    Returns:
        {"id": "easy-valid-0", "links": ["0-2", ...]}: word of the English summary, word of the
        other one.

    Raises:
        ConfigError: the corpus has no summaries in that language.
    """
    if language not in GRAMMARS or language == _FIRST:
        others = ", ".join(code for code in GRAMMARS if code != _FIRST)
        raise ConfigError(
            f"--links {language}: must be one of {others}, whose summaries stand beside English"
            " ones; give one of them"
        )
    return (_links(setting, split, seed, index, language) for index in range(size))


def _links(setting: str, split: str, seed: int, index: int, language: str) -> dict[str, object]:
    plan = draw_plan(setting, split, Draws(f"synthetic_news {setting} {split} {seed} {index}"))
    first, second = _slot_words(plan, _FIRST), _slot_words(plan, language)
    found = [
        f"{i}-{j}"
        for name, ours in first.items()
        for i, j in _pairs(ours, second.get(name, []), language)
    ]
    return {"id": f"{setting}-{split}-{index}", "links": found}


def _pairs(ours: list[int], theirs: list[int], language: str) -> list[tuple[int, int]]:
    """Word by word where there are equally many, else each with each."""
    if len(ours) == len(theirs) and language != "zh":
        return list(zip(ours, theirs, strict=True))
    return [(i, j) for i in ours for j in theirs]


def _slot_words(plan: Plan, language: str) -> dict[str, list[int]]:
    """Numbers of the words of a summary that fill each slot; a slot is named with its sentence."""
    found: dict[str, list[int]] = {}
    count = 0
    for number, statement in enumerate(plan.summary):
        slots = {name: _mark(name, value) for name, value in slots_of(statement, language).items()}
        if statement.title is not None:
            title = _mark("title", statement.title[language])
            slots["official"] = f"{title} {_mark('person', statement.person)}"
        marked = GRAMMARS[language].finish(statement.pattern[language].format_map(slots))
        plain, spans = _unmarked(marked)
        for place, word in enumerate(WORD.finditer(plain)):
            for name, start, stop in spans:
                if start <= word.start() < stop:
                    found.setdefault(f"{number} {name}", []).append(count + place)
        count += len(WORD.findall(plain))
    return found


def _mark(name: str, value: str) -> str:
    """A value between marks; the dative is the same slot."""
    return f"{_OPEN}{name.removesuffix('_dat').replace('_', '')}{_NAMED}{value}{_CLOSE}"


def _unmarked(text: str) -> tuple[str, list[tuple[str, int, int]]]:
    """The text without marks, and where in it each slot is."""
    plain, spans, place = "", [], 0
    for match in _SLOT.finditer(text):
        plain += text[place : match.start()]
        spans.append((match[1], len(plain), len(plain) + len(match[2])))
        plain += match[2]
        place = match.end()
    return plain + text[place:], spans
