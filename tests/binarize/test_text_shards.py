"""`mclas prepare-text --executor`: the same bytes as without, after an end or a failure, too."""

import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.binarize import text_shards
from mclas_fairseq.binarize.prepare_text import TextOptions, split_of, write_data_bin
from mclas_fairseq.binarize.text_shards import Sharding, TextRun, prepare_text_in_shards
from mclas_fairseq.cli import main as mclas
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.mglm.symbols import ENTRIES
from mclas_fairseq.roundtrip.executors import make_executor
from mclas_fairseq.roundtrip.options import Execution
from tests.mglm.texts import make_text_bin, write_texts


def in_shards(folder: Path, documents: int = 7, workers: int = 1, **options: Any) -> DataBin:
    chosen: dict[str, Any] = {"vocab_size": 330, "valid_share": 0.25, **options}
    given = TextOptions(write_texts(folder), folder / "text", tuple(ENTRIES.values()), **chosen)
    prepare_text_in_shards(given, Sharding(Execution(workers=workers, retries=0), documents))
    return DataBin.open(folder / "text")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a data-bin made without shards."""
    return files_of(make_text_bin(tmp_path_factory.mktemp("whole")).folder)


def files_of(folder: Path) -> dict[str, bytes]:
    paths: Iterator[Path] = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize(("documents", "workers"), [(7, 2), (1000, 1)])
def test_shards_change_no_byte(
    tmp_path: Path, whole: dict[str, bytes], documents: int, workers: int
) -> None:
    assert files_of(in_shards(tmp_path, documents, workers).folder) == whole
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["text"]


def test_the_work_can_be_sent_to_another_machine(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def sent(steps: Any, *more: Any) -> Any:
        return make_executor(pickle.loads(pickle.dumps(steps)), *more)

    monkeypatch.setattr(text_shards, "make_executor", sent)
    assert files_of(in_shards(tmp_path, 50).folder) == whole


def test_a_run_goes_on_with_the_shards_that_are_not_done(
    tmp_path: Path, whole: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(document: str, share: float) -> str:
        if document.startswith("it"):
            raise RuntimeError("no Italian today")
        return split_of(document, share)

    monkeypatch.setattr(text_shards, "split_of", fails)
    with pytest.raises(DataError, match=r"2 of 13 shards.*\n.*no Italian today; log: "):
        in_shards(tmp_path)
    run = TextRun(tmp_path / "text.work")
    assert not (tmp_path / "text").exists()
    before = {path: path.stat().st_mtime_ns for path in run.translated(0).parent.iterdir()}
    assert len(before) == 11
    monkeypatch.undo()
    made: list[Path] = []

    def look(*args: Any) -> Any:
        made.extend(run.translated(0).parent.iterdir())
        assert {path: path.stat().st_mtime_ns for path in before} == before
        return write_data_bin(*args)

    monkeypatch.setattr(text_shards, "write_data_bin", look)
    assert files_of(in_shards(tmp_path).folder) == whole
    assert len(made) == 13


def test_a_run_goes_on_with_its_own_options_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_shards, "split_of", lambda *_: 1 / 0)
    with pytest.raises(DataError, match="13 of 13 shards could not be tokenised"):
        in_shards(tmp_path)
    with pytest.raises(DataError, match="but valid_share, shard_documents differ; give those of"):
        in_shards(tmp_path, documents=8, valid_share=0.3)


def test_other_files_in_the_place_of_shards_are_kept(tmp_path: Path) -> None:
    (tmp_path / "text.work").mkdir()
    (tmp_path / "text.work" / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="must be empty, new, or the folder of a run, but holds"):
        in_shards(tmp_path)


def test_the_command_takes_shards(tmp_path: Path, whole: dict[str, bytes]) -> None:
    files = [f"{language}={path}" for language, (path,) in write_texts(tmp_path).items()]
    words = ["prepare-text", "--text", *files, *"--vocab-size 330 --valid-share 0.25".split()]
    words += ["--executor", "local", "--shard-documents", "20", "--out", str(tmp_path / "text")]
    assert mclas(words) == 0
    assert files_of(tmp_path / "text") == whole


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--shard-documents 9", "--shard-documents: it is for shards, but there are none without"),
        ("--retries 0", "--retries: it is for shards"),
        ("--executor local --shard-documents 0", "--shard-documents 0: must be at least 1"),
        ("--executor slurm", "--executor slurm: needs time and partition"),
    ],
)
def test_flags_that_contradict_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], flags: str, said: str
) -> None:
    (path,) = write_texts(tmp_path)["en"]
    words = ["prepare-text", "--text", f"en={path}", "--out", str(tmp_path / "text")]
    assert mclas([*words, *flags.split()]) == 2
    assert said in capsys.readouterr().err
    assert not (tmp_path / "text.work").exists()


def test_a_shard_has_a_document() -> None:
    with pytest.raises(ConfigError, match="must be at least 1"):
        Sharding(Execution(), 0)
