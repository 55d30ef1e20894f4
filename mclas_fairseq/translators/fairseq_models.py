"""Translation models of fairseq's: read safely, with what lies beside them.

The folder of a model is one as fairseq's WMT'19 models have it: the checkpoints, a dictionary for
each language (`dict.en.txt`), and the codes by which words are cut.
"""

import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fairseq import checkpoint_utils

from mclas_fairseq.checkpoints.load_errors import check_file, clear_errors
from mclas_fairseq.checkpoints.safe_loading import allow_fairseq_types
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.translators.options import TranslatorOptions, TranslatorSpec
from mclas_fairseq.translators.pieces import find_subwords

logger = logging.getLogger(__name__)

_TASK = "translation"
# "de", "de_DE": names of languages; "src", "text" may be anything.
_CODE = re.compile(r"([a-z]{2})([-_].*)?")


@dataclass(frozen=True)
class LoadedModel:
    """One model, or several that vote, and their task.

    Attributes:
        models: in evaluation mode, on the CPU, as they were trained.
        task: fairseq's translation task, with the dictionaries.
        cfg: fairseq's configuration of the last model.
    """

    models: Sequence[torch.nn.Module]
    task: Any
    cfg: Any

    @property
    def max_source_positions(self) -> int:
        """Tokens that the longest line may have, its end included."""
        return min(_positions(model)[0] for model in self.models)

    @property
    def max_target_positions(self) -> int:
        """Tokens that the longest translation may have, its end included."""
        return min(_positions(model)[1] for model in self.models)


def _positions(model: Any) -> tuple[int, int]:
    source, target = model.max_positions()
    return int(source), int(target)


def checkpoint_paths(spec: TranslatorSpec) -> list[Path]:
    """Return the checkpoints of `fairseq:PATH[:PATH...]`.

    Raises:
        CheckpointError: one is missing, a folder, or empty.
    """
    paths = [Path(path).expanduser() for path in spec.target.split(":") if path]
    for path in paths:
        check_file(path)
    return paths


def model_files(paths: Sequence[Path]) -> list[Path]:
    """Return all files that translations depend on: checkpoints, codes, dictionaries."""
    folder = paths[0].parent
    return [*paths, find_subwords(folder), *sorted(folder.glob("dict.*.txt"))]


def load_model(paths: Sequence[Path], options: TranslatorOptions) -> LoadedModel:
    """Load one checkpoint, or several as an ensemble, with the dictionaries beside the first.

    Raises:
        CheckpointError: one is unsafe, broken, of another task, or does not fit the dictionaries.
        ConfigError: a dictionary is missing, or the model translates between other languages.
    """
    models: list[torch.nn.Module] = []
    task, cfg = None, None
    for path in paths:
        state = _read(path)
        _check(path, state["cfg"], options)
        loaded, cfg, task = _build(path, state, task)
        models += loaded
    for model in models:
        model.eval()
    return LoadedModel(models, task, cfg)


def _read(path: Path) -> Any:
    # Scores while training need files and packages that a translator does without.
    overrides = {"data": str(path.parent), "eval_bleu": False}
    # A process that only translates, as a shard's on Slurm, need not have registered the plugin.
    allow_fairseq_types()
    with clear_errors(path):
        state = checkpoint_utils.load_checkpoint_to_cpu(str(path), overrides)
    if state.get("cfg") is None:
        raise CheckpointError(
            f"checkpoint {path}: must say how its model is built, but has neither args nor cfg; "
            "give a checkpoint that fairseq-train wrote"
        )
    # From the namespace of old checkpoints fairseq has made cfg, and would make it once more.
    return {**state, "args": None}


def _check(path: Path, cfg: Any, options: TranslatorOptions) -> None:
    """Refuse what is no translator between the two languages."""
    name = getattr(cfg.task, "_name", None)
    if name != _TASK:
        raise CheckpointError(
            f"checkpoint {path}: must be of fairseq's task {_TASK}, but is of {name}; give a "
            "translation model"
        )
    check_languages(str(path), (cfg.task.source_lang, cfg.task.target_lang), options)
    for language in (cfg.task.source_lang, cfg.task.target_lang):
        dictionary = path.parent / f"dict.{language}.txt"
        if not dictionary.is_file():
            raise ConfigError(
                f"{dictionary}: the dictionary of {path.name} must lie beside it, but does not; "
                "copy it from the data that the model was trained on"
            )


def check_languages(name: str, found: tuple[str, str], options: TranslatorOptions) -> None:
    """Refuse a model between other languages than those asked for, if it says which they are.

    Raises:
        ConfigError: as from de to en where en to de is asked for.
    """
    wanted = (options.source_lang, options.target_lang)
    codes = [_CODE.fullmatch(code or "") for code in found]
    pairs = zip(codes, wanted, strict=True)
    if any(code and code[1] != language.split("-")[0] for code, language in pairs):
        raise ConfigError(
            f"translator {name}: must translate from {wanted[0]} to {wanted[1]}, but translates "
            f"from {found[0]} to {found[1]}; give the model of this direction"
        )


def _build(path: Path, state: Any, task: Any) -> tuple[list[torch.nn.Module], Any, Any]:
    try:
        with clear_errors(path):
            models, cfg, task = checkpoint_utils.load_model_ensemble_and_task(
                [str(path)], state=state, task=task
            )
    except (RuntimeError, CheckpointError) as error:
        if "size mismatch" not in str(error.__cause__ or error):
            raise
        sizes = re.search(r"size mismatch for (.*)", str(error.__cause__ or error))
        raise CheckpointError(
            f"checkpoint {path}: must fit the dictionaries beside it, but its weights have other "
            f"sizes ({sizes[1][:150] if sizes else error}); give the dictionaries of its training"
        ) from error
    return models, cfg, task
