"""Models of transformers by name or folder: where they are looked for, and what is never run."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.transformers_loading import PretrainedSource

NAME = "nobody/small"
COMMITS = ("a" * 40, "b" * 40)


def source(name: object) -> PretrainedSource:
    return PretrainedSource(
        str(name), subject=f"it {name}", given_as="--it FOLDER", extra="metrics", purpose="--it"
    )


@pytest.fixture
def cached(
    small_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], None]:
    """The library's cache, which holds NAME in two commits; a call makes one of them the newest."""
    import huggingface_hub.constants

    repository = tmp_path / "hub" / "models--nobody--small"
    for commit in COMMITS:
        shutil.copytree(small_encoder, repository / "snapshots" / commit)
    (repository / "snapshots" / COMMITS[1] / "tokenizer.json").write_text("{}")
    (repository / "refs").mkdir()
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(repository.parent))
    monkeypatch.setattr("socket.getaddrinfo", _no_network)

    def point(commit: str) -> None:
        (repository / "refs" / "main").write_text(commit)

    return point


def _no_network(*_: object, **__: object) -> Any:
    raise AssertionError("the network is asked for what the cache holds")


def test_a_name_is_read_from_the_cache_and_all_parts_are_of_one_commit(
    cached: Callable[[str], None],
) -> None:
    cached(COMMITS[0])
    found = source(NAME)
    assert (found.folder, found.name, found.commit) == (None, NAME, COMMITS[0])
    cached(COMMITS[1])  # another process has fetched a newer one, whose tokenizer is broken
    assert found.tokenizer().get_vocab()["cat"]
    assert found.model("AutoModel", dtype=torch.float32).config.hidden_size == 16
    with pytest.raises(ConfigError, match="must come with its tokenizer"):
        source(NAME).tokenizer()


def test_a_folder_is_called_by_its_last_name_and_has_no_commit(small_encoder: Path) -> None:
    found = source(f"{small_encoder}/")
    assert (found.folder, found.name, found.commit) == (small_encoder, "small-bert", None)


@pytest.mark.parametrize("name", ["", "./none", "/none", "~none", "a/b/c"])
def test_what_is_neither_a_folder_nor_a_name_is_refused_at_once(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        source(name)
    assert str(caught.value) == (
        f"it {name}: must be a folder or the name of a model, but there is no such folder; check"
        " the name, or give --it FOLDER"
    )


def test_code_that_comes_with_a_model_is_not_run(tmp_path: Path) -> None:
    folder, ran = tmp_path / "model", tmp_path / "ran"
    folder.mkdir()
    (folder / "code.py").write_text(
        "from pathlib import Path\nfrom transformers import BertConfig\n"
        f"Path({str(ran)!r}).touch()\nclass Own(BertConfig):\n    model_type = 'own'\n"
    )
    settings = {"model_type": "own", "auto_map": {"AutoConfig": "code.Own"}}
    (folder / "config.json").write_text(json.dumps(settings))
    with pytest.raises(ConfigError, match="names no known kind of model .*--it FOLDER"):
        _ = source(folder).config
    assert not ran.exists()


def test_weights_may_lack_what_nothing_reads_and_nothing_else(
    small_encoder: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    folder = Path(shutil.copytree(small_encoder, tmp_path / "copy"))
    file = folder / "model.safetensors"
    weights = {name: value for name, value in load_file(file).items() if "pooler" not in name}
    save_file(weights, file, metadata={"format": "pt"})
    assert source(folder).model("AutoModel", dtype=torch.float32, unused=("pooler.",))
    with pytest.raises(CheckpointError, match="but 2 are missing, such as pooler.dense.bias"):
        source(folder).model("AutoModel", dtype=torch.float32)


def test_the_library_says_nothing_and_talks_again_afterwards(
    small_encoder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    from transformers.utils import logging

    before = logging.get_verbosity(), logging.is_progress_bar_enabled()
    source(small_encoder).model("AutoModelForMaskedLM", dtype=torch.float32, unused=("cls.",))
    assert capfd.readouterr() == ("", "")
    assert (logging.get_verbosity(), logging.is_progress_bar_enabled()) == before
