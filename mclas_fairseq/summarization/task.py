"""Task `cross_lingual_summarization`: one corpus of documents with summaries in two languages.

Ties the target layout, the subset of a low-resource run and the language vocabularies to what both
tasks share (`base_task.py`); nothing numeric happens here. Bai et al. (2021), ACL 2021.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Optional

from fairseq.data import ListDataset
from fairseq.dataclass import FairseqDataclass
from fairseq.tasks import register_task
from torch import Tensor

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.setting import Setting
from mclas_fairseq.data.summary_dataset import SummaryDataset
from mclas_fairseq.summarization.base_task import SummarizationTask
from mclas_fairseq.summarization.loading import (
    keep_subset,
    load_documents,
    load_examples,
    train_subset,
)
from mclas_fairseq.summarization.options import CrossLingualSummarizationConfig, refuse_constraints
from mclas_fairseq.summarization.state import refuse_multitask

__all__ = ["CrossLingualSummarizationConfig", "CrossLingualSummarizationTask"]


@register_task("cross_lingual_summarization", dataclass=CrossLingualSummarizationConfig)
class CrossLingualSummarizationTask(SummarizationTask):
    """Summarization from one data-bin: monolingual, cross-lingual, or both in one of two ways."""

    def __init__(self, cfg: CrossLingualSummarizationConfig, data_bin: DataBin):
        super().__init__(cfg, data_bin)
        self._layout = Layout(str(cfg.target_layout))

    @property
    def layout(self) -> Layout:
        """What is written: what was trained."""
        return self._layout

    @property
    def trained_layout(self) -> Layout:
        """What is trained: by --target-layout, or by the checkpoint."""
        return self._layout

    def load_dataset(
        self,
        split: str,
        combine: bool = False,
        task_cfg: Optional[FairseqDataclass] = None,
        **kwargs: Any,
    ) -> None:
        """Load a split with the targets of the layout; for fairseq-generate, every document."""
        subset = train_subset(self.cfg, split)
        if "epoch" in kwargs:  # training and validation name one
            loaded = load_examples(self.setting, split, subset)
        else:
            loaded = load_documents(self.setting, split, self.decoder_choice, subset)
        self.datasets[split] = loaded.dataset
        if subset is not None:
            self.subset_ids = loaded.ids
            self.vocabularies.update(keep_subset(self.setting, loaded, Path(self.cfg.save_dir)))
        for language in self.summary_languages:
            self.vocabulary(language)  # a missing one must not show when the checkpoint is saved

    def build_dataset_for_inference(
        self, src_tokens: Sequence[Tensor], src_lengths: Sequence[int], **kwargs: Any
    ) -> SummaryDataset:
        """Wrap encoded documents, each closed by EOS; they are cut like those of a data-bin."""
        refuse_constraints(kwargs.get("constraints"))
        encoded = ListDataset(list(src_tokens), [int(length) for length in src_lengths])
        return self.setting.examples().for_inference(encoded, len(encoded))

    def take_over(self, setting: Setting) -> None:
        """Make a checkpoint's setting the task's own, its layout too."""
        super().take_over(setting)
        self._layout = setting.layout

    def check_origin(self, state_dict: Mapping[str, Any]) -> None:
        """Check by what a checkpoint keeps that it is of this task.

        Raises:
            CheckpointError: it is of `multitask_summarization`.
        """
        refuse_multitask(state_dict)
