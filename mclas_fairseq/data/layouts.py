"""Target layouts: how summaries become one target sequence, and a hypothesis its summaries again.

Bai et al. (2021), "Cross-Lingual Abstractive Summarization with Limited Parallel Resources"
(ACL 2021): MS trains on the summary in the document's language, NCLS on the one in the target
language (Eq. 1), NCLS+MS on both, each with a decoder of its own (Eq. 2), MCLAS on
`[BOS] S^A [LSEP] S^B [EOS]` (Eqs. 3 and 4). Layouts are put together when a batch is made, so that
one data-bin serves them all.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Union

import torch
from torch import Tensor

from mclas_fairseq.errors import DataError


class DecoderChoice(StrEnum):
    """Which decoder of a model with two (`ncls_ms`) writes: that of `S^B`, of `S^A`, or each."""

    CLS = "cls"
    MS = "ms"
    BOTH = "both"


class Layout(StrEnum):
    """Which summaries a model writes: in one target, or (`ncls_ms`) each in a target of its own."""

    MS = "ms"
    NCLS = "ncls"
    NCLS_MS = "ncls_ms"
    MCLAS = "mclas"

    def languages(self, source_lang: str, target_lang: str) -> tuple[str, ...]:
        """Languages of the summaries that a document of this layout must have, in order."""
        if self is Layout.MS:
            return (source_lang,)
        if self is Layout.NCLS:
            return (target_lang,)
        return (source_lang, target_lang)

    def written(
        self, source_lang: str, target_lang: str, decoder: DecoderChoice
    ) -> tuple[str, ...]:
        """Languages of the summaries in a hypothesis, in order; `decoder` is for `ncls_ms`."""
        if self is Layout.NCLS_MS and decoder is not DecoderChoice.BOTH:
            return (target_lang if decoder is DecoderChoice.CLS else source_lang,)
        return self.languages(source_lang, target_lang)


def build_target(summaries: Sequence[Tensor], *, separator: int, eos: int, limit: int) -> Tensor:
    """Join one or two summaries to a training target (Eq. 3 without its BOS).

    Args:
        summaries: token ids of each summary, shape (T_i,), without EOS.
        separator: id of the separator `[LSEP]` that stands between two summaries.
        eos: id of EOS, which closes the target.
        limit: longest target, EOS included; each summary is cut to its share of it.

    Returns:
        Token ids, shape (T_tgt,), T_tgt <= limit.
    """
    share = summary_limit(limit, len(summaries))
    pieces: list[Tensor] = []
    for position, summary in enumerate(summaries):
        if position > 0:
            pieces.append(summary.new_tensor([separator]))
        pieces.append(summary[:share])
    pieces.append(summaries[0].new_tensor([eos]))
    return torch.cat(pieces)


def summary_limit(limit: int, summaries: int) -> int:
    """How many tokens each summary of a target of `limit` tokens may hold."""
    return (limit - summaries) // summaries


def split_tokens(
    tokens: Sequence[int], *, separator: int, eos: int, summaries: int
) -> list[list[int]]:
    """Split a target or hypothesis into its summaries: the inverse of `build_target`.

    Raises:
        DataError: the number of separators is not the one that the layout has.
    """
    parts = split_places(tokens, separator=separator, eos=eos, summaries=summaries)
    return [[tokens[place] for place in places] for places in parts]


def split_places(
    tokens: Sequence[int], *, separator: int, eos: int, summaries: int
) -> list[list[int]]:
    """Places of the tokens of each summary; see `split_tokens`."""
    found = sum(token == separator for token in tokens)
    if found != summaries - 1:
        raise DataError(
            f"hypothesis: {summaries} summaries need {summaries - 1} separator(s), found {found}; "
            "was it written by a model of another layout?"
        )
    parts: list[list[int]] = [[]]
    for place, token in enumerate(tokens):
        if token == separator:
            parts.append([])
        elif token != eos:
            parts[-1].append(place)
    return parts


def first_summary_mask(target: Tensor, separator: Union[int, Sequence[int]]) -> Tensor:
    """Positions of a target that belong to its first summary, the separator included.

    Args:
        target: token ids, shape (B, T_tgt), at most one separator a row.
        separator: id of the separator, or ids of several.

    Returns:
        Bool, shape (B, T_tgt): True up to and including the separator. Padding is not excluded.
    """
    ids = [separator] if isinstance(separator, int) else list(separator)
    is_separator = torch.isin(target, target.new_tensor(ids)).long()
    written_before = is_separator.cumsum(dim=1) - is_separator
    return written_before.eq(0)
