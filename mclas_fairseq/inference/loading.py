"""From files to a model that decodes: a checkpoint with its data-bin, or a bundle.

Both ways end in the same objects, a task and its models, so that a bundle gives the summaries of
the checkpoint that it was made from. A bundle is read without any pickle (see
`bundles/format.py` for what is checked first).
"""

import dataclasses
import logging
from argparse import Namespace
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional, Union

import torch
from fairseq import checkpoint_utils, tasks
from torch import nn

from mclas_fairseq.bundles.config import BundleConfig, stored_options
from mclas_fairseq.bundles.format import CONFIG_FILE, INT8_FILE, check_bundle
from mclas_fairseq.bundles.weights import read_weights
from mclas_fairseq.checkpoints.loaded import load_mapped
from mclas_fairseq.ctranslate.network import Ct2Network
from mclas_fairseq.data.data_bin import vocabulary_file
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.generation.options import DecodingOptions, of_task
from mclas_fairseq.inference.bundle_task import build_task
from mclas_fairseq.inference.ct2 import open_network
from mclas_fairseq.inference.int8 import build_model, read_int8
from mclas_fairseq.mglm.seq2seq import GlmSeq2SeqTask
from mclas_fairseq.modules.int8_linear import quantize_linears
from mclas_fairseq.summarization.base_task import SummarizationTask
from mclas_fairseq.vhm.task import MultitaskSummarizationTask

logger = logging.getLogger(__name__)

PRECISIONS = ("float32", "bfloat16", "int8")

Device = Union[str, torch.device, None]

# What building and filling a model raise for weights of another one; ours would send the user of a
# bundle to the flags of a training.
_UNFIT = (CheckpointError, RuntimeError, TypeError, ValueError, AttributeError, AssertionError)


@dataclass(frozen=True)
class LoadedSystem:
    """What decoding needs.

    Attributes:
        models: one, or an ensemble; on the CPU, as they were stored.
        task: with the layout, languages and vocabularies of the checkpoint.
        precision: one of `PRECISIONS`, in which the models decode.
        options: how summaries are searched for.
    """

    models: Sequence[nn.Module]
    task: SummarizationTask
    precision: str
    options: DecodingOptions

    def in_precision(self, precision: Optional[str]) -> "LoadedSystem":
        """The same system that decodes in another precision; None: in its own.

        Raises:
            ConfigError: it is none of `PRECISIONS`, or the model is in CTranslate2's form and the
                bundle has not this one.
        """
        if precision is None:
            return self
        if precision not in PRECISIONS:
            raise ConfigError(
                f"precision {precision}: must be one of {', '.join(PRECISIONS)}; leave it out for"
                " that of the training"
            )
        for model in self.models:
            if isinstance(model, Ct2Network):
                model.check_form(precision)
        if self.precision == "int8" != precision and not isinstance(self.models[0], Ct2Network):
            raise ConfigError(
                f"precision {precision}: the model has its weights in 8 bits, and what they were"
                " before is gone; leave it out, or load the bundle or the checkpoint that this one"
                " was made from"
            )
        return dataclasses.replace(self, precision=precision)

    def prepare(self, device: Device) -> None:
        """Make the models ready for decoding and move them.

        Raises:
            ConfigError: there is no such device, or torch has no 8 bits there.
        """
        target = choose_device(device)
        # What fairseq's preparation looks at; the beam only steers an obsolete speed-up.
        cfg = Namespace(
            common=Namespace(bf16=self.precision == "bfloat16"),
            generation=Namespace(beam=self.options.beam),
        )
        for model in self.models:
            if isinstance(model, Ct2Network):
                model.open(self.precision, str(target))
                continue
            prepared: Any = model
            prepared.prepare_for_inference_(cfg)
            model.eval()
            if self.precision == "int8":
                _check_int8(target)
                quantize_linears(model.float())
            model.to(target)
        logger.info("decoding on %s in %s", target, self.precision)


def _check_int8(device: torch.device) -> None:
    if device.type != "cpu":
        raise ConfigError(
            f"precision int8: torch has 8 bits on processors alone, but the device is {device};"
            " leave --int8 out, or give --cpu (mclas serve: --device cpu)"
        )


def choose_device(device: Device) -> torch.device:
    """The device asked for; without one a GPU if there is one.

    Raises:
        ConfigError: torch does not know it or cannot use it here.
    """
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(
            f"device {device}: must be one that torch can use here, but {reason}; give cpu or cuda"
        ) from error
    return chosen


def load_checkpoints(
    checkpoints: Sequence[Path], data: Path, options: Optional[DecodingOptions] = None
) -> LoadedSystem:
    """Load one checkpoint, or several as an ensemble, with the data-bin of their training.

    Raises:
        CheckpointError: a checkpoint is missing, unsafe, of another task or dictionary.
        DataError: `data` is no data-bin.
    """
    for checkpoint in checkpoints:
        if not checkpoint.is_file():
            raise CheckpointError(f"checkpoint {checkpoint}: the file does not exist")
    options = options or DecodingOptions()
    return _from_fairseq(checkpoints, checkpoint_overrides(data, options), options, None)


def load_for_export(
    checkpoint: Path, data: Path, options: DecodingOptions, *, mapped: bool = False
) -> tuple[LoadedSystem, dict[str, Any]]:
    """Load one checkpoint as `load_checkpoints` does; returns also what the file itself holds.

    Args:
        checkpoint: its file.
        data: the data-bin of its training.
        options: how to decode.
        mapped: leave weights in the file until they are used, where the architecture lets it.
    """
    overrides = checkpoint_overrides(data, options)
    if not mapped:
        state = checkpoint_utils.load_checkpoint_to_cpu(str(checkpoint), overrides)
        return _from_fairseq([checkpoint], overrides, options, state), state
    state = load_mapped(checkpoint, overrides)
    task = tasks.setup_task(state["cfg"].task, from_checkpoint=True)
    _check_task(checkpoint, task)
    task.load_state_dict(state["task_state"])
    model = build_model(task, state["cfg"].model)
    model.load_state_dict(state["model"], strict=True, model_cfg=state["cfg"].model)
    return _ready([model], state["cfg"], task, options), state


def checkpoint_overrides(data: Path, options: DecodingOptions) -> dict[str, Any]:
    """What decoding has otherwise than the training did: fairseq's `arg_overrides`."""
    manifest = Manifest.load(data)
    return {
        "data": str(data),
        # The flags of the training may name a language that this data-bin lacks (an extended
        # checkpoint's do); the languages that the checkpoint carries win over them anyway.
        "source_lang": manifest.source_lang,
        "target_lang": manifest.target_langs[0],
        "target_langs": None,
        "source_langs": None,
        "templates": None,  # a checkpoint carries those that it was trained with
        "eval_rouge": False,  # decoding validates nothing, so that its options need no look
        **of_task(options),
    }


def _from_fairseq(
    checkpoints: Sequence[Path],
    overrides: dict[str, Any],
    options: DecodingOptions,
    state: Optional[dict[str, Any]],
) -> LoadedSystem:
    models, config, task = checkpoint_utils.load_model_ensemble_and_task(
        [str(checkpoint) for checkpoint in checkpoints], arg_overrides=overrides, state=state
    )
    _check_task(checkpoints[0], task)
    logger.info("loaded %s", ", ".join(map(str, checkpoints)))
    return _ready(models, config, task, options)


def _check_task(checkpoint: Path, task: object) -> None:
    if not isinstance(task, SummarizationTask):
        raise CheckpointError(
            f"checkpoint {checkpoint}: it must be of a task of this package that summarizes, "
            f"found {type(task).__name__}; labellers are for mclas label"
        )


def _ready(
    models: Sequence[nn.Module], config: Any, task: SummarizationTask, options: DecodingOptions
) -> LoadedSystem:
    check_generate_task(options, several=isinstance(task, MultitaskSummarizationTask))
    # The settings of older checkpoints lack newer options, and fairseq overrides what is there.
    task.decode_with(options)
    if isinstance(task, GlmSeq2SeqTask):
        task.write_targets(None)  # `target_lang` above was not asked for
    precision = "bfloat16" if getattr(config.common, "bf16", False) else "float32"
    return LoadedSystem(models, task, precision, options)


def check_generate_task(options: DecodingOptions, *, several: bool) -> None:
    """Refuse a choice where a model has learned one thing.

    Raises:
        ConfigError: it has, and something else than the default was asked for.
    """
    if options.generate_task != "cls" and not several:
        raise ConfigError(
            f"--generate-task {options.generate_task}: the model was not trained on several tasks "
            "(--task multitask_summarization), there is nothing to choose; leave it out"
        )
    if options.sample_latent and not several:
        raise ConfigError(
            f"--sample-latent {options.sample_latent}: the model must have latent variables, this "
            "one has none; leave the flag out"
        )


def load_bundle(
    folder: Path,
    options: Optional[DecodingOptions] = None,
    *,
    changes: Optional[Mapping[str, Any]] = None,
) -> LoadedSystem:
    """Load a bundle that `mclas export` wrote.

    Args:
        folder: the bundle.
        options: how to decode; None: as the bundle says.
        changes: single options, by their names, that differ from those.

    Raises:
        CheckpointError: it is no bundle, of a newer format, not whole, altered, or holds what a
            bundle may not hold.
    """
    files = check_bundle(folder)
    config = BundleConfig.load(folder)
    for code in config.written_langs:
        if vocabulary_file(code) not in files:
            raise CheckpointError(
                f"bundle {folder}: must have {vocabulary_file(code)}, as it writes summaries in"
                f" {code!r}, but it is not listed; get it again from its maker"
            )
    options = dataclasses.replace(options or stored_options(folder, config), **(changes or {}))
    check_generate_task(options, several=bool(config.train_tasks))
    task = build_task(folder, config, options)
    if config.forms:
        network = open_network(folder, config, task)
        return LoadedSystem([network], task, config.forms[0], options)
    model = _build_model(folder, config, task, files)
    logger.info("loaded the bundle %s", folder)
    return LoadedSystem([model], task, config.precision, options)


def _build_model(
    folder: Path, config: BundleConfig, task: SummarizationTask, files: Collection[str]
) -> nn.Module:
    weights = {} if INT8_FILE in files else read_weights(folder, config.tied_weights)
    try:
        if INT8_FILE in files:
            return read_int8(folder, config, task)
        model: Any = task.build_model(config.model_args(weights), from_checkpoint=True)
        model.load_state_dict(weights, strict=True)
    except _UNFIT as error:
        raise CheckpointError(
            f"bundle {folder}: its weights must be those of {config.architecture} as {CONFIG_FILE}"
            f" describes it, but {' '.join(str(error).split())[:200]}; get it again from its maker"
        ) from error
    built: nn.Module = model
    return built
