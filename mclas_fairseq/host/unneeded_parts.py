"""Parts of fairseq that programs of ours do without, and half of the time until they begin.

`import fairseq` imports every task and criterion that there is. Those for classifying audio and
sentences import scikit-learn, which imports scipy and pandas where they are. Where fairseq is
imported for `mclas` or for `load`, these three modules are left out: their names are not in
fairseq's registries, and an import of them works as ever. Where others use fairseq, by
`--user-dir` or by `register`, all of it is there.
"""

import importlib
import sys
from collections.abc import Iterator, Sequence
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


class _LeaveOut(MetaPathFinder, Loader):
    """Answers for the modules above, and runs nothing of them."""

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]], target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        """Take a module over; None: another finder knows where it is."""
        return ModuleSpec(fullname, self) if fullname in UNNEEDED else None

    def exec_module(self, module: ModuleType) -> None:
        """Run nothing."""


@contextmanager
def leaving_out_unneeded_parts() -> Iterator[None]:
    """While this is entered, `import fairseq` does not import `UNNEEDED`.

    fairseq imports its parts one by one, and a part must be found; what it was given is gone when
    this is left, so that nobody else meets it.
    """
    finder = _LeaveOut()
    sys.meta_path.insert(0, finder)
    try:
        yield
    finally:
        sys.meta_path.remove(finder)
        for name in UNNEEDED:
            module = sys.modules.get(name)
            if module is not None and module.__spec__ and module.__spec__.loader is finder:
                package, _, part = name.rpartition(".")
                del sys.modules[name]
                if hasattr(sys.modules.get(package), part):
                    delattr(sys.modules[package], part)


def import_unneeded_parts() -> None:
    """Import what an earlier import of fairseq may have left out."""
    for name in UNNEEDED:
        importlib.import_module(name)
