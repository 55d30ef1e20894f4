"""mclas trim: a smaller dictionary and checkpoint that write the same summaries."""

import json
import re
import unicodedata
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from mclas_fairseq.checkpoints import trimming
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.data.data_bin import SPLITS, DataBin
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.inference.summarizer import Summarizer

if TYPE_CHECKING:
    from tests.system.conftest import Toy

take_rows = trimming._take_rows
ROWS = ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight")


@pytest.fixture(scope="module")
def german(toy: "Toy") -> Path:
    """A data-bin of English and German in a dictionary that has Chinese as well."""
    rows = json.loads(json.dumps(toy.rows))
    folder = toy.folder / "german-only"
    folder.mkdir()
    files: list[object] = []
    for split, content in rows.items():
        files += [f"--{split}", toy.write(folder / f"{split}.jsonl", content)]
    words = ("--source-lang", "en", "--target-lang", "de", "--like", toy.data_bin)
    toy.mclas("prepare", *words, *files, "--out", folder / "bin")
    return folder / "bin"


def trim(toy: "Toy", checkpoint: Path, data: Path, out: Path, *flags: object) -> str:
    words = ("--checkpoint", checkpoint, "--data", data, "--out", out, *flags)
    return toy.mclas("trim", *words)


def error(toy: "Toy", capsys: pytest.CaptureFixture[str], *words: object) -> str:
    from mclas_fairseq.cli import main

    assert main([str(word) for word in words]) == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("kind", ["tied", "separate", "two-decoders", "ncls"])
def test_trimmed_checkpoint_writes_what_it_wrote(
    toy: "Toy", german: Path, kind: str, tmp_path: Path
) -> None:
    layout = {"two-decoders": "ncls_ms", "ncls": "ncls"}.get(kind, "mclas")
    flags: list[object] = ["--target-layout", layout]
    if kind == "two-decoders":
        flags += ["--arch", "ncls_ms_tiny"]
    if kind == "separate":
        checkpoint = untie(toy.trained("mclas"), tmp_path / "separate.pt")
    else:
        checkpoint = toy.train(f"trim-{kind}", *flags, data=german) / "checkpoint_last.pt"
    before, after = DataBin.open(german), tmp_path / "trimmed"
    printed = trim(toy, checkpoint, german, after, "--documents", 14, "--beam", 3)
    trimmed = DataBin.open(after)
    found = re.search(r"decoding: (\d+) of (\d+) summaries of test have the same tokens", printed)
    assert found is not None
    assert found[1] == found[2] == "14"
    assert (
        f"{len(before.dictionary):,} entries before, {len(trimmed.dictionary):,} after" in printed
    )
    assert len(trimmed.dictionary) < len(before.dictionary) - 20
    old, new = load_checkpoint(checkpoint), load_checkpoint(after / "checkpoint.pt")
    kept = [before.dictionary.index(symbol) for symbol in trimmed.dictionary.symbols]
    for name, value in old["model"].items():
        if value.dim() > 0 and len(value) == len(before.dictionary):
            assert torch.equal(new["model"][name], value[kept]), name
        elif name != "dictionary_fingerprint":
            assert torch.equal(new["model"][name], value), name
    assert any(len(new["model"][name]) == len(kept) for name in ROWS)
    (model,) = Summarizer.load([after / "checkpoint.pt"], after, device="cpu").models
    tables = [dict(model.named_parameters(remove_duplicate=False))[name] for name in ROWS]
    assert (tables[0] is tables[1]) == (kind in ("tied", "ncls", "two-decoders"))
    assert (after / "checkpoint.pt").stat().st_size < checkpoint.stat().st_size
    assert "last_optimizer_state" not in new
    # fairseq's own command, with the trimmed data-bin, writes what it wrote: text and scores.
    first = toy.summaries(toy.generate(checkpoint, data=german), german)
    second = toy.summaries(toy.generate(after / "checkpoint.pt", data=after), after)
    for one, other in zip(first, second, strict=True):
        assert one["summary"] == other["summary"]
        assert one["score"] == pytest.approx(other["score"], abs=1e-4)


def untie(checkpoint: Path, path: Path) -> Path:
    """The same checkpoint with embeddings of encoder, decoder and output of their own."""
    state = load_checkpoint(checkpoint)
    generator = torch.Generator().manual_seed(1)
    weights = state["model"]
    for name, value in list(weights.items()):
        if name in (*ROWS, "decoder.output_projection.weight"):
            weights[name] = value + 0.1 * torch.randn(value.shape, generator=generator)
    model: Any = state["cfg"]["model"]
    values = model if isinstance(model, dict) else vars(model)
    values["share_all_embeddings"] = values["share_decoder_input_output_embed"] = False
    torch.save(state, path)
    return path


def test_texts_of_the_trimmed_data_bin_are_the_same(
    toy: "Toy", german: Path, tmp_path: Path
) -> None:
    out = tmp_path / "trimmed"
    trim(toy, toy.trained("mclas"), german, out, "--documents", 0)
    before, after = DataBin.open(german), DataBin.open(out)
    for split in SPLITS:
        assert before.ids(split) == after.ids(split)
        for side in ("document", "summary-en", "summary-de"):
            old, new = before.side(split, side), after.side(split, side)
            assert old is not None
            assert new is not None
            assert old.sizes.tolist() == new.sizes.tolist()
            for row in range(len(old)):
                assert before.dictionary.string(old[row]) == after.dictionary.string(new[row])
    assert before.references("test") == after.references("test")
    manifest = Manifest.load(out)
    assert manifest.trimming == {
        "entries": len(before.dictionary),
        "dictionary_sha256": before.manifest.dictionary_sha256,
    }
    assert "[LSEP:zh]" in after.dictionary
    single = [symbol for symbol in before.dictionary.symbols if len(symbol.strip("▁")) <= 1]
    assert {one for one in single if one.isascii() or "▁" in one} <= set(after.dictionary.symbols)
    assert not {one for one in after.dictionary.symbols if "CJK" in unicodedata.name(one[0], "")}
    for language in ("en", "de"):
        assert before.vocabulary(language) == after.vocabulary(language)
    # A trimmed data-bin serves further training.
    start = ("--finetune-from-model", out / "checkpoint.pt")
    toy.train("after-trim", "--target-layout", "mclas", *start, data=out)


def test_a_model_that_copies_is_trimmed_and_its_other_summaries_are_counted(
    toy: "Toy", german: Path, tmp_path: Path
) -> None:
    folder = toy.train("trim-copies", "--copy-attention", data=german)
    printed = trim(
        toy, folder / "checkpoint_last.pt", german, tmp_path / "out", "--documents", 6, "--beam", 2
    )
    assert re.search(r"decoding: \d of 6 summaries of test have the same tokens", printed)


def test_another_output_is_refused_and_leaves_nothing(
    toy: "Toy",
    german: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Rows of the wrong entries: what a mistake in moving them would be.
    monkeypatch.setattr(
        trimming, "_take_rows", lambda weights, names, kept: take_rows(weights, names, kept.flip(0))
    )
    model = ("trim", "--checkpoint", toy.trained("mclas"), "--data", german)
    message = error(toy, capsys, *model, "--out", tmp_path / "out", "--documents", 6)
    assert "it must write what it wrote" in message
    assert list(tmp_path.iterdir()) == []


def test_several_target_languages_are_trimmed_together(toy: "Toy", tmp_path: Path) -> None:
    (toy.folder / "several").mkdir()
    many = replace(toy, folder=toy.folder / "several", logs={}, targets=("--target-langs", "de,zh"))
    rows = {split: content[:12] for split, content in toy.rows.items()}
    data = many.prepare("few", rows, "--like", toy.data_bin, "--max-unknown", 1)
    checkpoint = many.train("several", "--target-layout", "ncls", data=data) / "checkpoint_last.pt"
    printed = trim(toy, checkpoint, data, tmp_path / "out", "--documents", 12, "--beam", 2)
    assert "decoding: 24 of 24 summaries of test have the same tokens" in printed
    state = load_checkpoint(tmp_path / "out" / "checkpoint.pt")["task_state"]
    assert set(state["vocabularies"]) == {"de", "zh"}


def test_entries_that_the_data_need_are_never_dropped(
    toy: "Toy", german: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = toy.prepare("few", {"test": toy.rows["test"][:2]}, "--like", toy.data_bin)
    model = ("trim", "--checkpoint", toy.trained("mclas"), "--data", german)
    out = ("--out", tmp_path / "out", "--documents", 0)
    message = error(toy, capsys, *model, *out, "--keep-from", few)
    assert "must be kept" in message
    assert re.search(r"\d+ entries that its texts need are not in use there \('", message)
    assert not (tmp_path / "out").exists()
    both = trim(toy, *model[2::2], *out[1::2][:1], "--documents", 0, "--keep-from", few, german)
    assert "entries before" in both


def test_what_cannot_be_trimmed_is_refused(
    toy: "Toy", german: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = ("--out", tmp_path / "out", "--documents", 0)
    other = toy.prepare("another", {"train": toy.rows["train"]}, "--vocab-size", "410")
    model = ("trim", "--checkpoint", toy.trained("mclas"))
    assert "another dictionary" in error(toy, capsys, *model, "--data", other, *out)
    words = (*model, "--data", german, *out, "--keep-from", other)
    assert "its dictionary must be that of" in error(toy, capsys, *words)
    trim(toy, toy.trained("mclas"), german, tmp_path / "first", "--documents", 0)
    again = ("trim", "--checkpoint", tmp_path / "first" / "checkpoint.pt")
    message = error(toy, capsys, *again, "--data", tmp_path / "first", *out)
    assert "nothing to trim" in message
    torch.save({"model": {}}, tmp_path / "foreign.pt")
    foreign = ("trim", "--checkpoint", tmp_path / "foreign.pt", "--data", german, *out)
    assert "fingerprint" in error(toy, capsys, *foreign)


@pytest.mark.parametrize("kind", ["bert", "xlmr"])
def test_a_pretrained_encoder_shrinks_with_its_vocabulary(
    toy: "Toy", kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    encoder: Path = request.getfixturevalue(f"pretrained_{kind}")
    words: list[object] = ["prepare", "--source-lang", "en", "--target-lang", "de"]
    for split, rows in toy.rows.items():
        words += [f"--{split}", toy.write(tmp_path / f"{split}.jsonl", rows[:6])]
    data = tmp_path / "bin"
    toy.mclas(*words, "--pretrained", encoder, "--out", data)
    flags = ("--pretrained-encoder", encoder, "--extend-positions", 97)
    checkpoint = toy.train(f"trim-{kind}", *flags, data=data) / "checkpoint_last.pt"
    out = tmp_path / "out"
    printed = trim(toy, checkpoint, data, out, "--documents", 6, "--beam", 2)
    assert "decoding: 6 of 6 summaries of test have the same tokens" in printed
    before, after = DataBin.open(data).dictionary, DataBin.open(out).dictionary
    assert len(after) < len(before)
    for ask in ("bos", "pad", "eos", "unk"):
        assert before[getattr(before, ask)()] == after[getattr(after, ask)()]
    old, new = load_checkpoint(checkpoint)["model"], load_checkpoint(out / "checkpoint.pt")["model"]
    kept = [before.index(symbol) for symbol in after.symbols]
    grown = [name for name, value in old.items() if len(value.shape) and len(value) == len(before)]
    assert len(grown) >= 3
    for name in grown:
        assert torch.equal(new[name], old[name][kept]), name
