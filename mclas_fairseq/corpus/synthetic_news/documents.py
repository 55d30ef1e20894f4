"""What a synthetic document says, in which order, before it is put into a language.

A document is drawn as a list of statements: a pattern in all languages with what goes into its
slots. The statement to be summarised stands anywhere among the others. Place in the pipeline:
between `events` and `realisation`.
"""

from dataclasses import dataclass

from mclas_fairseq.corpus.synthetic_news.draws import Draws
from mclas_fairseq.corpus.synthetic_news.events import (
    Count,
    Event,
    draw_easy_events,
    draw_hard_events,
    main_event,
)
from mclas_fairseq.corpus.synthetic_news.lexicon import Lexicon, Phrase, Reaction, load_lexicon
from mclas_fairseq.corpus.synthetic_news.partition import draw_name

USUAL_WORDING = 0.6  # share of the hard summaries that are in the first of their wordings


@dataclass(frozen=True)
class Statement:
    """A pattern and what fills it; slots that the pattern lacks are left empty."""

    pattern: Phrase
    counts: tuple[Count, ...] = ()
    place: str = ""
    time: Phrase | None = None
    person: str = ""
    title: Phrase | None = None
    number: int | None = None
    spelled: bool = False


@dataclass(frozen=True)
class Plan:
    """A document and its summary; `main` is the position of the sentence that matters."""

    document: tuple[Statement, ...]
    summary: tuple[Statement, ...]
    main: int


@dataclass(frozen=True)
class _Comment:
    """An official's reaction to the event of a place."""

    reaction: Reaction
    place: str
    title: Phrase
    person: str


def draw_plan(setting: str, split: str, draws: Draws) -> Plan:
    """The plan of one item of the setting ("easy" or "hard")."""
    lexicon = load_lexicon(setting)
    if setting == "easy":
        return _easy_plan(lexicon, split, draws)
    return _hard_plan(lexicon, split, draws)


def _easy_plan(lexicon: Lexicon, split: str, draws: Draws) -> Plan:
    events = draw_easy_events(draws, lexicon, split)
    main = main_event(events)
    reported = {event.place: _report(draws, event, paraphrases=2) for event in events}
    order = draws.shuffled([*reported.values(), _filler(draws, lexicon, split)])
    summary = _summary_clause(lexicon, main, main.kind.summaries[0])
    return Plan(tuple(order), (summary,), order.index(reported[main.place]))


def _hard_plan(lexicon: Lexicon, split: str, draws: Draws) -> Plan:
    events = draw_hard_events(draws, lexicon, split)
    main = main_event(events)
    reported = {event.place: _report(draws, event, paraphrases=3) for event in events}
    comments = {
        event.place: _comment(draws, lexicon, split, event.place)
        for event in events
        if event is main or draws.chance(0.5)
    }
    groups = [
        [reported[event.place], *_revision(event, draws), *_said(comments.get(event.place))]
        for event in events
    ]
    groups += [[_filler(draws, lexicon, split)] for _ in range(draws.between(0, 2))]
    order = _interleaved(draws, groups)
    comment = comments[main.place]
    summary = (
        _summary_clause(lexicon, main, _worded(draws, main.kind.summaries)),
        _comment_statement(_worded(draws, comment.reaction.summaries), comment),
    )
    return Plan(tuple(order), summary, order.index(reported[main.place]))


def _worded(draws: Draws, wordings: tuple[Phrase, ...]) -> Phrase:
    """The usual wording of a summary, or one of the others, which nothing in the document tells."""
    usual, *others = wordings
    return usual if draws.chance(USUAL_WORDING) else draws.choice(others)


def _interleaved(draws: Draws, groups: list[list[Statement]]) -> list[Statement]:
    """The groups' statements in random order, each group's own order kept."""
    turns = draws.shuffled([index for index, group in enumerate(groups) for _ in group])
    waiting = [iter(group) for group in groups]
    return [next(waiting[turn]) for turn in turns]


def _report(draws: Draws, event: Event, paraphrases: int) -> Statement:
    pattern = draws.choice(event.kind.reports[:paraphrases])
    return Statement(
        pattern, event.counts, place=event.place, time=event.time, spelled=event.spelled
    )


def _summary_clause(lexicon: Lexicon, event: Event, pattern: Phrase) -> Statement:
    return Statement(pattern, (event.summary_count(lexicon.people),), place=event.place)


def _revision(event: Event, draws: Draws) -> list[Statement]:
    if event.revision is None:
        return []
    spelled = draws.chance(0.5)
    return [
        Statement(event.revision.report, place=event.place, number=event.change, spelled=spelled)
    ]


def _comment(draws: Draws, lexicon: Lexicon, split: str, place: str) -> _Comment:
    return _Comment(
        draws.choice(lexicon.reactions),
        place,
        draws.choice(lexicon.titles),
        draw_name(draws, lexicon.persons, split),
    )


def _said(comment: _Comment | None) -> list[Statement]:
    return [] if comment is None else [_comment_statement(comment.reaction.report, comment)]


def _comment_statement(pattern: Phrase, comment: _Comment) -> Statement:
    return Statement(pattern, place=comment.place, title=comment.title, person=comment.person)


def _filler(draws: Draws, lexicon: Lexicon, split: str) -> Statement:
    person = draw_name(draws, lexicon.persons, split)
    return Statement(draws.choice(lexicon.fillers), person=person, number=draws.between(2, 60))
