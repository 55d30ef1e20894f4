"""The process: listens, serves, and ends without losing what it has taken."""

import asyncio
import logging
import resource
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Optional

import uvicorn

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.serve.app import build_app
from mclas_fairseq.serve.configuration import Configuration
from mclas_fairseq.serve.connections import protocol
from mclas_fairseq.serve.door import Door
from mclas_fairseq.serve.engine import Engine
from mclas_fairseq.serve.guards import MAX_HEADER_BYTES, Keys
from mclas_fairseq.serve.keeper import Keeper
from mclas_fairseq.serve.memory import set_imports_apart
from mclas_fairseq.serve.messages import Begin
from mclas_fairseq.serve.settings import Address, is_loopback, names_of, read_keys

logger = logging.getLogger(__name__)


def serve(configuration: Configuration) -> None:
    """Serve bundles until SIGTERM or SIGINT; then finish what was taken, and return.

    At SIGHUP bundles and keys are read anew.

    Raises:
        ConfigError: two bundles have one name, or the file of keys or the address cannot be used.
        CheckpointError: a bundle cannot be loaded.
    """
    address, settings = configuration.address, configuration.settings
    names_of(configuration.bundles)  # two of one name are refused before anything is started
    keys = Keys(read_keys(address.api_key_file))
    warn_if_open(address.host, keys.values)
    errors: list[BaseException] = []

    def failed(error: BaseException) -> None:
        errors.append(error)
        server.should_exit = True

    def read_again() -> None:
        try:
            keys.values = read_keys(address.api_key_file)
        except ConfigError as error:
            logger.error("not read again, what was read before still holds: %s", error)
        engine.reload()

    folders = tuple(str(one) for one in configuration.bundles)
    keeper = Keeper(Begin(folders, address.device, address.precision, settings), failed)
    engine = Engine(settings, keeper)
    door = Door(engine.check_admission, keys, settings.max_body_bytes, engine.metrics)
    config = uvicorn.Config(
        build_app(engine, keys),
        host=address.host,
        port=address.port,
        log_config=None,  # as the rest of mclas logs
        access_log=False,  # guards.py logs requests, by route
        server_header=False,
        timeout_graceful_shutdown=int(settings.grace),
        timeout_keep_alive=int(settings.idle_timeout),
        http=protocol(settings.read_timeout, door),
        h11_max_incomplete_event_size=2 * MAX_HEADER_BYTES,  # a head that is not whole yet
        ws="none",
    )
    server = _Server(config, engine, read_again)
    _allow_connections()
    set_imports_apart()
    with _listen(address) as listening:
        name, port = listening.getsockname()[:2]
        logger.info("at http://%s:%d/", f"[{name}]" if ":" in name else name, port)
        server.run([listening])
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

    def __init__(self, config: uvicorn.Config, engine: Engine, hang_up: Callable[[], None]):
        super().__init__(config)
        self._engine, self._hang_up = engine, hang_up

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Handle signals meanwhile; uvicorn would raise them again at the end."""
        numbers = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.signal(number, self.handle_exit) for number in numbers}
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGHUP, self._hang_up)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGHUP)
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: Optional[FrameType]) -> None:
        """Take nothing more and end; a second Ctrl-C ends at once."""
        self._engine.drain()
        super().handle_exit(sig, frame)
