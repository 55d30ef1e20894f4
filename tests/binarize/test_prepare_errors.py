"""What cannot be prepared is refused with its reason, and no half-made data-bin is ever left."""

import json
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from mclas_fairseq.binarize import encode as encode_module
from mclas_fairseq.binarize import prepare as prepare_module
from mclas_fairseq.binarize import reading as reading_module
from mclas_fairseq.binarize import sources as sources_module
from mclas_fairseq.binarize import tokenizer_source as tokenizer_source_module
from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.corpus.tokenizers.words import WordTokenizer
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError, DataError, SetupError

FULL_DISK = r"bin: the data-bin must be writable, but"


def leftovers(options: PrepareOptions) -> list[str]:
    """Names beside the inputs."""
    return sorted(p.name for p in options.out.parent.iterdir() if p.suffix != ".jsonl")


def test_an_existing_folder_is_refused_and_replaced_only_on_demand(
    options: PrepareOptions,
) -> None:
    prepare(options)
    with pytest.raises(DataError, match=r"bin: the output folder must not exist.*--overwrite"):
        prepare(options)
    prepare(replace(options, overwrite=True, target_langs=("de", "zh")))
    assert DataBin.open(options.out).manifest.target_langs == ("de", "zh")
    assert leftovers(options) == ["bin"]


def test_a_name_with_a_comma_is_refused_before_anything_is_done(options: PrepareOptions) -> None:
    out = options.out.with_name("de,zh")
    with pytest.raises(DataError, match="de,zh: must have no comma in it, where"):
        prepare(replace(options, out=out))
    assert leftovers(options) == []


def test_a_failing_overwrite_keeps_the_old_data_bin(
    options: PrepareOptions, tmp_path: Path
) -> None:
    prepare(options)
    before = sorted(path.name for path in options.out.iterdir())
    with (tmp_path / "test.jsonl").open("a", encoding="utf-8") as stream:
        stream.write("{broken\n")
    with pytest.raises(DataError, match=r"test\.jsonl:5: every line must be one JSON object"):
        prepare(replace(options, overwrite=True))
    assert sorted(path.name for path in options.out.iterdir()) == before
    assert leftovers(options) == ["bin"]


def test_overwrite_never_removes_a_folder_that_is_no_data_bin(options: PrepareOptions) -> None:
    options.out.mkdir()
    (options.out / "thesis.txt").write_text("precious", encoding="utf-8")
    with pytest.raises(DataError, match="replaces a data-bin .* but this is neither"):
        prepare(replace(options, overwrite=True))
    assert (options.out / "thesis.txt").read_text(encoding="utf-8") == "precious"


@pytest.mark.parametrize("moment", ["encode_side", "binarize_side", "make_manifest"])
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_kill_in_the_middle_leaves_no_new_data_bin_and_the_old_one_whole(
    options: PrepareOptions, moment: str, overwrite: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if overwrite:
        prepare(options)
        before = (options.out / "manifest.json").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(prepare_module, moment, die_at_call(getattr(prepare_module, moment), 2))
        if moment == "make_manifest":
            patch.setattr(prepare_module, moment, die_at_call(prepare, 1))
        assert exit_code(replace(options, overwrite=overwrite)) == -signal.SIGKILL
    if overwrite:
        assert (options.out / "manifest.json").read_bytes() == before
        DataBin.open(options.out)
    else:
        assert not options.out.exists()
    for left in options.out.parent.glob(".bin.*"):
        with pytest.raises(DataError, match=r"a data-bin has a manifest\.json"):
            DataBin.open(left)
    prepare(replace(options, overwrite=overwrite))
    DataBin.open(options.out)


def die_at_call(function: Callable[..., object], number: int) -> Callable[..., object]:
    """The function, but its call of this number ends the process as kill -9 does."""
    calls = 0

    def dying(*args: object, **kwargs: object) -> object:
        nonlocal calls
        calls += 1
        if calls == number:
            os.kill(os.getpid(), signal.SIGKILL)
        return function(*args, **kwargs)

    return dying


def exit_code(options: PrepareOptions) -> int | None:
    """Prepare in a process of its own and say how it ended."""
    process = multiprocessing.get_context("fork").Process(target=prepare, args=(options,))
    process.start()
    process.join(60)
    return process.exitcode


def test_a_full_disk_is_reported_and_leaves_nothing(options: PrepareOptions) -> None:
    with files_of_at_most(300), pytest.raises(DataError, match=FULL_DISK):
        prepare(options)
    assert leftovers(options) == []


@pytest.mark.parametrize(
    "moment",
    [
        "spool_split",
        "learn_tokenizer",
        "encode_side",
        "write_dictionary",
        "binarize_side",
        "write_vocabularies",
        "make_manifest",
    ],
)
def test_a_disk_that_fills_at_any_step_keeps_the_old_data_bin_whole(
    options: PrepareOptions, moment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare(options)
    before = {path: path.read_bytes() for path in options.out.rglob("*") if path.is_file()}
    elsewhere = {"spool_split": reading_module, "learn_tokenizer": sources_module}
    elsewhere["write_dictionary"] = tokenizer_source_module
    module = elsewhere.get(moment, prepare_module)
    step = getattr(module, moment)
    with files_of_at_most(None) as limit, monkeypatch.context() as patch:

        def on_a_full_disk(*args: object, **kwargs: object) -> object:
            limit(20)
            return step(*args, **kwargs)

        patch.setattr(module, moment, on_a_full_disk)
        with pytest.raises(DataError, match=FULL_DISK):
            prepare(replace(options, overwrite=True))
    assert {path: path.read_bytes() for path in before} == before
    assert leftovers(options) == ["bin"]


@contextmanager
def files_of_at_most(size: int | None) -> Iterator[Callable[[int], None]]:
    """Let writing fail, as on a full disk, where a file grows beyond `size` bytes.

    Yields what sets another limit.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limit(size: int) -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))

    if size is not None:
        limit(size)
    try:
        yield limit
    finally:
        limit(soft)


def test_a_killed_worker_is_an_error_not_a_wait_for_ever(
    options: PrepareOptions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encode_module, "_encode_block", die_at_call(prepare, 1))
    with pytest.raises(SetupError, match="every worker process must live .* fewer --workers"):
        prepare(replace(options, workers=2))
    assert leftovers(options) == []


def test_workers_end_with_a_parent_that_is_killed(
    options: PrepareOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    parent = os.getpid()

    def note_and_wait(*_: object) -> None:
        (tmp_path / f"{os.getpid()}.worker").touch()
        time.sleep(600)

    monkeypatch.setattr(encode_module, "_encode_block", note_and_wait)
    context = multiprocessing.get_context("fork")
    process = context.Process(target=prepare, args=(replace(options, workers=2),))
    process.start()
    wait_until(lambda: any(tmp_path.glob("*.worker")))
    process.kill()
    process.join(60)
    workers = [int(path.stem) for path in tmp_path.glob("*.worker")]
    assert parent not in workers
    try:
        wait_until(lambda: not any(is_alive(worker) for worker in workers))
    finally:
        for worker in filter(is_alive, workers):
            os.kill(worker, signal.SIGKILL)


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended but was not waited for does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait up to a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_too_many_unknown_pieces_in_training_summaries_name_the_remedies(
    with_tokenizer: Callable[..., PrepareOptions],
) -> None:
    chosen = with_tokenizer(vocab_size=12)
    with pytest.raises(DataError, match=r"summary-en: at most 0\.5%.*--vocab-size or --tokenizer"):
        prepare(chosen)
    assert leftovers(chosen) == []


def test_too_many_unknown_pieces_beside_an_earlier_data_bin_name_another_remedy(
    options: PrepareOptions, tmp_path: Path
) -> None:
    prepare(options)
    row = {"id": "n", "document": {"en": "a cat"}, "summary": {"de": "Schmetterling"}}
    (tmp_path / "new.jsonl").write_text(json.dumps(row), encoding="utf-8")
    new = {"train": (tmp_path / "new.jsonl",)}
    said = (
        r"bin: at most 0\.50% .* 'de' \(summary-de\) 100\.00% \(.* most often Schmetterling 1 times"
    )
    with pytest.raises(
        DataError, match=said + r"\) are; prepare both corpora together, or allow more"
    ):
        prepare(replace(options, like=options.out, out=tmp_path / "b", inputs=new))


def test_an_id_in_two_splits_is_refused_unless_left_out_of_training(
    options: PrepareOptions, tmp_path: Path
) -> None:
    shared = {**options.inputs, "test": options.inputs["train"]}
    with pytest.raises(DataError, match="record 'train-0': must be in one split only, .*train and"):
        prepare(replace(options, inputs=shared))
    first = (tmp_path / "train.jsonl").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "test.jsonl").write_text(first + "\n", encoding="utf-8")
    (tmp_path / "leak.txt").write_text("train-0\n", encoding="utf-8")
    prepare(replace(options, exclude_ids=tmp_path / "leak.txt"))
    assert DataBin.open(options.out).ids("test") == ["train-0"]


def test_an_empty_split_and_a_missing_file_are_refused_before_anything_is_written(
    options: PrepareOptions, tmp_path: Path
) -> None:
    (tmp_path / "valid.jsonl").write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"--valid: a split must hold at least one record"):
        prepare(options)
    missing = {**options.inputs, "test": (tmp_path / "gone.jsonl",)}
    with pytest.raises(DataError, match=r"gone\.jsonl: the file must exist, but does not"):
        prepare(replace(options, inputs=missing))
    assert leftovers(options) == []


def test_a_text_without_visible_characters_is_named_by_its_record(
    options: PrepareOptions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = {"id": "ghost", "document": {"en": "a cat"}, "summary": {"de": "\u200b"}}
    (tmp_path / "valid.jsonl").write_text(json.dumps(row), encoding="utf-8")
    monkeypatch.setattr(
        WordTokenizer, "_segment", lambda _self, text, _language: text.replace("\u200b", "").split()
    )
    with pytest.raises(DataError, match=r"record 'ghost': its valid\.summary-de must hold visible"):
        prepare(options)


def test_a_subset_larger_than_the_triples_is_refused(
    with_tokenizer: Callable[..., PrepareOptions],
) -> None:
    with pytest.raises(DataError, match=r"between 1 and .* 10, but is 11"):
        prepare(with_tokenizer(subset_size=11))


def test_options_that_contradict_are_refused(options: PrepareOptions) -> None:
    with pytest.raises(ConfigError, match="must name different languages"):
        prepare(replace(options, target_langs=("de", "en")))
    with pytest.raises(ConfigError, match="--train: training data are needed"):
        prepare(replace(options, inputs={"test": options.inputs["test"]}))
    with pytest.raises(ConfigError, match="--workers: must be at least 1, but is 0"):
        prepare(replace(options, workers=0))
    with pytest.raises(DataError, match="--target-lang 'xx': must be a known code"):
        prepare(replace(options, target_langs=("xx",)))
    with pytest.raises(DataError, match="a data-bin has a"):
        prepare(replace(options, like=options.out.parent))
