"""Beam search for summaries: fairseq's, under a grammar.

fairseq's `SequenceGenerator` does the search; this class gives it the restricted models, an n-gram
blocker that blocks, limits of its own that never cut a hypothesis before the grammar ends it, and
ranks what it finds by a named length penalty. A task builds it by
`build_generator(..., seq_gen_cls=SummaryGenerator, extra_gen_cls_kwargs={"grammar": ...})`.
"""

import copy
import logging
from typing import Any, Optional, Union

import torch
from fairseq.search import BeamSearch, DiverseSiblingsSearch, Sampling
from fairseq.sequence_generator import SequenceGenerator
from torch import Tensor, nn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.grammar import SummaryGrammar
from mclas_fairseq.generation.length_penalty import LengthPenalty
from mclas_fairseq.generation.ngram_blocking import NGramBlocker
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.generation.repetition_penalty import RepetitionPenalty
from mclas_fairseq.generation.restricted_ensemble import PLANS, RestrictedEnsemble
from mclas_fairseq.generation.search_call import (
    ALL_SHORTCUTS,
    ColumnSearch,
    SearchCall,
    Shortcuts,
    can_compact,
    choose_lists,
    documents_can_be_kept_once,
)
from mclas_fairseq.generation.sliced_projection import SlicedProjection
from mclas_fairseq.generation.step_rules import StepRule, StepRules
from mclas_fairseq.generation.watching import WATCH, WatchedSearch
from mclas_fairseq.generation.word_limit import ShortensSummaries, WordLimit

logger = logging.getLogger(__name__)

Hypothesis = dict[str, Tensor]

_SEARCHES = (BeamSearch, DiverseSiblingsSearch, Sampling)
_DEFAULTS = DecodingOptions()


class SummaryGenerator(SequenceGenerator):
    """Generates hypotheses of a `SummaryGrammar`; every document gets at least one.

    The positional arguments and their names are those that `FairseqTask.build_generator` passes.
    Lengths come from the grammar, which the task made from the same flags: `max_len_a`,
    `max_len_b` and `min_len` are taken and left. `unk_penalty` has no effect, as UNK is never
    generated.

    Args:
        grammar: which sequences are hypotheses.
        options: those of them that are not among fairseq's arguments.
        text: what knows the words of a hypothesis; for a limit of words.
        bos: first decoder input; the dictionary's BOS when None.
        shortcuts: work to leave out that cannot change a hypothesis; all by default.

    Raises:
        ConfigError: an option of fairseq's that restricted search cannot follow, or lengths that
            the decoder's positions cannot hold.
    """

    def __init__(
        self,
        models: list[nn.Module],
        tgt_dict: Any,
        beam_size: int = 1,
        max_len_a: float = 0,
        max_len_b: int = 200,
        min_len: int = 1,
        normalize_scores: bool = True,
        len_penalty: float = 1.0,
        unk_penalty: float = 0.0,
        temperature: float = 1.0,
        match_source_len: bool = False,
        no_repeat_ngram_size: int = 0,
        search_strategy: Optional[nn.Module] = None,
        symbols_to_strip_from_output: Optional[set[int]] = None,
        lm_model: Optional[nn.Module] = None,
        lm_weight: float = 1.0,
        *,
        grammar: SummaryGrammar,
        options: DecodingOptions = _DEFAULTS,
        text: Optional[ShortensSummaries] = None,
        bos: Optional[int] = None,
        shortcuts: Shortcuts = ALL_SHORTCUTS,
    ):
        _refuse_what_breaks_the_grammar(lm_model, match_source_len, search_strategy)
        ensemble = RestrictedEnsemble(models, grammar, tgt_dict.pad())
        _check_positions(grammar, ensemble.max_positions)
        # Separators and EOS apart, a hypothesis holds `summaries` times the limit of its row. The
        # batch's width, from which fairseq computes its limit, is no less than the row's length.
        most = max(grammar.max_len_b, grammar.floor)
        super().__init__(
            ensemble,
            tgt_dict,
            beam_size=beam_size,
            max_len_a=grammar.summaries * grammar.max_len_a,
            max_len_b=grammar.summaries * most + grammar.summaries - 1,
            min_len=1,
            normalize_scores=False,  # `_generate` applies the length penalty
            temperature=temperature,
            no_repeat_ngram_size=0,  # fairseq's blocker is not wanted
            search_strategy=search_strategy,
            eos=grammar.eos,
            symbols_to_strip_from_output=symbols_to_strip_from_output,
        )
        self.lists = choose_lists(ensemble, eos=grammar.eos) if shortcuts.allowed_only else None
        self.documents_once = shortcuts.documents_once and documents_can_be_kept_once(ensemble)
        # A document that has fewer hypotheses than the beam is wide never collects `beam` of
        # them; search then ends at fairseq's limit instead of asserting that it did.
        self.search.stop_on_max_len = True
        self.bos: int = tgt_dict.bos() if bos is None else bos
        alpha = len_penalty if normalize_scores else 0
        self.length_penalty = LengthPenalty(options.length_penalty, alpha)
        self._set_rules(grammar, options, no_repeat_ngram_size)
        assert text is not None or not options.max_words
        self.limit = WordLimit(text, options.max_words) if text and options.max_words else None

    def _set_rules(self, grammar: SummaryGrammar, options: DecodingOptions, size: int) -> None:
        """Penalise repeated tokens and block n-grams of `size`, where that is asked for."""
        marks = (grammar.eos, *grammar.separators)
        self.repetition = RepetitionPenalty(options.repetition_penalty, self.pad, marks)
        rules: list[StepRule] = [self.repetition] if options.repetition_penalty != 1 else []
        if size > 0:
            choices = (int(mask.sum()) for plan in grammar.plans for mask in plan.allowed)
            scope = options.ngram_block_scope
            rules.append(NGramBlocker(size, self.pad, marks, min(choices), scope))
        # fairseq calls its blocker at each step, with all that rules of ours need.
        self.repeat_ngram_blocker = StepRules(rules) if rules else None

    def _generate(
        self,
        sample: dict[str, Any],
        prefix_tokens: Optional[Tensor] = None,
        constraints: Optional[Tensor] = None,
        bos_token: Optional[int] = None,
    ) -> list[list[Hypothesis]]:
        """Search; see fairseq's method of this name.

        Where batches have `target_lang`, numbers of plans of the grammar (B,), each document is
        searched by its own plan.

        Returns:
            For each document (B) its hypotheses, best first: `tokens` (T_tgt,) with EOS,
            `positional_scores` (T_tgt,) and `score`, the penalised sum of them, in nats. Where the
            decoder starts from a symbol of the target language, `tokens` begin with it; it was
            given, so its score is 0.
        """
        sample = with_plans(sample)
        starts = self.starts(sample["net_input"].get(PLANS))
        given: Any = starts if bos_token is None else bos_token
        if isinstance(given, Tensor):
            # B -> B * beam: a document's hypotheses stand together
            given = given.repeat_interleave(self.beam_size)
        call = self._for_one_call(prefixed=prefix_tokens is not None)
        if WATCH in sample:
            watched = WatchedSearch(call.search, sample[WATCH])
            del call.search  # a module's place; what looks on is none
            call.search = watched
        found: list[list[Hypothesis]] = SequenceGenerator._generate(
            call, sample, prefix_tokens, constraints, bos_token=given
        )
        ranked = [self._rank(hypotheses, prefix_tokens is not None) for hypotheses in found]
        if self.model.grammar.start is not None:
            ids = starts if isinstance(starts, Tensor) else torch.full((len(ranked),), starts)
            for start, hypotheses in zip(ids, ranked, strict=True):
                for hypothesis in hypotheses:
                    _put_first(hypothesis, start)
        if self.limit is not None:
            for hypotheses in ranked:
                for hypothesis in hypotheses:
                    self.limit(hypothesis)
        return ranked

    def _for_one_call(self, *, prefixed: bool) -> Any:
        """A copy of this generator that holds what is gathered for one call, and ends with it."""
        call: Any = copy.copy(self)
        call._modules = {k: v for k, v in self._modules.items() if k not in ("model", "search")}
        call.search, projection = self.search, None
        if self.lists is not None:
            compact = not prefixed and can_compact(self.lists, self.search, self.beam_size)
            layer = self.model.single_model.decoder.output_projection
            projection = SlicedProjection(layer, self.lists, compact=compact)
            if compact:
                call.vocab_size = self.lists.width
                call.search = ColumnSearch(self.tgt_dict, projection)
                call.search.stop_on_max_len = True
                if self.repeat_ngram_blocker is not None:
                    call.repeat_ngram_blocker = self.repeat_ngram_blocker.by_column(projection)
        call.model = SearchCall(self.model, self.beam_size, projection, self.documents_once)
        return call

    def starts(self, plans: Optional[Tensor]) -> Union[int, Tensor]:
        """What the decoder reads first: one id for all rows, or those of their plans, (N,)."""
        starts: Union[int, Tensor] = self.model.grammar.starts(self.bos, plans)
        return starts

    def _rank(self, hypotheses: list[Hypothesis], prefixed: bool) -> list[Hypothesis]:
        if not hypotheses:
            # Search alone always finds one: each hypothesis has a next token until it ends.
            assert prefixed, "search found no hypothesis"
            raise ConfigError(
                "prefix tokens: they must be the beginning of a hypothesis, a document's are not "
                "(tokens outside the summary's vocabulary, or a wrong number of separators); "
                "search without a prefix, or with --restrict-vocab none"
            )
        for hypothesis in hypotheses:
            length = hypothesis["tokens"].numel()
            hypothesis["score"] = self.length_penalty(hypothesis["score"], length)
        return sorted(hypotheses, key=lambda one: float(one["score"]), reverse=True)


def with_plans(sample: dict[str, Any]) -> dict[str, Any]:
    """A batch whose `target_lang` (B,) is put where the encoders' wrapper finds it."""
    if "target_lang" not in sample:
        return sample
    return {**sample, "net_input": {**sample["net_input"], PLANS: sample["target_lang"]}}


def _put_first(hypothesis: Hypothesis, start: Tensor) -> None:
    """Put the given first symbol before a hypothesis, with the score of what is given: 0."""
    tokens, scores = hypothesis["tokens"], hypothesis["positional_scores"]
    # 1 and T_tgt -> 1 + T_tgt, for both
    hypothesis["tokens"] = torch.cat([start.to(tokens).view(1), tokens])
    hypothesis["positional_scores"] = torch.cat([scores.new_zeros(1), scores])


def _refuse_what_breaks_the_grammar(
    lm_model: Optional[nn.Module],
    match_source_len: bool,
    search_strategy: Optional[nn.Module],
) -> None:
    if lm_model is not None:
        raise ConfigError(
            "language model: its scores cannot be added to restricted ones, which are "
            "renormalised over what each summary may hold; search without one"
        )
    if match_source_len:
        raise ConfigError(
            "length of the source: a summary's length cannot be its document's; do not ask to "
            "match it, and set --max-len-a and --max-len-b"
        )
    # fairseq's other searches lose track of finished hypotheses, which then run on past EOS, or
    # force tokens that the grammar excludes.
    if search_strategy is not None and not isinstance(search_strategy, _SEARCHES):
        raise ConfigError(
            "search strategy: restricted decoding works with beam search, sampling and diverse "
            f"siblings, met {type(search_strategy).__name__}; choose one of them (fairseq's groups "
            "of beams and constraints are others)"
        )


def _check_positions(grammar: SummaryGrammar, max_positions: int) -> None:
    longest = grammar.longest_summary(max_positions)
    if longest < grammar.floor:
        raise ConfigError(
            f"--min-len: {grammar.summaries} summaries of that length must fit into the decoder's "
            f"{max_positions} positions, {grammar.min_len} tokens each do not; lower --min-len or "
            "train with a higher --max-target-positions"
        )
    if grammar.max_len_b > longest:
        logger.warning(
            "summaries are limited to %d tokens by the decoder's %d positions, not to "
            "--max-len-b %d",
            longest,
            max_positions,
            grammar.max_len_b,
        )
