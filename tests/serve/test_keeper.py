"""The process that decodes is started, heard, and started anew when it ends.

A small program stands for it, which does what the name of its first bundle says.
"""

import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mclas_fairseq.errors import CheckpointError, MclasError
from mclas_fairseq.serve import keeper as keeping
from mclas_fairseq.serve.keeper import Keeper
from mclas_fairseq.serve.messages import Begin, Forget, FromDecoder, Late, Loaded
from mclas_fairseq.serve.settings import ServeSettings
from tests.serve.test_problems import SECRET, wait_until

PROGRAM = """
import logging, os, sys
from multiprocessing.connection import Connection
from pathlib import Path
from mclas_fairseq.serve.link import Link
from mclas_fairseq.serve.messages import Late, Loaded, Log, NotLoaded, ToDecoder

connection = Connection(int(sys.argv[1]))
link = Link(connection, ToDecoder)
what, folder = link.receive().bundles
starts = len(list(Path(folder).iterdir()))
(Path(folder) / str(os.getpid())).touch()
if what == "broken" or what == "broken later" and starts in (1, 2):
    link.send(NotLoaded("CheckpointError", "bundle x: must be whole"))
elif what == "foreign":
    link.send(NotLoaded("RuntimeError", "out of luck\\nand more"))
elif what == "gone":
    os._exit(7)
else:
    link.send(Log("mclas_fairseq.x", logging.WARNING, "a line of %s"))
    link.send(Loaded(()))
    if what == "garbled":
        connection.send_bytes(b'Late {"document": "Wolkenkuckucksheim"}')
    while (message := link.receive()) is not None:
        link.send(Late(message.documents[0]))
link.close()
"""


class Heard:
    """What a keeper told."""

    def __init__(self) -> None:
        self.messages: list[FromDecoder] = []
        self.fails_at: FromDecoder | None = None
        self.lost = 0
        self.errors: list[MclasError] = []

    def take(self, message: FromDecoder) -> None:
        if message == self.fails_at:
            raise RuntimeError(SECRET)
        self.messages.append(message)

    def lose(self) -> None:
        self.lost += 1

    def count(self, kind: type) -> int:
        return sum(isinstance(one, kind) for one in self.messages)


@pytest.fixture
def keep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], tuple[Keeper, Heard]]]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    (tmp_path / "starts").mkdir()
    monkeypatch.setattr(keeping, "_PROGRAM", (str(program),))
    monkeypatch.setattr(keeping, "_PAUSE", 0.01)
    kept: list[Keeper] = []

    def start(what: str) -> tuple[Keeper, Heard]:
        heard = Heard()
        begin = Begin((what, str(tmp_path / "starts")), None, None, ServeSettings())
        one = Keeper(begin, heard.errors.append)
        one.start(heard.take, heard.lose)
        kept.append(one)
        return one, heard

    yield start
    for one in kept:
        one.stop()


def process_of(keeper: Keeper) -> int:
    assert keeper._process is not None
    return keeper._process.pid


def test_it_is_heard_and_its_lines_are_logged(
    keep: Callable[[str], tuple[Keeper, Heard]], caplog: pytest.LogCaptureFixture
) -> None:
    keeper, heard = keep("well")
    wait_until(lambda: heard.count(Loaded) == 1)
    keeper.send(Forget((5,)))
    wait_until(lambda: heard.count(Late) == 1)
    assert heard.messages == [Loaded(()), Late(5)]
    assert "a line of %s" in caplog.text
    assert keeper.resident_bytes() > 2**20
    keeper.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(process_of(keeper), 0)
    assert (heard.lost, heard.errors) == (0, []), "it was to end"


def test_another_one_is_started_when_it_is_killed(
    keep: Callable[[str], tuple[Keeper, Heard]], caplog: pytest.LogCaptureFixture
) -> None:
    keeper, heard = keep("well")
    for times in (1, 2):
        wait_until(lambda times=times: heard.count(Loaded) == times)  # type: ignore[misc]
        os.kill(process_of(keeper), signal.SIGKILL)
        wait_until(lambda times=times: heard.lost == times)  # type: ignore[misc]
    assert "must go on, but it ended (SIGKILL)" in caplog.text
    assert "another one is started\n" in caplog.text, "at once"
    wait_until(lambda: heard.count(Loaded) == 3)
    keeper.send(Forget((6,)))
    wait_until(lambda: heard.messages[-1] == Late(6))


def test_one_that_cannot_load_after_others_could_is_tried_again(
    keep: Callable[[str], tuple[Keeper, Heard]], caplog: pytest.LogCaptureFixture
) -> None:
    keeper, heard = keep("broken later")
    wait_until(lambda: heard.count(Loaded) == 1)
    os.kill(process_of(keeper), signal.SIGKILL)
    wait_until(lambda: heard.count(Loaded) == 2)
    assert heard.lost == 3
    assert heard.errors == []
    assert "bundle x: must be whole; another one is started in 0.01 s" in caplog.text
    assert "bundle x: must be whole; another one is started in 0.02 s" in caplog.text


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("broken", "^bundle x: must be whole$"),
        ("foreign", "loading failed .RuntimeError: out of luck and more.; try each"),
        ("gone", "it ended .exit code 7."),
    ],
)
def test_a_first_one_that_cannot_load_is_the_end(
    keep: Callable[[str], tuple[Keeper, Heard]], what: str, said: str
) -> None:
    _, heard = keep(what)
    wait_until(lambda: len(heard.errors) == 1)
    with pytest.raises(CheckpointError if what != "gone" else MclasError, match=said):
        raise heard.errors[0]
    assert heard.lost == 0


def test_a_message_that_is_none_is_left_out(
    keep: Callable[[str], tuple[Keeper, Heard]], caplog: pytest.LogCaptureFixture
) -> None:
    keeper, heard = keep("garbled")
    wait_until(lambda: "was left out" in caplog.text)
    keeper.send(Forget((7,)))
    wait_until(lambda: heard.messages[-1:] == [Late(7)])
    assert SECRET not in caplog.text, "it may be of a document"


def test_an_error_in_taking_one_message_leaves_the_others(
    keep: Callable[[str], tuple[Keeper, Heard]], caplog: pytest.LogCaptureFixture
) -> None:
    keeper, heard = keep("well")
    wait_until(lambda: heard.count(Loaded) == 1)
    heard.fails_at = Late(1)
    keeper.send(Forget((1,)))
    keeper.send(Forget((2,)))
    wait_until(lambda: heard.messages[-1] == Late(2))
    assert Late(1) not in heard.messages
    assert "a message Late was left out: RuntimeError" in caplog.text
    assert SECRET not in caplog.text


def test_what_answers_over_http_loads_no_torch() -> None:
    done = os.spawnv(
        os.P_WAIT,
        sys.executable,
        [
            sys.executable,
            "-c",
            "import sys, mclas_fairseq.serve.running, mclas_fairseq.cli.serve\n"
            "sys.exit(3 if {'torch', 'fairseq', 'numpy'} & set(sys.modules) else 0)",
        ],
    )
    assert done == 0
