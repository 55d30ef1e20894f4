"""The copying mixture against a loop transcription of See et al. (2017), Eqs. 8 and 9."""

import math

import torch

from mclas_fairseq.modules.copy_attention import CopyGate, mixture_log_probs


def test_mixture_equals_loop_transcription_of_the_equation() -> None:
    generator = torch.Generator().manual_seed(3)
    batch, target, source, vocabulary = 2, 3, 5, 7
    probs = torch.rand(batch, target, vocabulary, generator=generator).softmax(-1)
    attention = torch.rand(batch, target, source, generator=generator).softmax(-1)
    gate = torch.rand(batch, target, 1, generator=generator)
    tokens = torch.randint(vocabulary, (batch, source), generator=generator)

    mixed = mixture_log_probs(probs, attention, gate, tokens)

    for b in range(batch):
        for t in range(target):
            for w in range(vocabulary):
                copied = sum(
                    float(attention[b, t, i]) for i in range(source) if int(tokens[b, i]) == w
                )
                g = float(gate[b, t, 0])
                expected = g * float(probs[b, t, w]) + (1 - g) * copied
                assert math.isclose(float(mixed[b, t, w]), math.log(expected), abs_tol=1e-5)


def test_mixture_sums_to_one_and_is_finite_where_probability_is_zero() -> None:
    probs = torch.tensor([[[1.0, 0.0, 0.0]]])
    mixed = mixture_log_probs(
        probs, torch.tensor([[[0.25, 0.75]]]), torch.tensor([[[0.5]]]), torch.tensor([[1, 1]])
    )
    assert torch.allclose(mixed.exp(), torch.tensor([[[0.5, 0.5, 0.0]]]))
    assert torch.isfinite(mixed).all()


def test_fresh_gate_is_undecided_on_zero_features() -> None:
    assert CopyGate(4)(torch.zeros(1, 2, 4)).tolist() == [[[0.5], [0.5]]]
