"""Decoding a split of a data-bin from and into several languages, by one model with prompts."""

import logging
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from fairseq import utils
from tqdm import tqdm

from mclas_fairseq.data.layouts import DecoderChoice
from mclas_fairseq.errors import CheckpointError, ConfigError, DataError
from mclas_fairseq.evaluation.transfer import Summaries
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.loading import Device, LoadedSystem, load_checkpoints
from mclas_fairseq.mglm.seq2seq import GlmSeq2SeqTask

logger = logging.getLogger(__name__)


class TransferDecoder:
    """A checkpoint of `glm_seq2seq` that is asked for one pair of languages after another.

    Args:
        checkpoint: its file.
        data: data-bin with documents and references.
        options: how to search.
        device: of torch's; None: a GPU if there is one.

    Raises:
        CheckpointError: it is of another task or dictionary.
    """

    def __init__(
        self, checkpoint: Path, data: Path, options: DecodingOptions, device: Device = None
    ):
        system: LoadedSystem = load_checkpoints([checkpoint], data, options)
        task = system.task
        if not isinstance(task, GlmSeq2SeqTask):
            raise CheckpointError(
                f"checkpoint {checkpoint}: only a model with prompts can be asked for languages"
                " that it was not trained on, but this one was trained with another task than"
                " glm_seq2seq; give such a one"
            )
        system.prepare(device)
        self.task, self.models, self.options = task, system.models, options

    @property
    def sources(self) -> tuple[str, ...]:
        """Languages of the documents that it was trained on."""
        return self.task.learned_sources

    @property
    def targets(self) -> tuple[str, ...]:
        """Languages that it was trained to write."""
        return tuple(self.task.learned)

    def decode(
        self, split: str, source: str, target: str, *, batch_size: int, documents: int = 0
    ) -> Summaries:
        """Summarize the documents of a split that have a reference.

        Args:
            split: valid or test.
            source: language of the documents.
            target: language to write.
            batch_size: documents decoded together.
            documents: at most so many, spread evenly; 0: all.

        Raises:
            DataError: the split has no document in the one with a reference in the other language.
        """
        task = self.task
        task.read_from((source,))
        task.write_targets((target,))
        generator = task.build_generator(self.models, Namespace(**self.options.values()))
        loaded = task.setting.examples().load(split, decoder=DecoderChoice.CLS)
        references, ids = task.data_bin.references(split), task.data_bin.ids(split)
        dataset = loaded.dataset
        there = [place for place, row in enumerate(dataset.rows) if target in references[row]]
        if not there:
            raise DataError(
                f"data-bin {task.data_bin.folder}: split {split!r} must have documents in"
                f" {source!r} with summaries in {target!r}, but has none; name other languages"
            )
        if 0 < documents < len(there):
            chosen = np.linspace(0, len(there) - 1, documents).round().astype(int)
            there = [there[place] for place in chosen]
        there.sort(key=lambda place: int(dataset.sizes[place].max()))
        found: dict[int, str] = {}
        starts = range(0, len(there), batch_size)
        for start in tqdm(starts, desc=f"{source} to {target}", unit=" batches", disable=None):
            batch = dataset.collater(
                [dataset[place] for place in there[start : start + batch_size]]
            )
            found.update(self._decode_batch(generator, batch, target))
        rows = sorted(found)
        return Summaries(
            source,
            target,
            [ids[row] for row in rows],
            [found[row] for row in rows],
            [references[row][target] for row in rows],
        )

    def _decode_batch(self, generator: Any, batch: Any, target: str) -> dict[int, str]:
        device = next(self.models[0].parameters()).device
        batch = utils.apply_to_sample(lambda tensor: tensor.to(device), batch)
        text = self.task.summary_text()
        hypotheses = self.task.inference_step(generator, self.models, batch)
        return {
            row: text.summaries(best[0]["tokens"].tolist())[target]
            for row, best in zip(batch["id"].tolist(), hypotheses, strict=True)
        }


def check_languages(sources: Sequence[str], targets: Sequence[str]) -> None:
    """Refuse a matrix without cells.

    Raises:
        ConfigError: no language, or one twice.
    """
    for flag, languages in (("--source-langs", sources), ("--target-langs", targets)):
        if not languages or len(set(languages)) < len(languages):
            raise ConfigError(
                f"{flag} {','.join(languages)}: it names languages, each once, as in en,de;"
                " correct it"
            )
