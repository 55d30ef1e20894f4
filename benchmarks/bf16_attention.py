"""Attention forward and backward in bf16 on a CPU: plain products, or torch's fused kernel.

    python -m benchmarks.bf16_attention --work /tmp/bench --pairs 20 --json bf16_attention.json

`modules/bf16_attention.py` (ours) beside what torch chooses by itself (stock), in turn, on the
shape of an encoder's layer of `mclas_small` (25 documents of 90 tokens, 4 heads, width 64), with
padding. Seconds are of processor time. `largest_difference` is that of the gradients, as a share of
the largest one.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.common import Ratio, parser
from benchmarks.common import report as write_report
from mclas_fairseq.modules.bf16_attention import attention_for_training

_SHAPE = (25, 4, 90, 64)  # B, heads, T, C of a head
_WARM_UP = 2


def step(model: nn.Module | None) -> tuple[float, Tensor]:
    """Seconds of forward and backward, and the gradient of the queries."""
    torch.manual_seed(1)
    query, key, value = (
        torch.randn(_SHAPE, dtype=torch.bfloat16, requires_grad=True) for _ in range(3)
    )
    mask = torch.zeros(_SHAPE[0], 1, 1, _SHAPE[2], dtype=torch.bfloat16)
    mask[..., -10:] = float("-inf")
    start = time.process_time()
    attend: Callable[..., Tensor] = functional.scaled_dot_product_attention
    if model is None:
        attend(query, key, value, attn_mask=mask).sum().backward()
    else:
        with attention_for_training(model):
            attend(query, key, value, attn_mask=mask).sum().backward()
    assert query.grad is not None
    return time.process_time() - start, query.grad.float()


def main() -> None:
    """Time both in turn and report the ratio of their speeds."""
    made = parser(__doc__ or "")
    args = made.parse_args()
    torch.set_num_threads(args.threads)
    model = nn.Linear(1, 1, dtype=torch.bfloat16)
    ours, stock = [], []
    for _ in range(args.pairs + _WARM_UP):
        (seconds, gradient), (others, other) = step(model), step(None)
        ours.append(seconds)
        stock.append(others)
    difference = float((gradient - other).abs().max() / other.abs().max())
    result = {
        "benchmark": "bf16_attention",
        **Ratio(ours[_WARM_UP:], stock[_WARM_UP:]).to_json(),
        "largest_difference": round(difference, 4),
    }
    write_report(args, result)


if __name__ == "__main__":
    main()
