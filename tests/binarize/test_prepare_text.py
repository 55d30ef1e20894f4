"""`mclas prepare-text`: documents of raw text, splits, counts, and what is refused."""

import gzip
import lzma
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mclas_fairseq.binarize.prepare_text import TextOptions, prepare_text
from mclas_fairseq.binarize.raw_text import (
    LONGEST_DOCUMENT,
    Documents,
    is_set_aside,
    read_documents,
    read_paragraphs,
)
from mclas_fairseq.cli import main as mclas
from mclas_fairseq.corpus.text_files import read_lines
from mclas_fairseq.data.data_bin import DataBin, side_prefix
from mclas_fairseq.data.integrity import read_header
from mclas_fairseq.data.text_sides import (
    TextSide,
    TextWriter,
    open_text,
    text_languages,
    text_side,
)
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.mglm.symbols import ENTRIES
from tests.mglm.texts import write_texts

TEXT = "one\ntwo  three\n\n\n \nfour\n"


def test_documents_end_with_empty_lines_or_with_each_line(tmp_path: Path) -> None:
    path = tmp_path / "en.txt"
    path.write_text(TEXT, encoding="utf-8")
    assert list(read_documents([path], Documents.EMPTY_LINES)) == ["one two three", "four"]
    assert list(read_documents([path, path], Documents.LINES)) == ["one", "two three", "four"] * 2
    assert list(read_paragraphs([path])) == ["one", "two three", "four"]


def test_a_file_without_empty_lines_is_cut_at_paragraphs(tmp_path: Path) -> None:
    path = tmp_path / "en.txt"
    line = "x" * 999
    path.write_text(f"{line}\n" * 250, encoding="utf-8")
    found = list(read_documents([path], Documents.EMPTY_LINES))
    assert [len(one.split()) for one in found] == [101, 101, 48]
    assert len(found[0]) >= LONGEST_DOCUMENT


@pytest.mark.parametrize("suffix", [".txt", ".txt.gz", ".txt.xz"])
def test_packed_files_are_read(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"en{suffix}"
    content = TEXT.encode()
    packed = {".gz": gzip.compress(content), ".xz": lzma.compress(content)}
    path.write_bytes(packed.get(path.suffix, content))
    assert list(read_paragraphs([path])) == ["one", "two three", "four"]


def test_a_broken_xz_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "en.xz"
    path.write_bytes(b"no xz")
    with pytest.raises(DataError, match="that ends in .xz must be whole xz data, but it is not"):
        list(read_lines(path))
    path.write_bytes(lzma.compress(TEXT.encode() * 100)[:-20])
    with pytest.raises(DataError, match="must be whole"):
        list(read_lines(path))


def test_what_is_set_aside_depends_on_the_text_alone() -> None:
    texts = [f"document {number}" for number in range(4000)]
    chosen = {text for text in texts if is_set_aside(text, 0.1)}
    assert 320 < len(chosen) < 480
    assert chosen == {text for text in reversed(texts) if is_set_aside(text, 0.1)}
    assert chosen <= {text for text in texts if is_set_aside(text, 0.2)}


def make(folder: Path, **options: Any) -> DataBin:
    chosen: dict[str, Any] = {"vocab_size": 330, "valid_share": 0.25, **options}
    commands = tuple(ENTRIES.values())
    prepare_text(TextOptions(write_texts(folder), folder / "text", commands, **chosen))
    return DataBin.open(folder / "text")


def test_all_text_is_kept_and_can_be_read_again(tmp_path: Path) -> None:
    made = make(tmp_path)
    assert text_languages(made, "train") == text_languages(made, "valid") == ("en", "de", "it")
    for language, (path,) in write_texts(tmp_path).items():
        expected = set(read_documents([path], Documents.EMPTY_LINES))
        sides = [open_text(made, split, language) for split in ("train", "valid")]
        found = [
            made.tokenizer.decode([made.dictionary[i] for i in side.document(row)], language)
            for side in sides
            for row in range(len(side))
        ]
        assert set(found) == expected
        aside = {text for text in expected if is_set_aside(text, 0.25)}
        assert set(found[len(sides[0]) :]) == aside
    sides = [open_text(made, "train", code) for code in ("en", "de", "it")]
    pieces = sum(side.tokens - len(side) for side in sides)
    assert sum(made.dictionary.count[made.dictionary.nspecial :]) == pieces


def test_the_number_of_workers_changes_no_byte(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    one, two = make(tmp_path / "one"), make(tmp_path / "two", workers=2)
    assert one.manifest.files == two.manifest.files


def test_the_dictionary_has_commands_bytes_and_separators(tmp_path: Path) -> None:
    dictionary = make(tmp_path).dictionary
    for entry in (*ENTRIES.values(), "[LSEP]", "[LSEP:de]", "<0x41>"):
        assert entry in dictionary
    assert len(dictionary) % 8 == 0
    assert dictionary.count[dictionary.index("[MASK]")] == 0


def test_any_script_can_be_spelled(tmp_path: Path) -> None:
    tokenizer = make(tmp_path).tokenizer
    text = "ελληνικά 한국어 🙂"
    assert tokenizer.decode(tokenizer.encode(text, "en"), "en") == text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"valid_share": 1.0}, "--valid-share: must lie between 0 and 1, but is 1"),
        ({"valid_share": 1e-9}, "each split must have a document at least, valid has none"),
        ({"vocab_size": 20}, "--vocab-size: must be at least 300, but is 20"),
        ({"workers": 0}, "--workers: must be at least 1, but is 0"),
        ({"commands": ("<0x41>",)}, "no piece of text may read as a command, but"),
    ],
)
def test_what_cannot_be_prepared_is_refused(
    tmp_path: Path, options: dict[str, Any], said: str
) -> None:
    chosen: dict[str, Any] = {"vocab_size": 330, "valid_share": 0.25, **options}
    with pytest.raises((ConfigError, DataError), match=said):
        prepare_text(TextOptions(write_texts(tmp_path), tmp_path / "text", **chosen))
    assert not (tmp_path / "text").exists()


def test_the_command_draws_and_prints_the_shares(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files = [f"{language}={path}" for language, (path,) in write_texts(tmp_path).items()]
    out = ["--out", str(tmp_path / "text"), "--plot", str(tmp_path / "shares.png")]
    sizes = "--vocab-size 330 --valid-share 0.25 --balance none --alpha 1".split()
    assert mclas(["prepare-text", "--text", *files, *sizes, *out]) == 0
    printed = capsys.readouterr().out
    rows = {line.split()[0]: line.split() for line in printed.splitlines() if "%" in line}
    assert rows["en"][2] == rows["en"][3]  # by size alone, nothing is changed
    assert (tmp_path / "shares.png").read_bytes().startswith(b"\x89PNG")


def test_the_command_refuses_text_without_a_language(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert mclas(["prepare-text", "--text", "en.txt", "--out", str(tmp_path / "x")]) == 2
    assert "must name a language and a file of it" in capsys.readouterr().err


def test_a_draw_does_not_look_at_the_whole_index(tmp_path: Path) -> None:
    rows = 100_000
    with TextWriter(tmp_path, "train", text_side("en"), entries=50, eos=2) as writer:
        writer.add_rows(np.tile(np.array([7, 8, 2]), rows), np.full(rows, 3))
    prefix = tmp_path / side_prefix("train", text_side("en"))
    _, _, start = read_header(prefix.with_name(f"{prefix.name}.idx"))
    index, data = (prefix.with_name(f"{prefix.name}.{end}") for end in ("idx", "bin"))
    begins = np.memmap(index, np.int64, "r", offset=start + 4 * rows, shape=(rows,))
    side = TextSide("en", np.memmap(data, np.uint16, "r"), begins)
    generator = np.random.default_rng(1)
    tracemalloc.start()
    assert all(side.draw(generator).tolist() == [7, 8] for _ in range(20))
    assert tracemalloc.get_traced_memory()[1] < begins.nbytes / 10
    tracemalloc.stop()
