"""From fairseq's generation options and vocabularies to a search, or a scorer of targets."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional, cast

import torch
from fairseq import utils
from torch import Tensor, nn

from mclas_fairseq.data.indexed_dictionary import special_indices
from mclas_fairseq.generation.forced_scoring import score_hypotheses
from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.generation.grammar import PlanContent, build_grammar


@dataclass(frozen=True)
class GenerationOptions:
    """Options of the search that are the task's, not fairseq's.

    Attributes:
        restrict_vocab: "both", "target" or "none".
        ngram_block_scope: "summary" or "sequence".
        length_penalty: "fairseq" or "gnmt".
    """

    restrict_vocab: str
    ngram_block_scope: str
    length_penalty: str


class ReferenceScorer:
    """What fairseq-generate's --score-reference asks: scores of the targets, under the grammar."""

    def __init__(self, generator: SummaryGenerator):
        self.generator = generator
        # fairseq-generate leaves these out when it prints targets and hypotheses.
        self.symbols_to_strip_from_output = generator.symbols_to_strip_from_output

    def generate(
        self,
        models: Sequence[nn.Module],
        sample: dict[str, Any],
        prefix_tokens: Optional[Tensor] = None,
        constraints: Optional[Tensor] = None,
    ) -> list[list[dict[str, Any]]]:
        """Score the targets of a batch; one "hypothesis" a document, its target (T_tgt,)."""
        pad = self.generator.pad
        targets = [[utils.strip_pad(row, pad)] for row in sample["target"]]
        if self.generator.model.grammar.start is not None:
            starts = torch.as_tensor(self.generator.starts(sample.get("target_lang")))
            first = starts.expand(len(targets))
            targets = [
                [torch.cat([start.to(one).view(1), one])]
                for start, (one,) in zip(first, targets, strict=True)
            ]
        scored = score_hypotheses(self.generator, sample, targets)
        return [
            [
                {
                    "tokens": target[0],
                    "score": scores[0].score,
                    "positional_scores": scores[0].positional_scores,
                    "attention": None,
                    "alignment": None,
                }
            ]
            for target, scores in zip(targets, scored, strict=True)
        ]


def build_summary_generator(
    base_build: Callable[..., SummaryGenerator],
    models: Sequence[nn.Module],
    args: Any,
    *,
    dictionary: Any,
    plans: Sequence[PlanContent],
    options: GenerationOptions,
    extra_kwargs: Mapping[str, Any],
) -> SummaryGenerator | ReferenceScorer:
    """Build the restricted search that fairseq's generation options describe.

    Args:
        base_build: `FairseqTask.build_generator`, which reads beam, sampling and the like.
        models: the ensemble.
        args: fairseq's generation options; lengths are those of each summary.
        dictionary: the fairseq dictionary.
        plans: how a hypothesis in each target language is written, by its number.
        options: the task's own options.
        extra_kwargs: what fairseq adds for its generators.

    Raises:
        ConfigError: an option that the search cannot follow.
    """
    scores_references = bool(getattr(args, "score_reference", False))
    grammar = build_grammar(
        dictionary,
        plans[0].vocabularies,
        separator=plans[0].separator,
        start=plans[0].start,
        further=plans[1:],
        never=special_indices(dictionary).union(_separators(dictionary)),
        # A target longer than the limits of decoding is still to be scored.
        **_lengths(args, unlimited=scores_references, longest=_longest(models)),
        restrict_vocab=options.restrict_vocab,
    )
    kwargs: dict[str, Any] = {
        **extra_kwargs,
        "grammar": grammar,
        "length_penalty": options.length_penalty,
        "ngram_block_scope": options.ngram_block_scope,
    }
    if scores_references:
        generator = SummaryGenerator(
            list(models),
            dictionary,
            normalize_scores=not getattr(args, "unnormalized", False),
            len_penalty=getattr(args, "lenpen", 1.0),
            **kwargs,
        )
        return ReferenceScorer(generator)
    return base_build(models, args, seq_gen_cls=SummaryGenerator, extra_gen_cls_kwargs=kwargs)


def _separators(dictionary: Any) -> list[int]:
    """Ids of the separators of target languages: they are content of no summary."""
    symbols = enumerate(dictionary.symbols)
    return [number for number, symbol in symbols if symbol.startswith("[LSEP:")]


def _longest(models: Sequence[nn.Module]) -> int:
    return min(int(cast(Any, model).max_decoder_positions()) for model in models)


def _lengths(args: Any, *, unlimited: bool, longest: int) -> dict[str, Any]:
    if unlimited:
        return {"min_len": 0, "max_len_a": 0.0, "max_len_b": longest}
    return {
        "min_len": getattr(args, "min_len", 1),
        "max_len_a": getattr(args, "max_len_a", 0.0),
        "max_len_b": getattr(args, "max_len_b", 200),
    }
