"""A request that was checked: which documents, which model, how; and what is answered of each."""

from dataclasses import dataclass

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.inference.on_long import OnLong, check_windows
from mclas_fairseq.serve.engine import Engine
from mclas_fairseq.serve.messages import Asked, Outcome, ServedModel
from mclas_fairseq.serve.problems import Problem
from mclas_fairseq.serve.schema import (
    Attention,
    Candidate,
    ReadWindows,
    Result,
    SummarizeRequest,
)
from mclas_fairseq.serve.searches import Search, choose_search


@dataclass(frozen=True)
class Order:
    """A request that was checked.

    Attributes:
        ids: of the documents.
        texts: of the documents.
        model: that is asked.
        search: how.
        asked: of each document.
    """

    ids: list[str]
    texts: list[str]
    model: ServedModel
    search: Search
    asked: Asked

    def result(self, place: int, outcome: Outcome) -> Result:
        """What is answered of a document."""
        summary = outcome.summary
        targets = summary.targets or {self.search.target_langs[0]: summary.hypotheses}
        windows = summary.windows
        return Result(
            id=self.ids[place],
            summaries=summary.summary,
            score=summary.best.score,
            hypotheses={
                target: [Candidate(summaries=one.summary, score=one.score) for one in found]
                for target, found in targets.items()
            },
            read_tokens=outcome.read_tokens,
            unread_tokens=summary.unread_tokens,
            windows=None if windows is None else ReadWindows(**vars(windows)),
            warning=outcome.warning,
            attention=None if outcome.attention is None else Attention(**outcome.attention),
        )


def order_of(engine: Engine, asked: SummarizeRequest) -> Order:
    """Check what the schema cannot.

    Raises:
        Problem: 413 or 422.
    """
    settings = engine.settings
    ids, texts = _documents(asked, settings.max_documents)
    model = _model(engine, asked)
    on_long = asked.on_long or OnLong(settings.on_long)
    try:
        search = choose_search(model.card, asked.changes(), asked.target_langs)
        if on_long is OnLong.WINDOWS and asked.on_long is not None:
            check_windows(model.card.source_lang, model.card.summary_langs)
    except ConfigError as error:
        raise Problem(422, str(error)) from error
    timeout = min(asked.timeout or settings.timeout, settings.timeout)
    return Order(ids, texts, model, search, Asked(timeout, asked.attention, on_long))


def _documents(asked: SummarizeRequest, most: int) -> tuple[list[str], list[str]]:
    """Ids and texts of a request."""
    if (asked.text is None) == (asked.documents is None):
        raise Problem(422, "a request has either text, for one document, or documents; give one")
    if asked.documents is None:
        pairs = [("0", "/text", str(asked.text))]
    else:
        pairs = [
            (str(place) if one.id is None else one.id, f"/documents/{place}/text", one.text)
            for place, one in enumerate(asked.documents)
        ]
    if len(pairs) > most:
        raise Problem(
            413, f"a request may have {most} documents, this one has {len(pairs)}; send several"
        )
    empty = [
        (where, "must have text, but is blank")
        for _, where, text in pairs
        if not normalize_text(text)
    ]
    if empty:
        raise Problem(422, "a document has no text; leave it out", errors=empty)
    return [one[0] for one in pairs], [one[2] for one in pairs]


def _model(engine: Engine, asked: SummarizeRequest) -> ServedModel:
    """The model that a request names, if it can do what is asked."""
    names = ", ".join(engine.models)
    if asked.model is None and len(engine.models) > 1:
        raise Problem(422, f"several models are served, so that model must name one of {names}")
    name = next(iter(engine.models)) if asked.model is None else asked.model
    if name not in engine.models:
        rule = f"must be one of {names}"
        raise Problem(422, "there is no such model", errors=[("/model", rule)])
    model = engine.models[name]
    widest = engine.settings.max_beam
    if (asked.beam or 0) > widest:
        rule = f"must be at most {widest} here"
        raise Problem(422, "the beam is too wide", errors=[("/beam", rule)])
    if asked.attention and not model.card.attention:
        rule = "must be false: this model's attention is not that of one decoder"
        raise Problem(422, "there is no attention", errors=[("/attention", rule)])
    return model
