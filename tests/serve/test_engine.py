"""How many documents are taken, by what the process that decodes has said of them."""

from collections.abc import Callable

import pytest

from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.serve.engine import Engine
from mclas_fairseq.serve.jobs import Job
from mclas_fairseq.serve.messages import (
    Asked,
    Begun,
    Cut,
    FromDecoder,
    Late,
    Loaded,
    Pace,
    ServedModel,
    ToDecoder,
)
from mclas_fairseq.serve.problems import Problem
from mclas_fairseq.serve.schema import ModelCard
from mclas_fairseq.serve.searches import Search
from mclas_fairseq.serve.settings import ServeSettings

CARD = ModelCard(
    name="news",
    source_lang="en",
    target_langs=["de"],
    summary_langs=["de"],
    max_source_positions=100,
    attention=False,
    search={},
)
MODEL = ServedModel(1, CARD)


class Silent:
    """Decodes nothing."""

    def start(self, take: Callable[[FromDecoder], None], lost: Callable[[], None]) -> None:
        """Nothing is said but by the tests."""

    def send(self, message: ToDecoder) -> None:
        """Nobody hears it."""

    def stop(self) -> None:
        """It has not begun."""

    def resident_bytes(self) -> float:
        """None."""
        return 0.0


@pytest.fixture
def engine() -> Engine:
    """With room for four documents, and a model."""
    made = Engine(ServeSettings(max_queue=4, max_documents=4), Silent())
    made.take(Loaded((MODEL,)))
    return made


def submit(engine: Engine, documents: int) -> list[Job]:
    search = Search(DecodingOptions(), ("de",))
    return engine.submit(MODEL, search, ["text"] * documents, Asked(timeout=60.0))


def refusal(engine: Engine, documents: int) -> Problem:
    with pytest.raises(Problem) as met:
        engine.check_room(documents)
    assert met.value.status == 429
    return met.value


def begin(engine: Engine, *jobs: Job) -> None:
    engine.take(Begun(tuple(job.number for job in jobs), (0.1,) * len(jobs)))


def test_a_document_keeps_its_place_until_it_is_answered(engine: Engine) -> None:
    first, *others = submit(engine, 3)
    begin(engine, first, *others)
    assert "room for 1;" in refusal(engine, 2).detail
    engine.take(Late(first.number))
    engine.check_room(2)


def test_each_window_that_waits_has_a_place(engine: Engine) -> None:
    (job,) = submit(engine, 1)
    engine.take(Cut(job.number, 2))
    assert "room for 1;" in refusal(engine, 2).detail
    begin(engine, job, job)
    engine.check_room(3)
    begin(engine, job)
    assert "room for 3;" in refusal(engine, 4).detail


def test_who_is_refused_comes_again_when_all_that_was_taken_is_done(engine: Engine) -> None:
    submit(engine, 3)
    assert refusal(engine, 2).headers["Retry-After"] == "1", "no pace is known"
    engine.take(Pace(documents=2, seconds=4.0))
    assert refusal(engine, 2).headers["Retry-After"] == "6"
