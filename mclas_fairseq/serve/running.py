"""The process: listens, serves, and ends without losing what it has taken."""

import logging
import resource
import signal
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Optional

import uvicorn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.serve.app import build_app
from mclas_fairseq.serve.bundles import Bundles
from mclas_fairseq.serve.configuration import Configuration
from mclas_fairseq.serve.connections import protocol
from mclas_fairseq.serve.engine import Engine
from mclas_fairseq.serve.guards import MAX_HEADER_BYTES, Keys
from mclas_fairseq.serve.memory import prepare_memory
from mclas_fairseq.serve.reloading import Reloader
from mclas_fairseq.serve.settings import Address, is_loopback, read_keys

logger = logging.getLogger(__name__)


def serve(configuration: Configuration) -> None:
    """Serve bundles until SIGTERM or SIGINT; then finish what was taken, and return.

    At SIGHUP bundles and keys are read anew.

    Raises:
        ConfigError: two bundles have one name, or the file of keys or the address cannot be used.
        CheckpointError: a bundle cannot be loaded.
    """
    address, settings = configuration.address, configuration.settings
    bundles = Bundles(configuration.bundles, address.device, address.precision)
    keys = Keys(read_keys(address.api_key_file))
    warn_if_open(address.host, keys.values)
    errors: list[BaseException] = []

    def failed(error: BaseException) -> None:
        errors.append(error)
        server.should_exit = True

    def read_keys_again() -> None:
        keys.values = read_keys(address.api_key_file)

    engine = Engine(bundles.load, settings, failed)
    reloader = Reloader(bundles, engine, settings.watch_seconds, read_keys_again)
    config = uvicorn.Config(
        build_app(engine, keys),
        host=address.host,
        port=address.port,
        log_config=None,  # as the rest of mclas logs
        access_log=False,  # guards.py logs requests, by route
        server_header=False,
        timeout_graceful_shutdown=int(settings.grace),
        timeout_keep_alive=int(settings.idle_timeout),
        http=protocol(settings.read_timeout),
        h11_max_incomplete_event_size=2 * MAX_HEADER_BYTES,  # a head that is not whole yet
        ws="none",
    )
    server = _Server(config, engine, reloader)
    _allow_connections()
    prepare_memory()
    with _listen(address) as listening:
        name, port = listening.getsockname()[:2]
        logger.info("at http://%s:%d/", f"[{name}]" if ":" in name else name, port)
        reloader.start()
        server.run([listening])
    reloader.stop()
    if errors:
        raise errors[0]


def warn_if_open(host: str, keys: Sequence[bytes]) -> None:
    """Warn of a server that others can reach, and that asks for no key."""
    if not keys and not is_loopback(host):
        logger.warning(
            "--host %s: others than this machine can reach it, and nobody needs a key; give"
            " --api-key-file, or put something before it that asks who is there",
            host,
        )


def _allow_connections() -> None:
    """As many open connections as the machine allows; shells often allow a thousand."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _listen(address: Address) -> socket.socket:
    """Listen, or say why that cannot be."""
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family, backlog=2048)
    except OSError as error:
        raise ConfigError(
            f"--host {address.host} --port {address.port}: must be a free address of this machine,"
            f" but cannot be listened at ({error.strerror or error}); choose another"
        ) from error


class _Server(uvicorn.Server):
    """Uvicorn, whose handlers of signals drain the queue and end with exit code 0."""

    def __init__(self, config: uvicorn.Config, engine: Engine, reloader: Reloader):
        super().__init__(config)
        self._engine, self._reloader = engine, reloader

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals meanwhile; uvicorn would raise them again at the end."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: self._reloader.ask())
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Optional[FrameType]) -> None:
        """Take nothing more and end; a second Ctrl-C ends at once."""
        self._engine.drain()
        super().handle_exit(sig, frame)
