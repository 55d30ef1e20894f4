"""Descriptions of Debian's packages to records: what ddtp.sh calls for its first step.

    python descriptions.py FOLDER --target-lang it,fr --out OUT

FOLDER is as dists/RELEASE/main of a mirror: binary-ARCH/Packages of one architecture or several,
i18n/Translation-en and i18n/Translation-LANG, plain or compressed (.gz, .bz2, .xz). OUT gets
records/SPLIT.jsonl.gz, a package's long description with its synopsis in each language that has
one, and pairs/SPLIT.jsonl.gz, its paragraphs with their translations.
"""

import argparse
import bz2
import gzip
import hashlib
import lzma
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.conversion.near_duplicates import NearDuplicates
from mclas_fairseq.corpus.records import write_records
from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.errors import ConfigError, DataError, MclasError

SPLITS = ("train", "valid", "test")
SIMILARITY = 0.3  # shared sequences of five words, from which two descriptions stay together
LARGEST_GROUP = 50  # packages that stay together outside training
HELD_OUT = 0.06  # share of the packages in validation, and of those in the test
MOST_PARAGRAPHS = 60  # longer descriptions are lists, of fonts or of modules: not for translation
_OPENERS: Mapping[str, Callable[..., Any]] = {
    "": open,
    ".gz": gzip.open,
    ".bz2": bz2.open,
    ".xz": lzma.open,
}


@dataclass(frozen=True)
class Text:
    """A description in one language: its first line, and the paragraphs below it."""

    synopsis: str
    paragraphs: tuple[str, ...]


@dataclass
class Package:
    """A package with its descriptions.

    Attributes:
        name: of the package.
        source: the source package that it is built from.
        english: its description.
        others: language -> translation, whole and not left in English.
    """

    name: str
    source: str
    english: Text
    others: dict[str, Text] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Document and summaries."""
        texts = {"en": self.english, **self.others}
        return {
            "id": self.name,
            "source": self.source,
            "document": {"en": list(self.english.paragraphs)},
            "summary": {language: [text.synopsis] for language, text in texts.items()},
        }

    def pairs(self) -> Iterator[dict[str, Any]]:
        """Paragraphs with their translations: where a paragraph was left in English, none."""
        if len(self.english.paragraphs) > MOST_PARAGRAPHS:
            return
        for number, paragraph in enumerate(self.english.paragraphs):
            translation = {
                language: text.paragraphs[number]
                for language, text in self.others.items()
                if text.paragraphs[number] != paragraph
            }
            if translation:
                yield {
                    "id": f"{self.name}#{number + 1}",
                    "document": {"en": paragraph},
                    "translation": translation,
                }


def find_files(folder: Path, name: str) -> list[Path]:
    """Files of that name (a glob), plain or compressed; of one file the first there is.

    Raises:
        DataError: there is none.
    """
    found: dict[str, Path] = {}
    for suffix in _OPENERS:
        for path in sorted(folder.glob(name + suffix)):
            found.setdefault(str(path).removesuffix(suffix), path)
    if not found:
        raise DataError(
            f"{folder}: must hold {name}, plain or as .gz, .bz2 or .xz, but does not; fetch it "
            "from dists/RELEASE/main of a Debian mirror"
        )
    return [found[key] for key in sorted(found)]


def read_stanzas(path: Path) -> Iterator[dict[str, list[str]]]:
    """Field -> its lines, of each paragraph of a control file (deb-control(5)), without comments.

    Raises:
        DataError: it is not such a file, or cannot be read to its end.
    """
    stanza: dict[str, list[str]] = {}
    name = ""
    try:
        with _OPENERS.get(path.suffix, open)(path, "rb") as stream:
            for number, raw in enumerate(stream, 1):
                line = raw.decode("utf-8").rstrip("\r\n")
                if not line.strip():
                    if stanza:
                        yield stanza
                    stanza = {}
                elif line[0] in " \t" and stanza:
                    stanza[name].append(line[1:])
                else:
                    name, colon, value = line.partition(":")
                    if not colon or line[0] in " \t":
                        raise DataError(
                            f"{path}:{number}: must be a line of a control file (Field: value), "
                            f"but is {line[:40]!r}; is this the file as Debian publishes it?"
                        )
                    stanza[name] = [value.strip()]
    except (OSError, EOFError, lzma.LZMAError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); fetch it again") from error
    if stanza:
        yield stanza


def as_text(lines: Sequence[str]) -> Text:
    """A description field: synopsis, then paragraphs parted by lines with a single full stop."""
    paragraphs: list[list[str]] = [[]]
    for line in lines[1:]:
        if line.strip() == ".":
            paragraphs.append([])
        else:
            paragraphs[-1].append(line)
    joined = (normalize_text(" ".join(one)) for one in paragraphs)
    return Text(normalize_text(lines[0]), tuple(text for text in joined if text))


def read_texts(folder: Path, language: str) -> dict[tuple[str, str], Text]:
    """(package, MD5 of the English description) -> its description in a language."""
    found = {}
    key = f"Description-{language}"
    (path,) = find_files(folder, f"i18n/Translation-{language}")
    for stanza in read_stanzas(path):
        if key in stanza:
            name, md5 = stanza["Package"][0], stanza["Description-md5"][0]
            found[name, md5] = as_text(stanza[key])
    if not found:
        raise DataError(f"{path}: must have fields {key}, but has none; is it another language's?")
    return found


def read_packages(folder: Path, languages: Sequence[str]) -> list[Package]:
    """All packages with an English description, by name; of several versions the first."""
    english = read_texts(folder, "en")
    others = {language: read_texts(folder, language) for language in languages}
    found: dict[str, Package] = {}
    for path in find_files(folder, "binary-*/Packages"):
        for stanza in read_stanzas(path):
            name = stanza["Package"][0]
            key = (name, stanza.get("Description-md5", [""])[0])
            if name in found or key not in english:
                continue
            source = stanza.get("Source", [name])[0].split(" (")[0]
            found[name] = package = Package(name, source, english[key])
            for language, texts in others.items():
                if key in texts and is_translation(package.english, texts[key]):
                    package.others[language] = texts[key]
    return [found[name] for name in sorted(found)]


def is_translation(english: Text, other: Text) -> bool:
    """Whether a translation has every paragraph, and neither part of it was left in English."""
    if len(english.paragraphs) != len(other.paragraphs):
        return False
    return other.synopsis not in ("", english.synopsis) and other.paragraphs != english.paragraphs


def choose(packages: Iterable[Package], least_words: int) -> list[Package]:
    """Descriptions long enough, one of each family.

    Packages that share a first paragraph or a synopsis are parts of one piece of software, of which
    the first is taken.
    """
    seen: set[str] = set()
    chosen = []
    for package in packages:
        text = package.english
        if sum(len(paragraph.split()) for paragraph in text.paragraphs) < least_words:
            continue
        marks = {f"p {text.paragraphs[0].casefold()}", f"s {text.synopsis.casefold()}"}
        if not marks & seen:
            chosen.append(package)
        seen |= marks
    return chosen


def group(packages: Sequence[Package]) -> list[list[Package]]:
    """What must stay in one split.

    The packages of a source package, near-duplicates, and what these connect.
    """
    with tempfile.TemporaryDirectory() as folder:
        near = NearDuplicates(Path(folder), SIMILARITY)
        for package in packages:
            near.add(" ".join(package.english.paragraphs))
        labels = near.groups().tolist()
    parents: dict[object, object] = {}

    def find(key: object) -> object:
        while parents.setdefault(key, key) != key:
            key = parents[key]
        return key

    for package, label in zip(packages, labels, strict=True):
        parents[find(("source", package.source))] = find(label)
    groups = defaultdict(list)
    for package, label in zip(packages, labels, strict=True):
        groups[find(label)].append(package)
    return list(groups.values())


def choose_split(members: Sequence[Package]) -> str:
    """By a hash of the first source package's name; large groups are for training."""
    if len(members) > LARGEST_GROUP:
        return "train"
    source = min(package.source for package in members)
    digest = hashlib.blake2b(source.encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "big") / 2**64
    return "test" if place < HELD_OUT else "valid" if place < 2 * HELD_OUT else "train"


def split(packages: Sequence[Package]) -> dict[str, list[Package]]:
    """Split -> its packages, by name."""
    found: dict[str, list[Package]] = {name: [] for name in SPLITS}
    for members in group(packages):
        found[choose_split(members)] += members
    return {name: sorted(one, key=lambda package: package.name) for name, one in found.items()}


def split_as(packages: Iterable[Package], folder: Path) -> dict[str, list[Package]]:
    """The split that a folder's files ids.SPLIT.txt say, in their order.

    Raises:
        ConfigError: a package is in two splits, or half of them are not among the packages.
    """
    by_name = {package.name: package for package in packages}
    found: dict[str, list[Package]] = {}
    missing = Counter[str]()
    seen: dict[str, str] = {}
    for name in SPLITS:
        path = folder / f"ids.{name}.txt"
        ids = path.read_text(encoding="utf-8").split() if path.exists() else []
        for one in ids:
            if seen.setdefault(one, name) != name:
                raise ConfigError(f"{path}: {one} must be in one split, but is in {seen[one]} too")
        found[name] = [by_name[one] for one in ids if one in by_name]
        missing[name] = len(ids) - len(found[name])
    lost = sum(missing.values())
    if lost * 2 > len(seen) or not seen:
        raise ConfigError(
            f"--ids {folder}: must name packages of these files in ids.train.txt, ids.valid.txt "
            f"and ids.test.txt, but {lost} of {len(seen)} are not there; is this the release that "
            "they are from?"
        )
    for name, count in missing.items():
        if count:
            print(f"{name}: {count} of the given ids have no description here")
    return found


def run(args: argparse.Namespace) -> None:
    """Read, split, write."""
    packages = read_packages(args.folder, args.target_lang.split(","))
    if args.ids is not None:
        splits = split_as(packages, args.ids)
    else:
        splits = split(choose(packages, args.least_words))
    for name, members in splits.items():
        write_records(args.out / f"records/{name}.jsonl.gz", (one.record() for one in members))
        every = (pair for one in members for pair in one.pairs())
        pairs = write_records(args.out / f"pairs/{name}.jsonl.gz", every)
        counts = Counter(language for one in members for language in one.others)
        shown = ", ".join(f"{language} {count:,}" for language, count in sorted(counts.items()))
        print(f"{name}: {len(members):,} descriptions ({shown}), {pairs:,} pairs of paragraphs")


def main() -> int:
    """Write the records; exit code 2 where the files are not as described."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--target-lang", required=True, metavar="LANGS", help="as in it,fr")
    parser.add_argument("--least-words", type=int, default=30, metavar="N")
    parser.add_argument("--ids", type=Path, metavar="FOLDER", help="with ids.SPLIT.txt")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER")
    args = parser.parse_args()
    try:
        for name in ("records", "pairs"):
            (args.out / name).mkdir(parents=True, exist_ok=True)
        run(args)
    except MclasError as error:
        print(f"descriptions.py: error: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
