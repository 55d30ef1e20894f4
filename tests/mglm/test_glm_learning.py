"""What a tiny mGLM learns: examples by heart, and more from both sides than from the left alone."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mclas_fairseq.mglm.corruption import Blanks, Objective, lay_out
from mclas_fairseq.mglm.infilling_dataset import as_example, collate
from mclas_fairseq.mglm.symbols import find_symbols
from tests.mglm.small import make_dictionary, make_model

WORDS = 12
DICTIONARY = make_dictionary(WORDS)
SYMBOLS = find_symbols(DICTIONARY)
FIRST = DICTIONARY.index("w0")

Batch = dict[str, Any]


def fresh_model(seed: int) -> Any:
    """A model as training starts with it, unlike `make_model`'s."""
    model = make_model(seed, DICTIONARY, stack_embed_dim=32, stack_attention_heads=4)
    model.stack._start()
    return model.train()


def token_losses(model: Any, batch: Batch) -> Tensor:
    """NLL of each target token, (B, T), 0 at padding."""
    logits, _ = model(**batch["net_input"])
    losses = functional.cross_entropy(
        logits.transpose(1, 2), batch["target"], ignore_index=SYMBOLS.pad, reduction="none"
    )
    return losses


def train(model: Any, batches: Callable[[], Batch], updates: int) -> float:
    """Train; returns the mean NLL of a token in the last batch."""
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    loss = torch.zeros(())
    for _ in range(updates):
        batch = batches()
        optimizer.zero_grad()
        loss = token_losses(model, batch).sum() / batch["ntokens"]
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    return float(loss.detach())


def example(tokens: list[int], spans: tuple[tuple[int, int], ...], kind: Objective) -> Batch:
    sample = lay_out(np.array(tokens), Blanks(kind, spans), list(range(len(spans))), SYMBOLS)
    return as_example(0, 0, sample)


def test_thirty_two_pairs_are_learned_by_heart() -> None:
    generator = np.random.default_rng(3)
    samples = []
    for number in range(32):
        words = generator.integers(0, WORDS, size=6)
        # Half are copied, half translated word by word.
        written = words if number % 2 else (words + 5) % WORDS
        tokens = [SYMBOLS.cls, *(FIRST + words), *(FIRST + written)]
        samples.append(example([int(one) for one in tokens], ((7, 13),), Objective.SENTENCE))
    batch = collate(samples, SYMBOLS.pad)
    assert train(fresh_model(1), lambda: batch, 250) < 0.05


def mirrored(generator: np.random.Generator) -> list[int]:
    """A sentence of S -> w S w' | w w': its second half mirrors the first, in other words."""
    half = generator.integers(0, WORDS // 2, size=3)
    return [int(FIRST + word) for word in (*half, *(half[::-1] + WORDS // 2))]


def test_blanks_are_filled_from_both_sides_and_a_left_to_right_model_has_one() -> None:
    generator = np.random.default_rng(4)

    def infilling() -> Batch:
        samples = []
        for _ in range(32):
            place = 1 + int(generator.integers(0, 6))
            tokens = [SYMBOLS.cls, *mirrored(generator)]
            samples.append(example(tokens, ((place, place + 1),), Objective.TOKEN))
        return collate(samples, SYMBOLS.pad)

    def left_to_right() -> Batch:
        whole = (([SYMBOLS.cls, *mirrored(generator)]) for _ in range(32))
        samples = [example(tokens, ((1, 7),), Objective.DOCUMENT) for tokens in whole]
        return collate(samples, SYMBOLS.pad)

    filler, writer = fresh_model(1), fresh_model(1)
    train(filler, infilling, 250)
    train(writer, left_to_right, 250)
    with torch.no_grad():
        of_spans = float(token_losses(filler.eval(), infilling())[:, 0].mean())
        # What is to the left of each place, as likely as a span begins there.
        of_places = float(token_losses(writer.eval(), left_to_right())[:, :6].mean())
    # From the left three of six words cannot be known: no such model is below half of log 6, 0.896.
    assert of_places > 0.8
    assert of_spans < 0.7
