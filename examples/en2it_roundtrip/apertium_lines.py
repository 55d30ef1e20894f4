"""Translates lines through Apertium, over one or several directions, each line by itself.

    python apertium_lines.py eng-spa spa-ita < english > italian

Apertium is a pipe of programs that read running text: what follows a line's end is the same
sentence to them. All of them have a mode for services, in which a zero byte ends a text and what
comes next starts afresh; here each line is such a text, closed by a full stop, which is taken off
again. One program does not start afresh: when `apertium-tagger` (3.8) meets a word whose set of
readings it did not see when it was trained, all that it says later can come out otherwise. It tells
such words (option -d), so it is asked for them first; texts without one go through it together, and
each of the others by itself.

Spanish "para" is a set of readings of that kind. Asked afresh, the tagger makes a form of "parir"
of it, to give birth; from English it is "for", so it is sent to the tagger with that reading alone.

The programs are those of Apertium's own list for a direction, `modes/DIRECTION.mode` in
$APERTIUM_DATADIR or /usr/share/apertium. Words that it does not know stay as they are, without a
mark (its option -u).
"""

import argparse
import os
import re
import shlex
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path

_CLOSING = (".", "!", "?")
_SPECIAL = re.compile(r"[\[\]{}^$/\\@<>]")  # signs of Apertium's own between its programs
_NEW_READINGS = "A new ambiguity class was found"  # as the tagger says it
# Spanish "para" with its readings, the preposition first, as the tagger is given it.
_FOR = re.compile(r"\^(para)/\1<pr>/[^$]*\$", re.IGNORECASE)
_END = "[]"  # formatting of nothing: what stands before it is read to its end


def close(line: str) -> str:
    """The line as Apertium is given it: single spaces, a sign that ends it, its signs escaped."""
    shown = (" " if unicodedata.category(sign) == "Cc" else sign for sign in line)
    text = " ".join("".join(shown).split())
    return _SPECIAL.sub(r"\\\g<0>", text if text.endswith(_CLOSING) else f"{text}.") + _END


def open_again(text: str, line: str) -> str:
    """Undo what `close` did, and take the full stop off that the line did not have."""
    found = re.sub(r"\\(.)", r"\1", text.strip().removesuffix(_END)).strip()
    return found if line.rstrip().endswith(_CLOSING) else found.removesuffix(".").rstrip()


def programs(direction: str) -> list[list[str]]:
    """The programs of a direction with their arguments, in their order."""
    folder = Path(os.environ.get("APERTIUM_DATADIR", "/usr/share/apertium"), "modes")
    path = folder / f"{direction}.mode"
    if not path.exists():
        there = ", ".join(sorted(one.stem for one in folder.glob("*.mode"))) or "none"
        raise SystemExit(f"{direction}: must be a direction in {folder}, which has {there}")
    # The two that it leaves open: no marks at unknown words; no other readings of a word.
    filled = path.read_text(encoding="utf-8").strip().replace("$1", "-n").replace("$2", "")
    return [shlex.split(one) for one in filled.split("|")]


def translate(direction: str, lines: Sequence[str]) -> list[str]:
    """Translate lines from one language into another.

    Raises:
        SystemExit: there is no such direction, or one of its programs failed.
    """
    texts = list(map(close, lines))
    for name, *arguments in programs(direction):
        if name == "apertium-tagger":
            known = [_FOR.sub(r"^\1/\1<pr>$", text) for text in texts]
            texts = tag([name, "-z", *arguments], known)
        else:
            texts = run([name, "-z", *arguments], texts)
    return list(map(open_again, texts, lines))


def tag(words: Sequence[str], texts: Sequence[str]) -> list[str]:
    """Send texts through the tagger, so that none changes what it makes of another."""
    heard = run([*words, "-d"], texts, subprocess.STDOUT)
    apart = [_NEW_READINGS in one for one in heard]
    together = iter(run(words, [text for text, new in zip(texts, apart, strict=True) if not new]))
    return [
        run(words, [text])[0] if new else next(together)
        for text, new in zip(texts, apart, strict=True)
    ]


def run(words: Sequence[str], texts: Sequence[str], stderr: int = subprocess.PIPE) -> list[str]:
    """Send texts through one program, each ended by a zero byte; what comes back of each.

    Args:
        words: the program and its arguments.
        texts: what it is sent.
        stderr: subprocess.STDOUT puts what it says among what it gives, in the text it says it of.

    Raises:
        SystemExit: the program is missing, failed, complained, or gave more or fewer texts.
    """
    sent = "".join(f"{text}\0" for text in texts).encode()
    try:
        done = subprocess.run(words, input=sent, stdout=subprocess.PIPE, stderr=stderr)
    except FileNotFoundError:
        raise SystemExit(f"{words[0]}: is not installed, but Apertium needs it") from None
    said = " | ".join((done.stderr or b"").decode(errors="replace").strip().splitlines()[-3:])
    if done.returncode != 0 or said:
        raise SystemExit(f"{words[0]}: ended with status {done.returncode}: {said}")
    found = done.stdout.decode().split("\0")
    # At the end of its input a program may add zero bytes of its own.
    if len(found) <= len(texts) or any(one.strip() for one in found[len(texts) :]):
        count = len(found) - 1
        raise SystemExit(f"{words[0]}: must keep {len(texts)} texts apart, but gave {count}")
    return found[: len(texts)]


def main() -> None:
    """Translate standard input."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("directions", nargs="+", help="as Apertium names them: eng-spa spa-ita")
    args = parser.parse_args()
    if shutil.which("apertium") is None:
        raise SystemExit("apertium: is not installed; on Debian, apt-get install apertium")
    lines = sys.stdin.buffer.read().decode("utf-8").removesuffix("\n").split("\n")
    for direction in args.directions:
        lines = translate(direction, lines)
    sys.stdout.buffer.write("".join(f"{line}\n" for line in lines).encode("utf-8"))


if __name__ == "__main__":
    main()
