"""What the process that answers over HTTP and the one that decodes say to each other.

Each message is a dataclass. It travels as its name and JSON, and is checked by its types where it
arrives, so that nothing but values can come through.
"""

import json
from dataclasses import dataclass, field
from typing import Any, Optional, Union, get_args

from pydantic import TypeAdapter

from mclas_fairseq.inference.on_long import OnLong
from mclas_fairseq.inference.results import Summary
from mclas_fairseq.serve.schema import ModelCard
from mclas_fairseq.serve.searches import Search
from mclas_fairseq.serve.settings import ServeSettings

# -- to the process that decodes -------------------------------------------------------------------


@dataclass(frozen=True)
class Begin:
    """The first message: what is to be loaded, and within which limits it decodes.

    Attributes:
        bundles: their folders.
        device: of torch's; None: a GPU if there is one.
        precision: in which all of them decode; None: in that of each.
        settings: the limits.
    """

    bundles: tuple[str, ...]
    device: Optional[str]
    precision: Optional[str]
    settings: ServeSettings


@dataclass(frozen=True)
class Asked:
    """What is asked of the documents of a request, beside the search.

    Attributes:
        timeout: seconds after which nobody waits for them any more.
        attention: whether attention is asked for.
        on_long: what becomes of those that are longer than the model reads.
    """

    timeout: float
    attention: bool = False
    on_long: OnLong = OnLong.TRUNCATE


@dataclass(frozen=True)
class Submit:
    """Documents to be decoded.

    Attributes:
        model: its number.
        search: how they are searched.
        asked: of each.
        arrived: when, in seconds of the machine's monotonic clock.
        watched: whether somebody looks on while they are decoded.
        texts: number of each document, and its text.
    """

    model: int
    search: Search
    asked: Asked
    arrived: float
    watched: bool
    texts: tuple[tuple[int, str], ...] = field(repr=False)


@dataclass(frozen=True)
class Forget:
    """Nobody waits for these documents any more."""

    documents: tuple[int, ...]


@dataclass(frozen=True)
class Release:
    """No document will come for these models any more."""

    models: tuple[int, ...]


@dataclass(frozen=True)
class Reload:
    """All bundles are to be loaded anew."""


@dataclass(frozen=True)
class Drain:
    """No more documents will come: those that wait need not wait for others."""


# -- from the process that decodes -----------------------------------------------------------------


@dataclass(frozen=True)
class ServedModel:
    """A model that is loaded.

    Attributes:
        number: of it alone; one that takes its place has another.
        card: what clients may know; `card.name` is its name.
    """

    number: int
    card: ModelCard


@dataclass(frozen=True)
class Loaded:
    """These models are there, and take the places of those of the same names."""

    models: tuple[ServedModel, ...]


@dataclass(frozen=True)
class NotLoaded:
    """The models could not be loaded, and the process ends.

    Attributes:
        kind: name of the error's class.
        text: what it says.
    """

    kind: str
    text: str


@dataclass(frozen=True)
class Reloaded:
    """A bundle was loaded anew, or could not be."""

    name: str
    done: bool


@dataclass(frozen=True)
class Cut:
    """A document waits in so many parts more than before: its windows, or what they are joined to.

    Attributes:
        document: its number.
        parts: that wait and did not; below 0 where fewer do.
    """

    document: int
    parts: int


@dataclass(frozen=True)
class Begun:
    """A batch is being decoded.

    Attributes:
        documents: number of the document of each part of it.
        waited: seconds that each part has waited.
    """

    documents: tuple[int, ...]
    waited: tuple[float, ...]


@dataclass(frozen=True)
class Decoded:
    """A batch was decoded.

    Attributes:
        model: its name.
        written: tokens of best hypotheses.
        seconds: that it took.
    """

    model: str
    written: int
    seconds: float


@dataclass(frozen=True)
class Pace:
    """So many documents, or parts of some, were dealt with in so many seconds."""

    documents: int
    seconds: float


@dataclass(frozen=True)
class Told:
    """What was just written of a document that somebody looks at.

    Attributes:
        document: its number.
        target: target language of the hypothesis.
        language: of the summary.
        text: that is added.
    """

    document: int
    target: str
    language: str
    text: str = field(repr=False)


@dataclass(frozen=True)
class Outcome:
    """What came of a document.

    Attributes:
        summary: what was written.
        attention: as `SummaryAttention.to_json` gives it, where it was asked for.
        read_tokens: of the document.
        warning: what there is to say of its language.
    """

    summary: Summary = field(repr=False)
    attention: Optional[dict[str, Any]] = field(repr=False)
    read_tokens: int
    warning: Optional[str] = None


@dataclass(frozen=True)
class Done:
    """A document was summarized, by the model of this name."""

    document: int
    model: str
    outcome: Outcome


@dataclass(frozen=True)
class Failed:
    """A document could not be summarized.

    Attributes:
        document: its number.
        model: name of its model.
        status: of HTTP, for who asked.
        detail: what is wrong and what to do; without any text of a document.
    """

    document: int
    model: str
    status: int
    detail: str


@dataclass(frozen=True)
class Late:
    """The time of a document was up before it was decoded."""

    document: int


@dataclass(frozen=True)
class Log:
    """A line for the log."""

    name: str
    level: int
    text: str


ToDecoder = Union[Begin, Submit, Forget, Release, Reload, Drain]
FromDecoder = Union[
    Loaded, NotLoaded, Reloaded, Cut, Begun, Decoded, Pace, Told, Done, Failed, Late, Log
]
Message = Union[ToDecoder, FromDecoder]


class Reader:
    """Reads messages of some kinds, and of no others.

    Args:
        kinds: `ToDecoder` or `FromDecoder`.
    """

    def __init__(self, kinds: Any):
        self._adapters = {
            kind.__name__.encode(): TypeAdapter[Message](kind) for kind in get_args(kinds)
        }

    def read(self, data: bytes) -> Message:
        """The message that bytes hold.

        Raises:
            ValueError: they hold none of those kinds, or a value of another type; what they hold is
                not repeated.
        """
        name, _, body = data.partition(b" ")
        if name not in self._adapters:
            known = ", ".join(one.decode() for one in self._adapters)
            raise ValueError(f"a message must be one of {known}")
        try:
            return self._adapters[name].validate_json(body)
        except ValueError as error:
            count = getattr(error, "error_count", lambda: 1)()
            raise ValueError(
                f"a message {name.decode()} must be as its class says, but errs in {count} places"
            ) from None


def written(message: Message) -> bytes:
    """A message as bytes."""
    return f"{type(message).__name__} {json.dumps(message, default=vars)}".encode()
