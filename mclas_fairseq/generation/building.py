"""From fairseq's generation options and vocabularies to a search, or a scorer of targets."""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Optional, cast

import torch
from fairseq import utils
from torch import Tensor, nn

from mclas_fairseq.data.indexed_dictionary import special_indices
from mclas_fairseq.generation.forced_scoring import score_hypotheses
from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.generation.grammar import PlanContent, SummaryGrammar, build_grammar
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.generation.word_limit import ShortensSummaries


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
            # () or B -> B: what each row is given
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
    options: DecodingOptions,
    text: Optional[ShortensSummaries] = None,
    extra_kwargs: Mapping[str, Any],
) -> SummaryGenerator | ReferenceScorer:
    """Build the restricted search that fairseq's generation options describe.

    Args:
        base_build: `FairseqTask.build_generator`, which reads beam, sampling and the like.
        models: the ensemble.
        args: fairseq's generation options, those that `options` does not hold.
        dictionary: the fairseq dictionary.
        plans: how a hypothesis in each target language is written, by its number.
        options: how to search; lengths are those of each summary.
        text: what knows the words of a hypothesis; for a limit of words.
        extra_kwargs: what fairseq adds for its generators.

    Raises:
        ConfigError: an option that the search cannot follow.
    """
    scores_references = bool(getattr(args, "score_reference", False))
    # A target longer than the limits of decoding is still to be scored.
    longest = _longest(models) if scores_references else None
    grammar = summary_grammar(dictionary, plans, options, unlimited=longest)
    kwargs: dict[str, Any] = {
        **extra_kwargs,
        "grammar": grammar,
        "options": options,
        "text": text,
    }
    if scores_references:
        generator = SummaryGenerator(
            list(models),
            dictionary,
            normalize_scores=not getattr(args, "unnormalized", False),
            len_penalty=options.lenpen,
            **kwargs,
        )
        return ReferenceScorer(generator)
    args = Namespace(**{**_values(args), **options.values()})
    return base_build(models, args, seq_gen_cls=SummaryGenerator, extra_gen_cls_kwargs=kwargs)


def summary_grammar(
    dictionary: Any,
    plans: Sequence[PlanContent],
    options: DecodingOptions,
    *,
    unlimited: Optional[int] = None,
) -> SummaryGrammar:
    """The grammar of hypotheses that the options of search describe.

    Args:
        dictionary: the fairseq dictionary.
        plans: how a hypothesis in each target language is written, by its number.
        options: vocabularies, and lengths of each summary.
        unlimited: instead of those lengths, any up to so many tokens.
    """
    return build_grammar(
        dictionary,
        plans[0].vocabularies,
        separator=plans[0].separator,
        start=plans[0].start,
        further=plans[1:],
        never=special_indices(dictionary).union(_separators(dictionary)),
        **_lengths(options, unlimited),
        restrict_vocab=options.restrict_vocab,
    )


def _separators(dictionary: Any) -> list[int]:
    """Ids of the separators of target languages: they are content of no summary."""
    symbols = enumerate(dictionary.symbols)
    return [number for number, symbol in symbols if symbol.startswith("[LSEP:")]


def _longest(models: Sequence[nn.Module]) -> int:
    return min(int(cast(Any, model).max_decoder_positions()) for model in models)


def _values(args: Any) -> Mapping[str, Any]:
    return args if isinstance(args, Mapping) else vars(args)


def _lengths(options: DecodingOptions, unlimited: Optional[int]) -> dict[str, Any]:
    if unlimited is not None:
        return {"min_len": 0, "max_len_a": 0.0, "max_len_b": unlimited}
    names = ("min_len", "max_len_a", "max_len_b")
    return {name: getattr(options, name) for name in names}
