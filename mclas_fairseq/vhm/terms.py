"""What a document's latent variables do to its reference: NLL under any value, and the bounds.

Liang et al. (2022, arXiv:2203.03820), section 3.4, train the lower bound

    ELBO = E_q[log p(Y | X, z)] - KL(q(z | X, Y) || p(z | X)) <= log p(Y | X).

The importance-weighted bound (Burda et al. 2016, arXiv:1509.00519, Eq. 8) with K draws lies between
it and the likelihood, and nears the latter as K grows:

    IWAE_K = E[log 1/K sum_k p(Y | X, z_k) p(z_k | X) / q(z_k | X, Y)],  z_k ~ q.

All values are of the CLS task, in nats per sentence, without label smoothing.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from mclas_fairseq.vhm.latents import GLOBAL, LatentOutput
from mclas_fairseq.vhm.model import VhmModel
from mclas_fairseq.vhm.noise import Draw, LatentNoise, draw_mean
from mclas_fairseq.vhm.parts import pool

Batch = Mapping[str, Any]

# Ids are rows of a split; a draw's number stands above them, so that no two draws share noise.
_DRAW_SHIFT = 40


@dataclass(frozen=True, eq=False)
class Bounds:
    """Lower bounds of log p(Y | X), nats, for each sentence of a batch.

    Attributes:
        elbo: with the KL in closed form, mean over the draws, (B,).
        importance: the importance-weighted bound of all draws, (B,).
        kl: KL of all latent variables that are drawn from q, mean over the draws, (B,).
    """

    elbo: Tensor
    importance: Tensor
    kl: Tensor


@torch.no_grad()
def reference_nll(model: VhmModel, batch: Batch, draw: Draw = draw_mean) -> Tensor:
    """-log p(Y | X, z) of each sentence, (B,), with z drawn as decoding does.

    Args:
        model: in evaluation mode.
        batch: of the CLS task.
        draw: a value of each latent variable, given its prior.
    """
    encoder: Any = model.encoder
    return _nll(model, batch, encoder(batch["net_input"]["src_tokens"], draw=draw))


@torch.no_grad()
def latent_means(model: VhmModel, batch: Batch) -> tuple[LatentOutput, LatentOutput]:
    """Latent variables from the prior networks, and from the recognition network of `z_cls`.

    All values are means, of the local variables as well.
    """
    encoder: Any = model.encoder
    source = pool(encoder.encode(batch["net_input"]["src_tokens"]))
    target = pool(encoder.encode(batch["tgt_src_tokens"]))
    prior = encoder.latents.from_prior(GLOBAL, source, draw_mean)
    posterior = encoder.latents.from_posterior(
        GLOBAL, source, target, draw_mean, locals_in_cls=_locals(model)
    )
    return prior, posterior


@torch.no_grad()
def lower_bounds(model: VhmModel, batch: Batch, *, samples: int, seed: int) -> Bounds:
    """Both lower bounds of log p(Y | X) from the same draws.

    Local variables are drawn from their priors, as the default of training does, or from their
    recognition networks where the model was trained with --cls-local-latents posterior; both give
    bounds of every model's likelihood.

    Args:
        model: in evaluation mode.
        batch: of the CLS task.
        samples: K.
        seed: of the draws, which depend on it and on the sentence's id alone.
    """
    encoder: Any = model.encoder
    out = encoder.encode(batch["net_input"]["src_tokens"])
    source, target = pool(out), pool(encoder.encode(batch["tgt_src_tokens"]))
    weights, elbos, kls = [], [], []
    for number in range(samples):
        latents = encoder.latents.from_posterior(
            GLOBAL,
            source,
            target,
            LatentNoise(seed).draw(GLOBAL, batch["id"] + (number << _DRAW_SHIFT)),
            locals_in_cls=_locals(model),
        )
        likelihood = -_nll(model, batch, encoder.attach(out, GLOBAL, latents))
        kl = sum((each.sum(dim=1) for each in latents.kl().values()), torch.zeros_like(likelihood))
        # Variables drawn from their priors have weight 1.
        ratio = torch.zeros_like(likelihood)
        for name, q in latents.posterior.items():
            ratio += latents.prior[name].log_prob(latents.z[name]) - q.log_prob(latents.z[name])
        weights.append(likelihood + ratio)
        elbos.append(likelihood - kl)
        kls.append(kl)
    importance = torch.stack(weights).logsumexp(dim=0) - math.log(samples)
    return Bounds(torch.stack(elbos).mean(dim=0), importance, torch.stack(kls).mean(dim=0))


def _locals(model: VhmModel) -> str:
    return "posterior" if model.locals_in_cls == "posterior" else "prior"


def _nll(model: VhmModel, batch: Batch, encoder_out: dict[str, list[Any]]) -> Tensor:
    decoder = model.decoder_of(GLOBAL)
    output = decoder(batch["net_input"]["prev_output_tokens"], encoder_out=encoder_out)
    log_probs = model.get_normalized_probs(output, log_probs=True)
    target = batch["target"]
    each = -log_probs.gather(2, target.unsqueeze(2)).squeeze(2)
    return each.masked_fill(target.eq(decoder.dictionary.pad()), 0.0).sum(dim=1)
