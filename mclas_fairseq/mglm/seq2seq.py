"""Task `glm_seq2seq`: a pretrained mGLM writes behind prompts.

Sun et al. (mGLM), sections 3 and 4: fine-tuned with the prompts of few pairs of languages, the
model is asked for others. A prompt says what is written and in which language, so that a checkpoint
can be asked for any language that has a template; that it learned the language's summaries is not
required (zero-shot target), nor that it read documents in the language that it is given (zero-shot
source).
"""

# fairseq reads the field types when it builds the command line: no postponed annotations, and
# `Optional` for `X | None`.
import logging
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from fairseq.dataclass import ChoiceEnum
from fairseq.tasks import register_task

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.setting import Setting
from mclas_fairseq.data.target_languages import TargetLanguages, parse_languages
from mclas_fairseq.data.task_state import TaskState
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.mglm.prompted_examples import (
    TRANSLATION,
    PromptDataBin,
    PromptedSetting,
    Prompting,
)
from mclas_fairseq.mglm.templates import Template, load_templates
from mclas_fairseq.summarization.options import CrossLingualSummarizationConfig
from mclas_fairseq.summarization.state import setting_of
from mclas_fairseq.summarization.targets import several_targets
from mclas_fairseq.summarization.task import CrossLingualSummarizationTask

logger = logging.getLogger(__name__)

# Of a checkpoint's task state, beside what `cross_lingual_summarization` keeps.
PROMPTS, SOURCES = "prompts", "prompt_sources"


@dataclass
class GlmSeq2SeqConfig(CrossLingualSummarizationConfig):
    """Options of the task: those of `cross_lingual_summarization`, and prompts."""

    target_layout: ChoiceEnum([Layout.NCLS.value]) = field(  # type: ignore[valid-type]
        default=Layout.NCLS.value,
        metadata={
            "help": "what the decoder writes: one text, in the language of its prompt (ncls)"
        },
    )
    source_langs: Optional[str] = field(
        default=None,
        metadata={
            "help": "train on documents in several languages, as in en,de: the translations of the "
            "records' documents are documents, too"
        },
    )
    template: str = field(
        default="summary",
        metadata={
            "help": "kind of prompt: summary, translation (the document in the target language is "
            "written), title, or one of --templates"
        },
    )
    templates: Optional[str] = field(
        default=None,
        metadata={
            "help": "file with templates of your own (TOML), in place of those that come with us"
        },
    )


@register_task("glm_seq2seq", dataclass=GlmSeq2SeqConfig)
class GlmSeq2SeqTask(CrossLingualSummarizationTask):
    """Documents with prompts, and what is written behind them.

    Attributes:
        source_langs: languages of the documents that are loaded.
        learned: by language that the model was trained to write, the text of its template; empty
            until a checkpoint is loaded.
        learned_sources: languages of the documents that it was trained on; likewise.
    """

    prepared_by = "mclas prepare --like"
    kind = PromptDataBin

    def __init__(self, cfg: GlmSeq2SeqConfig, data_bin: DataBin):
        self.source_langs: tuple[str, ...] = ()  # `choose_languages` sets it, when super() asks
        self.learned: dict[str, str] = {}
        self.learned_sources: tuple[str, ...] = ()
        super().__init__(cfg, data_bin)

    # -- languages and prompts ------------------------------------------------------------------

    def choose_languages(self, cfg: Any, data_bin: DataBin) -> tuple[str, TargetLanguages]:
        """Source languages and target languages: those asked for.

        Raises:
            ConfigError: flags contradict one another.
        """
        for one, several in (("source_lang", "source_langs"), ("target_lang", "target_langs")):
            if getattr(cfg, one) and getattr(cfg, several):
                flags = [f"--{name.replace('_', '-')}" for name in (one, several)]
                raise ConfigError(f"{' and '.join(flags)}: both say the same; give one of them")
        manifest = data_bin.manifest
        asked = parse_languages(cfg.source_langs) or (cfg.source_lang or manifest.source_lang,)
        self.source_langs = asked
        if cfg.target_lang:
            targets: tuple[str, ...] = (cfg.target_lang,)
        else:
            targets = parse_languages(cfg.target_langs) or manifest.target_langs
        return asked[0], several_targets(data_bin, targets)

    def template(self, language: str) -> Template:
        """The template for a language: the one that it was trained with, else that of the flags."""
        if language in self.learned:
            return Template(f"{self.cfg.template}.{language}", self.learned[language])
        path = None if self.cfg.templates is None else Path(self.cfg.templates)
        return load_templates(self.cfg.template, path).of(language)

    def _setting(self, layout: Layout) -> PromptedSetting:
        return PromptedSetting(
            self.data_bin,
            layout,
            self.source_lang,
            self.targets,
            self.max_source_positions,
            self.max_target_positions,
            prompting=Prompting(
                source_langs=self.source_langs,
                templates={code: self.template(code) for code in self.targets.trained},
                translates=self.cfg.template == TRANSLATION,
            ),
        )

    def read_from(self, languages: Sequence[str]) -> None:
        """Choose the languages of the documents that are loaded."""
        self.source_langs, self.source_lang = tuple(languages), languages[0]

    def write_targets(self, languages: Optional[Sequence[str]]) -> None:
        """Choose what is written; None: what the model was trained to write."""
        if isinstance(languages, str):
            languages = parse_languages(languages)
        self._ask(tuple(languages or self.learned or self.targets.trained))

    def _ask(self, languages: tuple[str, ...]) -> None:
        new = [language for language in languages if language not in self.learned]
        if self.learned and new:
            logger.warning(
                "the checkpoint was trained to write %s, not %s: whether a prompt alone brings it"
                " about is uncertain (look at the share of outputs in the right language)",
                *(", ".join(self.learned), ", ".join(new)),
            )
        self.targets = several_targets(self.data_bin, languages)

    # -- what travels with a checkpoint ---------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """What `cross_lingual_summarization` keeps, and the templates."""
        trained = self.learned or {
            language: self.template(language).text for language in self.targets.trained
        }
        sources = self.learned_sources or self.source_langs
        return {**super().state_dict(), PROMPTS: dict(trained), SOURCES: list(sources)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what the checkpoint was trained with, but for the languages of a call.

        Documents in other languages than those of the training may be read, and other languages
        written: the flags say which.
        """
        asked_sources, asked = self.source_langs, self.cfg.target_langs or self.cfg.target_lang
        super().load_state_dict(state_dict)
        if self.cfg.source_lang or self.cfg.source_langs:
            self.read_from(asked_sources)
        if asked:
            self._ask(parse_languages(asked) or tuple(self.learned))

    def setting_in(self, state: TaskState) -> Setting:
        """What a checkpoint was trained with; what is asked of it is looked at afterwards."""
        nothing_asked = Namespace(target_lang=None, target_langs=None)
        return setting_of(state, self.data_bin, nothing_asked)

    def take_over(self, setting: Setting) -> None:
        """Make a checkpoint's setting the task's own."""
        super().take_over(setting)
        self.read_from((setting.source_lang,))

    def check_origin(self, state_dict: Mapping[str, Any]) -> None:
        """Check by what a checkpoint keeps that it is of this task, and read its templates.

        Raises:
            CheckpointError: it is of another, or they are not as they must be.
        """
        prompts = state_dict.get(PROMPTS)
        if not isinstance(prompts, Mapping):
            raise CheckpointError(
                "checkpoint: it must carry the prompts that it was trained with, it has none; was"
                " it trained with --task glm_seq2seq?"
            )
        try:
            found = {
                str(code): Template(f"of the checkpoint for {code}", str(text)).text
                for code, text in prompts.items()
            }
        except ConfigError as error:
            raise CheckpointError(f"checkpoint: {error}; get it again from its maker") from error
        if self.learned and found != self.learned:
            raise CheckpointError(
                f"ensemble: its checkpoints must have the same prompts, found those for"
                f" {', '.join(self.learned)} and others for {', '.join(found)}; decode them one by"
                " one"
            )
        self.learned = found
        # A bundle says one language only.
        sources = state_dict.get(SOURCES) or [state_dict["source_lang"]]
        self.learned_sources = tuple(str(code) for code in sources)
