"""From a checkpoint and its data-bin to a bundle that can be handed on.

Of the checkpoint go into it: the weights, the architecture's settings, languages, layout and
language vocabularies; of the data-bin the dictionary and the tokenizer. Left behind are the
optimizer's state, the command line of the training, names of files and folders, ids of training
records, references and all other text.
"""

import dataclasses
import logging
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any, Optional

from torch import Tensor

from mclas_fairseq.bundles.card import CardDetails, converted_card, read_scores
from mclas_fairseq.bundles.config import BundleConfig, Settings, model_settings
from mclas_fairseq.bundles.format import CARD_FILE, FileEntry
from mclas_fairseq.bundles.weights import count_numbers, untie, write_weights
from mclas_fairseq.bundles.writing import BundleContents, check_free, write_bundle
from mclas_fairseq.checkpoints.averaging import PROVENANCE, updates_of
from mclas_fairseq.data.language_vocabulary import LanguageVocabulary
from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.ct2 import check_forms, form_writer
from mclas_fairseq.inference.int8 import write_int8
from mclas_fairseq.inference.loading import LoadedSystem, load_bundle, load_for_export
from mclas_fairseq.mglm.seq2seq import GlmSeq2SeqTask
from mclas_fairseq.version import __version__
from mclas_fairseq.vhm.batches import TrainTask
from mclas_fairseq.vhm.task import MultitaskSummarizationTask

logger = logging.getLogger(__name__)

_DISTRIBUTIONS = (
    "ctranslate2",
    "fairseq-fixed",
    "fairseq",
    "safetensors",
    "sentencepiece",
    "torch",
)


def export_bundle(
    checkpoint: Path,
    data: Path,
    out: Path,
    details: CardDetails,
    *,
    options: Optional[DecodingOptions] = None,
    overwrite: bool = False,
    forms: Sequence[str] = (),
    int8: bool = False,
) -> dict[str, FileEntry]:
    """Write a bundle of one checkpoint.

    Args:
        checkpoint: written by fairseq-train or `mclas average`.
        data: the data-bin of its training.
        out: the folder to write, which must not exist.
        details: what the maker says, for the model card.
        options: how the bundle decodes unless told otherwise.
        overwrite: replace `out` if it is a bundle.
        forms: of CTranslate2 in which the model is written, that which is used unless told
            otherwise first; none: for torch.
        int8: for torch, with linear layers in 8 bits.

    Returns:
        The bundle's files by name.

    Raises:
        CheckpointError: the checkpoint cannot be read, is not of this data-bin, or is of a model
            that CTranslate2 cannot hold.
        ConfigError: `out` may not be replaced, or a report of scores cannot be read.
    """
    check_free(out, overwrite=overwrite)
    if forms:
        check_forms(forms)
    scores = [row for path in details.scores for row in read_scores(path)]
    if not checkpoint.is_file():
        raise CheckpointError(f"checkpoint {checkpoint}: the file does not exist")
    options = options or DecodingOptions()
    system, state = load_for_export(checkpoint, data, options, mapped=int8)
    if isinstance(system.task, MultitaskSummarizationTask):
        # A bundle is described by CLS; what it decodes without a flag is one of its options.
        system.task.choose_task(TrainTask.CLS)
    stored: Mapping[str, Tensor] = state["model"]
    weights, tied = untie(system.models[0], {name: value.dtype for name, value in stored.items()})
    config = _config(system, state, {} if forms else tied)
    config = dataclasses.replace(config, forms=list(forms))
    if int8:
        config = dataclasses.replace(config, precision="int8")
    contents = BundleContents(
        write_model=_writer(system, weights, forms, int8=int8),
        parameters=count_numbers(weights),
        config=config,
        data_bin=system.task.data_bin,
        vocabularies=[_vocabulary(system, language) for language in config.written_langs],
        details=details,
        scores=scores,
    )
    return write_bundle(out, contents, overwrite=overwrite)


def convert_bundle(
    bundle: Path,
    out: Path,
    forms: Sequence[str],
    *,
    int8: bool = False,
    changes: Optional[Mapping[str, Any]] = None,
    overwrite: bool = False,
) -> dict[str, FileEntry]:
    """Write a bundle in CTranslate2's form, or in 8 bits, of one for torch.

    Args:
        bundle: for torch.
        out: the folder to write, which must not exist.
        forms: as in `export_bundle`, none where `int8` is asked for.
        int8: for torch, with linear layers in 8 bits.
        changes: options of decoding, by their names, that are to differ from the bundle's.
        overwrite: replace `out` if it is a bundle.

    Returns:
        The new bundle's files by name.

    Raises:
        CheckpointError: it is no bundle, not whole, in CTranslate2's form already, or of a model
            that CTranslate2 cannot hold.
        ConfigError: `out` may not be replaced.
    """
    check_free(out, overwrite=overwrite)
    if not int8:
        check_forms(forms)
    system = load_bundle(bundle, changes=changes)
    config = BundleConfig.load(bundle)
    _check_convertible(bundle, config)
    weights, tied = untie(system.models[0], {})
    config = dataclasses.replace(
        config,
        forms=list(forms),
        tied_weights=tied if int8 else {},
        precision="int8" if int8 else config.precision,
        decoding=dict(vars(system.options)),
        versions=_versions(),
    )
    contents = BundleContents(
        write_model=_writer(system, weights, forms, int8=int8),
        parameters=count_numbers(weights),
        config=config,
        data_bin=system.task.data_bin,
        vocabularies=[_vocabulary(system, language) for language in config.written_langs],
        details=CardDetails(name=out.name),
        card=converted_card((bundle / CARD_FILE).read_text(encoding="utf-8"), config),
    )
    return write_bundle(out, contents, overwrite=overwrite)


def _check_convertible(bundle: Path, config: BundleConfig) -> None:
    if config.forms or config.precision == "int8":
        form = f"is in CTranslate2's form ({', '.join(config.forms)})"
        raise CheckpointError(
            f"--model {bundle}: must be a bundle for torch with its weights as they were trained,"
            f" but {form if config.forms else 'has them in 8 bits'} already; give the one that it"
            " was made from"
        )


def _writer(
    system: LoadedSystem, weights: Mapping[str, Tensor], forms: Sequence[str], *, int8: bool
) -> Callable[[Path], None]:
    """What writes the model's files into a bundle."""
    if int8:
        return partial(write_int8, model=system.models[0], weights=weights)
    if forms:
        system.task.decode_with(system.options)
        return form_writer(system.models[0], system.task, forms)
    return partial(write_weights, weights=weights)


def _vocabulary(system: LoadedSystem, language: str) -> LanguageVocabulary:
    indices = system.task.vocabulary(language)
    return LanguageVocabulary(language, tuple(system.task.dictionary[index] for index in indices))


def _config(system: LoadedSystem, state: dict[str, Any], tied: dict[str, str]) -> BundleConfig:
    task = system.task
    architecture, settings = model_settings(state["cfg"].model)
    several = task.train_tasks if isinstance(task, MultitaskSummarizationTask) else ()
    return BundleConfig(
        architecture=architecture,
        model=settings,
        target_layout=task.layout.value,
        source_lang=task.source_lang,
        target_lang=task.target_lang,
        summary_langs=list(task.summary_languages),
        max_source_positions=task.max_source_positions,
        max_target_positions=task.max_target_positions,
        dictionary_size=len(task.dictionary),
        dictionary_sha256=task.dictionary_sha256,
        tokenizer=task.data_bin.manifest.tokenizer,
        lowercase=task.data_bin.manifest.lowercase,
        tied_weights=tied,
        decoding=dict(vars(system.options)),
        precision=system.precision,
        training=_training(state, len(task.subset_ids)),
        versions=_versions(),
        train_tasks=[trained.value for trained in several],
        prompts=task.learned if isinstance(task, GlmSeq2SeqTask) else {},
    )


def _training(state: dict[str, Any], subset: int) -> Settings:
    """How the weights came about: numbers and names of methods, never of files."""
    cfg = state["cfg"]
    averaged = (state.get("extra_state") or {}).get(PROVENANCE) or []
    found: Settings = {
        "updates": updates_of(state),
        "started_from_another_checkpoint": bool(cfg.checkpoint.finetune_from_model),
        "averaged_checkpoints": len(averaged) or None,
        "training_subset": subset or None,
        "seed": cfg.common.seed,
        "criterion": getattr(cfg.criterion, "_name", None),
        "label_smoothing": getattr(cfg.criterion, "label_smoothing", None),
        "optimizer": getattr(cfg.optimizer, "_name", None),
        "learning_rate": ", ".join(f"{rate:g}" for rate in cfg.optimization.lr),
        "encoder_learning_rate": getattr(cfg.lr_scheduler, "encoder_lr", None),
        "schedule": getattr(cfg.lr_scheduler, "_name", None),
        "warmup_updates": getattr(cfg.lr_scheduler, "warmup_updates", None),
        "chosen_by": cfg.checkpoint.best_checkpoint_metric,
    }
    return {name: value for name, value in found.items() if value is not None}


def _versions() -> dict[str, str]:
    versions = {"mclas-fairseq": __version__}
    for name in _DISTRIBUTIONS:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return versions
