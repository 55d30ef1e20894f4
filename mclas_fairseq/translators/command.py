"""`command:PROGRAM ARGUMENTS`: any program that reads lines and writes a line for each.

The program is started once for each call, without a shell, gets all lines (UTF-8) on its standard
input and must end after writing their translations. It runs in a process group of its own, which is
ended with it, so that nothing that it started stays behind; and it ends with the process that
started it.

A program may read lines as running text and move words over their ends, as Apertium does with
titles that no full stop closes; the number of lines is right then, and what stands in them is not.
So a few of the first lines that are translated together are translated alone as well.
"""

import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import ConfigError, TranslatorError
from mclas_fairseq.translators.base import Translation, Translator
from mclas_fairseq.translators.fingerprints import describe, hash_files
from mclas_fairseq.translators.options import TranslatorOptions, TranslatorSpec

_TAIL_BYTES = 2000  # of what the program wrote to standard error, shown when it failed
_TAIL_LINES = 5
_PR_SET_PDEATHSIG = 1  # of prctl(2)
_LINES_ALONE = 5  # each starts the program once more
_CLOSED = (".", "!", "?", "。", "！", "？", "…", ":", ";")


class CommandTranslator(Translator):
    """Runs a program that maps lines to lines; it gives no scores.

    Raises:
        ConfigError: the command line cannot be taken apart, or the program does not exist.
    """

    def __init__(self, spec: TranslatorSpec, options: TranslatorOptions) -> None:
        super().__init__(spec, options)
        self._arguments = _split(spec)
        self._keeps_lines_apart = False  # not known yet

    def _translate(self, lines: Sequence[str]) -> list[Translation]:
        found = self._answers(lines)
        if not self._keeps_lines_apart and len(lines) > 1:
            self._check_apart(lines, found)
            self._keeps_lines_apart = True
        return [Translation(line) for line in found]

    def _check_apart(self, lines: Sequence[str], together: Sequence[str]) -> None:
        """Translate some lines alone, those first whose end no sign of punctuation shows.

        Raises:
            TranslatorError: one comes out otherwise than among its neighbours.
        """
        open_first = sorted(range(len(lines)), key=lambda place: lines[place].endswith(_CLOSED))
        for place in open_first[:_LINES_ALONE]:
            (alone,) = self._answers([lines[place]])
            if normalize_text(alone) != normalize_text(together[place]):
                raise TranslatorError(
                    f"{self.name}: must translate each line by itself, but makes "
                    f"{alone[:100]!r} of {lines[place][:100]!r} alone and "
                    f"{together[place][:100]!r} of it among other lines; use a program that keeps "
                    "lines apart and always gives the same, such as a script that starts this one "
                    "anew for each line"
                )

    def _answers(self, lines: Sequence[str]) -> list[str]:
        """What the program writes for lines, a line for each."""
        sent = "".join(line + "\n" for line in lines).encode("utf-8")
        # A file, as a program that complains about every line would fill a pipe, or our memory.
        with tempfile.TemporaryFile() as complaints:
            received = self._run(sent, complaints)
            found = self._read(received)
            if len(found) != len(lines):
                raise TranslatorError(
                    f"{self.name}: must write one line for each it reads, but wrote {len(found):,} "
                    f"for {len(lines):,}; use a program that keeps lines apart"
                    f"{_last_words(complaints)}"
                )
        return found

    def _run(self, sent: bytes, complaints: IO[bytes]) -> bytes:
        """Run the program on `sent` and return what it wrote."""
        process = self._start(complaints)
        try:
            received, _ = process.communicate(sent, timeout=self.options.time_limit)
        except subprocess.TimeoutExpired:
            raise TranslatorError(
                f"{self.name}: must end within {self.options.time_limit:g} seconds, but did not "
                f"and was ended; raise --time-limit{_last_words(complaints)}"
            ) from None
        finally:
            _end_group(process)
        if process.returncode != 0:
            raise TranslatorError(
                f"{self.name}: must end with status 0, but {_ending(process.returncode)}; run it "
                f"by itself to see why{_last_words(complaints)}"
            )
        return received

    def _start(self, complaints: IO[bytes]) -> "subprocess.Popen[bytes]":
        try:
            return subprocess.Popen(
                self._arguments,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=complaints,
                start_new_session=True,
                preexec_fn=_end_with_parent(),
            )
        except OSError as error:
            raise ConfigError(
                f"{self.name}: must be a program that can be run, but is not ({error.strerror}); "
                "check name and rights"
            ) from error

    def _read(self, received: bytes) -> list[str]:
        try:
            text = received.decode("utf-8")
        except UnicodeDecodeError as error:
            line = received[: error.start].count(b"\n") + 1
            raise TranslatorError(
                f"{self.name}: must write UTF-8, but its line {line:,} is not; let it write UTF-8"
            ) from error
        return text.removesuffix("\n").split("\n") if text else []

    def _fingerprint(self) -> str:
        program = shutil.which(self._arguments[0])
        files = [Path(text) for text in (program, *self._arguments[1:]) if text]
        content = hash_files(path for path in files if path.is_file())
        return describe("command", shlex.join(self._arguments), {"sha256": content})


def _split(spec: TranslatorSpec) -> list[str]:
    """Take a command line apart as a shell would, and find the program."""
    try:
        arguments = shlex.split(spec.target)
    except ValueError as error:
        raise ConfigError(
            f"translator {str(spec)!r}: quotes must be closed, but {str(error).lower()}; close them"
        ) from error
    if not arguments or shutil.which(arguments[0]) is None:
        program = arguments[0] if arguments else ""
        raise ConfigError(
            f"translator {str(spec)!r}: its program must exist and be executable, but "
            f"{program!r} is not found; give its path"
        )
    return arguments


def _end_with_parent() -> Callable[[], None]:
    """Return what a new process runs first, so that it is killed when this one ends."""
    # Looked up here: between fork and exec no library may be loaded.
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def end_with_parent() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:  # it ended meanwhile
            os.kill(os.getpid(), signal.SIGKILL)

    return end_with_parent


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """Kill the program and all that it started, and collect it."""
    with contextlib.suppress(ProcessLookupError):  # all have ended
        os.killpg(process.pid, signal.SIGKILL)
    for stream in (process.stdin, process.stdout):
        if stream is not None and not stream.closed:
            stream.close()
    process.wait()


def _ending(status: int) -> str:
    if status < 0:
        return f"was ended by signal {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _last_words(complaints: IO[bytes]) -> str:
    """The last lines that the program wrote to standard error, as the end of a message."""
    size = complaints.seek(0, os.SEEK_END)
    complaints.seek(max(0, size - _TAIL_BYTES))
    text = complaints.read().decode("utf-8", errors="replace")
    lines = [line.strip() for line in text.splitlines() if line.strip()][-_TAIL_LINES:]
    return f"; it said: {' | '.join(lines)}" if lines else "; it said nothing on standard error"
