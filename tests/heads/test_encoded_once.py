"""The encoder runs once for passes over one batch that differ in the decoder alone."""

from typing import Any

import torch

from mclas_fairseq.heads.probe.ablation import encoded_once
from tests.heads.conftest import HeadsWorld


def test_the_encoder_runs_once_and_is_itself_again_afterwards(heads_world: HeadsWorld) -> None:
    model, _ = heads_world.model()
    batch = heads_world.batch()
    plain = model(**batch)[0]
    calls = []
    for layer in model.encoder.layers:
        layer.register_forward_hook(lambda *_: calls.append(1))
    with encoded_once(model):
        passes = [model(**batch)[0] for _ in range(3)]
    assert len(calls) == len(model.encoder.layers)
    assert all(torch.equal(one, plain) for one in passes)
    assert "forward" not in vars(model.encoder)


def test_a_forward_that_was_put_there_is_there_again(heads_world: HeadsWorld) -> None:
    model: Any = heads_world.model()[0]
    own = model.encoder.forward
    model.encoder.forward = own
    with encoded_once(model), encoded_once(model):
        pass
    assert vars(model.encoder)["forward"] is own
