"""preprocess/ddtp.sh: descriptions of packages to records and pairs, from files as Debian's."""

import bz2
import gzip
import hashlib
import importlib.util
import json
import lzma
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mclas_fairseq.errors import ConfigError, DataError
from tests.preprocess.test_preprocess import ROOT, records, run


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "descriptions", ROOT / "preprocess" / "descriptions.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


ours: Any = load()


def words(seed: str, count: int = 40) -> str:
    """Words that no other seed gives."""
    return " ".join(hashlib.md5(f"{seed}{n}".encode()).hexdigest()[:6] for n in range(count))


def stanza(name: str, language: str, synopsis: str, paragraphs: Sequence[str]) -> str:
    body = "\n .\n".join(f" {text}" for text in paragraphs)
    md5 = hashlib.md5(name.encode()).hexdigest()
    return f"Package: {name}\nDescription-md5: {md5}\nDescription-{language}: {synopsis}\n{body}\n"


def mirror(
    folder: Path,
    english: Mapping[str, Sequence[str]],
    italian: Mapping[str, Sequence[str]],
    sources: Mapping[str, str] | None = None,
) -> Path:
    """Packages by name: synopsis, then paragraphs."""
    (folder / "binary-amd64").mkdir(parents=True)
    (folder / "i18n").mkdir()
    packages = []
    for name in english:
        source = (sources or {}).get(name)
        md5 = hashlib.md5(name.encode()).hexdigest()
        packages.append(
            f"Package: {name}\n"
            + (f"Source: {source}\n" if source else "")
            + f"Depends: libc6,\n more (>= 1)\nDescription: s\nDescription-md5: {md5}\n"
        )
    with lzma.open(folder / "binary-amd64" / "Packages.xz", "wt") as stream:
        stream.write("\n".join(packages))
    for language, texts in (("en", english), ("it", italian)):
        with bz2.open(folder / "i18n" / f"Translation-{language}.bz2", "wt") as stream:
            stream.write("\n".join(stanza(n, language, t[0], t[1:]) for n, t in texts.items()))
    return folder


def test_a_package_becomes_a_document_with_summaries_and_pairs(tmp_path: Path) -> None:
    english = {
        "a": ["Game of war", "It is\n  * a list\n  * of   things", "Second."],
        "b": ["B", "b"],
    }
    italian = {"a": ["gioco di guerra", "È una lista", "Second."]}
    folder = mirror(tmp_path, english, italian, {"a": "game (1.2)"})
    first, second = ours.read_packages(folder, ["it"])
    assert first.record() == {
        "id": "a",
        "source": "game",
        "document": {"en": ["It is * a list * of things", "Second."]},
        "summary": {"en": ["Game of war"], "it": ["gioco di guerra"]},
    }
    assert list(first.pairs()) == [
        {
            "id": "a#1",
            "document": {"en": "It is * a list * of things"},
            "translation": {"it": "È una lista"},
        }
    ]  # the second paragraph was left in English
    assert second.record()["summary"] == {"en": ["B"]}
    assert second.source == "b"


@pytest.mark.parametrize(
    ("italian", "taken"),
    [
        (["titolo", "uno", "due"], True),
        (["titolo", "uno"], False),  # a paragraph is missing
        (["Title", "uno", "due"], False),  # the synopsis was left in English
        (["titolo", "One.", "Two."], False),  # all the rest was
    ],
)
def test_what_was_not_translated_is_no_summary(
    italian: Sequence[str], taken: bool, tmp_path: Path
) -> None:
    folder = mirror(tmp_path, {"a": ["Title", "One.", "Two."]}, {"a": italian})
    (package,) = ours.read_packages(folder, ["it"])
    assert bool(package.others) is taken


def test_lists_are_not_cut_into_pairs() -> None:
    long = ours.Text("s", tuple(f"p{n}" for n in range(61)))
    other = ours.Text("i", tuple(f"q{n}" for n in range(61)))
    assert list(ours.Package("a", "a", long, {"it": other}).pairs()) == []
    shorter = ours.Text("s", long.paragraphs[:60])
    assert len(list(ours.Package("a", "a", shorter, {"it": other}).pairs())) == 60


def package(name: str, *paragraphs: str, source: str = "", synopsis: str = "") -> Any:
    return ours.Package(name, source or name, ours.Text(synopsis or name, paragraphs))


def test_one_of_a_family_is_kept_and_short_ones_go() -> None:
    found = [
        package("a", words("x"), "First."),
        package("b", words("x").upper(), "Second."),  # the same first paragraph
        package("c", words("y"), synopsis="A"),  # the same synopsis
        package("d", words("z"), synopsis="c's own"),
        package("e", "Too short."),
    ]
    assert [one.name for one in ours.choose(found, 30)] == ["a", "d"]


def test_sources_and_near_duplicates_stay_in_one_split() -> None:
    near = words("near", 60)
    members = [
        package("a1", words("a1"), source="a"),
        package("a2", near, source="a"),
        package("b1", near + " and some more words", source="b"),  # joins a and b
        package("b2", words("b2"), source="b"),
        package("c", words("c")),
    ]
    groups = sorted(sorted(one.name for one in group) for group in ours.group(members))
    assert groups == [["a1", "a2", "b1", "b2"], ["c"]]


def test_every_split_gets_its_share_and_large_groups_train() -> None:
    many = [package(f"p{n}", words(f"p{n}", 8)) for n in range(600)]
    held_out = next(one for one in many if ours.choose_split([one]) == "test")
    large = [package(f"q{n}", words(f"q{n}", 8), source=held_out.source) for n in range(51)]
    assert ours.choose_split(large[:50]) == "test"
    assert ours.choose_split(large) == "train"
    found = ours.split(many)
    assert sum(map(len, found.values())) == 600
    assert all(20 <= len(found[name]) <= 55 for name in ("valid", "test"))
    assert ours.split(list(reversed(many))) == found


def test_the_split_of_given_ids_is_taken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    many = [package(name, "text") for name in "abcd"]
    (tmp_path / "ids.train.txt").write_text("c\na\ngone\n")
    (tmp_path / "ids.test.txt").write_text("d\n")
    found = ours.split_as(many, tmp_path)
    assert {name: [one.name for one in found[name]] for name in found} == {
        "train": ["c", "a"],
        "valid": [],
        "test": ["d"],
    }
    assert "train: 1 of the given ids have no description here" in capsys.readouterr().out
    (tmp_path / "ids.valid.txt").write_text("a\n")
    with pytest.raises(ConfigError, match="a must be in one split, but is in train too"):
        ours.split_as(many, tmp_path)
    (tmp_path / "ids.valid.txt").write_text("".join(f"x{n}\n" for n in range(9)))
    with pytest.raises(ConfigError, match="10 of 13 are not there; is this the release"):
        ours.split_as(many, tmp_path)


def test_files_that_are_not_debians_are_refused(tmp_path: Path) -> None:
    folder = mirror(tmp_path / "m", {"a": ["A", "text"]}, {"a": ["B", "testo"]})
    with pytest.raises(DataError, match=r"must hold i18n/Translation-fr, plain or as \.gz"):
        ours.read_packages(folder, ["fr"])
    (folder / "i18n" / "Translation-de").write_text(stanza("a", "it", "B", ["testo"]))
    with pytest.raises(DataError, match=r"must have fields Description-de, but has none"):
        ours.read_packages(folder, ["de"])
    (folder / "i18n" / "Translation-es").write_text("<html>\n")
    with pytest.raises(DataError, match=r"Translation-es:1: must be a line of a control file"):
        ours.read_packages(folder, ["es"])
    whole = gzip.compress(stanza("a", "pt", "B", [words("w", 400)]).encode())
    (folder / "i18n" / "Translation-pt.gz").write_bytes(whole[:-200])
    with pytest.raises(DataError, match=r"Translation-pt.gz: cannot be read .*; fetch it again"):
        ours.read_packages(folder, ["pt"])


@pytest.mark.slow
def test_ddtp_makes_a_data_bin_with_the_pairs(tmp_path: Path) -> None:
    names = [f"p{n}" for n in range(30)]
    english = {n: [f"Tool {words(n, 2)}", words(n), words(f"{n}b", 9)] for n in names}
    italian = {n: [f"attrezzo {n}", words(f"i{n}"), words(f"j{n}", 9)] for n in names[:27]}
    ids = tmp_path / "ids"
    ids.mkdir()
    for split, part in (("train", names[:24]), ("valid", names[24:27]), ("test", names[17:18])):
        kept = [name for name in part if split == "test" or name != names[17]]
        (ids / f"ids.{split}.txt").write_text("\n".join(kept))
    folder = mirror(tmp_path / "mirror", english, italian)
    flags = ["--data", folder, "--target-lang", "it", "--ids", ids, "--vocab-size", 60, "--pairs"]
    done = run("ddtp.sh", *flags, "--out", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert "train: 23 descriptions (it 23), 46 pairs of paragraphs" in done.stdout
    made = tmp_path / "out" / "descriptions"
    assert [row["id"] for row in records(made / "records/test.jsonl.gz")] == [names[17]]
    assert len(records(made / "pairs/train.jsonl.gz")) == 46
    manifest = json.loads((tmp_path / "out/data-bin/manifest.json").read_text(encoding="utf-8"))
    assert "46" in json.dumps(manifest["counts"])
    again = run("ddtp.sh", *flags, "--out", tmp_path / "out")
    assert again.stdout.count("there already") == 2
