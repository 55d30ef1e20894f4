"""Damaged data-bins: each file, in each way, gives one error that names it; never another one."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from fairseq.data import indexed_dataset
from torch import IntTensor

from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.cli import main
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import DataError, MclasError
from tests.binarize.conftest import mixed_rows, triple, write

IDX = "valid.summary-de-None.summary-de.idx"
BIN = "train.document-None.document.bin"


def _half(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _nothing(_: bytes) -> bytes:
    return b""


def _one_byte(content: bytes) -> bytes:
    """As many bytes, one of them another."""
    place = len(content) // 2
    return content[:place] + bytes([content[place] ^ 0x5A]) + content[place + 1 :]


def _noise(content: bytes) -> bytes:
    return bytes(np.random.default_rng(1).integers(0, 256, len(content), np.uint8))


def _nested(_: bytes) -> bytes:
    return b"[" * 100_000


DAMAGE = (_half, _nothing, _one_byte, _noise, _nested)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data-bin of plain words."""
    folder = tmp_path_factory.mktemp("corpus")
    return _prepared(folder, "words", folder / "bin")


def _prepared(folder: Path, tokenizer: str, out: Path, count: int = 10) -> Path:
    train = write(folder / f"train-{out.name}.jsonl", mixed_rows("train", count))
    valid = write(folder / f"valid-{out.name}.jsonl", [triple("valid", n) for n in range(4)])
    prepare(
        PrepareOptions(
            source_lang="en",
            target_langs=("de",),
            out=out,
            inputs={"train": (train,), "valid": (valid,)},
            tokenizer=TokenizerOptions(name=tokenizer, vocab_size=40),
            max_unknown=1.0,
        )
    )
    return out


@pytest.fixture
def copy(whole: Path, tmp_path: Path) -> Path:
    """A data-bin to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


def _as_written_by_0_1(folder: Path) -> None:
    """Take the checksums out of a manifest."""
    path = folder / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    del content["files"]
    path.write_text(json.dumps({**content, "format_version": 1}), encoding="utf-8")


def _read_all(folder: Path) -> None:
    list(DataBin.open(folder).check_everything())


def _files(folder: Path) -> Iterator[str]:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix()


@pytest.mark.parametrize("damage", DAMAGE)
def test_every_damaged_file_is_named(whole: Path, copy: Path, damage: Callable[..., bytes]) -> None:
    for name in _files(whole):
        if damage is _one_byte and name == "manifest.json":
            continue  # which may be a manifest as good as the first
        content = (whole / name).read_bytes()
        (copy / name).write_bytes(damage(content))
        with pytest.raises(DataError, match=Path(name).name):
            _read_all(copy)
        (copy / name).write_bytes(content)
    _read_all(copy)


@pytest.mark.parametrize("tokenizer", ["words", "bpe", "sentencepiece"])
def test_without_checksums_nothing_but_our_errors_is_raised(tokenizer: str, tmp_path: Path) -> None:
    folder = _prepared(tmp_path, tokenizer, tmp_path / "bin")
    _as_written_by_0_1(folder)
    _read_all(folder)
    refused = 0
    for name in _files(folder):
        content = (folder / name).read_bytes()
        for damage in DAMAGE:
            (folder / name).write_bytes(damage(content))
            try:
                _read_all(folder)
            except MclasError:
                refused += 1
        (folder / name).write_bytes(content)
    # Left are bytes of text that may as well have been so, and files that are no longer than JSON.
    assert refused > 0.7 * len(DAMAGE) * len(list(_files(folder)))


@pytest.mark.parametrize("name", [IDX, BIN, "ids.valid.txt", "dict.txt", "vocabulary.de.txt"])
def test_a_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(DataError, match=f"must have {name}, but has not; copy the data-bin again"):
        DataBin.open(copy)


@pytest.mark.parametrize("checksums", [True, False])
def test_a_side_of_another_data_bin_is_refused(copy: Path, tmp_path: Path, checksums: bool) -> None:
    other = _prepared(tmp_path, "words", tmp_path / "other", count=11)
    if not checksums:
        _as_written_by_0_1(copy)
    for end in ("bin", "idx"):
        name = f"train.document-None.document.{end}"
        shutil.copyfile(other / name, copy / name)
    with pytest.raises(
        DataError, match=r"train\.document.*(bytes that it was made|counts 13 rows)"
    ):
        list(DataBin.open(copy).check_everything())


def test_a_side_of_the_same_sizes_but_another_content_is_refused_when_it_is_read(
    copy: Path,
) -> None:
    (copy / BIN).write_bytes(_one_byte((copy / BIN).read_bytes()))
    opened = DataBin.open(copy)  # sizes alone are compared here
    with pytest.raises(DataError, match=rf"{BIN} must be the file that it was made with"):
        opened.side("train", "document")


def test_without_checksums_numbers_beyond_the_dictionary_are_refused(copy: Path) -> None:
    _as_written_by_0_1(copy)
    opened = DataBin.open(copy)
    rows = [row.clone() for row in opened.side("train", "document") or ()]
    rows[3][0] = len(opened.dictionary)
    builder = indexed_dataset.make_builder(str(copy / BIN), impl="mmap", vocab_size=100)
    for row in rows:
        builder.add_item(IntTensor(row.tolist()))
    builder.finalize(str((copy / BIN).with_suffix(".idx")))
    with pytest.raises(DataError, match=rf"{BIN}: .* all its numbers must be below"):
        DataBin.open(copy).side("train", "document")


def test_a_side_that_was_added_is_refused(copy: Path) -> None:
    for end in ("bin", "idx"):
        source = copy / f"valid.summary-de-None.summary-de.{end}"
        shutil.copyfile(source, copy / f"valid.summary-zh-None.summary-zh.{end}")
    with pytest.raises(DataError, match=r"manifest.json must list valid\.summary-zh.*another"):
        DataBin.open(copy).side("valid", "summary-zh")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("[]", "it holds a list"),
        ("{", "it cannot be read as JSON"),
        ('{"format_version": 1}', "it lacks 'source_lang'"),
        ('{"format_version": 9}', "format version 2 or lower can be read, found 9"),
    ],
)
def test_manifests_that_are_none_are_refused(copy: Path, content: str, problem: str) -> None:
    (copy / "manifest.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=problem):
        DataBin.open(copy)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source_lang", "../../etc"),
        ("target_langs", ["de", 3]),
        ("counts", {"train": {"documents": "many"}}),
        ("lowercase", "no"),
        ("files", {"dict.txt": 3}),
        ("zzz", 1),
    ],
)
def test_a_manifest_with_an_odd_value_names_it(copy: Path, field: str, value: object) -> None:
    path = copy / "manifest.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, field: value}), encoding="utf-8")
    with pytest.raises(DataError, match=rf"manifest\.json: must be as .*'{field}'"):
        DataBin.open(copy)


def test_doctor_looks_at_every_file(
    copy: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--data", str(copy)]) == 0
    printed = capsys.readouterr().out
    assert all(name in printed for name in _files(whole) if name != "manifest.json")
    (copy / "left_over.txt").touch()  # a file that is not the data-bin's does no harm
    _as_written_by_0_1(copy)
    assert main(["doctor", "--data", str(copy)]) == 0
    assert "made by version 0.1, without checksums" in capsys.readouterr().out
    (copy / IDX).write_bytes(_half((copy / IDX).read_bytes()))
    assert main(["doctor", "--data", str(copy)]) == 2
    assert f"mclas doctor: error: {copy / IDX}: is damaged" in capsys.readouterr().err
