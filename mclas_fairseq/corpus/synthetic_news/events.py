"""Events of the synthetic news and the rule that says which one matters.

`easy`: the event of today matters, the others happened earlier. `hard`: of the events of this week
the one that affects most people matters; a number is given whole or in two parts ("8 women and 5
men"), can be corrected by a later sentence, and events of long ago are larger but do not count.
Place in the pipeline: between `lexicon` and `documents`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from mclas_fairseq.corpus.synthetic_news.draws import Draws
from mclas_fairseq.corpus.synthetic_news.lexicon import Group, Kind, Lexicon, Phrase, Revision
from mclas_fairseq.corpus.synthetic_news.partition import draw_place

LARGEST_SPELLED = 12  # numbers up to this one can be written as words


@dataclass(frozen=True)
class Count:
    """A number of people of one group."""

    number: int
    group: Group


@dataclass(frozen=True)
class Event:
    """What happened, to whom, where and when; `change` corrects the number of `counts`."""

    kind: Kind
    counts: tuple[Count, ...]
    place: str
    time: Phrase
    recent: bool
    spelled: bool
    revision: Revision | None = None
    change: int = 0

    @property
    def total(self) -> int:
        """The number of people affected in the end."""
        sign = self.revision.sign if self.revision else 0
        return sum(count.number for count in self.counts) + sign * self.change

    def summary_count(self, people: Group) -> Count:
        """The count that a summary gives: the group's own noun, or "people" where there are two."""
        group = self.counts[0].group if len(self.counts) == 1 else people
        return Count(self.total, group)


def main_event(events: Sequence[Event]) -> Event:
    """The event to be summarised: among the recent ones that with the largest total."""
    return max((event for event in events if event.recent), key=lambda event: event.total)


def draw_easy_events(draws: Draws, lexicon: Lexicon, split: str) -> list[Event]:
    """Two or three events of different kinds, places and numbers, one of them of today."""
    size = draws.between(2, 3)
    kinds = draws.shuffled(lexicon.kinds)[:size]
    numbers = draws.shuffled(range(2, 60))[:size]
    earlier = draws.shuffled(lexicon.times["easy_earlier"])
    places: set[str] = set()
    events = []
    for position, (kind, number) in enumerate(zip(kinds, numbers, strict=True)):
        place = draw_place(draws, lexicon.places, split, kind, places)
        places.add(place)
        time = lexicon.times["today"][0] if position == 0 else earlier[position]
        count = Count(number, draws.choice(kind.groups))
        events.append(Event(kind, (count,), place, time, recent=position == 0, spelled=False))
    return events


def draw_hard_events(draws: Draws, lexicon: Lexicon, split: str) -> list[Event]:
    """Three or four events of this week, at times one of long ago; one recent total is largest."""
    while True:
        recent = [_hard_event(draws, lexicon, split, True) for _ in range(draws.between(3, 4))]
        past = [_hard_event(draws, lexicon, split, False)] if draws.chance(0.4) else []
        totals = sorted(event.total for event in recent)
        places = {event.place for event in recent + past}
        if totals[-1] > totals[-2] and len(places) == len(recent) + len(past):
            return recent + past


def _hard_event(draws: Draws, lexicon: Lexicon, split: str, recent: bool) -> Event:
    kind = draws.choice(lexicon.kinds)
    groups = draws.shuffled(kind.groups)
    if draws.chance(0.4):
        parts = [draws.between(2, 40), draws.between(2, 40)]
    else:
        parts = [draws.between(2, 80)]
    if not recent:  # an event of long ago shall tempt whoever looks for the largest number only
        parts = [number + 30 for number in parts]
    event = Event(
        kind,
        tuple(Count(number, group) for number, group in zip(parts, groups, strict=False)),
        draw_place(draws, lexicon.places, split, kind, set()),
        draws.choice(lexicon.times["this_week" if recent else "long_ago"]),
        recent,
        draws.chance(0.5),
    )
    if not recent or not draws.chance(0.35):
        return event
    revision = draws.choice(lexicon.revisions)
    largest = 20 if revision.sign > 0 else min(20, event.total - 2)
    if largest < 2:  # nothing can be taken away
        return event
    return replace(event, revision=revision, change=draws.between(2, largest))
