"""Translates lines through Apertium, over one or several directions, and keeps the lines apart.

    python apertium_lines.py eng-spa spa-ita < english > italian

Apertium reads running text: it takes what follows a line's end for the same sentence unless a full
stop closes it, and moves words over the end. So every line is closed by a full stop, which is taken
off again, and before each, and behind the last, stands a line with a number. Numbers pass through
Apertium as they are: where one comes out changed or displaced, words have moved, and the program
ends with status 1 and says at which line. That a line's translation depends on nothing else is not
sure all the same: from Spanish to Italian a title was seen whose verb came out otherwise among
other lines than alone, in its place. `mclas roundtrip` tries a few lines of each shard both ways
and gives up a shard where they differ.

Words that Apertium does not know stay as they are (its option -u), without a mark.
"""

import argparse
import shutil
import subprocess
import sys
import unicodedata
from collections.abc import Sequence

_CLOSING = (".", "!", "?")


def close(line: str) -> str:
    """The line as Apertium is given it: single spaces, and a sign that ends it."""
    shown = (" " if unicodedata.category(sign) == "Cc" else sign for sign in line)
    text = " ".join("".join(shown).split())
    return text if text.endswith(_CLOSING) else f"{text}."


def translate(direction: str, lines: Sequence[str]) -> list[str]:
    """Translate lines from one language into another.

    Raises:
        SystemExit: Apertium failed, or mixed lines.
    """
    marks = [f"{number}." for number in range(1, len(lines) + 2)]
    texts = [*map(close, lines), ""]  # a mark behind the last line, too
    sent = "".join(f"{mark}\n{text}\n" for mark, text in zip(marks, texts, strict=True))
    done = subprocess.run(["apertium", "-u", direction], input=sent.encode(), capture_output=True)
    said = " | ".join(done.stderr.decode(errors="replace").strip().splitlines()[-3:])
    # A program that it needs may be missing: it complains, and ends with status 0.
    if done.returncode != 0 or said:
        raise SystemExit(f"apertium {direction}: ended with status {done.returncode}: {said}")
    received = [line.strip() for line in done.stdout.decode().split("\n")]
    received += [""] * (len(marks) + len(texts) - len(received))
    for mark, found, line in zip(marks, received[::2], [*lines, "the end"], strict=False):
        if found != mark:
            raise SystemExit(
                f"apertium {direction}: must keep lines apart, but where '{mark}' was sent before"
                f" {line[:100]!r}, {found[:100]!r} came back"
            )
    return [open_again(text, line) for text, line in zip(received[1::2], lines, strict=False)]


def open_again(text: str, line: str) -> str:
    """Take the full stop off that the line did not have."""
    return text if line.rstrip().endswith(_CLOSING) else text.removesuffix(".").rstrip()


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
