"""From a task's setting to what decodes: the restricted search of one decoder, or of two."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from mclas_fairseq.data.layouts import DecoderChoice, Layout
from mclas_fairseq.generation.building import GenerationOptions, build_summary_generator
from mclas_fairseq.generation.two_decoders import TwoDecoderGenerator
from mclas_fairseq.tasks._decoders import decoding_models
from mclas_fairseq.data.setting import Setting
from mclas_fairseq.summarization.targets import plan_contents


def generation_options(cfg: Any) -> GenerationOptions:
    """Options of the search among the task's."""
    return GenerationOptions(
        restrict_vocab=str(cfg.restrict_vocab),
        ngram_block_scope=str(cfg.ngram_block_scope),
        length_penalty=str(cfg.length_penalty),
    )


@dataclass(frozen=True)
class SearchBuilder:
    """Builds the search for a setting.

    Attributes:
        setting: what is written.
        options: the task's own options of the search.
        vocabulary: of a language, the dictionary ids that its summaries may hold.
        base_build: `FairseqTask.build_generator`, which reads beam, sampling and the like.
    """

    setting: Setting
    options: GenerationOptions
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
            args: fairseq's generation options.
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

        def vocabularies(target: str) -> list[list[int]]:
            languages = setting.layout.written(setting.source_lang, target, decoder)
            return [self.vocabulary(language) for language in languages]

        separator = setting.data_bin.separator
        return build_summary_generator(
            self.base_build,
            decoding_models(models, setting.layout, decoder),
            args,
            dictionary=setting.data_bin.dictionary,
            plans=plan_contents(setting.targets, setting.layout, separator, vocabularies),
            options=self.options,
            extra_kwargs={"bos": setting.start(decoder), **extra_kwargs},
        )
