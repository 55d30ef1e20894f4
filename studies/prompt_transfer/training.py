"""Training the toy models, by each remedy, and asking them."""

import copy
from argparse import Namespace
from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.mglm.model import GlmModel, glm_tiny
from studies.prompt_transfer.languages import (
    SUMMARY,
    THINGS,
    Batch,
    World,
    pretraining_batches,
    pretraining_batches_of_raw_text,
    summary,
    tuning_batch,
)

LAYERS = 4
PRETRAINING, TUNING = 1000, 200  # updates
_ASKED = 128  # documents

Model = Any
Row = dict[str, float]
Draw = Callable[[World, np.random.Generator], Batch]


@dataclass(frozen=True)
class Remedy:
    """How a model is fine-tuned.

    Attributes:
        targets: languages of the summaries.
        frozen: upper layers that stay as they are, and the last norm with them.
        mixed: what half of the batches are, in place of summaries.
    """

    targets: str = "B"
    frozen: int = 0
    mixed: Draw | None = None


REMEDIES = {
    "plain": Remedy(),
    "frozen": Remedy(frozen=LAYERS // 2),
    "mixed": Remedy(mixed=pretraining_batches),
    "mixed raw": Remedy(mixed=pretraining_batches_of_raw_text),
    "second prompt": Remedy(targets="BD"),
}
UNTUNED = "untuned"
SYSTEMS = (UNTUNED, *REMEDIES)
# Name of a measure's pair -> language of the documents, language of the prompt.
PAIRS = {"trained": ("A", "B"), "source": ("C", "B"), "target": ("A", "C")}


def new_model(world: World, seed: int) -> Model:
    """A model of four layers, width 64, without dropout."""
    torch.manual_seed(seed)
    args = Namespace(
        stack_layers=LAYERS, stack_embed_dim=64, stack_attention_heads=4, stack_positions=32,
        dropout=0.0, attention_dropout=0.0,
    )  # fmt: skip
    glm_tiny(args)
    task = SimpleNamespace(
        source_dictionary=world.dictionary,
        target_dictionary=world.dictionary,
        dictionary_sha256=dictionary_fingerprint(world.dictionary),
    )
    return GlmModel.build_model(args, task)


def pretrain(world: World, seed: int, updates: int = PRETRAINING) -> Model:
    """A model that filled blanks in and went on behind prompts."""
    model = new_model(world, seed)
    generator = np.random.default_rng([seed, 1])
    _train(model, updates, 2e-3, lambda _: pretraining_batches(world, generator))
    return model


def tune(world: World, pretrained: Model, remedy: Remedy, seed: int) -> Model:
    """A copy of a model, fine-tuned on documents in A; as many batches of summaries for all."""
    model = copy.deepcopy(pretrained)
    generator = np.random.default_rng([seed, 2])
    beside = np.random.default_rng([seed, 3])
    for layer in list(model.stack.layers)[LAYERS - remedy.frozen :]:
        layer.requires_grad_(False)
    if remedy.frozen:
        model.stack.final_norm.requires_grad_(False)

    def draw(update: int) -> Batch:
        if remedy.mixed is not None and update % 2:
            return remedy.mixed(world, beside)
        return tuning_batch(world, generator, "A", remedy.targets)

    _train(model, TUNING if remedy.mixed is None else 2 * TUNING, 1e-3, draw)
    return model


def _train(model: Model, updates: int, rate: float, draw: Callable[[int], Batch]) -> None:
    model.train()
    parameters = [one for one in model.parameters() if one.requires_grad]
    optimizer = torch.optim.Adam(parameters, lr=rate, betas=(0.9, 0.98), fused=True)
    for update in range(updates):
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, (update + 1) / 50) * (1 - update / updates)
        batch = draw(update)
        target = batch["target"]
        mask = target.ne(model.encoder.dictionary.pad())
        logits, _ = model(**batch["net_input"], target_mask=mask)
        loss = functional.cross_entropy(logits, target[mask])
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()


@torch.no_grad()
def ask(world: World, model: Model, source: str, target: str) -> Row:
    """What a model writes of new documents behind a prompt.

    Returns:
        `rouge1`, against the summary in the prompt's language; `things`, the same whatever the
        language of the words; `language`, the share of written words that are of the prompt's
        language. Percent.
    """
    model.eval()
    generator = np.random.default_rng([0, 4])  # the same documents for all
    documents = [world.draw(generator) for _ in range(_ASKED)]
    texts = [world.prompted(one, source, target, one[:0]).tokens for one in documents]
    rows = torch.from_numpy(np.stack(texts))
    rows = torch.cat([rows, torch.full((_ASKED, 1), world.symbols.sentence_mask)], 1)
    written = torch.full((_ASKED, 1), world.symbols.sop)
    for _ in range(SUMMARY + 1):
        logits = model(rows, None, written)[0][:, -1]
        written = torch.cat([written, logits.argmax(-1, keepdim=True)], 1)
    first = world.first_word(target)
    scores = [
        _score(row, summary(things), first, world)
        for row, things in zip(written[:, 1:].tolist(), documents, strict=True)
    ]
    names = ("rouge1", "things", "language")
    return {
        name: round(100 * float(value), 2)
        for name, value in zip(names, np.mean(scores, 0), strict=True)
    }


def _score(
    row: list[int], wanted: "np.ndarray", first: int, world: World
) -> tuple[float, float, float]:
    ended = row.index(world.symbols.eop) if world.symbols.eop in row else len(row)
    words = row[:ended]
    start, every = world.first_word("A"), 4 * THINGS
    things = [(word - start) % THINGS for word in words if start <= word < start + every]
    own = [word - first for word in words if first <= word < first + THINGS]
    share = len(own) / len(words) if words else 0.0
    return _f1(own, wanted, len(words)), _f1(things, wanted, len(words)), share


def _f1(found: list[int], wanted: "np.ndarray", written: int) -> float:
    """ROUGE-1 F1 of words of which `found` can be right."""
    left = list(wanted)
    for one in found:
        if one in left:
            left.remove(one)
    return 2 * (len(wanted) - len(left)) / (len(wanted) + written)


def relative_updates(before: Model, after: Model) -> dict[str, float]:
    """Norm of what changed beside the norm before, of each layer (from 1) and the embedding."""
    parts = {"embedding": (before.stack.embed_tokens, after.stack.embed_tokens)}
    pairs = zip(before.stack.layers, after.stack.layers, strict=True)
    parts |= {f"layer {number}": pair for number, pair in enumerate(pairs, start=1)}
    found = {}
    for name, (old, new) in parts.items():
        pairs = zip(old.parameters(), new.parameters(), strict=True)
        matrices = [(a.detach(), b.detach()) for a, b in pairs if a.dim() > 1]
        changed, norm = np.sum(
            [(float((b - a).pow(2).sum()), float(a.pow(2).sum())) for a, b in matrices], axis=0
        )
        found[name] = round(float(np.sqrt(changed / norm)), 4)
    return found
