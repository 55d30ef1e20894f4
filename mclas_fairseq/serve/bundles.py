"""The bundles of a server on disk: loading them, and seeing that one was replaced."""

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Optional

from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.serve.models import Model, TorchModel
from mclas_fairseq.serve.settings import names_of

logger = logging.getLogger(__name__)

# Name, size, time of change and inode of each file: what says that a folder is another one.
_Look = tuple[tuple[str, int, int, int], ...]


def open_model(
    name: str, folder: Path, device: Optional[str], precision: Optional[str] = None
) -> Model:
    """Load one bundle, ready for its first request.

    Raises:
        CheckpointError: it is no bundle, not whole, or altered.
        ConfigError: there is no such device or precision.
    """
    model = TorchModel(name, Summarizer.from_bundle(folder, device=device, precision=precision))
    model.encode("A")  # tokenizers read their files at the first text
    return model


class Bundles:
    """The bundles that a server was given, each named as its folder.

    Args:
        folders: of the bundles.
        device: of torch's; None: a GPU if there is one.
        precision: in which all of them decode; None: in that of each.

    Raises:
        ConfigError: two folders have the same name.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        device: Optional[str] = None,
        precision: Optional[str] = None,
    ):
        self.folders = names_of(folders)
        self._device, self._precision = device, precision
        self._loaded: dict[str, _Look] = {}
        self._seen: dict[str, _Look] = {}

    def load(self, names: Optional[Iterable[str]] = None) -> dict[str, Model]:
        """Load these bundles; None: all.

        Raises:
            CheckpointError: one is no bundle, not whole, or altered.
            ConfigError: there is no such device.
        """
        models = {}
        for name in self.folders if names is None else names:
            # Looked at before: what is replaced while it is read is loaded again.
            self._loaded[name] = _look(self.folders[name])
            models[name] = open_model(name, self.folders[name], self._device, self._precision)
        return models

    def replaced(self) -> list[str]:
        """Names of the bundles that are other ones than those that were loaded last.

        A folder that is still being written is not: it must look the same twice.
        """
        found = []
        for name, folder in self.folders.items():
            now = _look(folder)
            if now and now != self._loaded.get(name) and now == self._seen.get(name):
                found.append(name)
            self._seen[name] = now
        return found


def _look(folder: Path) -> _Look:
    try:
        files = [(path, path.stat()) for path in folder.rglob("*") if path.is_file()]
    except OSError:  # it is being replaced just now
        return ()
    return tuple(
        sorted(
            (str(path.relative_to(folder)), one.st_size, one.st_mtime_ns, one.st_ino)
            for path, one in files
        )
    )
