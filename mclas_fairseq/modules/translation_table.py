"""Bilingual lexicons as a table of a model: what each source token offers when it is copied.

Zhu, Zhou, Zhang and Zong (2020), "Attend, Translate and Summarize: An Efficient Method for Neural
Cross-Lingual Summarization" (ACL 2020, pp. 1309-1321), section 3: in the place of a source token
its translations are copied, each with its probability. Copying is the special case in which a token
offers itself, and stands as table 0 before the tables of the target languages.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from mclas_fairseq.errors import CheckpointError, ConfigError

ALWAYS = -1  # in the place of a separator: a table that is in use from the first token on


class Translations(NamedTuple):
    """What source tokens offer, and which table each target token uses.

    Attributes:
        ids: candidates of each dictionary entry by table, shape (1 + Z, V, M).
        weights: their weights; those of an entry sum to 1, shape (1 + Z, V, M).
        number: the table of each target token, 0 copies; shape (B, T_tgt), or (n,).
    """

    ids: Tensor
    weights: Tensor
    number: Tensor


class TranslationTable(nn.Module):
    """Z lexicons over one dictionary, as buffers: they travel with the weights.

    Args:
        entries: size V of the dictionary.

    Attributes:
        ids: candidates, shape (1 + Z, V, M); without any, M is 0 until weights are loaded.
        weights: their weights in fp32, whatever the model is cast to; shape (1 + Z, V, M).
        announced: the separator behind which each lexicon is used, or `ALWAYS`, shape (Z,).
    """

    ids: Tensor
    weights: Tensor
    announced: Tensor

    def __init__(self, entries: int):
        super().__init__()
        self.register_buffer("ids", torch.zeros(1, entries, 0, dtype=torch.long))
        self.register_buffer("weights", torch.zeros(1, entries, 0))
        self.register_buffer("announced", torch.zeros(0, dtype=torch.long))

    @property
    def empty(self) -> bool:
        """Whether there are no lexicons yet."""
        return self.ids.size(2) == 0

    def fill(self, lexicons: Sequence[tuple[Tensor, Tensor]], announced: Sequence[int]) -> None:
        """Take in lexicons.

        Args:
            lexicons: of each target language candidates and weights, both (V, M_z).
            announced: see the attribute.
        """
        entries = self.ids.size(1)
        width = max(ids.size(1) for ids, _ in lexicons)
        self.ids = torch.arange(entries).view(1, -1, 1).repeat(1 + len(lexicons), 1, width)
        self.weights = torch.zeros(self.ids.shape)
        self.weights[:, :, 0] = 1.0
        for number, (ids, weights) in enumerate(lexicons, start=1):
            self.ids[number, :, : ids.size(1)] = ids
            self.weights[number] = 0.0
            self.weights[number, :, : ids.size(1)] = weights
        self.announced = torch.tensor(announced)

    def forward(self, prev_output_tokens: Tensor) -> Translations:
        """Say which table each target token uses, by what stands before it, (B, T_tgt).

        Raises:
            ConfigError: there are no lexicons.
        """
        if self.empty:
            raise ConfigError(
                "--translated-copying: needs a lexicon of each target language, but none is given;"
                " add --lexicon FILE, made with mclas lexicon"
            )
        number = torch.zeros_like(prev_output_tokens)
        for table, symbol in enumerate(self.announced.tolist(), start=1):
            if symbol == ALWAYS:
                number.fill_(table)
            else:
                number[prev_output_tokens.eq(symbol).cumsum(1).gt(0)] = table
        return Translations(self.ids, self.weights, number)

    def _apply(self, fn: Any, recurse: bool = True) -> "TranslationTable":
        weights = self.weights
        super()._apply(fn, recurse)
        self.weights = weights.to(self.ids.device)
        return self

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        """Take what the checkpoint has, of whatever size, once it was checked."""
        names = ("ids", "weights", "announced")
        if all(prefix + name in state_dict for name in names):
            ids, weights, announced = (state_dict[prefix + name] for name in names)
            self._check(ids, weights, announced)
            self.ids = torch.empty_like(ids, device=self.ids.device)
            self.weights = torch.empty_like(weights, dtype=torch.float, device=self.ids.device)
            self.announced = torch.empty_like(announced, device=self.ids.device)
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _check(self, ids: Tensor, weights: Tensor, announced: Tensor) -> None:
        entries = self.ids.size(1)
        right = (
            ids.dim() == 3
            and ids.shape == weights.shape
            and ids.shape[:2] == (1 + announced.numel(), entries)
            and announced.dim() == 1
            and ids.dtype == announced.dtype == torch.long
            and weights.is_floating_point()
            and (ids.numel() == 0 or 0 <= int(ids.min()) <= int(ids.max()) < entries)
            and bool(torch.isfinite(weights).all() and weights.ge(0).all())
        )
        if not right:
            raise CheckpointError(
                f"checkpoint: its lexicons must be tables over {entries:,} dictionary entries, with"
                f" weights of 0 or more, but are not (shapes {tuple(ids.shape)},"
                f" {tuple(weights.shape)}); give one that fairseq-train wrote"
            )


def with_own_lexicons(own: Mapping[str, Tensor], found: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's weights, with a model's own lexicons where the checkpoint has none.

    So a model that translates starts from one that copies or does neither.
    """
    kept = {name: value for name, value in own.items() if is_lexicon(name)}
    return dict(found) if any(map(is_lexicon, found)) else {**found, **kept}


def is_lexicon(name: str) -> bool:
    """Tell whether a weight is a part of a `TranslationTable`, by its name."""
    return ".translations." in name
