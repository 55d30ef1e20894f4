"""What requests and answers hold; OpenAPI is made of it.

Options of the search have the names, ranges and descriptions of the table that all commands share.
"""

from typing import Any, Optional

from pydantic import BaseModel, ConfigDict, Field

from mclas_fairseq.inference.on_long import OnLong
from mclas_fairseq.inference.options import search_option

_LONGEST_ID = 200


def _searched(name: str) -> Any:
    """A field for an option of the search; None: as the bundle says."""
    declared = search_option(name).declared
    return Field(None, description=declared.help, ge=declared.least, le=declared.most)


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Document(_Request):
    """A document."""

    text: str = Field(description="plain text in the language that the model reads", min_length=1)
    id: Optional[str] = Field(
        None, description="given back with the summary; else its place", max_length=_LONGEST_ID
    )


_EXAMPLES: list[Any] = [
    {"text": "Heavy rain flooded the harbour on Monday. Nobody was hurt."},
    {
        "documents": [
            {"id": "a", "text": "Heavy rain flooded the harbour on Monday."},
            {"id": "b", "text": "The council will vote on the new bridge in May."},
        ],
        "beam": 4,
        "nbest": 2,
    },
]


class SummarizeRequest(_Request):
    """Documents, and how they are to be summarized: `text` for one, or `documents` for many."""

    model_config = ConfigDict(
        extra="forbid", strict=True, json_schema_extra={"examples": _EXAMPLES}
    )

    text: Optional[str] = Field(None, description="one document", min_length=1)
    documents: Optional[list[Document]] = Field(None, description="several", min_length=1)
    model: Optional[str] = Field(
        None, description="name of a model, as /v1/models lists them; needed where there are many"
    )
    target_langs: Optional[list[str]] = Field(
        None, description="target languages to write, of those that the model has", min_length=1
    )
    attention: bool = Field(
        False, description="also what each piece of the best summary attended to"
    )
    timeout: Optional[float] = Field(
        None, description="seconds after which the answer is 504, if less than the server's", gt=0
    )
    on_long: Optional[OnLong] = Field(
        None,
        description="a document that is longer than the model reads is cut off there (truncate),"
        " summarized in windows whose joined summaries are summarized (windows), or refused with"
        " 422 (refuse); left out: as the server does",
        strict=False,
    )
    beam: Optional[int] = _searched("beam")
    nbest: Optional[int] = _searched("nbest")
    min_len: Optional[int] = _searched("min_len")
    max_len_a: Optional[float] = _searched("max_len_a")
    max_len_b: Optional[int] = _searched("max_len_b")
    lenpen: Optional[float] = _searched("lenpen")
    no_repeat_ngram_size: Optional[int] = _searched("no_repeat_ngram_size")
    repetition_penalty: Optional[float] = _searched("repetition_penalty")
    max_words: Optional[int] = _searched("max_words")

    def changes(self) -> dict[str, Any]:
        """Options of the search that were given."""
        own = {"text", "documents", "model", "target_langs", "attention", "timeout", "on_long"}
        return self.model_dump(exclude=own, exclude_none=True)


class Candidate(BaseModel):
    """One hypothesis."""

    summaries: dict[str, str] = Field(
        description="language to summary, in the order in which they were written",
        examples=[{"en": "Harbour flooded.", "de": "Hafen überflutet."}],
    )
    score: float = Field(description="log-probability in bits under the length penalty")


class Pieces(BaseModel):
    """A text in pieces."""

    language: str
    pieces: list[str] = Field(description="the text that each piece adds, spaces included")


class Attention(BaseModel):
    """What each piece of the best summary attended to: means over heads and layers."""

    document: Pieces
    summaries: list[Pieces]
    to_document: list[list[float]] = Field(
        description="a row for each piece of the summaries, a column for each of the document"
    )
    to_summaries: list[list[float]] = Field(
        description="a row and a column for each piece of the summaries"
    )


class ReadWindows(BaseModel):
    """How a document was read that is longer than the model reads."""

    count: int = Field(description="windows that it was cut into")
    passes: int = Field(description="how often the model read: windows, joined summaries, ...")
    joined: str = Field(description="the joined summaries that the summary was written from")


class Result(BaseModel):
    """What was written for one document."""

    id: str = Field(description="as in the request, else the document's place from 0")
    summaries: dict[str, str] = Field(description="the best summary in each language")
    score: float = Field(description="of the best one, in bits")
    hypotheses: dict[str, list[Candidate]] = Field(
        description="target language to its hypotheses, best first"
    )
    read_tokens: int = Field(description="tokens of the document that the model read")
    unread_tokens: int = Field(description="tokens of its end that are beyond what it reads")
    windows: Optional[ReadWindows] = Field(
        None,
        description="of a document that was read in windows; scores and attention are then"
        " those of the joined summaries",
    )
    warning: Optional[str] = Field(
        None, description="says that the document does not seem to be in the model's language"
    )
    attention: Optional[Attention] = None


class SummarizeResponse(BaseModel):
    """Summaries, in the order of the documents."""

    model: str
    results: list[Result]
    seconds: float = Field(description="from the request's arrival in the queue to its end")


class ModelCard(BaseModel):
    """A model that can be asked."""

    name: str = Field(examples=["news-en-de"])
    source_lang: str = Field(description="language of the documents", examples=["en"])
    target_langs: list[str] = Field(description="target languages", examples=[["de"]])
    summary_langs: list[str] = Field(
        description="languages of a document's summaries, in order", examples=[["en", "de"]]
    )
    max_source_positions: int = Field(description="tokens of a document that are read")
    attention: bool = Field(description="whether attention can be asked for")
    search: dict[str, Any] = Field(description="how it searches where a request says nothing")


class ModelList(BaseModel):
    """The models of a server."""

    models: list[ModelCard]


class Health(BaseModel):
    """Whether the server lives, or takes work."""

    status: str = Field(examples=["ok"])
