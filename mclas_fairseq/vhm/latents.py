"""Hierarchical latent variables: which there are, their prior and recognition networks.

Liang et al. (2022), "A Variational Hierarchical Model for Neural Cross-Lingual Summarization"
(ACL 2022, arXiv:2203.03820), Eqs. 2 to 8. Local variables `z_mt` and `z_ms` belong to translation
and monolingual summarization; the global `z_cls` stands on both. Everything depends on a text
through the mean of the encoder's states over its tokens. Values travel in what functions return;
nothing is kept on a module between calls.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.vhm.gaussian import Gaussian, GaussianNetwork
from mclas_fairseq.vhm.noise import Draw

TASKS = ("mt", "ms", "cls")
GLOBAL = "cls"
LOCALS_IN_CLS = ("prior", "posterior", "summary", "split")


@dataclass(frozen=True)
class LatentPlan:
    """Which latent variables a model has and what depends on what; Table 5's ablations are plans.

    Attributes:
        names: some of `TASKS`, in their order; () switches latents off.
        hierarchical: `z_cls` is conditioned on the local variables.
    """

    names: tuple[str, ...] = TASKS
    hierarchical: bool = True

    @classmethod
    def parse(cls, text: str, *, hierarchical: bool = True) -> "LatentPlan":
        """Read `mt,ms,cls`, a part of it, or `none`.

        Raises:
            ConfigError: there is no latent variable of that name.
        """
        found = [] if text == "none" else text.split(",")
        unknown = [name for name in found if name not in TASKS]
        if unknown or len(set(found)) != len(found):
            raise ConfigError(
                f"--latents {text}: must be some of mt, ms, cls, each once, with commas between "
                "them, or none; give --latents mt,ms,cls for the whole model"
            )
        return cls(tuple(name for name in TASKS if name in found), hierarchical)

    def conditions(self, name: str) -> tuple[str, ...]:
        """Latent variables that this one is conditioned on."""
        if name != GLOBAL or not self.hierarchical:
            return ()
        return tuple(local for local in self.names if local != GLOBAL)

    def decoder_inputs(self, task: str) -> tuple[str, ...]:
        """Latent variables that the decoder reads in a task (Eq. 8).

        A task has its own one; without `z_cls`, summarization across languages reads the local
        ones directly.
        """
        if task in self.names:
            return (task,)
        return self.names if task == GLOBAL else ()

    def needed(self, task: str) -> tuple[str, ...]:
        """Latent variables that a task draws, each behind those it depends on."""
        read = self.decoder_inputs(task)
        below = [local for name in read for local in self.conditions(name)]
        return tuple(dict.fromkeys([*below, *read]))


@dataclass(frozen=True, eq=False)
class LatentOutput:
    """Latent variables of a batch.

    Attributes:
        prior: p of each variable by name; (B, Z) each.
        posterior: q of those variables whose KL(q || p) belongs to the bound.
        z: the values drawn, (B, Z) each, fp32.
    """

    prior: dict[str, Gaussian] = field(default_factory=dict)
    posterior: dict[str, Gaussian] = field(default_factory=dict)
    z: dict[str, Tensor] = field(default_factory=dict)

    def kl(self) -> dict[str, Tensor]:
        """KL(q || p) by name, of each dimension, (B, Z), in nats."""
        return {name: q.kl(self.prior[name]) for name, q in self.posterior.items()}


def mean_pool(states: Tensor, padding_mask: Tensor) -> Tensor:
    """Mean of the encoder's states over the tokens of each text, padding left out (section 3.1).

    Args:
        states: (T, B, C).
        padding_mask: true at padding, (B, T).

    Returns:
        (B, C), fp32.
    """
    content = ~padding_mask
    total = states.masked_fill(padding_mask.t().unsqueeze(2), 0.0).sum(dim=0, dtype=torch.float32)
    return total / content.sum(dim=1, keepdim=True)


class LatentNetworks(nn.Module):
    """Prior networks (theta) and recognition networks (phi) of a plan's latent variables.

    Args:
        plan: which variables there are.
        embed_dim: C, size of the pooled states.
        latent_dim: Z.
    """

    def __init__(self, plan: LatentPlan, embed_dim: int, latent_dim: int):
        super().__init__()
        self.plan = plan
        below = {name: latent_dim * len(plan.conditions(name)) for name in plan.names}
        self.priors = nn.ModuleDict(
            {name: GaussianNetwork(embed_dim + below[name], latent_dim) for name in plan.names}
        )
        self.posteriors = nn.ModuleDict(
            {name: GaussianNetwork(2 * embed_dim + below[name], latent_dim) for name in plan.names}
        )

    def prior(self, name: str, source: Tensor, z: Mapping[str, Tensor]) -> Gaussian:
        """Eqs. 2, 4 and 6: p(z_name | X, the variables it stands on); source is h_X (B, C)."""
        parts = [source, *(z[local] for local in self.plan.conditions(name))]
        gaussian: Gaussian = self.priors[name](torch.cat(parts, dim=1))
        return gaussian

    def posterior(
        self, name: str, source: Tensor, target: Tensor, z: Mapping[str, Tensor]
    ) -> Gaussian:
        """Eqs. 3, 5 and 7: q(z_name | X, the variables it stands on, Y); target is h_Y (B, C)."""
        parts = [source, *(z[local] for local in self.plan.conditions(name)), target]
        gaussian: Gaussian = self.posteriors[name](torch.cat(parts, dim=1))
        return gaussian

    def from_prior(self, task: str, source: Tensor, draw: Draw) -> LatentOutput:
        """What decoding does: draw from the prior networks, local variables first.

        Args:
            task: one of `TASKS`.
            source: h_X, (B, C).
            draw: a value of each variable.
        """
        out = LatentOutput()
        for name in self.plan.needed(task):
            out.prior[name] = self.prior(name, source, out.z)
            out.z[name] = draw(name, out.prior[name])
        return out

    def from_posterior(
        self,
        task: str,
        source: Tensor,
        target: Tensor,
        draw: Draw,
        *,
        locals_in_cls: str = "prior",
        summary: Optional[Tensor] = None,
    ) -> LatentOutput:
        """What training does: draw from the recognition networks.

        In a CLS batch the local variables have no reference of their own. `locals_in_cls` says
        what they are drawn from, once for both Eq. 6 and Eq. 7 but for "split":

        - "prior": their priors given X. The only choice under which the paper's three KL terms
          make a lower bound.
        - "posterior": q(. | X, Y); their KL is added, so that it stays a bound.
        - "summary": as "prior", but `z_ms` from q(z_ms | X, S^A), with its KL.
        - "split": as the released code: the recognition network of `z_cls` sees draws from
          q(. | X, Y), its prior network others from the priors; no KL of theirs. No bound.

        Args:
            task: one of `TASKS`.
            source: h_X, (B, C).
            target: h_Y, (B, C).
            draw: a value of each variable.
            locals_in_cls: one of `LOCALS_IN_CLS`.
            summary: with "summary", the pooled `S^A` of the same documents, (B, C).
        """
        out = LatentOutput()
        prior_z: dict[str, Tensor] = {}  # what priors are conditioned on, where that differs
        for name in self.plan.needed(task):
            out.prior[name] = self.prior(name, source, {**out.z, **prior_z})
            reference: Optional[Tensor] = target
            if name != task:
                if locals_in_cls == "prior" or (locals_in_cls == "summary" and name != "ms"):
                    reference = None
                elif locals_in_cls == "summary":
                    assert summary is not None, "the caller checks that the batch has S^A"
                    reference = summary
            if reference is None:
                out.z[name] = draw(name, out.prior[name])
                continue
            q = self.posterior(name, source, reference, out.z)
            out.z[name] = draw(name, q)
            if name != task and locals_in_cls == "split":
                prior_z[name] = draw(f"{name}/prior", out.prior[name])
            else:
                out.posterior[name] = q
        return out


class LatentProjection(nn.Module):
    """Eq. 8: `o_t = tanh(W_p [h_t; z] + b_p)`, one for each task; z may have no dimensions."""

    def __init__(self, embed_dim: int, latent_dim: int):
        super().__init__()
        self.embed_dim = embed_dim
        self.linear = nn.Linear(embed_dim + latent_dim, embed_dim)
        nn.init.xavier_uniform_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, features: Tensor, z: Tensor) -> Tensor:
        """Map the decoder's top states (B, T, C) and z (B, Z) to (B, T, C)."""
        # The product of z is the same at each step: split, not concatenated T times.
        of_state, of_z = self.linear.weight.split(
            [self.embed_dim, self.linear.in_features - self.embed_dim], dim=1
        )
        shift = F.linear(z.to(of_z.dtype), of_z, self.linear.bias).unsqueeze(1)  # B x 1 x C
        return torch.tanh(F.linear(features, of_state) + shift)


def join_latents(z: Mapping[str, Tensor], names: Sequence[str]) -> Tensor:
    """Values of the named variables side by side, (B, Z * len(names))."""
    return torch.cat([z[name] for name in names], dim=1)
