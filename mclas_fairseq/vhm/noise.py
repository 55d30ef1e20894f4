"""Standard normal noise that depends on what it is for, not on where and when it is drawn.

The noise of a sentence is a function of seed, update, purpose (task and latent variable) and
sample id alone. So two processes draw what one process with `--update-freq 2` draws, a resumed
training what the uninterrupted one draws, and neither batch size nor order matter. torch's own
generators cannot do that without one of them for each row; here each number is a hash (the
finaliser of SplitMix64: Steele, Lea and Flood 2014) of its key, turned to a normal by Box and
Muller, in a few operations on the device where the batch lies.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from mclas_fairseq.vhm.gaussian import Gaussian

Draw = Callable[[str, Gaussian], Tensor]
"""Gives a value (B, Z) of the latent variable of this name, distributed as the Gaussian says."""

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST = 0xBF58476D1CE4E5B9
_SECOND = 0x94D049BB133111EB
_UNIFORM_BITS = 24  # what the significand of fp32 holds


@dataclass(frozen=True)
class LatentNoise:
    """What noise depends on beside the purpose and the sample.

    Attributes:
        seed: of the training, or of decoding.
        update: number of updates done; 0 outside training.
    """

    seed: int
    update: int = 0

    def draw(self, task: str, ids: Tensor) -> Draw:
        """Draws for a batch of a task; ids (B,) are those of its samples."""

        def drawn(name: str, gaussian: Gaussian) -> Tensor:
            purpose = f"{self.seed}:{self.update}:{task}:{name}"
            return gaussian.sample(standard_normal(purpose, ids, gaussian.mean.size(1)))

        return drawn


def draw_mean(name: str, gaussian: Gaussian) -> Tensor:
    """The mean: what decoding uses unless samples are asked for. A `Draw`."""
    return gaussian.mean


def standard_normal(purpose: str, ids: Tensor, size: int) -> Tensor:
    """Standard normal numbers (B, size), fp32, on the device of ids.

    Args:
        purpose: any text; another one gives independent numbers.
        ids: sample ids (B,), int64; a row depends on its own id alone.
        size: numbers a row.
    """
    digest = hashlib.blake2b(purpose.encode(), digest_size=8).digest()
    key = int.from_bytes(digest, "little")
    rows = _mix(ids.long() + _signed(key))
    half = (size + 1) // 2
    counters = torch.arange(1, 2 * half + 1, device=ids.device) * _signed(_GOLDEN)
    bits = _mix(_mix(rows).unsqueeze(1) + counters)  # B x 2 half
    top = _shift(bits, 64 - _UNIFORM_BITS)
    uniform = (top.float() + 0.5) / float(1 << _UNIFORM_BITS)  # in (0, 1]
    radius = (-2.0 * uniform[:, :half].log()).sqrt()
    angle = (2.0 * torch.pi) * uniform[:, half:]
    return torch.cat([radius * angle.cos(), radius * angle.sin()], dim=1)[:, :size]


def _mix(values: Tensor) -> Tensor:
    # int64 wraps as uint64 does; only the right shift must be told not to copy the sign.
    values = (values ^ _shift(values, 30)) * _signed(_FIRST)
    values = (values ^ _shift(values, 27)) * _signed(_SECOND)
    return values ^ _shift(values, 31)


def _shift(values: Tensor, places: int) -> Tensor:
    return (values >> places) & ((1 << (64 - places)) - 1)


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value
