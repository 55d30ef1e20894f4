"""A tiny bundle of random weights, served in this process."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Optional, cast

import pytest
from fastapi.testclient import TestClient

import mclas_fairseq
from mclas_fairseq.inference.documents import EncodedDocument
from mclas_fairseq.inference.results import Summary, Watch
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.serve.app import build_app
from mclas_fairseq.serve.decoder import Decoder
from mclas_fairseq.serve.engine import Engine
from mclas_fairseq.serve.guards import Keys
from mclas_fairseq.serve.messages import FromDecoder, Reader, ToDecoder, written
from mclas_fairseq.serve.models import TorchModel
from mclas_fairseq.serve.searches import Search
from mclas_fairseq.serve.settings import ServeSettings

BUNDLE = Path(__file__).resolve().parents[1] / "compatibility" / "v0_1" / "bundle"


class HeldModel(TorchModel):
    """A model that decodes when it is let, and can be made to fail at some documents."""

    def __init__(self, name: str, summarizer: Summarizer):
        super().__init__(name, summarizer)
        self.go = threading.Event()
        self.go.set()
        self.begun = threading.Event()
        self.batches: list[list[str]] = []
        self.fails_at: Callable[[str], bool] = lambda text: False

    def summarize(
        self, search: Search, documents: Sequence[EncodedDocument], watch: Optional[Watch] = None
    ) -> list[Summary]:
        self.begun.set()
        assert self.go.wait(60)
        self.batches.append([one.text for one in documents])
        for one in documents:
            if self.fails_at(one.text):
                raise RuntimeError(f"cannot decode {one.text}")
        return super().summarize(search, documents, watch)


class Beside:
    """Decodes in a thread of this process; what is said goes through bytes all the same."""

    def __init__(self, model: HeldModel, settings: ServeSettings):
        self._model, self._settings = model, settings
        self._there, self._here = Reader(ToDecoder), Reader(FromDecoder)

    def start(self, take: Callable[[FromDecoder], None], lost: Callable[[], None]) -> None:
        def tell(message: FromDecoder) -> None:
            take(cast(FromDecoder, self._here.read(written(message))))

        self.decoder, self.lost = Decoder(self._settings, tell), lost
        self.decoder.replace({"bundle": self._model})
        self._thread = threading.Thread(target=self.decoder.run, daemon=True)
        self._thread.start()

    def send(self, message: ToDecoder) -> None:
        self.decoder.take(cast(ToDecoder, self._there.read(written(message))))

    def stop(self) -> None:
        self.decoder.end()
        self._thread.join(60)

    def resident_bytes(self) -> float:
        return 5.0


class Served:
    """A client, and what stands behind it."""

    def __init__(self, client: TestClient, engine: Engine, beside: Beside, model: HeldModel):
        self.client, self.engine, self.beside, self.model = client, engine, beside, model

    @property
    def decoder(self) -> Decoder:
        return self.beside.decoder

    def post(self, **body: Any) -> Any:
        return self.client.post("/v1/summarize", json=body)

    def sample(self, name: str, **labels: str) -> float:
        found = self.engine.metrics.registry.get_sample_value(name, labels)
        return 0.0 if found is None else found


@pytest.fixture(scope="session")
def summarizer() -> Summarizer:
    mclas_fairseq.register(whole=False)
    return Summarizer.from_bundle(BUNDLE, device="cpu")


@pytest.fixture
def serve(summarizer: Summarizer) -> Iterator[Callable[..., Served]]:
    """Starts servers: settings by name, and `keys`."""
    with ExitStack() as stack:

        def start(keys: Sequence[bytes] = (), **settings: Any) -> Served:
            own = Summarizer(summarizer.models, summarizer.task, summarizer.options)
            model = HeldModel("bundle", own)
            # A busy machine can take minutes for what is milliseconds of work.
            settings = {"timeout": 600.0, **settings}
            beside = Beside(model, ServeSettings(**settings))
            engine = Engine(ServeSettings(**settings), beside)
            app = build_app(engine, Keys(keys))
            client = stack.enter_context(TestClient(app, raise_server_exceptions=False))
            stack.callback(model.go.set)
            assert engine.ready
            return Served(client, engine, beside, model)

        yield start


@pytest.fixture(scope="session")
def documents() -> list[str]:
    """Documents of different lengths."""
    words = "the river rose in Zelburn and 6 children had to leave their homes today".split()
    return [" ".join(words[number % 5 :][: 2 + number]) + "." for number in range(12)]
