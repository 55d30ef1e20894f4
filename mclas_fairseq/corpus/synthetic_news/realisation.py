"""Statements put into words. Place in the pipeline: between `documents` and `generator`."""

from collections.abc import Sequence

from mclas_fairseq.corpus.synthetic_news.chinese import Chinese
from mclas_fairseq.corpus.synthetic_news.documents import Statement
from mclas_fairseq.corpus.synthetic_news.english import English
from mclas_fairseq.corpus.synthetic_news.events import Count
from mclas_fairseq.corpus.synthetic_news.german import German
from mclas_fairseq.corpus.synthetic_news.grammar import Grammar
from mclas_fairseq.corpus.synthetic_news.lexicon import LANGUAGES, Group, load_lexicon

GRAMMARS: dict[str, Grammar] = {
    grammar.language: grammar for grammar in (English(), German(), Chinese())
}
assert tuple(GRAMMARS) == LANGUAGES


def slots_of(statement: Statement, language: str) -> dict[str, str]:
    """What fills the slots of the statement's pattern."""
    grammar = GRAMMARS[language]
    slots = {"place": statement.place, "person": statement.person}
    if statement.time is not None:
        slots["time"] = statement.time[language]
    if statement.counts:
        slots["who"] = grammar.counted(statement.counts, statement.spelled)
        slots["who_dat"] = grammar.counted(statement.counts, statement.spelled, dative=True)
    if statement.title is not None:
        joint = "" if language == "zh" else " "
        slots["official"] = f"{statement.title[language]}{joint}{statement.person}"
    if statement.number is not None:
        slots["number"] = grammar.number(statement.number, statement.spelled)
        several = Count(statement.number, _people())
        slots["number_people"] = grammar.counted((several,), statement.spelled)
    return slots


def sentence(statement: Statement, language: str) -> str:
    """The statement as one sentence of the language."""
    pattern = statement.pattern[language]
    return GRAMMARS[language].finish(pattern.format_map(slots_of(statement, language)))


def text(statements: Sequence[Statement], language: str) -> str:
    """The statements as one text of the language."""
    joint = GRAMMARS[language].sentence_joint
    return joint.join(sentence(statement, language) for statement in statements)


def _people() -> Group:
    return load_lexicon("easy").people
