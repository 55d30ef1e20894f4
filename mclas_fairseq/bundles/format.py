"""The format of a bundle: which files it has, and that they are the ones that were written.

model.safetensors          the weights, tied ones once
model.int8.safetensors     or with linear layers in 8 bits, each with its scales
ct2/FORM/                  or the model in CTranslate2's form, in one number format or several
config.json                settings of model, task and decoding (`bundle_config`)
dict.txt                   the dictionary
tokenizer/                 the tokenizer's files
vocabulary.LANG.txt        the language vocabulary of each summary language
README.md                  the model card (`bundle_card`)
bundle.json                version of the format; size and SHA-256 of all other files; written last

A bundle comes from somebody else. So nothing in it is executed or unpickled, and a file is opened
only after all of this is certain: it is a plain file of this format, not a link; `bundle.json`
lists it; size and SHA-256 are as listed there.

Place in the pipeline: written by `mclas export`, checked whenever `mclas_fairseq.load` or
`mclas summarize --model` open a bundle.
"""

import hashlib
import json
import re
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from mclas_fairseq.corpus.tokenizers.base import DESCRIPTION_FILE
from mclas_fairseq.corpus.tokenizers.bpe import CODES_FILE
from mclas_fairseq.corpus.tokenizers.extended import BASE_FOLDER, EXTENSION_FOLDER, SHARED_FILE
from mclas_fairseq.corpus.tokenizers.pretrained import MODEL_FILE as PRETRAINED_FILE
from mclas_fairseq.corpus.tokenizers.subword_sentencepiece import MODEL_FILE
from mclas_fairseq.corpus.tokenizers.wordpiece import VOCABULARY_FILE
from mclas_fairseq.ctranslate.files import FOLDER, FORM_FILES, FORMS
from mclas_fairseq.data.data_bin import DICTIONARY_FILE, TOKENIZER_FOLDER
from mclas_fairseq.errors import CheckpointError

FORMAT = "mclas-fairseq bundle"
FORMAT_VERSION = 1
CT2_VERSION = 2  # of bundles in CTranslate2's form
INT8_VERSION = 3  # of bundles whose linear layers are in 8 bits
INDEX_FILE = "bundle.json"
WEIGHTS_FILE = "model.safetensors"
INT8_FILE = "model.int8.safetensors"
CONFIG_FILE = "config.json"
CARD_FILE = "README.md"

_REQUIRED = (
    *(CONFIG_FILE, DICTIONARY_FILE, CARD_FILE),
    f"{TOKENIZER_FOLDER}/{DESCRIPTION_FILE}",
)
_CT2_FILES = {f"{FOLDER}/{form}/{name}" for form in FORMS for name in FORM_FILES}
_VOCABULARY = re.compile(r"vocabulary\.[A-Za-z0-9-]+\.txt")
_TOKENIZER_FILES = frozenset(
    {DESCRIPTION_FILE, CODES_FILE, MODEL_FILE, PRETRAINED_FILE, VOCABULARY_FILE, SHARED_FILE}
)
_TOKENIZER_FOLDERS = frozenset({BASE_FOLDER, EXTENSION_FOLDER})
_PICKLES = frozenset({".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".bin", ".joblib", ".npy", ".npz"})
_AGAIN = "get it again from its maker, or make it with mclas export"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class FileEntry:
    """What `bundle.json` says of a file: its size in bytes and its SHA-256 in hexadecimal."""

    size: int
    sha256: str


def describe_file(path: Path) -> FileEntry:
    """Size and SHA-256 of a file."""
    digest = hashlib.sha256()
    size = 0
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            digest.update(chunk)
            size += len(chunk)
    return FileEntry(size, digest.hexdigest())


def write_index(folder: Path, version: str) -> dict[str, FileEntry]:
    """Write `bundle.json` for the files that are in `folder`.

    Args:
        folder: a bundle without its `bundle.json`.
        version: that of this package.
    """
    names = sorted(_relative(folder, path) for path in folder.rglob("*") if path.is_file())
    unknown = [name for name in names if not _is_of_the_format(name)]
    assert not unknown, f"not of the format: {unknown}"
    files = {name: describe_file(folder / name) for name in names}
    content = {
        "format": FORMAT,
        "format_version": _version(files),
        "made_with": f"mclas-fairseq {version}",
        "files": {name: vars(entry) for name, entry in files.items()},
    }
    text = json.dumps(content, indent=2, sort_keys=True) + "\n"
    (folder / INDEX_FILE).write_text(text, encoding="utf-8")
    return files


def _version(files: Mapping[str, object]) -> int:
    """The oldest version of the format that has these files."""
    if INT8_FILE in files:
        return INT8_VERSION
    return CT2_VERSION if _CT2_FILES & files.keys() else FORMAT_VERSION


def check_bundle(folder: Path) -> dict[str, FileEntry]:
    """Check that a folder is a bundle, whole and unaltered; no file but `bundle.json` is parsed.

    Returns:
        Its files, by their paths relative to the folder.

    Raises:
        CheckpointError: it is no bundle or of a newer format; a file is missing, altered, of a kind
            that bundles do not have, not listed, a link, or listed outside the folder.
    """
    _check_is_bundle(folder)
    present = _plain_files(folder)
    files = _read_index(folder)
    for name in [*_required(files), *files]:
        if name not in present or name not in files:
            where = "is not listed" if name in present else "is not there"
            raise CheckpointError(f"bundle {folder}: must have {name}, but it {where}; {_AGAIN}")
    for name in sorted(present - {INDEX_FILE, *files}):
        raise CheckpointError(
            f"bundle {folder}: may hold only the files that {INDEX_FILE} lists, but has {name} as"
            f" well{_what_it_may_be(name)}; it was not opened: remove it if you know where it is"
            f" from, else {_AGAIN}"
        )
    for name, entry in files.items():
        _check_file(folder, name, entry)
    return files


def _check_is_bundle(folder: Path) -> None:
    if not folder.is_dir():
        what = "a file" if folder.exists() else "not there"
        raise CheckpointError(
            f"bundle {folder}: must be a folder that mclas export wrote, but is {what}; give such a"
            " folder (mclas export makes one of a checkpoint and its data-bin)"
        )
    if not (folder / INDEX_FILE).exists():
        found = ", ".join(sorted(path.name for path in folder.iterdir())[:5]) or "nothing"
        raise CheckpointError(
            f"bundle {folder}: must have a {INDEX_FILE}, but has {found}; make one with mclas"
            " export, of a checkpoint and its data-bin"
        )


def _plain_files(folder: Path) -> set[str]:
    """The files in a folder and below; refuses whatever is neither a plain file nor a folder."""
    names = set()
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            kind = "a symbolic link" if stat.S_ISLNK(mode) else "something else"
            raise CheckpointError(
                f"bundle {folder}: may hold plain files only, but {_relative(folder, path)} is"
                f" {kind}, which could lead anywhere; copy the files themselves (cp -RL)"
            )
        if stat.S_ISREG(mode):
            names.add(_relative(folder, path))
    return names


def _relative(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _read_index(folder: Path) -> dict[str, FileEntry]:
    try:
        content: Any = json.loads((folder / INDEX_FILE).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise _bad_index(folder, f"cannot be read ({error})") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise _bad_index(folder, f'does not say "format": "{FORMAT}"')
    version = content.get("format_version")
    if version not in (FORMAT_VERSION, CT2_VERSION, INT8_VERSION):
        raise CheckpointError(
            f"bundle {folder}: format versions up to {INT8_VERSION} can be read, found"
            f" {version!r} (made with {content.get('made_with')!r}); install a newer mclas-fairseq"
            " (pip install --upgrade mclas-fairseq)"
        )
    files = content.get("files")
    if not isinstance(files, dict):
        raise _bad_index(folder, 'has no "files"')
    _check_names(folder, files)
    return {name: _entry(folder, name, value) for name, value in files.items()}


def _bad_index(folder: Path, problem: str) -> CheckpointError:
    return CheckpointError(
        f"bundle {folder}: {INDEX_FILE} must list the bundle's files, but {problem}; {_AGAIN}"
    )


def _check_names(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        path = PurePosixPath(name)
        inside = not path.is_absolute() and ".." not in path.parts and path.as_posix() == name
        if not inside or "\\" in name or ":" in name:
            raise CheckpointError(
                f"bundle {folder}: {INDEX_FILE} must name files in the folder, but names {name!r};"
                f" nothing was opened: {_AGAIN}"
            )
        if not _is_of_the_format(name):
            raise CheckpointError(
                f"bundle {folder}: {INDEX_FILE} may list the files that this format has, but lists"
                f" {name}{_what_it_may_be(name)}; nothing was opened: {_AGAIN}"
            )


def _required(files: Mapping[str, object]) -> list[str]:
    """What a bundle of these files must have: the weights for torch, or whole forms."""
    forms = {form for form in FORMS if any(name.startswith(f"{FOLDER}/{form}/") for name in files)}
    of_forms = [f"{FOLDER}/{form}/{name}" for form in sorted(forms) for name in FORM_FILES]
    of_torch = INT8_FILE if INT8_FILE in files else WEIGHTS_FILE
    return [*_REQUIRED, *(of_forms or [of_torch])]


def _is_of_the_format(name: str) -> bool:
    if name in {WEIGHTS_FILE, INT8_FILE, *_REQUIRED, *_CT2_FILES} or _VOCABULARY.fullmatch(name):
        return True
    top, *folders, file = PurePosixPath(name).parts if "/" in name else ("", name)
    return (
        top == TOKENIZER_FOLDER and file in _TOKENIZER_FILES and set(folders) <= _TOKENIZER_FOLDERS
    )


def _what_it_may_be(name: str) -> str:
    return ", which may be a pickle" if PurePosixPath(name).suffix.lower() in _PICKLES else ""


def _entry(folder: Path, name: str, value: object) -> FileEntry:
    if isinstance(value, Mapping):
        size, sha256 = value.get("size"), value.get("sha256")
        if isinstance(size, int) and isinstance(sha256, str) and len(value) == 2:
            return FileEntry(size, sha256)
    raise _bad_index(folder, f"says {value!r} of {name}, not its size and sha256")


def _check_file(folder: Path, name: str, entry: FileEntry) -> None:
    path = folder / name
    size = path.stat().st_size
    # The size first: it costs nothing, and an altered file of any length is found early.
    found = FileEntry(size, "") if size != entry.size else describe_file(path)
    if found != entry:
        differs = (
            f"{size:,} bytes, not {entry.size:,}"
            if size != entry.size
            else f"SHA-256 {found.sha256[:12]}..., not {entry.sha256[:12]}..."
        )
        raise CheckpointError(
            f"bundle {folder}: {name} must be as it was exported, but has {differs}; it was altered"
            f" or not copied whole: {_AGAIN}"
        )
