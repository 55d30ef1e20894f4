"""Bundles that are replaced while they are served: nobody loses an answer."""

import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.serve.bundles import Bundles
from mclas_fairseq.serve.messages import Asked
from mclas_fairseq.serve.problems import Problem
from mclas_fairseq.serve.reloading import Reloader
from mclas_fairseq.serve.searches import choose_search
from tests.serve.conftest import BUNDLE, HeldModel, Served
from tests.serve.test_problems import wait_until


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(BUNDLE, tmp_path / "bundle"))


@pytest.fixture
def loaded(folder: Path, monkeypatch: pytest.MonkeyPatch, summarizer: Summarizer) -> Bundles:
    """Bundles that count as loaded, with models that are there at once."""

    def opened(name: str, path: Path, device: str | None, precision: str | None) -> HeldModel:
        if (path / "broken").exists():
            raise CheckpointError("bundle: is broken")
        return HeldModel(name, summarizer)

    monkeypatch.setattr("mclas_fairseq.serve.bundles.open_model", opened)
    bundles = Bundles([folder])
    bundles.load()
    return bundles


@pytest.fixture
def reloader(loaded: Bundles) -> Iterator[Callable[..., Reloader]]:
    started: list[Reloader] = []

    def start(served: Served, seconds: float) -> Reloader:
        one = Reloader(loaded, served.decoder.replace, served.engine.take, seconds)
        served.decoder.reload = one.ask
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
    served.decoder.replace({"beside": beside})
    number = served.engine.models["bundle"].number
    old.go.clear()
    with ThreadPoolExecutor(2) as clients:
        running = clients.submit(served.post, text="one", model="bundle")
        assert old.begun.wait(60)
        waiting = clients.submit(served.post, text="two", model="bundle")
        wait_until(lambda: served.sample("mclas_queue_documents") == 1)
        reloader(served, 0.01)
        touch(folder, "README.md", "another")
        wait_until(lambda: served.engine.models["bundle"].number != number)
        assert served.sample("mclas_reloads_total", model="bundle", result="loaded") == 1
        new = clients.submit(served.post, text="three", model="bundle")
        old.go.set()
        assert [one.result().status_code for one in (running, waiting, new)] == [200] * 3
    assert old.batches == [["one"], ["two"]]
    model = served.decoder.models[served.engine.models["bundle"].number]
    assert isinstance(model, HeldModel)
    assert model.batches == [["three"]]
    assert old not in served.decoder.models.values(), "its memory is free"
    kept = served.decoder.models[served.engine.models["beside"].number]
    assert kept is beside, "those that were not replaced are still there"
    info = [line for line in served.client.get("/metrics").text.splitlines() if "_info{" in line]
    assert len(info) == 2
    assert all(any(f'model="{name}"' in line for line in info) for name in ("bundle", "beside"))


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
    assert list(served.decoder.models.values()) == [served.model]
    assert served.post(text="still there").status_code == 200
    (folder / "broken").unlink()
    wait_until(lambda: served.model not in served.decoder.models.values())
    assert served.sample("mclas_reloads_total", **failed) == 1, "one attempt for each state"


def test_what_was_asked_of_a_model_that_was_just_replaced_by_another_is_sent_again(
    serve: Callable[..., Served],
) -> None:
    served = serve()
    old = served.engine.models["bundle"]
    search = choose_search(old.card, {}, None)
    served.decoder.replace({"bundle": HeldModel("bundle", served.model._base)})
    (job,) = served.engine.submit(old, search, ["to the new one"], Asked(60.0))
    assert job.future.result(60).summary.best.summary
    other = HeldModel("bundle", served.model._base)
    other.card = other.card.model_copy(update={"target_langs": ["zh"]})
    served.decoder.replace({"bundle": other})
    with pytest.raises(Problem, match="was replaced just now; send the request again") as met:
        served.engine.submit(old, search, ["of other languages"], Asked(60.0))
    assert met.value.status == 503
    assert other.batches == []


def test_a_signal_loads_all_anew(
    serve: Callable[..., Served], reloader: Callable[..., Reloader]
) -> None:
    served = serve()
    reloader(served, 0)
    served.engine.reload()
    wait_until(lambda: served.model not in served.decoder.models.values())
