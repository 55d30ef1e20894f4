"""Both summaries of a model with two decoders (layout `ncls_ms`) as one hypothesis.

The decoders of NCLS+MS (Bai et al. 2021, Eq. 2) know nothing of each other: each is searched alone,
and the two hypotheses of one rank are joined to `S^A [LSEP] S^B </s>`, the form in which layout
`mclas` writes both, so that whatever reads those reads these.
"""

from collections.abc import Sequence
from typing import Any, Optional

import torch
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError

Hypothesis = dict[str, Any]


class TwoDecoderGenerator:
    """Decodes a batch twice, with the generator of `S^A` and with that of `S^B`.

    Args:
        ms: generator of `S^A`.
        cls: generator of `S^B`.
        separator: id of `[LSEP]`.

    Raises:
        ConfigError: the generators score references instead of searching; a reference of each
            summary has its own decoder.
    """

    def __init__(self, ms: Any, cls: Any, separator: int):
        if not isinstance(ms, nn.Module):
            raise ConfigError(
                "--summary-decoder both: each summary has a decoder of its own, references of the "
                "two are not scored as one; give --summary-decoder cls or ms"
            )
        self.ms: Any = ms
        self.cls: Any = cls
        self.separator = separator
        self.symbols_to_strip_from_output = cls.symbols_to_strip_from_output

    def generate(
        self,
        models: Sequence[nn.Module],
        sample: dict[str, Any],
        prefix_tokens: Optional[Tensor] = None,
        constraints: Optional[Tensor] = None,
    ) -> list[list[Hypothesis]]:
        """Decode a batch of B documents.

        Returns:
            For each document its hypotheses, rank by rank: `tokens` (T_tgt,) with separator and
            EOS, `positional_scores` (T_tgt,), the separator's being that of the EOS of `S^A`, and
            `score`, the sum of both scores, in nats.

        Raises:
            ConfigError: there are prefix tokens; they would be of one decoder or the other.
        """
        if prefix_tokens is not None:
            raise ConfigError(
                "--summary-decoder both: prefix tokens would be of one decoder or the other; "
                "search without a prefix, or give --summary-decoder cls or ms"
            )
        first = self.ms.generate(models, sample)
        second = self.cls.generate(models, sample)
        return [
            [self._join(a, b) for a, b in zip(ranked_a, ranked_b, strict=False)]
            for ranked_a, ranked_b in zip(first, second, strict=True)
        ]

    def _join(self, first: Hypothesis, second: Hypothesis) -> Hypothesis:
        tokens: Tensor = first["tokens"]
        separator = tokens.new_tensor([self.separator])  # in the place of the EOS of `S^A`
        # T_A, 1 and T_B -> T_tgt; T_B has EOS, T_A no longer
        return {
            "tokens": torch.cat([tokens[:-1], separator, second["tokens"]]),
            "positional_scores": torch.cat(
                [first["positional_scores"], second["positional_scores"]]
            ),
            "score": first["score"] + second["score"],
            "attention": None,
            "alignment": None,
        }
