"""Task `glm_pretraining`: blank infilling on text of several languages.

Du et al. (2022), GLM, and Sun et al. (mGLM): packed documents lose words, sentences or a large
part, and the model writes what is missing. Languages are drawn as `balancing.py` says.
"""

# fairseq reads the field types when it builds the command line: no postponed annotations, and
# `Optional` for `X | None`.
import logging
from dataclasses import dataclass, field
from typing import Any, Optional

from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from fairseq.tasks import register_task
from omegaconf import II

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.text_sides import open_text, text_languages
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.mglm.balancing import ALPHA, Balance
from mclas_fairseq.mglm.infilling_dataset import (
    FixedInfillingDataset,
    InfillingDataset,
    Making,
)
from mclas_fairseq.mglm.packing import LENGTH, find_sentence_ends
from mclas_fairseq.mglm.shares import MAX_UPSAMPLE, Shares
from mclas_fairseq.mglm.symbols import find_symbols
from mclas_fairseq.summarization.fairseq_side import OneDictionaryTask

logger = logging.getLogger(__name__)

_SHORTEST = 16  # tokens of a sample: below, hardly anything can be taken out


@dataclass
class GlmPretrainingConfig(FairseqDataclass):
    """Options of the task."""

    data: Optional[str] = field(
        default=None, metadata={"help": "data-bin made by mclas prepare-text (a folder)"}
    )
    tokens_per_sample: int = field(
        default=LENGTH, metadata={"help": "longest text of a sample, in tokens"}
    )
    balance: ChoiceEnum([curve.value for curve in Balance]) = field(  # type: ignore[valid-type]
        default=Balance.SEMILOG.value,
        metadata={
            "help": "curve that the sizes of the languages are put on before --alpha: semilog or "
            "loglog (fitted), zipf (of --zipf-slope), none (as they are)"
        },
    )
    zipf_slope: float = field(default=1.0, metadata={"help": "s of r^-s, with --balance zipf"})
    alpha: float = field(
        default=ALPHA,
        metadata={
            "help": "a language is drawn in proportion to its size to this power: 1 by size, 0 all "
            "alike"
        },
    )
    max_upsample: float = field(
        default=MAX_UPSAMPLE,
        metadata={"help": "text of a language comes at most so many times in an epoch"},
    )
    valid_samples: int = field(
        default=20,
        metadata={"help": "validation samples of each language and objective, the same each time"},
    )
    seed: int = II("common.seed")


@register_task("glm_pretraining", dataclass=GlmPretrainingConfig)
class GlmPretrainingTask(OneDictionaryTask):
    """Plain text of a data-bin, with blanks.

    Attributes:
        languages: of the text.
    """

    prepared_by = "mclas prepare-text"

    def __init__(self, cfg: GlmPretrainingConfig, data_bin: DataBin):
        super().__init__(cfg, data_bin)
        self.languages = text_languages(data_bin, "train")
        if not self.languages:
            raise DataError(
                f"data-bin {data_bin.folder}: glm_pretraining needs plain text, it has none; make"
                " it with mclas prepare-text"
            )
        _check(cfg)
        self._making = Making(
            find_symbols(self.dictionary),
            find_sentence_ends(self.dictionary.symbols),
            cfg.tokens_per_sample,
            cfg.seed,
        )

    def max_positions(self) -> int:
        """Longest text of a sample."""
        return int(self.cfg.tokens_per_sample)

    def load_dataset(
        self, split: str, combine: bool = False, task_cfg: Any = None, **kwargs: Any
    ) -> None:
        """Load a split: for training samples of each epoch, else fixed ones of each kind."""
        sides = [open_text(self.data_bin, split, language) for language in self.languages]
        if split != "train":
            self.datasets[split] = FixedInfillingDataset(
                sides, self.cfg.valid_samples, self._making
            )
            return
        sizes = {side.language: side.tokens for side in sides}
        shares = Shares.of(
            sizes,
            Balance(str(self.cfg.balance)),
            alpha=self.cfg.alpha,
            slope=self.cfg.zipf_slope,
            most=self.cfg.max_upsample,
        )
        for line in shares.lines():
            logger.info("%s", line)
        count = max(1, sum(sizes.values()) // self.cfg.tokens_per_sample)
        drawn = [shares.after[language] for language in self.languages]
        self.datasets[split] = InfillingDataset(sides, drawn, count, self._making)

    def get_batch_iterator(self, *args: Any, **kwargs: Any) -> Any:
        """As fairseq's, with new worker processes in each epoch.

        By default fairseq's workers live on, with the data set as it was in the first epoch: they
        would make the same samples in every one.
        """
        iterator = super().get_batch_iterator(*args, **kwargs)
        iterator.reuse_dataloader = iterator.persistent_workers = False
        return iterator

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> Any:
        """Build the model, and see to it that samples fit into its positions.

        Raises:
            ConfigError: they do not.
        """
        model = super().build_model(cfg, from_checkpoint=from_checkpoint)
        positions = getattr(cfg, "stack_positions", None)
        if positions is not None and self.cfg.tokens_per_sample >= positions:
            raise ConfigError(
                f"--tokens-per-sample {self.cfg.tokens_per_sample}: it must be below the rows of "
                f"positions, --stack-positions {positions}; change one of them"
            )
        return model


def _check(cfg: GlmPretrainingConfig) -> None:
    for flag, value, least in (
        ("--tokens-per-sample", cfg.tokens_per_sample, _SHORTEST),
        ("--valid-samples", cfg.valid_samples, 1),
    ):
        if value < least:
            raise ConfigError(f"{flag} {value}: it must be at least {least}; give more")
