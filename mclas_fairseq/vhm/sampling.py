"""Search once for each of several draws of a document's latent variables.

By default a model with latent variables decodes with the means of their priors. Liang et al. (2022,
arXiv:2203.03820) draw from them; `--sample-latent K` does so, K times a document. All hypotheses of
a search have one draw, which stays with its document whatever happens to the beam. Draws depend on
the seed, the document's id (its tokens where fairseq-interactive gives no id) and the number of the
draw alone: neither on the batch nor on a reference.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Optional

import torch
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.vhm.gaussian import Gaussian
from mclas_fairseq.vhm.noise import Draw, LatentNoise

Hypothesis = dict[str, Any]

# Ids are rows of a split; a draw's number stands above them, so that no two draws share noise.
_DRAW_SHIFT = 40
_ID_BYTES = _DRAW_SHIFT // 8


class RecordedDraw:
    """A `Draw` that adds up the log-densities of what it draws.

    Attributes:
        log_prob: log p(z | X) of each document, all latent variables together, nats, (B,).
    """

    def __init__(self, draw: Draw):
        self._draw = draw
        self.log_prob: Optional[Tensor] = None

    def __call__(self, name: str, gaussian: Gaussian) -> Tensor:
        """Draw, and add the value's log-density."""
        z = self._draw(name, gaussian)
        each = gaussian.log_prob(z)
        self.log_prob = each if self.log_prob is None else self.log_prob + each
        return z


class LatentSampler:
    """Searches K times a document, each time with another draw of its latent variables.

    Args:
        generator: searches with one.
        samples: K.
        reranking: order of a document's hypotheses. "none": the best of the first draw, of the
            second, ..., then the other hypotheses of the beams; "score": by log p(Y | X, z) under
            the length penalty; "joint": by log p(Y, z | X) under it. Equal summaries count once.
        seed: of the draws.

    Raises:
        ConfigError: the options do not fit each other or the models.
    """

    def __init__(self, generator: SummaryGenerator, samples: int, reranking: str, seed: int):
        models = list(generator.model.models)
        if any(getattr(model.encoder, "latents", None) is None for model in models):
            raise ConfigError(
                f"--sample-latent {samples}: the model must have latent variables, this one has "
                "none; leave the flag out"
            )
        if reranking == "joint" and len(models) > 1:
            raise ConfigError(
                "--latent-reranking joint: the density of a draw is that of one model, an "
                "ensemble has several; give --latent-reranking score"
            )
        self.generator = generator
        self.samples = samples
        self.reranking = reranking
        self.seed = seed
        # fairseq-generate leaves these out when it prints targets and hypotheses.
        self.symbols_to_strip_from_output = generator.symbols_to_strip_from_output

    @property
    def bos(self) -> int:
        """First decoder input."""
        return self.generator.bos

    @torch.no_grad()
    def generate(
        self,
        models: Sequence[nn.Module],
        sample: dict[str, Any],
        prefix_tokens: Optional[Tensor] = None,
        constraints: Optional[Tensor] = None,
    ) -> list[list[Hypothesis]]:
        """Decode a batch of B documents; see `SummaryGenerator`.

        Returns:
            For each document its hypotheses in the order of the reranking, each also with `draw`,
            the number of its draw from 0 on, and `latent_score`, log p(z | X) in nats.
        """
        found: list[list[list[Hypothesis]]] = []  # draw, document, hypothesis
        for number in range(self.samples):
            draw = RecordedDraw(self._draw(sample, number))
            drawn = {**sample, "net_input": {**sample["net_input"], "draw": draw}}
            ranked: list[list[Hypothesis]] = self.generator.generate(
                models, drawn, prefix_tokens=prefix_tokens, constraints=constraints
            )
            assert draw.log_prob is not None
            for hypotheses, density in zip(ranked, draw.log_prob, strict=True):
                for hypothesis in hypotheses:
                    hypothesis.update(draw=number, latent_score=density)
            found.append(ranked)
        return [self._order(list(document)) for document in zip(*found, strict=True)]

    def _draw(self, sample: dict[str, Any], number: int) -> Draw:
        task = sample["net_input"].get("task_name", "cls")
        ids = sample["id"] if "id" in sample else self._content_ids(sample)
        return LatentNoise(self.seed).draw(task, ids + (number << _DRAW_SHIFT))

    def _content_ids(self, sample: dict[str, Any]) -> Tensor:
        """An id of each document by its tokens, below those of the draws, (B,)."""
        tokens: Tensor = sample["net_input"]["src_tokens"]
        rows = (row[row.ne(self.generator.pad)].tolist() for row in tokens)
        digests = (hashlib.blake2b(repr(row).encode(), digest_size=_ID_BYTES) for row in rows)
        ids = [int.from_bytes(digest.digest(), "little") for digest in digests]
        return torch.tensor(ids, device=tokens.device)

    def _order(self, draws: list[list[Hypothesis]]) -> list[Hypothesis]:
        ranks = max(map(len, draws))
        flat = [one[rank] for rank in range(ranks) for one in draws if rank < len(one)]
        if self.reranking != "none":
            flat.sort(key=self._score, reverse=True)
        once: dict[tuple[int, ...], Hypothesis] = {}
        for hypothesis in flat:
            once.setdefault(tuple(hypothesis["tokens"].tolist()), hypothesis)
        return list(once.values())

    def _score(self, hypothesis: Hypothesis) -> float:
        if self.reranking == "score":
            return float(hypothesis["score"])
        both = hypothesis["positional_scores"].sum() + hypothesis["latent_score"]
        return float(self.generator.length_penalty(both, hypothesis["tokens"].numel()))


def with_draws(generator: Any, samples: int, reranking: str, seed: int) -> Any:
    """The generator, or one that searches with several draws where they are asked for.

    Args:
        generator: what a task builds.
        samples: number of draws; 0: none.
        reranking: see `LatentSampler`.
        seed: of the draws.

    Raises:
        ConfigError: the options do not fit each other, the models or the generator.
    """
    if samples < 0 or (samples == 0 and reranking != "none"):
        raise ConfigError(
            f"--sample-latent {samples} --latent-reranking {reranking}: there must be draws to put "
            "in order; give --sample-latent 8, say, or leave both out"
        )
    if samples == 0:
        return generator
    if not isinstance(generator, SummaryGenerator):
        raise ConfigError(
            f"--sample-latent {samples}: references are scored with the prior means, not with "
            "draws; leave it out where references are scored"
        )
    return LatentSampler(generator, samples, reranking, seed)
