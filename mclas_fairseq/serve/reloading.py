"""Models anew while the old ones serve: at SIGHUP, and when a bundle was replaced.

The new model is loaded beside the one that serves, in a thread of its own, and takes its place when
it is whole. Documents that wait or are being decoded stay with the model that they were given to,
which goes with the last of them; so for a while there are two in memory. A bundle that cannot be
loaded changes nothing but the log and the numbers.
"""

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from mclas_fairseq.serve.bundles import Bundles
from mclas_fairseq.serve.messages import FromDecoder, Reloaded
from mclas_fairseq.serve.models import Model

logger = logging.getLogger(__name__)

_TICK = 0.25  # seconds after which a signal is seen


class Reloader:
    """Loads what was replaced.

    Args:
        bundles: of the server.
        replace: takes models that are whole, by their names.
        tell: takes what is to be said of it.
        seconds: between two looks at the folders; 0: they are not looked at.
    """

    def __init__(
        self,
        bundles: Bundles,
        replace: Callable[[Mapping[str, Model]], None],
        tell: Callable[[FromDecoder], None],
        seconds: float,
    ):
        self._bundles, self._replace, self._tell = bundles, replace, tell
        self._seconds = seconds
        self._asked = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reloading", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def ask(self) -> None:
        """Load all bundles anew; it waits for nothing."""
        self._asked = True

    def stop(self) -> None:
        """Look no more. A model that is being loaded is left to the end of the process."""
        self._ended.set()

    def _run(self) -> None:
        looked = time.monotonic()
        while not self._ended.wait(_TICK):
            if self._asked:
                self._asked = False
                self._reload(list(self._bundles.folders))
            elif 0 < self._seconds <= time.monotonic() - looked:
                looked = time.monotonic()
                self._reload(self._bundles.replaced())

    def _reload(self, names: Sequence[str]) -> None:
        for name in names:
            start = time.monotonic()
            try:
                self._replace(self._bundles.load([name]))
            except Exception as error:  # whatever it is, the model before goes on serving
                logger.error("%s: not loaded, the model before is still served: %s", name, error)
                self._tell(Reloaded(name, done=False))
                continue
            logger.info("%s: loaded anew in %.1f s", name, time.monotonic() - start)
            self._tell(Reloaded(name, done=True))
