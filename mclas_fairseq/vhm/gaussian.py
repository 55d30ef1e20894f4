"""Isotropic Gaussians, the networks that give them, and their KL divergence in closed form.

Liang et al. (2022), "A Variational Hierarchical Model for Neural Cross-Lingual Summarization"
(ACL 2022, arXiv:2203.03820), Eqs. 2 to 7: a mean and a standard deviation for each dimension, each
from a multi-layer perceptron of its own, `sigma = Softplus(MLP(h))`. What the paper leaves open is
fixed here: two layers with as many hidden units as latent dimensions and tanh between them, Xavier
weights, and a floor under sigma. Everything after the perceptrons is fp32, whatever the model is.
"""

import math
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor, nn

_SMALLEST_STD = 1e-6


@dataclass(frozen=True, eq=False)
class Gaussian:
    """A Gaussian with independent dimensions, one for each row of a batch.

    Attributes:
        mean: shape (B, Z), fp32.
        std: standard deviation, positive, shape (B, Z), fp32.
    """

    mean: Tensor
    std: Tensor

    def sample(self, noise: Tensor) -> Tensor:
        """Reparameterised draw `mean + std * noise`, shape (B, Z); noise is standard normal."""
        return self.mean + self.std * noise

    def log_prob(self, value: Tensor) -> Tensor:
        """Log-density of value (B, Z) in nats, summed over dimensions, shape (B,)."""
        scaled = (value - self.mean) / self.std
        each = -0.5 * (scaled.square() + math.log(2.0 * math.pi)) - self.std.log()
        return each.sum(dim=-1)

    def kl(self, other: "Gaussian") -> Tensor:
        """KL(self || other) of each dimension in nats, shape (B, Z); its sum is a sentence's KL."""
        ratio = self.std / other.std
        distance = (self.mean - other.mean) / other.std
        return 0.5 * (ratio.square() + distance.square() - 1.0) - ratio.log()


class GaussianNetwork(nn.Module):
    """Two perceptrons that map a vector to a Gaussian's mean and standard deviation.

    Args:
        input_dim: size of the vector.
        latent_dim: Z; also the number of hidden units.
    """

    def __init__(self, input_dim: int, latent_dim: int):
        super().__init__()
        self.mean = _perceptron(input_dim, latent_dim)
        self.scale = _perceptron(input_dim, latent_dim)

    def forward(self, inputs: Tensor) -> Gaussian:
        """Map inputs (B, input_dim) of any float type to the Gaussian of each row."""
        inputs = inputs.to(next(self.parameters()).dtype)
        mean, scale = self.mean(inputs).float(), self.scale(inputs).float()
        return Gaussian(mean, F.softplus(scale) + _SMALLEST_STD)


def _perceptron(input_dim: int, latent_dim: int) -> nn.Sequential:
    layers = nn.Linear(input_dim, latent_dim), nn.Linear(latent_dim, latent_dim)
    for layer in layers:
        nn.init.xavier_uniform_(layer.weight)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(layers[0], nn.Tanh(), layers[1])
