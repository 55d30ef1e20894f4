"""Bad input to fairseq's commands ends in one clear error of ours."""

import json
import shutil
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fairseq.data import Dictionary, indexed_dataset

from mclas_fairseq.data.data_bin import DataBin, dictionary_fingerprint
from mclas_fairseq.errors import CheckpointError, ConfigError, DataError

if TYPE_CHECKING:
    from tests.system.conftest import Toy


def copy_of(data_bin: Path, folder: Path) -> Path:
    """A data-bin of one's own to break."""
    return Path(shutil.copytree(data_bin, folder))


@pytest.fixture(scope="module")
def other_size(toy: "Toy") -> Path:
    """A data-bin of the same corpus with a smaller dictionary."""
    return toy.prepare("other-size", toy.rows, "--vocab-size", 350)


@pytest.fixture(scope="module")
def other_order(toy: "Toy") -> Path:
    """A data-bin whose dictionary has the same entries, two of them exchanged."""
    folder = copy_of(toy.data_bin, toy.folder / "other-order")
    entries = (folder / "dict.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    entries[3], entries[40] = entries[40], entries[3]
    (folder / "dict.txt").write_text("".join(entries), encoding="utf-8")
    manifest = json.loads((folder / "manifest.json").read_text())
    dictionary = Dictionary.load(str(folder / "dict.txt"))
    assert len(dictionary) == len(DataBin.open(toy.data_bin).dictionary)
    manifest["dictionary_sha256"] = dictionary_fingerprint(dictionary)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


# -- tasks that are not ours -----------------------------------------------------------------------


def stock_data_bin(folder: Path) -> Path:
    """What fairseq-preprocess writes for a translation task."""
    folder.mkdir()
    dictionary = Dictionary()
    dictionary.encode_line("a b c", add_if_not_exist=True)
    for language in ("en", "de"):
        dictionary.save(str(folder / f"dict.{language}.txt"))
        for split in ("train", "valid"):
            prefix = str(folder / f"{split}.en-de.{language}")
            builder = indexed_dataset.make_builder(f"{prefix}.bin", impl="mmap", vocab_size=7)
            builder.add_item(dictionary.encode_line("a b", add_if_not_exist=False))
            builder.finalize(f"{prefix}.idx")
    return folder


def test_stock_task_with_our_architecture_is_refused(toy: "Toy", tmp_path: Path) -> None:
    data = stock_data_bin(tmp_path / "stock")
    recipe = [*toy.recipe, "--criterion", "label_smoothed_cross_entropy"]
    recipe += ["--required-batch-size-multiple", "1", "--save-dir", str(tmp_path / "save")]
    error = toy.fails("train", data, *recipe, task="translation")
    assert isinstance(error, ConfigError)
    assert "add --task cross_lingual_summarization" in str(error)


def test_stock_task_on_our_data_bin_is_refused_at_training(toy: "Toy", tmp_path: Path) -> None:
    error = toy.fails(
        "train", toy.data_bin, *toy.recipe, "--save-dir", tmp_path, task="translation"
    )
    assert isinstance(error, ConfigError)
    assert "--task translation" in str(error)
    assert "give --task cross_lingual_summarization" in str(error)


def test_stock_task_on_our_data_bin_is_refused_at_generation(toy: "Toy") -> None:
    error = toy.fails("generate", toy.data_bin, "--path", toy.trained("ms"), task="translation")
    assert isinstance(error, ConfigError)
    assert "give --task cross_lingual_summarization" in str(error)


# -- dictionaries ----------------------------------------------------------------------------------


@pytest.mark.parametrize("other", ["other_size", "other_order"])
def test_generation_with_another_dictionary_is_refused(
    toy: "Toy", other: str, request: pytest.FixtureRequest
) -> None:
    data = request.getfixturevalue(other)
    error = toy.fails("generate", data, "--path", toy.trained("ms"))
    assert isinstance(error, CheckpointError)
    assert "another dictionary" in str(error)
    assert "mclas prepare --like" in str(error)


@pytest.mark.parametrize("other", ["other_size", "other_order"])
@pytest.mark.parametrize("flag", ["--finetune-from-model", "--restore-file"])
def test_training_from_a_checkpoint_with_another_dictionary_is_refused(
    toy: "Toy", other: str, flag: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    data = request.getfixturevalue(other)
    words = (data, *toy.recipe, "--save-dir", tmp_path, "--target-layout", "ms")
    error = toy.fails("train", *words, flag, toy.trained("ms"))
    assert isinstance(error, CheckpointError)
    assert "another dictionary" in str(error)


def test_dictionary_exchanged_behind_the_manifest_is_refused(toy: "Toy", tmp_path: Path) -> None:
    data = copy_of(toy.data_bin, tmp_path / "bin")
    text = (data / "dict.txt").read_text(encoding="utf-8")
    (data / "dict.txt").write_text(text + "added 1\n", encoding="utf-8")
    error = toy.fails("train", data, *toy.recipe, "--save-dir", tmp_path / "save")
    assert isinstance(error, DataError)
    assert "dict.txt must have the" in str(error)


# -- missing and broken files ----------------------------------------------------------------------


def test_data_bin_without_language_vocabulary_is_refused_before_training(
    toy: "Toy", tmp_path: Path
) -> None:
    data = copy_of(toy.data_bin, tmp_path / "bin")
    (data / "vocabulary.de.txt").unlink()
    # A checkpoint that is saved would need it: the error must not wait for one.
    words = (data, *toy.recipe, "--save-dir", tmp_path / "save", "--no-save")
    error = toy.fails("train", *words)
    assert isinstance(error, DataError)
    assert "must have vocabulary.de.txt, but has not" in str(error)


@pytest.mark.parametrize("missing", ["manifest.json", "dict.txt", "ids.test.txt"])
def test_data_bin_that_is_not_whole_is_refused(toy: "Toy", missing: str, tmp_path: Path) -> None:
    data = copy_of(toy.data_bin, tmp_path / "bin")
    (data / missing).unlink()
    error = toy.fails("generate", data, "--path", toy.trained("ms"))
    assert isinstance(error, DataError)
    assert "prepare" in str(error)


def test_split_that_was_not_prepared_is_named(toy: "Toy") -> None:
    rows = {split: toy.rows[split] for split in ("train", "valid")}
    data = toy.prepare("no-test", rows, "--like", toy.data_bin)
    error = toy.fails("generate", data, "--path", toy.trained("ms"))
    assert "split 'test' is not in it, it has train, valid; give --test to mclas prepare" in str(
        error
    )


@pytest.mark.parametrize(
    ("command", "flags"),
    [("generate", ()), ("interactive", ("--buffer-size", 4)), ("validate", ("--batch-size", 4))],
)
def test_missing_checkpoint_is_named_with_what_is_there(
    toy: "Toy", command: str, flags: tuple[object, ...]
) -> None:
    missing = toy.trained("ms").with_name("checkpoint_bset.pt")
    error = toy.fails(command, toy.data_bin, "--path", missing, *flags)
    assert isinstance(error, CheckpointError)
    assert f"{missing}: must be an existing file, but there is none" in str(error)
    assert "checkpoint_best.pt" in str(error)


@pytest.mark.parametrize("flag", ["--finetune-from-model", "--restore-file"])
def test_training_from_a_missing_checkpoint_is_refused(
    toy: "Toy", flag: str, tmp_path: Path
) -> None:
    words = (toy.data_bin, *toy.recipe, "--save-dir", tmp_path)
    error = toy.fails("train", *words, flag, tmp_path / "ms.pt")
    assert isinstance(error, CheckpointError)
    assert "ms.pt: must be an existing file, but there is none" in str(error)


def test_checkpoint_cut_short_is_refused_at_generation_and_resume(
    toy: "Toy", tmp_path: Path
) -> None:
    whole = toy.trained("ms").read_bytes()
    cut = tmp_path / "checkpoint_last.pt"
    cut.write_bytes(whole[: len(whole) // 2])
    words = (toy.data_bin, *toy.recipe, "--save-dir", tmp_path, "--target-layout", "ms")
    for error in (
        toy.fails("generate", toy.data_bin, "--path", cut),
        toy.fails("train", *words),
    ):
        assert isinstance(error, CheckpointError)
        assert "looks cut short" in str(error)


def test_checkpoint_of_a_stock_task_is_refused(toy: "Toy", tmp_path: Path) -> None:
    data = stock_data_bin(tmp_path / "stock")
    flags = (
        "--arch transformer_tiny --criterion cross_entropy --optimizer adam --lr 0.1 "
        "--batch-size 1 --required-batch-size-multiple 1 --max-update 1 --disable-validation "
        "--save-dir"
    )
    toy.fairseq("train", data, *flags.split(), tmp_path, task="translation")
    error = toy.fails("generate", toy.data_bin, "--path", tmp_path / "checkpoint_last.pt")
    assert isinstance(error, CheckpointError)
    assert "was it trained with --task cross_lingual_summarization?" in str(error)


# -- what the user sees ----------------------------------------------------------------------------


def test_error_is_the_last_line_of_fairseqs_commands(toy: "Toy", other_order: Path) -> None:
    flags = ("--target-layout", "ms", "--restore-file", toy.trained("ms"))
    words = [other_order, *toy.recipe, *flags, "--save-dir", toy.folder / "seen"]
    command = Path(sysconfig.get_path("scripts")) / "fairseq-train"
    done = subprocess.run(
        [command, *map(str, words), *toy.flags()],
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith(
        "fairseq-train: error: checkpoint: it was trained with another dictionary"
    )
    assert "Traceback" not in done.stderr


# -- documents that no batch can hold --------------------------------------------------------------


def test_documents_longer_than_a_batch_end_a_training_before_it_starts(
    toy: "Toy", tmp_path: Path
) -> None:
    words = (toy.data_bin, *toy.recipe, "--max-tokens", 12, "--save-dir", tmp_path / "save")
    error = toy.fails("train", *words)
    assert isinstance(error, ConfigError)
    assert "longer, the longest being train document 'train/" in str(error)
    assert not list((tmp_path / "save").glob("*.pt"))


def test_documents_longer_than_a_batch_end_a_generation_even_where_some_may_be_left_out(
    toy: "Toy",
) -> None:
    words = (toy.data_bin, "--path", toy.trained("ms"), "--max-tokens", 10)
    for skip in ((), ("--skip-invalid-size-inputs-valid-test",)):
        error = toy.fails("generate", *words, *skip)
        assert isinstance(error, ConfigError)
        assert "14 of 14 are longer, the longest being test document 'test/" in str(error)
