"""A trained checkpoint as a bundle: the same summaries elsewhere, no traces, nothing executed."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import pytest
import torch

import mclas_fairseq
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.generation.options import DecodingOptions

if TYPE_CHECKING:
    from tests.system.conftest import Toy

SEARCH = "--beam 2 --max-len-b 12 --nbest 2".split()
DECODING = DecodingOptions(beam=2, max_len_b=12, nbest=2)
ELSEWHERE = """
import json, pathlib, pickle, sys
import mclas_fairseq

def never(*args, **kwargs):
    raise AssertionError("a pickle was read")

import torch
torch.load = pickle.load = pickle.loads = never
documents = json.loads(pathlib.Path(sys.argv[2]).read_text())
for summary in mclas_fairseq.load(sys.argv[1], device="cpu").summarize(documents):
    print(json.dumps([[h.summary, h.score] for h in summary.hypotheses]))
"""


def export(toy: "Toy", checkpoint: Path, out: Path, *flags: object) -> str:
    words = ("--checkpoint", checkpoint, "--data", toy.data_bin, "--out", out)
    return toy.mclas("export", *words, *SEARCH, *flags)


@pytest.fixture(scope="module")
def documents() -> list[str]:
    """50 documents that no split of the toy corpus has."""
    rows: Any = generate("hard", "test", 50, seed=11)
    return [" ".join(row["document"]["en"]) for row in rows]


@pytest.fixture(scope="module")
def expected(toy: "Toy", documents: list[str]) -> list[list[tuple[dict[str, str], float]]]:
    """What the checkpoint gives for them."""
    model = mclas_fairseq.load(
        toy.trained("mclas"), data=toy.data_bin, device="cpu", options=DECODING
    )
    return [
        [(one.summary, one.score) for one in summary.hypotheses]
        for summary in model.summarize(documents)
    ]


@pytest.fixture(scope="module")
def bundle(toy: "Toy", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle, moved away from where it was made."""
    made = tmp_path_factory.mktemp("made") / "bundle"
    export(toy, toy.trained("mclas"), made, "--licence", "CC0-1.0")
    moved = tmp_path_factory.mktemp("elsewhere") / "copy"
    shutil.move(made, moved)
    shutil.rmtree(made.parent)
    return moved


@pytest.fixture
def copied(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "bundle"))


def test_bundle_gives_the_checkpoints_summaries_in_another_process_without_a_pickle(
    bundle: Path, documents: list[str], expected: Any, tmp_path: Path
) -> None:
    (tmp_path / "documents.json").write_text(json.dumps(documents))
    script = tmp_path / "elsewhere.py"
    script.write_text(ELSEWHERE)
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(script), str(bundle), str(tmp_path / "documents.json")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == 50
    for row, other in zip(rows, expected, strict=True):
        assert [summary for summary, _ in row] == [summary for summary, _ in other]
        scores = [score for _, score in other]
        assert [score for _, score in row] == pytest.approx(scores, abs=1e-5)
    assert len({str(other) for other in expected}) > 25, "documents are told apart"


def test_summarize_takes_the_bundle_and_its_decoding_unless_told_otherwise(
    toy: "Toy", bundle: Path, documents: list[str], expected: Any
) -> None:
    rows = [{"id": str(i), "document": {"en": text}} for i, text in enumerate(documents[:8])]
    stdin = "".join(json.dumps(row) + "\n" for row in rows)
    printed = toy.mclas("summarize", "--model", bundle, "--cpu", stdin=stdin)
    for line, other in zip(printed.splitlines(), expected[:8], strict=True):
        found = json.loads(line)["nbest"]
        assert [one["summary"] for one in found] == [summary for summary, _ in other]
    shorter = toy.mclas("summarize", "--model", bundle, "--cpu", "--max-len-b", 2, stdin=stdin)
    lengths = [len(json.loads(line)["summary"]["de"]) for line in shorter.splitlines()]
    assert max(lengths) < max(len(other[0][0]["de"]) for other in expected[:8])


@pytest.mark.parametrize("layout", ["ms", "ncls"])
def test_other_layouts_make_bundles_too(
    toy: "Toy", layout: str, documents: list[str], tmp_path: Path
) -> None:
    export(toy, toy.trained(layout), tmp_path / "bundle")
    found = mclas_fairseq.load(tmp_path / "bundle", device="cpu")
    checkpoint = mclas_fairseq.load(
        toy.trained(layout), data=toy.data_bin, device="cpu", options=DECODING
    )
    assert found.languages == (("en",) if layout == "ms" else ("de",))
    assert found.summarize(documents[:5]) == checkpoint.summarize(documents[:5])
    assert not (tmp_path / "bundle" / "vocabulary.zh.txt").exists()


def test_the_same_export_gives_the_same_bytes(toy: "Toy", bundle: Path, tmp_path: Path) -> None:
    export(toy, toy.trained("mclas"), tmp_path / "bundle", "--licence", "CC0-1.0")
    export(toy, toy.trained("mclas"), tmp_path / "bundle", "--licence", "CC0-1.0", "--overwrite")
    again = tmp_path / "bundle"
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"], "nothing is left beside it"
    names = {path.relative_to(bundle) for path in bundle.rglob("*") if path.is_file()}
    assert names == {path.relative_to(again) for path in again.rglob("*") if path.is_file()}
    for name in names:
        assert (bundle / name).read_bytes() == (again / name).read_bytes(), name


def test_nothing_of_the_machine_and_the_training_text_is_in_a_bundle(
    toy: "Toy", bundle: Path
) -> None:
    content = b"".join(path.read_bytes() for path in bundle.rglob("*") if path.is_file())
    traces = [str(toy.folder), str(Path.home()), "pytest", "user_dir", "save_dir", "train/1"]
    for trace in traces:
        assert trace.encode() not in content, trace
    for row in toy.rows["train"]:
        for text in [*row["document"]["en"], *sum(row["summary"].values(), [])]:
            assert text.encode() not in content, text
    state = load_checkpoint(toy.trained("mclas"))
    weights = {id(value): value for value in state["model"].values()}
    size = sum(value.numel() * value.element_size() for value in weights.values())
    assert (bundle / "model.safetensors").stat().st_size < size + 10_000


def test_export_says_what_it_wrote(toy: "Toy", tmp_path: Path) -> None:
    printed = export(toy, toy.trained("ncls"), tmp_path / "news")
    for name in ("model.safetensors", "config.json", "dict.txt", "vocabulary.de.txt", "README.md"):
        assert f"  {name}\n" in printed
    assert f"{tmp_path / 'news'}: 8 files, " in printed
    assert "SHA-256 of bundle.json: " in printed
    assert "# news\n" in (tmp_path / "news" / "README.md").read_text()


def test_smuggled_pickle_is_refused_and_not_read(
    copied: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*args: object, **kwargs: object) -> NoReturn:
        raise AssertionError("a pickle was read")

    torch.save({"model": {}}, copied / "model.pt")
    monkeypatch.setattr(torch, "load", never)
    monkeypatch.setattr(pickle, "load", never)
    with pytest.raises(CheckpointError, match=r"has model\.pt as well, which may be a pickle"):
        mclas_fairseq.load(copied)
    shutil.move(copied / "model.pt", copied / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"model\.safetensors must be as it was exported"):
        mclas_fairseq.load(copied)
    relist(copied)
    with pytest.raises(CheckpointError, match="must be a safetensors file, but is a zip file"):
        mclas_fairseq.load(copied)


def test_weights_of_another_size_are_refused(copied: Path) -> None:
    config = json.loads((copied / "config.json").read_text())
    config["model"]["encoder_layers"] = 3
    (copied / "config.json").write_text(json.dumps(config))
    relist(copied)
    with pytest.raises(CheckpointError, match=r"its weights must be those of mclas_tiny as conf"):
        mclas_fairseq.load(copied)


def relist(folder: Path) -> None:
    """What a liar would do: write a `bundle.json` that fits the exchanged files."""
    from mclas_fairseq.bundles.format import write_index

    (folder / "bundle.json").unlink()
    write_index(folder, "0.1.0")


def test_load_says_what_goes_together(toy: "Toy", bundle: Path) -> None:
    with pytest.raises(ConfigError, match="a bundle brings all it needs, but data=x is given"):
        mclas_fairseq.load(bundle, data="x")
    with pytest.raises(ConfigError, match="a checkpoint needs the data-bin of its training"):
        mclas_fairseq.load(toy.trained("mclas"))
