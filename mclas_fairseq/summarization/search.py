"""From a task's setting to what decodes: the restricted search of one decoder, or of two."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from torch import nn

from mclas_fairseq.data.layouts import DecoderChoice, Layout
from mclas_fairseq.data.setting import Setting
from mclas_fairseq.data.target_languages import TargetLanguages
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.building import build_summary_generator, summary_grammar
from mclas_fairseq.generation.grammar import PlanContent, SummaryGrammar
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.generation.two_decoders import TwoDecoderGenerator


@dataclass(frozen=True)
class SearchBuilder:
    """Builds the search for a setting.

    Attributes:
        setting: what is written.
        options: how to search, where the options of a call say nothing.
        vocabulary: of a language, the dictionary ids that its summaries may hold.
        base_build: `FairseqTask.build_generator`, which reads beam, sampling and the like.
    """

    setting: Setting
    options: DecodingOptions
    vocabulary: Callable[[str], list[int]]
    base_build: Callable[..., Any]

    def build(
        self,
        models: Sequence[nn.Module],
        args: Any,
        decoder: DecoderChoice,
        extra_kwargs: Mapping[str, Any],
    ) -> Any:
        """Build the search, or with --score-reference the scorer of given summaries.

        Args:
            models: the ensemble.
            args: fairseq's generation options; it may hold those of the task as well.
            decoder: which decoder writes, where there are two.
            extra_kwargs: what fairseq adds for its generators.

        Raises:
            ConfigError: an option that the search cannot follow.
        """
        if self.setting.layout is Layout.NCLS_MS and decoder is DecoderChoice.BOTH:
            ms, cls = (
                self._build_one(models, args, one, extra_kwargs)
                for one in (DecoderChoice.MS, DecoderChoice.CLS)
            )
            return TwoDecoderGenerator(ms=ms, cls=cls, separator=self.setting.data_bin.separator)
        return self._build_one(models, args, decoder, extra_kwargs)

    def _build_one(
        self,
        models: Sequence[nn.Module],
        args: Any,
        decoder: DecoderChoice,
        extra_kwargs: Mapping[str, Any],
    ) -> Any:
        setting = self.setting
        return build_summary_generator(
            self.base_build,
            decoding_models(models, setting.layout, decoder),
            args,
            dictionary=setting.data_bin.dictionary,
            plans=self._plans(decoder),
            options=DecodingOptions.of(args, self.options),
            text=setting.text(setting.written(decoder)),
            extra_kwargs={"bos": setting.start(decoder), **extra_kwargs},
        )

    def grammar(self, decoder: DecoderChoice) -> SummaryGrammar:
        """Which sequences are hypotheses of one decoder.

        Raises:
            ConfigError: no summary can keep to the lengths, or has a token to hold.
        """
        return summary_grammar(self.setting.data_bin.dictionary, self._plans(decoder), self.options)

    def _plans(self, decoder: DecoderChoice) -> list[PlanContent]:
        setting = self.setting

        def vocabularies(target: str) -> list[list[int]]:
            languages = setting.layout.written(setting.source_lang, target, decoder)
            return [self.vocabulary(language) for language in languages]

        return plan_contents(setting.targets, setting.layout, vocabularies)


def plan_contents(
    targets: TargetLanguages,
    layout: Layout,
    vocabularies: Callable[[str], Sequence[Sequence[int]]],
) -> list[PlanContent]:
    """How a hypothesis in each trained target language is written, by number.

    Args:
        targets: the languages.
        layout: with several of them, mclas or ncls.
        vocabularies: of a target language, what each summary of a hypothesis may hold.
    """
    opens = targets.opens(layout)
    plans = []
    for language in targets.trained:
        symbol = targets.symbols[language]
        plans.append(PlanContent(vocabularies(language), symbol, symbol if opens else None))
    return plans


def check_decoder(layout: Layout, decoder: DecoderChoice) -> None:
    """Refuse a choice where there is none.

    Raises:
        ConfigError: the model has one decoder, and not the default was asked for.
    """
    if layout is not Layout.NCLS_MS and decoder is not DecoderChoice.CLS:
        raise ConfigError(
            f"--summary-decoder {decoder}: only models of layout ncls_ms have two decoders to "
            f"choose from, this one is of layout {layout}; leave it out"
        )


def decoding_models(
    models: Sequence[nn.Module], layout: Layout, decoder: DecoderChoice
) -> list[nn.Module]:
    """The models as decoding sees them: each with the one decoder that writes."""
    if layout is not Layout.NCLS_MS:
        return list(models)
    return [cast(Any, model).one_decoder(decoder.value) for model in models]
