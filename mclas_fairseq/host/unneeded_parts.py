"""Parts of fairseq that are left out, and half of the time until our programs begin.

`import fairseq` imports every task, model and criterion that there is. Two measures for it:

- Where fairseq is imported for `load`, in a process that may use fairseq for other things too, the
  three modules of `UNNEEDED` are left out. They import scikit-learn, which imports scipy and pandas
  where they are.
- Where it is imported for a program of ours, which has the process to itself, only what `USED`
  names is imported of the packages that it lists, and nothing of `UNUSED`.

What is left out is not in fairseq's registries, and an import of it works as ever. Where others
use fairseq, by `--user-dir` or by `register`, all of it is there.
"""

import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Optional

UNNEEDED = (
    "fairseq.tasks.audio_classification",
    "fairseq.criterions.sentence_prediction",
    "fairseq.criterions.sentence_prediction_adapters",
)
# What our models are made of, what trains them, and what the checkpoints of translators and
# language models may name that users bring: a name that fairseq knows is refused by a better
# message. It imports nothing of what is left out.
USED: Mapping[str, frozenset[str]] = {
    "fairseq.tasks": frozenset(
        {
            "denoising",
            "fairseq_task",
            "language_modeling",
            "multilingual_denoising",
            "multilingual_translation",
            "translation",
            "translation_from_pretrained_bart",
            "translation_multi_simple_epoch",
        }
    ),
    "fairseq.models": frozenset(
        {
            "bart",
            "composite_encoder",
            "distributed_fairseq_model",
            "ema",
            "fairseq_decoder",
            "fairseq_encoder",
            "fairseq_incremental_decoder",
            "fairseq_model",
            "fconv",
            "lightconv",
            "lstm",
            "multilingual_transformer",
            "transformer",
            "transformer_align",
            "transformer_lm",
        }
    ),
    "fairseq.criterions": frozenset(
        {
            "adaptive_loss",
            "cross_entropy",
            "fairseq_criterion",
            "label_smoothed_cross_entropy",
            "label_smoothed_cross_entropy_with_alignment",
        }
    ),
}
UNUSED = ("fairseq.benchmark", "fairseq.model_parallel")


def unneeded_beside_others(name: str) -> bool:
    """Tell whether `load` leaves a module out."""
    return name in UNNEEDED


def unneeded_in_a_program(name: str) -> bool:
    """Tell whether a program of ours leaves a module out."""
    package, _, part = name.rpartition(".")
    return name in UNUSED or (package in USED and part not in USED[package])


class _LeaveOut(MetaPathFinder, Loader):
    """Answers for modules that are left out, and runs nothing of them."""

    def __init__(self, unneeded: Callable[[str], bool]) -> None:
        self.unneeded = unneeded

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        """Take a module over; None: another finder knows where it is."""
        return ModuleSpec(fullname, self) if self.unneeded(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing."""


@contextmanager
def leaving_out(unneeded: Callable[[str], bool]) -> Iterator[None]:
    """While this is entered, `import fairseq` does not import modules of which `unneeded` is true.

    fairseq imports its parts one by one, and a part must be found; what it was given is gone when
    this is left, so that nobody else meets it.
    """
    finder = _LeaveOut(unneeded)
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name, module in list(sys.modules.items()):
            spec = getattr(module, "__spec__", None)
            if spec is not None and spec.loader is finder:
                package, _, part = name.rpartition(".")
                del sys.modules[name]
                if hasattr(sys.modules.get(package), part):
                    delattr(sys.modules[package], part)


def import_unneeded_parts() -> None:
    """Import what an earlier import of fairseq may have left out."""
    for name in UNUSED:
        importlib.import_module(name)
    for package in USED:
        for part in pkgutil.iter_modules(importlib.import_module(package).__path__):
            if not part.name.startswith("_"):
                importlib.import_module(f"{package}.{part.name}")
