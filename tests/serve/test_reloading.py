"""Bundles that are replaced while they are served: nobody loses an answer."""

import logging
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mclas_fairseq.errors import CheckpointError, DataError
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.serve.bundles import Bundles
from mclas_fairseq.serve.reloading import Reloader
from tests.serve.conftest import BUNDLE, HeldModel, Served
from tests.serve.test_problems import wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))


@pytest.fixture
def loaded(folder: Path, monkeypatch: pytest.MonkeyPatch, summarizer: Summarizer) -> Bundles:
    """Bundles that count as loaded, with models that are there at once."""
    names = iter(range(100))

    def opened(name: str, path: Path, device: str | None, precision: str | None) -> HeldModel:
        if (path / "broken").exists():
            raise CheckpointError("bundle: is broken")
        return HeldModel(f"{name}-{next(names)}", summarizer)

    monkeypatch.setattr("mclas_fairseq.serve.bundles.open_model", opened)
    bundles = Bundles([folder])
    bundles.load()
    return bundles


@pytest.fixture
def reloader(loaded: Bundles) -> Iterator[Callable[..., Reloader]]:
    started: list[Reloader] = []

    def start(served: Served, seconds: float, again: Callable[[], None] = lambda: None) -> Reloader:
        one = Reloader(loaded, served.engine, seconds, again)
        one.start()
        started.append(one)
        return one

    yield start
    for one in started:
        one.stop()
        one._thread.join(10)


def touch(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)


def test_what_was_replaced_is_seen_when_it_stands_still(folder: Path, loaded: Bundles) -> None:
    assert loaded.replaced() == loaded.replaced() == []
    touch(folder, "README.md", "another")
    assert loaded.replaced() == [], "it may still be written"
    touch(folder, "README.md", "another one")
    assert loaded.replaced() == []
    assert loaded.replaced() == ["bundle"]
    loaded.load(["bundle"])
    assert loaded.replaced() == []
    other = folder.with_name("other")
    shutil.copytree(folder, other)
    os.rename(folder, folder.with_name("old"))
    assert loaded.replaced() == loaded.replaced() == [], "it is gone, which is no bundle"
    os.rename(other, folder)
    loaded.replaced()
    assert loaded.replaced() == ["bundle"]


def test_jobs_stay_with_their_model(
    serve: Callable[..., Served], folder: Path, reloader: Callable[..., Reloader]
) -> None:
    served = serve()
    old, beside = served.model, HeldModel("beside", served.model._base)
    served.engine.models = {"bundle": old, "beside": beside}
    old.go.clear()
    with ThreadPoolExecutor(2) as clients:
        running = clients.submit(served.post, text="one", model="bundle")
        assert old.begun.wait(60)
        waiting = clients.submit(served.post, text="two", model="bundle")
        wait_until(lambda: served.sample("mclas_queue_documents") == 1)
        reloader(served, 0.01)
        touch(folder, "README.md", "another")
        wait_until(lambda: served.engine.models["bundle"] is not old)
        assert served.sample("mclas_reloads_total", model="bundle", result="loaded") == 1
        new = clients.submit(served.post, text="three", model="bundle")
        old.go.set()
        assert [one.result().status_code for one in (running, waiting, new)] == [200] * 3
    assert old.batches == [["one"], ["two"]]
    model = served.engine.models["bundle"]
    assert isinstance(model, HeldModel)
    assert model.batches == [["three"]]
    assert served.engine.models["beside"] is beside, "those that were not replaced are still there"
    info = [line for line in served.client.get("/metrics").text.splitlines() if "_info{" in line]
    assert len(info) == 2
    assert all(any(f'model="{name}"' in line for line in info) for name in ("bundle-1", "beside"))


def test_a_broken_bundle_changes_nothing(
    serve: Callable[..., Served],
    folder: Path,
    reloader: Callable[..., Reloader],
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = serve()
    reloader(served, 0.01)
    touch(folder, "broken", "")
    failed = {"model": "bundle", "result": "failed"}
    wait_until(lambda: served.sample("mclas_reloads_total", **failed) == 1)
    assert "bundle: not loaded, the model before is still served: bundle: is broken" in caplog.text
    assert served.engine.models["bundle"] is served.model
    assert served.post(text="still there").status_code == 200
    (folder / "broken").unlink()
    wait_until(lambda: served.engine.models["bundle"] is not served.model)
    assert served.sample("mclas_reloads_total", **failed) == 1, "one attempt for each state"


def test_a_signal_loads_all_anew(
    serve: Callable[..., Served],
    reloader: Callable[..., Reloader],
    caplog: pytest.LogCaptureFixture,
) -> None:
    served = serve()
    called = threading.Event()

    def again() -> None:
        called.set()
        raise DataError("keys: gone")

    with caplog.at_level(logging.INFO):
        one = reloader(served, 0, again)
        one.ask()
        wait_until(lambda: served.engine.models["bundle"] is not served.model)
    assert called.is_set()
    assert "what was read before still holds: keys: gone" in caplog.text
