"""A toy language pair and a tiny model of fairseq's that has learned it, in the shapes of users.

Each English word here has one German word; the model learns the table in seconds and then is sure
of most words, so that two programs that search alike find the same translations.
"""

import shutil
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import pytest
import torch
from fairseq import options as fairseq_options
from fairseq.data import Dictionary
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq.models.transformer import TransformerModel
from fairseq.tasks.translation import TranslationTask
from omegaconf import OmegaConf

from mclas_fairseq.translators import Translator, TranslatorOptions, open_translator
from mclas_fairseq.translators.pieces import Pieces

WORDS = dict(
    zip(
        "the a big old red cat dog house tree river sees has likes finds today".split(),
        "der ein grosser alter roter kater hund hof baum fluss sieht hat mag findet heute".split(),
        strict=True,
    )
)
CODES = "#version: 0.2\nt h\nth e</w>\nd e\ne r</w>\nh o\nu s\ns e\ne e\nr i\nb a\nt e\ni e\n"
_BATCH = 32
SIZES = (
    "--encoder-layers 1 --decoder-layers 1 --encoder-embed-dim 32 --decoder-embed-dim 32 "
    "--encoder-ffn-embed-dim 64 --decoder-ffn-embed-dim 64 --encoder-attention-heads 2 "
    "--decoder-attention-heads 2 --dropout 0 --max-source-positions 64 --max-target-positions 64"
)


def sentences(count: int, seed: int) -> list[tuple[str, str]]:
    """Random pairs of three to eight words."""
    random = Random(seed)
    chosen = [random.choices(list(WORDS), k=random.randint(3, 8)) for _ in range(count)]
    return [(" ".join(words), " ".join(WORDS[word] for word in words)) for words in chosen]


@dataclass(frozen=True)
class Model:
    """A trained model: its folder, laid out as WMT'19's are, and the parts to vary it."""

    folder: Path
    state: dict[str, Any]

    @property
    def checkpoint(self) -> Path:
        """The file that `fairseq:` and `ct2:` are given."""
        return self.folder / "model.pt"

    def copy(self, folder: Path) -> "Model":
        """The same files in another folder, to be spoiled there."""
        shutil.copytree(self.folder, folder, ignore=shutil.ignore_patterns("*.ct2-*"))
        return Model(folder, self.state)

    def save(self, **changes: Any) -> None:
        """Write the checkpoint with other content."""
        torch.save({**self.state, **changes}, self.checkpoint)

    def options(self, **changes: Any) -> TranslatorOptions:
        """English to German."""
        return TranslatorOptions("en", "de", **changes)

    def open(self, kind: str, **changes: Any) -> Translator:
        """Open the model as a translator."""
        return open_translator(f"{kind}:{self.checkpoint}", self.options(**changes))

    def lines(self, count: int) -> list[str]:
        """Lines in the language of the model, which it has not seen."""
        return [pair[0] for pair in sentences(count, seed=2)]

    def answer(self, line: str) -> str:
        """What the model should make of a line."""
        return " ".join(WORDS[word] for word in line.split())


def train(task: Any, model: Any, pieces: Sequence[tuple[list[str], list[str]]]) -> None:
    """Teach `model` the pairs."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    decay = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, len(pieces) // _BATCH)
    pad = task.target_dictionary.pad()
    encoded = [
        [
            dictionary.encode_line(" ".join(side), add_if_not_exist=False).long()
            for dictionary, side in zip(
                (task.source_dictionary, task.target_dictionary), pair, strict=True
            )
        ]
        for pair in pieces
    ]
    for step in range(0, len(encoded), _BATCH):
        batch = encoded[step : step + _BATCH]
        source, target = (
            torch.nn.utils.rnn.pad_sequence([pair[side] for pair in batch], True, pad)
            for side in (0, 1)
        )
        lengths = (source != pad).sum(1)
        previous = torch.cat([torch.full_like(target[:, :1], 2), target[:, :-1]], 1)
        logits, _ = model(source, lengths, previous)
        loss = torch.nn.functional.cross_entropy(
            logits.flatten(0, 1), target.flatten(), ignore_index=pad, label_smoothing=0.1
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        decay.step()


def write_dictionaries(folder: Path, pieces: Sequence[tuple[list[str], list[str]]]) -> None:
    """Write dict.en.txt and dict.de.txt."""
    for side, language in enumerate(("en", "de")):
        dictionary: Any = Dictionary()
        for pair in pieces:
            for piece in pair[side]:
                dictionary.add_symbol(piece)
        dictionary.finalize()
        dictionary.save(str(folder / f"dict.{language}.txt"))


def arguments(folder: Path) -> Namespace:
    """What fairseq-train makes of its command line."""
    parser = fairseq_options.get_training_parser()
    words = [str(folder), "-s", "en", "-t", "de", "--arch", "transformer", *SIZES.split()]
    parsed: Namespace = fairseq_options.parse_args_and_arch(parser, words)
    return parsed


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A model from en to de, saved as fairseq-train saves, with codes of subword-nmt."""
    folder = tmp_path_factory.mktemp("toy-model")
    (folder / "bpecodes").write_text(CODES, encoding="utf-8")
    cutter = Pieces.load(folder / "bpecodes", "en", "de")
    cuts = {word: cutter.encode(word) for pair in WORDS.items() for word in pair}
    pieces = [
        (
            [piece for word in english.split() for piece in cuts[word]],
            [piece for word in german.split() for piece in cuts[word]],
        )
        for english, german in sentences(4800, seed=1)
    ]
    write_dictionaries(folder, pieces)
    args = arguments(folder)
    cfg = convert_namespace_to_omegaconf(args)
    task = TranslationTask.setup_task(cfg.task)
    torch.manual_seed(1)
    model: Any = TransformerModel.build_model(args, task)
    train(task, model, pieces)
    state = {
        "args": None,
        "cfg": OmegaConf.to_container(cfg, resolve=True, enum_to_str=True),
        "model": model.state_dict(),
        "optimizer_history": [
            {"num_updates": 1, "optimizer_name": "Adam", "lr_scheduler_state": {}}
        ],
        "extra_state": {"train_iterator": {"epoch": 1}},
        "task_state": {},
        "last_optimizer_state": None,
    }
    torch.save(state, folder / "model.pt")
    return Model(folder, state)
