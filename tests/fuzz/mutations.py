"""Damage done to files, each kind by a seed: bytes, lines, values, and whole files."""

import gzip
import json
from collections.abc import Callable
from random import Random
from typing import Any

Mutation = Callable[[bytes, Random], bytes]

VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 1e308, 10**30, float("nan"), "", " ", "x" * 5000, "\u0000", "\ud800",
    "nan", "../../x", "=1+1", [], {}, [[]], [None], {"en": None}, {"": ""}, {"en": ["x", 3]},
)  # fmt: skip
JUNK = (b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\x1b[31m", "\u2028".encode(), b"\t" * 40)


def flip(content: bytes, random: Random) -> bytes:
    """Other values for a few bytes."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 3, 20))):
        if changed:
            changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def cut(content: bytes, random: Random) -> bytes:
    """The file breaks off, or lacks its beginning."""
    place = random.randrange(len(content) + 1)
    return content[:place] if random.random() < 0.8 else content[place:]


def empty(content: bytes, random: Random) -> bytes:
    """Nothing, or nearly nothing."""
    return random.choice((b"", b"\n", b" ", b"{}", b"[]", b"null", b"\x00" * 100))


def insert(content: bytes, random: Random) -> bytes:
    """Something that does not belong there."""
    place = random.randrange(len(content) + 1)
    return content[:place] + random.choice(JUNK) * random.choice((1, 1, 50)) + content[place:]


def lines(content: bytes, random: Random) -> bytes:
    """Lines are lost, doubled, joined or in another order."""
    rows = content.split(b"\n")
    kind = random.choice(("lose", "double", "join", "shuffle"))
    place = random.randrange(len(rows))
    if kind == "lose":
        del rows[place]
    elif kind == "double":
        rows.insert(place, rows[place])
    elif kind == "join" and place + 1 < len(rows):
        rows[place : place + 2] = [rows[place] + rows[place + 1]]
    else:
        random.shuffle(rows)
    return b"\n".join(rows)


def compress(content: bytes, random: Random) -> bytes:
    """Packed where it should not be, or the other way round."""
    return gzip.compress(content) if content[:2] != b"\x1f\x8b" else gzip.decompress(content)


def recode(content: bytes, random: Random) -> bytes:
    """The text in another encoding."""
    text = content.decode("utf-8", errors="replace")
    return text.encode(random.choice(("utf-16", "latin-1", "utf-32")), errors="replace")


def values(content: bytes, random: Random) -> bytes:
    """Values in JSON are of another type, absent, or nested without end."""
    rows = content.split(b"\n")
    filled = [n for n, row in enumerate(rows) if row.strip()]
    if not filled:
        return content
    whole = content.lstrip()[:1] in (b"{", b"[") and _parses(content)
    place = random.choice(filled)
    try:
        item = json.loads(content if whole else rows[place])
    except ValueError:
        return flip(content, random)
    changed = _change(item, random)
    text = json.dumps(changed).encode("utf-8")
    if random.random() < 0.1:
        text = b'{"a":' * 20_000 + text + b"}" * 20_000
    if whole:
        return text
    rows[place] = text
    return b"\n".join(rows)


def _parses(content: bytes) -> bool:
    try:
        json.loads(content)
    except ValueError:
        return False
    return True


def _change(item: Any, random: Random) -> Any:
    """One value inside an item, at a random depth, becomes another; keys get lost as well."""
    if isinstance(item, dict) and item and random.random() < 0.85:
        key = random.choice(list(item))
        if random.random() < 0.15:
            return {name: value for name, value in item.items() if name != key}
        return {**item, key: _change(item[key], random)}
    if isinstance(item, list) and item and random.random() < 0.7:
        place = random.randrange(len(item))
        return [*item[:place], _change(item[place], random), *item[place + 1 :]]
    return random.choice(VALUES)


TEXT: tuple[Mutation, ...] = (flip, cut, empty, insert, lines, compress, recode, values, values)
BINARY: tuple[Mutation, ...] = (flip, flip, cut, empty, insert, compress)
