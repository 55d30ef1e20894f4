"""GELU in bf16 on a CPU is fairseq's, keeps its input alone, and is taken in few shapes."""

from typing import Any

import pytest
import torch
from torch import Tensor

from mclas_fairseq import register
from mclas_fairseq.host import cpu_activation
from mclas_fairseq.host.cpu_activation import pieces, without_a_copy_on_a_cpu

BF16, FP32 = torch.bfloat16, torch.float32


def fairseqs(x: Tensor) -> Tensor:
    return torch.nn.functional.gelu(x.float()).type_as(x)


def states(*shape: int, dtype: torch.dtype = BF16) -> Tensor:
    draws = torch.Generator().manual_seed(3)
    return (3 * torch.randn(*shape, generator=draws)).to(dtype)


@pytest.mark.parametrize("shape", [(300, 3, 16), (67, 24), (5, 8), (7,)])
@pytest.mark.parametrize("turned", [False, True])
def test_values_and_gradients_are_fairseqs_to_one_rounding(
    shape: tuple[int, ...], turned: bool
) -> None:
    found: list[tuple[Tensor, Any]] = []
    given = states(*shape)
    given = given.transpose(0, -1) if turned else given
    for gelu in (without_a_copy_on_a_cpu(fairseqs), fairseqs):
        leaf = given.clone().requires_grad_()
        out = gelu(leaf)
        (out.float() * torch.linspace(-1, 1, out.numel()).view_as(out)).sum().backward()
        assert out.dtype == BF16
        found.append((out, leaf.grad))
    for ours, stock in zip(*found, strict=True):
        torch.testing.assert_close(ours, stock, rtol=2**-7, atol=1e-5)


def test_states_are_kept_once_and_not_in_fp32() -> None:
    kept: list[Tensor] = []

    def keep(one: Tensor) -> Tensor:
        kept.append(one)
        return one

    given = states(70, 8).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda one: one):
        without_a_copy_on_a_cpu(fairseqs)(given)
    assert [one.data_ptr() for one in kept] == [given.data_ptr()]


def test_pieces_cover_all_rows_once_in_few_sizes() -> None:
    sizes = set()
    for rows in range(1, 1025):
        found = list(pieces(rows))
        assert [one.start for one in found] == [0, *(one.stop for one in found[:-1])]
        assert found[-1].stop == rows
        sizes |= {one.stop - one.start for one in found}
    assert {one for one in sizes if one >= 64} == {64, 128, 256, 512, 1024}
    assert list(pieces(0)) == []


@pytest.mark.parametrize("given", [states(2, 3, dtype=FP32), states(2, 0)])
def test_others_are_left_to_fairseq(given: Tensor) -> None:
    marked = without_a_copy_on_a_cpu(lambda x: x + 1)
    assert torch.equal(marked(given), given + 1)


def test_fairseqs_models_come_here(monkeypatch: pytest.MonkeyPatch) -> None:
    register()
    from fairseq import utils

    seen: list[int] = []

    def looked(rows: int) -> Any:
        seen.append(rows)
        return pieces(rows)

    monkeypatch.setattr(cpu_activation, "pieces", looked)
    utils.get_activation_fn("gelu")(states(4, 5, 8))
    assert seen == [20]
