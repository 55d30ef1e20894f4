"""A bundle that is not as it was exported is refused, naming the file, before anything is opened.

The bundles here hold text for weights: what is checked comes before anything is parsed.
"""

import hashlib
import json
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.bundles.format import INDEX_FILE, check_bundle, write_index
from mclas_fairseq.errors import CheckpointError

FILES = {
    "model.safetensors": "weights",
    "config.json": "{}",
    "dict.txt": "a 1\n",
    "README.md": "# A model\n",
    "tokenizer/tokenizer.json": "{}",
    "tokenizer/base/sentencepiece.model": "model",
    "vocabulary.de.txt": "a\n",
}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    write_index(folder, "0.1.0")
    return folder


def refused(folder: Path, message: str) -> None:
    with pytest.raises(CheckpointError, match=re.escape(f"bundle {folder}: ") + message):
        check_bundle(folder)


def change(folder: Path, edit: Callable[[dict[str, Any]], object]) -> None:
    """Edit `bundle.json`."""
    content = json.loads((folder / INDEX_FILE).read_text())
    edit(content)
    (folder / INDEX_FILE).write_text(json.dumps(content))


def listed(text: str) -> dict[str, object]:
    return {"size": len(text), "sha256": hashlib.sha256(text.encode()).hexdigest()}


def test_whole_bundle_passes_and_lists_its_files(bundle: Path) -> None:
    files = check_bundle(bundle)
    assert set(files) == set(FILES)
    for name, text in FILES.items():
        assert vars(files[name]) == listed(text)


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_named(bundle: Path, name: str) -> None:
    (bundle / name).unlink()
    refused(bundle, rf"must have {name}, but it is not there; get it again from its maker")


@pytest.mark.parametrize("name", FILES)
def test_altered_file_is_named_by_its_hash_and_by_its_size(bundle: Path, name: str) -> None:
    text = FILES[name]
    (bundle / name).write_text(chr(ord(text[0]) + 1) + text[1:])
    refused(bundle, rf"{name} must be as it was exported, but has SHA-256 [0-9a-f]{{12}}\.\.\.")
    (bundle / name).write_text(text + " ")
    refused(bundle, rf"{name} must be as it was exported, but has {len(text) + 1} bytes, not")


def test_required_file_that_is_not_listed_is_named(bundle: Path) -> None:
    change(bundle, lambda content: content["files"].pop("model.safetensors"))
    refused(bundle, r"must have model\.safetensors, but it is not listed")


def test_newer_version_is_named_with_its_maker(bundle: Path) -> None:
    change(bundle, lambda content: content.update(format_version=4, made_with="mclas-fairseq 9"))
    refused(
        bundle,
        r"format versions up to 3 can be read, found 4 \(made with 'mclas-fairseq 9'\); install",
    )


@pytest.mark.parametrize("name", ["model.pt", "weights.bin", "tokenizer/cache.pkl", ".hidden"])
def test_file_that_is_not_listed_is_refused_unopened(bundle: Path, name: str) -> None:
    (bundle / name).write_bytes(pickle.dumps({"a": 1}))
    kind = ", which may be a pickle" if not name.startswith(".") else ""
    refused(bundle, rf"may hold only the files that .* has {re.escape(name)} as well{kind}; it was")


@pytest.mark.parametrize("name", ["model.pt", "tokenizer/cache.pkl", "code.py", "tokenizer/x/a"])
def test_file_of_another_kind_is_refused_even_if_listed(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("x")
    change(bundle, lambda content: content["files"].update({name: listed("x")}))
    refused(bundle, rf"{INDEX_FILE} may list the files that this format has, but lists {name}")


@pytest.mark.parametrize(
    "name",
    ["../secret.txt", "/etc/passwd", "tokenizer/../../secret.txt", "..", "./dict.txt", "a\\b",
     "C:/x", "tokenizer//tokenizer.json"],
)  # fmt: skip
def test_names_that_lead_out_of_the_folder_are_refused(bundle: Path, name: str) -> None:
    (bundle.parent / "secret.txt").write_text("x")
    change(bundle, lambda content: content["files"].update({name: listed("x")}))
    refused(bundle, re.escape(f"{INDEX_FILE} must name files in the folder, but names {name!r}"))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer", INDEX_FILE, "more"])
def test_symbolic_links_are_refused(bundle: Path, name: str) -> None:
    outside = bundle.parent / "outside"
    if (bundle / name).exists():
        (bundle / name).rename(outside)
    else:
        outside.write_text("x")
    (bundle / name).symlink_to(outside)
    refused(bundle, rf"may hold plain files only, but {name} is a symbolic link")


def test_pipes_are_refused_instead_of_waited_for(bundle: Path) -> None:
    os.mkfifo(bundle / "pipe")
    refused(bundle, "may hold plain files only, but pipe is something else")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ("[]", 'does not say "format": "mclas-fairseq bundle"'),
        ('{"format": "other"}', 'does not say "format"'),
        ('{"format": "mclas-fairseq bundle", "format_version": 1}', 'has no "files"'),
        (
            '{"format": "mclas-fairseq bundle", "format_version": 1, "files": {"dict.txt": 3}}',
            "says 3 of dict.txt, not its size and sha256",
        ),
    ],
)
def test_bad_index_is_refused(bundle: Path, content: str, message: str) -> None:
    (bundle / INDEX_FILE).write_text(content)
    refused(bundle, rf"{INDEX_FILE} must list the bundle's files, but {re.escape(message)}")


def test_other_folders_are_refused_saying_what_is_there(tmp_path: Path) -> None:
    refused(tmp_path / "none", "must be a folder that mclas export wrote, but is not there")
    (tmp_path / "manifest.json").write_text("{}")
    refused(tmp_path, r"must have a bundle\.json, but has manifest\.json; make one with mclas exp")
    refused(tmp_path / "manifest.json", "must be a folder that mclas export wrote, but is a file")
