"""Length penalties: what the log-probability of a finished hypothesis is divided by.

fairseq divides by len^alpha. GNMT (Wu et al. 2016, "Google's Neural Machine Translation System",
arXiv:1609.08144, Eq. 14), which the released code of MCLAS follows, divides by
((5 + len) / 6)^alpha. Both count EOS. The penalty ranks finished hypotheses only: fairseq's search
keeps the first `beam` hypotheses that finish, whatever their length, so that applying it at the
end is the same as applying it when each of them finishes.
"""

import math
from dataclasses import dataclass

from torch import Tensor

from mclas_fairseq.generation.options import search_option


@dataclass(frozen=True)
class LengthPenalty:
    """A named length penalty.

    Attributes:
        name: "fairseq" or "gnmt".
        alpha: exponent (`--lenpen`); 0 leaves scores as they are, more favours longer hypotheses.

    Raises:
        ConfigError: the name is unknown.
    """

    name: str = "fairseq"
    alpha: float = 1.0

    def __post_init__(self) -> None:
        search_option("length_penalty").check(self.name)

    def divisor(self, length: int) -> float:
        """What the score of a hypothesis of `length` tokens, EOS included, is divided by."""
        base = float(length) if self.name == "fairseq" else (5.0 + length) / 6.0
        return math.pow(base, self.alpha)

    def __call__(self, total: Tensor, length: int) -> Tensor:
        """Penalised score of a hypothesis.

        Args:
            total: its log-probability in nats, a scalar.
            length: its tokens, EOS included.
        """
        return total / self.divisor(length)
