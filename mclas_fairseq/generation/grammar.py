"""The grammar of hypotheses: which token may follow which prefix.

"In the inference period, we only generate tokens from the corresponding vocabulary" (Bai et al.
2021, "Cross-Lingual Abstractive Summarization with Limited Parallel Resources", section 5.2). A
hypothesis is `S^A [LSEP] S^B </s>` (Eq. 3) or one summary and `</s>`. While a summary is written
only its own vocabulary and the symbol that ends it (the separator, or EOS after the last one) can
be chosen; below the minimum length the end cannot be, at the length limit nothing but the end can.

Search (`restricted_ensemble.py`) and forced scoring (`forced_scoring.py`) read the same states and
the same masks from here, which is what makes their scores equal.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

import torch
from torch import Tensor

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.options import search_option

_PHASES = 3  # of a summary: below its minimum length, open, at its limit


@dataclass(frozen=True, eq=False)
class TargetPlan:
    """How a hypothesis in one target language is written.

    Attributes:
        separator: id between the first and the second summary; None if there is only one.
        allowed: one bool mask (V,) per summary: the content tokens that it may hold.
        start: id that the decoder reads first; None for BOS.
    """

    separator: Optional[int]
    allowed: tuple[Tensor, ...]
    start: Optional[int] = None


@dataclass(frozen=True)
class PlanContent:
    """What `build_grammar` makes a `TargetPlan` of: the attributes, with ids in place of masks."""

    vocabularies: Sequence[Sequence[int]]
    separator: Optional[int]
    start: Optional[int] = None


@dataclass(frozen=True, eq=False)
class SummaryGrammar:
    """Which token sequences are hypotheses.

    Lengths are counted in tokens of one summary, without separator and EOS. A summary holds at
    least one token, also with `min_len` 0. A document of T_src tokens (EOS counted, padding not)
    gets summaries of at most int(max_len_a * T_src + max_len_b) tokens, but never a limit below
    the minimum length.

    Attributes:
        eos: id that ends a hypothesis.
        separator: id between the first and the second summary; None if there is only one.
        allowed: one bool mask (V,) per summary: the content tokens that it may hold.
        min_len: fewest tokens of a summary.
        max_len_a: slope of the length limit over the document's length.
        max_len_b: constant part of the length limit.
        start: id that the decoder reads first; None for BOS.
        further: plans of further target languages; separator, allowed and start are the first's.

    Raises:
        ConfigError: no summary can keep to the lengths, or a summary has no token to hold.
    """

    eos: int
    separator: Optional[int]
    allowed: tuple[Tensor, ...]
    min_len: int
    max_len_a: float
    max_len_b: int
    start: Optional[int] = None
    further: tuple[TargetPlan, ...] = ()

    def __post_init__(self) -> None:
        for plan in self.plans:
            assert len(plan.allowed) == self.summaries == (1 if plan.separator is None else 2)
        if self.min_len < 0 or self.max_len_a < 0:
            raise ConfigError(
                "summary lengths: none can be negative, met "
                f"--min-len {self.min_len} and --max-len-a {self.max_len_a}; give 0 or more"
            )
        if self.max_len_a == 0 and self.max_len_b < self.floor:
            raise ConfigError(
                f"summary lengths: the longest must reach the shortest ({self.floor} token(s)), "
                f"met --min-len {self.min_len} with --max-len-b {self.max_len_b} (lengths of one "
                "summary); lower --min-len or raise --max-len-b"
            )
        masks = [(number, mask) for plan in self.plans for number, mask in enumerate(plan.allowed)]
        for number, mask in masks:
            if not mask.any():
                raise ConfigError(
                    f"vocabulary of summary {number + 1}: it must hold a token that can be "
                    "written, it holds none; prepare the data-bin again or use --restrict-vocab "
                    "none"
                )

    @property
    def plans(self) -> tuple[TargetPlan, ...]:
        """Plans of all target languages (Z), in the order of their numbers."""
        return (TargetPlan(self.separator, self.allowed, self.start), *self.further)

    @property
    def separators(self) -> tuple[int, ...]:
        """Ids of all separators between two summaries; none where there is one summary."""
        found = (plan.separator for plan in self.plans)
        return tuple(separator for separator in found if separator is not None)

    def starts(self, bos: int, plans: Optional[Tensor]) -> Union[int, Tensor]:
        """What the decoder reads first: one id for all rows, or their plans' ids, shape (N,)."""
        ids = [bos if plan.start is None else plan.start for plan in self.plans]
        if plans is None or len(set(ids)) == 1:
            return ids[0]
        return plans.new_tensor(ids)[plans]

    @property
    def floor(self) -> int:
        """Fewest tokens of a summary, never 0: an empty summary is none."""
        return max(1, self.min_len)

    @property
    def summaries(self) -> int:
        """How many summaries a hypothesis holds: 1 or 2."""
        return len(self.allowed)

    def longest_summary(self, max_positions: int) -> int:
        """Most tokens of each summary that a decoder of `max_positions` positions can write.

        Its input is BOS, the summaries and the separators between them.
        """
        return (max_positions - self.summaries) // self.summaries

    def limits(self, source_lengths: Tensor, max_positions: int) -> Tensor:
        """Most tokens of each summary, for each document.

        Args:
            source_lengths: tokens of each document without padding, integers, shape (B,).
            max_positions: most tokens that the decoder can read.

        Returns:
            Limits, int64, shape (B,). They depend on the document alone, not on its batch.
        """
        # In double precision this is Python's int(a * T_src + b), whatever the device.
        own = (self.max_len_a * source_lengths.double() + self.max_len_b).long()
        return own.clamp(self.floor, max(self.floor, self.longest_summary(max_positions)))

    def states(self, tokens: Tensor, limits: Tensor, plans: Optional[Tensor] = None) -> Tensor:
        """State of the grammar after each prefix: the row of `mask_table` that holds next.

        Args:
            tokens: hypotheses so far, the decoder's first input first, shape (N, T_tgt).
            limits: most tokens of a summary, shape (N,).
            plans: number of each row's plan, int64, shape (N,); None: all have the first.

        Returns:
            State after tokens[:, : t + 1] in column t, int64, shape (N, T_tgt): for each plan three
            for each summary, namely below the minimum length, open, and at the limit.
        """
        position = torch.arange(tokens.size(1), device=tokens.device)
        if self.separator is None:
            # T_tgt -> N x T_tgt
            written = position.expand_as(tokens)
            first_state = torch.zeros_like(tokens)
        else:
            # Where the current summary starts: at the latest separator, or at BOS (position 0).
            start = (self._is_separator(tokens, plans) * position).cummax(dim=1).values
            written = position - start
            first_state = start.gt(0) * _PHASES
        if plans is not None:
            # N -> N x 1, for all T_tgt states of a row
            first_state = first_state + plans.unsqueeze(1) * (_PHASES * self.summaries)
        return first_state + written.ge(self.floor).long() + written.ge(limits.unsqueeze(1)).long()

    def _is_separator(self, tokens: Tensor, plans: Optional[Tensor]) -> Tensor:
        if plans is None:
            return tokens.eq(self.separators[0])
        # plans of rows N -> their separators N x 1, beside N x T_tgt
        return tokens.eq(tokens.new_tensor(self.separators)[plans].unsqueeze(1))

    def mask_table(self) -> Tensor:
        """What to add to log-probabilities in each state: 0 or -inf, fp32, shape (S, V).

        S is 3 for each summary of each plan; see `states`.
        """
        rows = []
        for plan in self.plans:
            for number, content in enumerate(plan.allowed):
                last = number == len(plan.allowed) - 1
                end = torch.zeros_like(content)
                end[self.eos if last or plan.separator is None else plan.separator] = True
                rows += [content, content | end, end]
        table = torch.zeros(len(rows), self.allowed[0].numel())
        # S rows of V -> S x V
        return table.masked_fill_(~torch.stack(rows), -math.inf)


def build_grammar(
    dictionary: Any,
    vocabularies: Sequence[Sequence[int]],
    *,
    separator: Optional[int],
    restrict_vocab: str,
    min_len: int,
    max_len_a: float,
    max_len_b: int,
    never: Collection[int] = (),
    start: Optional[int] = None,
    further: Sequence[PlanContent] = (),
) -> SummaryGrammar:
    """Make the grammar of one or two summaries from their language vocabularies.

    Args:
        dictionary: the fairseq dictionary (V entries) that tokens come from.
        vocabularies: dictionary ids that each summary may hold, in the order they are written.
        separator: id between two summaries; not looked at when there is one.
        restrict_vocab: "both": each summary keeps to its vocabulary; "target": the last one does,
            the one before may hold any token; "none": no summary is restricted. BOS, padding, EOS,
            unknown, separator and `never` are content of none of them in any case.
        min_len: fewest tokens of a summary.
        max_len_a: slope of the length limit over the document's length.
        max_len_b: constant part of the length limit.
        never: further ids that no summary may hold.
        start: id that the decoder reads first; None for BOS.
        further: the same of further target languages, as many summaries each.

    Raises:
        ConfigError: `restrict_vocab` is unknown, or a check of `SummaryGrammar` fails.
    """
    search_option("restrict_vocab").check(restrict_vocab)
    contents = [PlanContent(vocabularies, separator, start), *further]
    shut = {dictionary.bos(), dictionary.pad(), dictionary.eos(), dictionary.unk(), *never}
    for content in contents:
        shut |= {symbol for symbol in (content.separator, content.start) if symbol is not None}
    first, *others = [_plan(len(dictionary), content, restrict_vocab, shut) for content in contents]
    return SummaryGrammar(
        eos=dictionary.eos(),
        separator=first.separator,
        allowed=first.allowed,
        min_len=min_len,
        max_len_a=max_len_a,
        max_len_b=max_len_b,
        start=first.start,
        further=tuple(others),
    )


def _plan(
    size: int, content: PlanContent, restrict_vocab: str, shut: Collection[int]
) -> TargetPlan:
    vocabularies = content.vocabularies
    two = len(vocabularies) == 2
    assert len(vocabularies) == 1 or (two and content.separator is not None)
    masks = []
    for number, indices in enumerate(vocabularies, start=1):
        restricted = restrict_vocab == "both" or (
            restrict_vocab == "target" and number == len(vocabularies)
        )
        masks.append(_content_mask(size, indices if restricted else None, shut))
    return TargetPlan(content.separator if two else None, tuple(masks), content.start)


def _content_mask(size: int, indices: Optional[Sequence[int]], shut: Collection[int]) -> Tensor:
    mask = torch.full((size,), indices is None)
    if indices is not None:
        mask[torch.tensor(list(indices), dtype=torch.long)] = True
    mask[torch.tensor(sorted(shut))] = False
    return mask
