"""Bilingual lexicons as a table of a model: what the tokens of a document offer to be copied.

Zhu, Zhou, Zhang and Zong (2020), "Attend, Translate and Summarize: An Efficient Method for Neural
Cross-Lingual Summarization" (ACL 2020, pp. 1309-1321), section 3: in the place of a source token
its translations are copied, each with its probability. Copying is the special case in which a token
offers itself, and stands as table 0 before the tables of the target languages.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Optional

import torch
from fairseq.incremental_decoding_utils import FairseqIncrementalState
from torch import Tensor, nn

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.modules.candidate_attention import CandidateAttention

ALWAYS = -1  # in the place of a separator: a table that is in use from the first token on
BUFFERS = ("ids", "weights", "announced", "pairs")
_OFFERS = "offers"  # what search keeps


class Translations(NamedTuple):
    """What source tokens offer in R cases (a document with a table), and the case of each target.

    The probability with which a target token w is copied is the sum over source positions i and
    candidates m with `ids[number, i, m] == w` of the attention to i times `weights[number, i, m]`.

    Attributes:
        ids: candidates of each source token, shape (R, T_src, M).
        weights: their weights in fp32; those of a token sum to 1, shape (R, T_src, M).
        number: the case of each target token, shape (B, T_tgt), or (n,).
    """

    ids: Tensor
    weights: Tensor
    number: Tensor


class Documents(NamedTuple):
    """What tables look at of B documents.

    Attributes:
        tokens: ids, shape (B, T_src).
        states: of the encoder, shape (T_src, B, C_enc).
        embeddings: of the dictionary's entries on the decoder's side, shape (V, C).
    """

    tokens: Tensor
    states: Tensor
    embeddings: Tensor


class TranslationTable(FairseqIncrementalState, nn.Module):
    """Z lexicons over one dictionary, as buffers: they travel with the weights.

    Args:
        entries: size V of the dictionary.
        attention: gives candidates their weights by the document (adaptive); None: those of the
            table are their weights.

    Attributes:
        ids: candidates, shape (1 + Z, V, M); without any, M is 0 until weights are loaded.
        weights: their weights in fp32, whatever the model is cast to; shape (1 + Z, V, M).
        announced: the separator behind which each lexicon is used, or `ALWAYS`, shape (Z,).
        untranslated: id of a token; documents that have it are copied as they are.
        pairs: names of the lexicons, as in "en>it,en>fr", as UTF-8, uint8.
        expected: names and separators that the training needs; None: none.
    """

    keeps_documents = True  # what search keeps has a row for each document (`sentence_rows.py`)
    ids: Tensor
    weights: Tensor
    announced: Tensor
    pairs: Tensor

    def __init__(self, entries: int, attention: Optional[CandidateAttention] = None):
        super().__init__()
        self.register_buffer("ids", torch.zeros(1, entries, 0, dtype=torch.long))
        self.register_buffer("weights", torch.zeros(1, entries, 0))
        self.register_buffer("announced", torch.zeros(0, dtype=torch.long))
        self.register_buffer("pairs", torch.zeros(0, dtype=torch.uint8))
        self.attention = attention
        self.untranslated: Optional[int] = None
        self.expected: Optional[tuple[Tensor, Tensor]] = None

    @property
    def empty(self) -> bool:
        """Whether there are no lexicons yet."""
        return self.ids.size(2) == 0

    def expect(self, pairs: Sequence[str], announced: Sequence[int]) -> None:
        """Say which lexicons the training needs; see the attributes."""
        self.expected = _as_text(pairs), torch.tensor(announced)

    def fill(
        self,
        lexicons: Sequence[tuple[Tensor, Tensor]],
        pairs: Sequence[str],
        announced: Sequence[int],
    ) -> None:
        """Take in lexicons.

        Args:
            lexicons: of each target language candidates and weights, both (V, M_z).
            pairs: their names, as "en>it".
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
        self.pairs = _as_text(pairs)

    def numbers(self, prev_output_tokens: Tensor, src_tokens: Tensor) -> Tensor:
        """Table that each target token uses, 0 copies: by what stands before it, and by document.

        Args:
            prev_output_tokens: what the decoder reads, shape (N, T_tgt).
            src_tokens: the documents, shape (B, T_src); N / B rows in a row belong to each.
        """
        number = torch.zeros_like(prev_output_tokens)
        for table, symbol in enumerate(self.announced.tolist(), start=1):
            if symbol == ALWAYS:
                number.fill_(table)
            else:
                number[prev_output_tokens.eq(symbol).cumsum(1).gt(0)] = table
        if self.untranslated is not None:
            as_it_is = src_tokens.eq(self.untranslated).any(1)
            number[as_it_is.repeat_interleave(len(number) // len(src_tokens))] = 0
        return number

    def forward(
        self,
        prev_output_tokens: Tensor,
        documents: Documents,
        positions: int,
        incremental_state: Optional[dict[str, dict[str, Optional[Tensor]]]] = None,
    ) -> Translations:
        """Say what is offered to the last target tokens.

        Args:
            prev_output_tokens: what the decoder reads, shape (N, T_tgt); N is a multiple of B.
            documents: B of them.
            positions: how many target tokens, from the last one backwards.
            incremental_state: what search keeps: the offers, once for all its steps.

        Raises:
            ConfigError: there are no lexicons, or in training other ones than it needs.
        """
        self._check_there()
        tokens, tables = documents.tokens, len(self.ids)
        number = self.numbers(prev_output_tokens, tokens)[:, -positions:]
        row = torch.arange(len(tokens), device=number.device)
        row = row.repeat_interleave(len(number) // len(tokens)).unsqueeze(1)
        case = row * tables + number
        if incremental_state is None:
            cases, case = case.unique(return_inverse=True)
            return Translations(*self._offers(cases, documents), case)
        keeper: Any = self  # torch types what fairseq's class has as tensors or modules
        kept = keeper.get_incremental_state(incremental_state, _OFFERS)
        if kept is None:
            every = torch.arange(len(tokens) * tables, device=number.device)
            found = self._offers(every, documents)
            kept = {
                name: value.unflatten(0, (-1, tables))
                for name, value in zip(("ids", "weights"), found, strict=True)
            }
            keeper.set_incremental_state(incremental_state, _OFFERS, kept)
        return Translations(kept["ids"].flatten(0, 1), kept["weights"].flatten(0, 1), case)

    def reorder_incremental_state(
        self, incremental_state: dict[str, dict[str, Optional[Tensor]]], new_order: Tensor
    ) -> None:
        """Choose and repeat documents (B,) of what search keeps."""
        keeper: Any = self
        kept = keeper.get_incremental_state(incremental_state, _OFFERS)
        if kept is not None:
            moved = {name: value.index_select(0, new_order) for name, value in kept.items()}
            keeper.set_incremental_state(incremental_state, _OFFERS, moved)

    def _offers(self, cases: Tensor, documents: Documents) -> tuple[Tensor, Tensor]:
        """Candidates and weights (R, T_src, M) of cases (R,).

        A case's number is that of its document times 1 + Z, and that of its table.
        """
        rows, tables = cases.div(len(self.ids), rounding_mode="floor"), cases % len(self.ids)
        chosen = tables.unsqueeze(1), documents.tokens[rows]
        ids, weights = self.ids[chosen], self.weights[chosen]
        if self.attention is None:
            return ids, weights
        # Who has one candidate alone has nothing to choose.
        case, place = weights.gt(0).sum(2).gt(1).nonzero(as_tuple=True)
        states = documents.states[place, rows[case]]
        there = weights[case, place].gt(0)
        found = self.attention(states, ids[case, place], there, documents.embeddings)
        return ids, weights.index_put((case, place), found)

    def _check_there(self) -> None:
        if self.empty:
            raise ConfigError(
                "--translated-copying: needs a lexicon of each target language, but none is given;"
                " add --lexicon FILE, made with mclas lexicon"
            )
        if not self.training or self.expected is None:
            return
        pairs, announced = self.expected
        same = torch.equal(pairs, self.pairs.cpu())
        if not (same and torch.equal(announced, self.announced.cpu())):
            raise ConfigError(
                f"--translated-copying: the training needs lexicons for {_shown(pairs)} and its"
                f" layout, but those that the checkpoint brings are for {_shown(self.pairs)} or"
                " another layout; add --lexicon FILE, which takes their place"
            )

    def _apply(self, fn: Any, recurse: bool = True) -> "TranslationTable":
        weights = self.weights
        super()._apply(fn, recurse)
        self.weights = weights.to(self.ids.device)
        return self

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any) -> None:
        """Take what the checkpoint has, of whatever size, once it was checked."""
        if all(prefix + name in state_dict for name in BUFFERS):
            found = {name: state_dict[prefix + name] for name in BUFFERS}
            self._check(**found)
            for name, value in found.items():
                kind = torch.float if name == "weights" else value.dtype
                setattr(self, name, torch.empty_like(value, dtype=kind, device=self.ids.device))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def _check(self, ids: Tensor, weights: Tensor, announced: Tensor, pairs: Tensor) -> None:
        entries = self.ids.size(1)
        right = (
            ids.dim() == 3
            and ids.shape == weights.shape
            and ids.shape[:2] == (1 + announced.numel(), entries)
            and announced.dim() == pairs.dim() == 1
            and ids.dtype == announced.dtype == torch.long
            and pairs.dtype == torch.uint8
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


def _as_text(pairs: Sequence[str]) -> Tensor:
    return torch.tensor(list(",".join(pairs).encode()), dtype=torch.uint8)


def _shown(pairs: Tensor) -> str:
    text = bytes(pairs.tolist()).decode(errors="replace")
    return text.replace(">", " to ").replace(",", ", ") or "none"
