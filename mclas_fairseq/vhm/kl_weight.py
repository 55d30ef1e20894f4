"""How much the KL terms of the lower bound count: annealing over training, and free bits.

Annealing keeps the latent variables from collapsing to their priors before the decoder has
learned to read them. Linear: Bowman et al. (2016, arXiv:1511.06349) and the VHM paper, Appendix A.
Cyclical: Fu et al. (2019, arXiv:1903.10145). Free bits: Kingma et al. (2016, arXiv:1606.04934). All
are functions of the number of updates, so that a resumed training goes on where it stopped.
"""

from dataclasses import dataclass

from torch import Tensor

from mclas_fairseq.errors import ConfigError

ANNEALINGS = ("linear", "cyclical", "constant")


@dataclass(frozen=True)
class KlWeight:
    """The weight lambda of the KL terms.

    Attributes:
        annealing: one of `ANNEALINGS`.
        final: lambda after annealing, and always with "constant".
        updates: annealing ends after so many.
        cycles: "cyclical": how often lambda rises from 0 within `updates`.
        rise: "cyclical": the share of a cycle in which it rises; it stays for the rest.

    Raises:
        ConfigError: a value outside its range.
    """

    annealing: str = "linear"
    final: float = 1.0
    updates: int = 1
    cycles: int = 4
    rise: float = 0.5

    def __post_init__(self) -> None:
        if not 0.0 <= self.final <= 1.0:
            raise ConfigError(
                f"--kl-weight {self.final:g}: must lie in [0, 1], above 1 the loss is no bound; "
                "give 1 for the bound itself"
            )
        if self.annealing != "constant" and self.updates < 1:
            raise ConfigError(
                f"--kl-annealing-updates {self.updates}: {self.annealing} annealing must end "
                "after a number of updates, half of --max-update by default; give either of the "
                "two, or --kl-annealing constant"
            )
        if self.annealing == "cyclical" and (self.cycles < 1 or not 0.0 < self.rise <= 1.0):
            raise ConfigError(
                f"--kl-cycles {self.cycles} --kl-cycle-rise {self.rise:g}: there must be at least "
                "one cycle, and lambda must rise in a share of it in (0, 1]; the defaults are 4 "
                "and 0.5"
            )

    def at(self, update: int) -> float:
        """Lambda after so many updates: 0 before the first one, unless constant."""
        if self.annealed(update):
            return self.final
        if self.annealing == "linear":
            return self.final * update / self.updates
        length = self.updates / self.cycles
        return self.final * min(1.0, (update % length) / length / self.rise)

    def annealed(self, update: int) -> bool:
        """Whether lambda stays what it is now."""
        return self.annealing == "constant" or update >= self.updates


@dataclass(frozen=True)
class FreeBits:
    """A KL below which nothing is gained by lowering it further, in nats.

    Attributes:
        per_latent: of each latent variable of each sentence.
        per_dimension: of each of its dimensions.

    Raises:
        ConfigError: a negative value, or both.
    """

    per_latent: float = 0.0
    per_dimension: float = 0.0

    def __post_init__(self) -> None:
        if self.per_latent < 0 or self.per_dimension < 0:
            raise ConfigError(
                f"--free-bits {self.per_latent:g} --free-bits-per-dimension "
                f"{self.per_dimension:g}: must not be negative; 0 switches them off"
            )
        if self.per_latent > 0 and self.per_dimension > 0:
            raise ConfigError(
                f"--free-bits {self.per_latent:g} --free-bits-per-dimension "
                f"{self.per_dimension:g}: one of them must be 0; choose"
            )

    def charge(self, kl: Tensor) -> Tensor:
        """What counts of the KL of each dimension (B, Z), summed to sentences (B,), in nats."""
        # Sentence by sentence, not on the batch's mean: how a batch is split must not matter.
        return kl.clamp_min(self.per_dimension).sum(dim=1).clamp_min(self.per_latent)
