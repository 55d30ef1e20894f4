"""Checkpoints reach all processes of a training: resuming and --finetune-from-model with two."""

import json
import multiprocessing
import runpy
import socket
from argparse import Namespace
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary, indexed_dataset
from omegaconf import DictConfig, ListConfig, OmegaConf

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.host.broadcast import from_plain, to_plain

CHILD = Path(__file__).with_name("broadcast_child.py")
PATIENCE_S = 600  # on a machine that may be busy
# A plugin that makes our changes to fairseq, and notes what each process holds after loading.
PLUGIN = """
import json, os
from fairseq.trainer import Trainer
import mclas_fairseq

mclas_fairseq.register()
load = Trainer.load_checkpoint

def load_and_note(trainer, *args, **kwargs):
    extra = load(trainer, *args, **kwargs)
    note = {
        "weights": {k: v.double().sum().item() for k, v in trainer.model.state_dict().items()},
        "updates": trainer.get_num_updates(),
        "moments": sum(
            state["exp_avg"].double().abs().sum().item()
            for state in trainer.optimizer.state_dict()["state"].values()
        ),
    }
    with open(os.environ["NOTE"], "w") as file:
        json.dump(note, file)
    return extra

Trainer.load_checkpoint = load_and_note
"""


def make_plugin(folder: Path) -> Path:
    plugin = folder / "plugin_that_installs"
    plugin.mkdir()
    (plugin / "__init__.py").write_text(PLUGIN, encoding="utf-8")
    return plugin


def make_data_bin(folder: Path) -> Path:
    """Write twelve pairs of sentences as `fairseq-preprocess` would."""
    folder.mkdir()
    sentences = [f"w{i % 5} w{i % 3} w{i % 7}" for i in range(12)]
    dictionary = Dictionary()
    for sentence in sentences:
        dictionary.encode_line(sentence, add_if_not_exist=True)
    for language in ("en", "de"):
        dictionary.save(str(folder / f"dict.{language}.txt"))
        for split in ("train", "valid"):
            prefix = str(folder / f"{split}.en-de.{language}")
            builder = indexed_dataset.make_builder(
                prefix + ".bin", impl="mmap", vocab_size=len(dictionary)
            )
            for sentence in sentences:
                builder.add_item(dictionary.encode_line(sentence, add_if_not_exist=False))
            builder.finalize(prefix + ".idx")
    return folder


def train_flags(data: Path, save_dir: Path, plugin: Path, *flags: str) -> list[str]:
    stock = (
        "--arch transformer --encoder-layers 1 --decoder-layers 1 --encoder-embed-dim 8 "
        "--decoder-embed-dim 8 --encoder-ffn-embed-dim 8 --decoder-ffn-embed-dim 8 "
        "--encoder-attention-heads 2 --decoder-attention-heads 2 --dropout 0.1 --optimizer adam "
        "--lr 0.01 --max-tokens 16 --cpu --num-workers 0 --log-format none --disable-validation"
    )
    return [
        str(data),
        *stock.split(),
        "--user-dir",
        str(plugin),
        "--save-dir",
        str(save_dir),
        *flags,
    ]


def start(flags: list[str], note: Path) -> tuple[BaseProcess, Path]:
    """Start a training; it and the file of what it says."""
    # Forked from a process that has imported fairseq, which takes seconds.
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["fairseq_cli.train", "mclas_fairseq"])
    log = note.with_suffix(".log")
    job = {"JOB": {"flags": flags, "note": str(note), "log": str(log)}}
    process = context.Process(target=runpy.run_path, args=(str(CHILD), job, "__main__"))
    process.start()
    return process, log


def start_two(flags: list[str], notes: Path) -> list[tuple[BaseProcess, Path]]:
    notes.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    two = (
        "--ddp-backend legacy_ddp --distributed-backend gloo --distributed-no-spawn "
        f"--distributed-init-method tcp://127.0.0.1:{port} --distributed-world-size 2"
    ).split()
    return [
        start([*flags, *two, "--distributed-rank", str(rank)], notes / f"{rank}.json")
        for rank in range(2)
    ]


def finish(trainings: list[tuple[BaseProcess, Path]]) -> None:
    try:
        for process, _ in trainings:
            process.join(PATIENCE_S)
    finally:  # one that failed leaves the other waiting for it
        for process, _ in trainings:
            if process.is_alive():
                process.kill()
                process.join()
    for process, log in trainings:
        assert process.exitcode == 0, log.read_text(encoding="utf-8")[-3000:]


def read_notes(folder: Path) -> list[dict[str, Any]]:
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in range(2)]


@pytest.mark.slow
def test_two_processes_resume_and_fine_tune_from_a_checkpoint(tmp_path: Path) -> None:
    data, plugin = make_data_bin(tmp_path / "data"), make_plugin(tmp_path)
    first, resumed, tuned = tmp_path / "first", tmp_path / "resumed", tmp_path / "tuned"
    note = tmp_path / "note.json"
    finish([start(train_flags(data, first, plugin, "--max-epoch", "1"), note)])
    checkpoint = first / "checkpoint_last.pt"
    resumed.mkdir()
    (resumed / "checkpoint_last.pt").write_bytes(checkpoint.read_bytes())

    # Both at the same time: most of the time goes into starting Python.
    resume = train_flags(data, resumed, plugin, "--max-epoch", "2")
    tune = train_flags(
        data, tuned, plugin, "--max-update", "2", "--finetune-from-model", str(checkpoint)
    )
    finish(start_two(resume, tmp_path / "r") + start_two(tune, tmp_path / "t"))

    stored = load_checkpoint(checkpoint)
    updates = stored["optimizer_history"][-1]["num_updates"]
    assert updates > 0
    weights = {key: value.double().sum().item() for key, value in stored["model"].items()}
    for note_of_rank in read_notes(tmp_path / "r"):
        assert note_of_rank["weights"] == weights
        assert note_of_rank["updates"] == updates
        assert note_of_rank["moments"] > 0
    for note_of_rank in read_notes(tmp_path / "t"):
        assert note_of_rank["weights"] == weights
        assert note_of_rank["updates"] == 0
        assert note_of_rank["moments"] == 0
    for folder, before in ((resumed, updates), (tuned, 0)):
        history = load_checkpoint(folder / "checkpoint_last.pt")["optimizer_history"]
        assert history[-1]["num_updates"] > before


def test_configurations_become_plain_and_come_back() -> None:
    cfg = OmegaConf.create(
        {"task": {"data": "d", "langs": ["en", "de"]}, "again": "${task.data}", "gap": "???"},
        flags={"allow_objects": True},
    )
    cfg.model = Namespace(arch="tiny")
    OmegaConf.set_struct(cfg, True)
    weights = torch.zeros(2)
    state = {"cfg": cfg, "list": [OmegaConf.create([1, 2]), (cfg.task, 3)], "model": {"w": weights}}
    plain = to_plain(state)
    assert not list(find_omegaconf(plain))
    assert len(list(find_omegaconf(state))) == 3
    back = from_plain(plain)
    assert back["cfg"] == cfg
    assert back["cfg"].model is cfg.model
    assert back["cfg"].again == "d"
    assert OmegaConf.is_missing(back["cfg"], "gap")
    assert OmegaConf.is_struct(back["cfg"])
    back["cfg"].task.data = Namespace()  # objects are still allowed, as fairseq needs
    assert isinstance(back["list"][0], ListConfig)
    assert back["list"][1] == (cfg.task, 3)
    assert back["model"]["w"] is weights


def find_omegaconf(obj: Any) -> Any:
    """Yield the outermost omegaconf objects in nested containers."""
    if isinstance(obj, (DictConfig, ListConfig)):
        yield obj
    elif isinstance(obj, dict):
        for value in obj.values():
            yield from find_omegaconf(value)
    elif isinstance(obj, (list, tuple)):
        for value in obj:
            yield from find_omegaconf(value)
