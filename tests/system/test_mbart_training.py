"""From a small mBART on disk to summaries: prepare, train each layout, decode."""

import json
import shutil
from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.models.bart.model import BARTModel, mbart_large_architecture

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.summary_dataset import TargetSpec
from mclas_fairseq.errors import CheckpointError, ConfigError, DataError
from mclas_fairseq.generation.generator import SummaryGenerator
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)
from mclas_fairseq.vhm.batches import TrainTask
from mclas_fairseq.vhm.loading import SampleLimits, TaskCorpus, load_task

if TYPE_CHECKING:
    from tests.system.conftest import Toy

CODES = "ar_AR,de_DE,en_XX,zh_CN"
LENGTHS = "--max-source-positions 96 --max-target-positions 200"
SIZES = (
    "--encoder-layers 1 --decoder-layers 1 --encoder-embed-dim 16 --decoder-embed-dim 16 "
    "--encoder-ffn-embed-dim 32 --decoder-ffn-embed-dim 32 --encoder-attention-heads 2 "
    f"--decoder-attention-heads 2 {LENGTHS} --max-update 1"
).split()


class Mbart:
    """A folder as mBART is published, and a data-bin made with it."""

    def __init__(self, toy: "Toy", folder: Path):
        self.toy, self.folder = toy, folder
        folder.mkdir()
        given = DataBin.open(toy.data_bin)
        model = toy.data_bin / "tokenizer" / "sentencepiece.model"
        shutil.copyfile(model, folder / "sentence.bpe.model")
        dictionary = Dictionary()
        for piece in given.tokenizer.entries() or []:
            dictionary.add_symbol(piece)
        dictionary.add_symbol("\u2581слово")  # of a language that the corpus does not have
        dictionary.save(str(folder / "dict.txt"))
        for code in CODES.split(","):
            dictionary.add_symbol(f"[{code}]")
        dictionary.add_symbol("<mask>")
        self.checkpoint = folder / "model.pt"
        self.entries = len(dictionary)
        self._save(dictionary)
        flags = ("--mbart", folder, "--mbart-langs", CODES, "--task-tags")
        self.data = toy.folder / "mbart-bin"
        rows = {split: toy.folder / "corpus" / f"{split}.jsonl" for split in toy.rows}
        files = [word for split, path in rows.items() for word in (f"--{split}", path)]
        languages = ("--source-lang", "en", "--target-lang", "de,zh")
        toy.mclas("prepare", *languages, *files, *flags, "--out", self.data)

    def _save(self, dictionary: Dictionary) -> None:
        torch.manual_seed(2)
        sizes: dict[str, Any] = {"task": "multilingual_denoising", "langs": CODES}
        for side in ("encoder", "decoder"):
            sizes |= {f"{side}_layers": 1, f"{side}_embed_dim": 16, f"{side}_ffn_embed_dim": 32}
            sizes |= {f"{side}_attention_heads": 2, f"{side}_normalize_before": True}
        args = Namespace(**sizes)
        mbart_large_architecture(args)
        task: Any = SimpleNamespace(source_dictionary=dictionary, target_dictionary=dictionary)
        model = BARTModel.build_model(args, task)
        state = {"args": args, "model": model.state_dict()}
        torch.save(state, self.checkpoint, _use_new_zipfile_serialization=False)

    def train(self, layout: str, *flags: object) -> Path:
        two = layout == "ncls_ms"
        arch = ["--arch", "ncls_ms_mbart" if two else "mclas_mbart", "--target-layout", layout]
        if two:
            arch += ["--criterion", "summary_cross_entropy"]
        words = [*arch, *SIZES, "--init-from-mbart", self.checkpoint, "--lr", 1e-4, *flags]
        return self.toy.train(f"mbart-{layout}", *words, data=self.data)

    def task(self, layout: Layout) -> CrossLingualSummarizationTask:
        cfg = CrossLingualSummarizationConfig(
            data=str(self.data), target_layout=layout.value, target_lang="de"
        )
        return CrossLingualSummarizationTask.setup_task(cfg)


@pytest.fixture(scope="module")
def mbart(toy: "Toy") -> Mbart:
    return Mbart(toy, toy.folder / "mbart")


def test_data_bin_has_mbarts_entries_at_their_numbers_and_ours_behind(mbart: Mbart) -> None:
    data_bin = DataBin.open(mbart.data)
    dictionary = data_bin.dictionary
    published = Dictionary.load(str(mbart.folder / "dict.txt"))
    assert dictionary.symbols[: len(published)] == published.symbols
    codes = [f"[{code}]" for code in CODES.split(",")]
    assert dictionary.symbols[len(published) : mbart.entries] == [*codes, "<mask>"]
    ours = dictionary.symbols[mbart.entries :]
    assert ours == ["[LSEP]", "[LSEP:de]", "[LSEP:zh]", "<MT>", "<MS>", "<CLS>"]
    pretrained = data_bin.manifest.pretrained
    assert pretrained is not None
    assert (pretrained["kind"], pretrained["pieces"]) == ("mbart", mbart.entries)


@pytest.mark.parametrize(
    ("layout", "start"),
    [(Layout.MS, "[en_XX]"), (Layout.NCLS, "[de_DE]"), (Layout.MCLAS, "[en_XX]")],
)
def test_batches_have_language_ids_where_mbart_has_them(
    mbart: Mbart, layout: Layout, start: str
) -> None:
    task = mbart.task(layout)
    task.load_dataset("train", epoch=1)
    dataset, entries = task.dataset("train"), task.dictionary
    longest = int(dataset.sizes[:, 0].argmax())
    batch = dataset.collater([dataset[index] for index in (0, longest)])
    endings = batch["net_input"]["src_tokens"][:, -2:]
    expected = [entries.eos(), entries.index("[en_XX]")]
    assert endings.tolist() == [expected, expected]
    assert batch["net_input"]["prev_output_tokens"][:, 0].eq(entries.index(start)).all()
    lengths = batch["net_input"]["src_lengths"].tolist()
    assert sorted(lengths) == sorted(int(dataset.sizes[index, 0]) for index in (0, longest))
    ids = torch.tensor([entries.index(f"[{code}]") for code in CODES.split(",")])
    assert not torch.isin(batch["target"], ids).any()


def test_two_decoders_begin_with_the_language_that_they_write(mbart: Mbart) -> None:
    task = mbart.task(Layout.NCLS_MS)
    task.load_dataset("train", epoch=1)
    dataset, entries = task.dataset("train"), task.dictionary
    batch = dataset.collater([dataset[0], dataset[1]])["net_input"]
    assert batch["prev_output_tokens"][:, 0].eq(entries.index("[de_DE]")).all()
    assert batch["ms_prev_output_tokens"][:, 0].eq(entries.index("[en_XX]")).all()


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """What decoders read first, of every search that is built."""
    found: list[int] = []
    build = SummaryGenerator.__init__

    def watched(self: Any, *args: Any, **options: Any) -> None:
        build(self, *args, **options)
        found.append(self.bos)

    monkeypatch.setattr(SummaryGenerator, "__init__", watched)
    return found


@pytest.mark.parametrize("layout", ["ncls", "ncls_ms"])  # and mclas below
def test_each_layout_starts_from_mbart_and_decodes(
    toy: "Toy", mbart: Mbart, layout: str, starts: list[int]
) -> None:
    folder = mbart.train(layout)
    log = toy.logs[f"mbart-{layout}"]
    assert f"model from mBART {mbart.checkpoint}: {mbart.entries} of" in log
    state = load_checkpoint(folder / "checkpoint_last.pt")
    assert getattr(state["args"] or state["cfg"]["model"], "init_from_mbart", None) is None
    # The first update of a warm-up has a rate near zero here, so that the start still shows.
    start = load_checkpoint(mbart.checkpoint)["model"]
    for name in ("encoder.layers.0.fc1.weight", "decoder.layers.0.fc1.weight"):
        torch.testing.assert_close(state["model"][name], start[name], atol=1e-3, rtol=0.0)
    if layout == "ncls_ms":
        name = "decoder.layers.0.fc1.weight"
        torch.testing.assert_close(state["model"][f"ms_{name}"], start[name], atol=1e-3, rtol=0.0)
    hidden = mbart.checkpoint.rename(mbart.checkpoint.with_suffix(".hidden"))
    both = ["--summary-decoder", "both"] if layout == "ncls_ms" else []
    try:
        printed = toy.generate(folder / "checkpoint_last.pt", *both, data=mbart.data)
    finally:
        hidden.rename(mbart.checkpoint)
    read = [DataBin.open(mbart.data).dictionary[start] for start in starts]
    assert read == (["[en_XX]", "[de_DE]"] if both else ["[de_DE]"])
    written = [line for line in printed.splitlines() if line.startswith("D-")]
    assert len(written) == 14
    assert not any(f"[{code}]" in line for code in CODES.split(",") for line in written)


def test_mclas_starts_from_mbart_and_all_ways_of_decoding_agree(
    toy: "Toy", mbart: Mbart, starts: list[int]
) -> None:
    checkpoint = mbart.train("mclas") / "checkpoint_last.pt"
    printed = toy.generate(checkpoint, data=mbart.data)
    generated = {row["id"]: row for row in toy.summaries(printed, mbart.data)}
    assert "model from mBART" in toy.logs["mbart-mclas"]
    rows = toy.rows["test"][:3]
    file = toy.write(toy.folder / "mbart-test.jsonl", rows)
    flags = ("--beam", 3, "--max-len-b", 20, "--no-repeat-ngram-size", 3)
    dictionary = DataBin.open(mbart.data).dictionary
    assert {dictionary[start] for start in starts} == {"[en_XX]"}
    trimmed = toy.folder / "mbart-trimmed"
    toy.mclas("trim", "--checkpoint", checkpoint, "--data", mbart.data, "--out", trimmed)
    small = DataBin.open(trimmed)
    assert len(small.dictionary) < len(dictionary)
    again = toy.generate(next(trimmed.glob("*.pt")), data=trimmed)
    assert {row["id"]: row for row in toy.summaries(again, trimmed)} == generated
    bundle = toy.folder / "mbart-bundle"
    toy.mclas("export", "--checkpoint", checkpoint, "--data", mbart.data, "--out", bundle)
    out = toy.folder / "mbart-out.jsonl"
    for source in (("--checkpoint", checkpoint, "--data", mbart.data), ("--model", bundle)):
        toy.mclas("summarize", *source, "--input", file, *flags, "--output", out)
        summaries = toy.read(out)
        assert [row["id"] for row in summaries] == [row["id"] for row in rows]
        for row in summaries:
            assert row["summary"] == generated[row["id"]]["summary"]


@pytest.fixture(scope="module")
def multitask(toy: "Toy", mbart: Mbart) -> Path:
    """A data-bin like mBART's, of documents with translations."""
    rows: dict[str, list[dict[str, Any]]] = {}
    for split in ("train", "valid", "test"):
        rows[split] = [json.loads(json.dumps(row)) for row in generate("easy", split, 8, seed=4)]
        for number, row in enumerate(rows[split]):
            row["id"] = f"{split}/{number}"
    return toy.prepare("mbart-multitask", rows, "--like", mbart.data, "--max-unknown", 1)


def test_latent_variables_are_added_to_mbart(
    toy: "Toy", mbart: Mbart, multitask: Path, starts: list[int]
) -> None:
    task = "multitask_summarization"
    words = [multitask, *toy.recipe, "--arch", "vhm_mbart", "--criterion", "vhm_elbo", *SIZES]
    words += ["--init-from-mbart", mbart.checkpoint, "--latent-dim", 4, "--lr", 1e-4]
    words += ["--kl-annealing", "constant"]
    folder = toy.folder / "checkpoints" / "mbart-vhm"
    log = toy.fairseq("train", *words, "--target-lang", "de", "--save-dir", folder, task=task)
    assert "model from mBART" in log
    checkpoint = folder / "checkpoint_last.pt"
    weights, start = load_checkpoint(checkpoint)["model"], load_checkpoint(mbart.checkpoint)
    assert any(name.startswith("encoder.latents.") for name in weights)
    for name in ("encoder.layers.0.fc1.weight", "decoder.layers.0.fc1.weight"):
        torch.testing.assert_close(weights[name], start["model"][name], atol=1e-3, rtol=0.0)
    decode = (multitask, "--path", checkpoint, *toy.search, "--target-lang", "de")
    printed = toy.fairseq("generate", *decode, task=task)
    assert printed.count("\nD-") == 8
    entries = DataBin.open(multitask).dictionary
    assert [entries[number] for number in starts] == ["[de_DE]"]


def test_tasks_have_language_ids_where_mbart_has_them(multitask: Path) -> None:
    data_bin = DataBin.open(multitask)
    entries = data_bin.dictionary
    english, german = entries.index("[en_XX]"), entries.index("[de_DE]")
    limits = SampleLimits(9, TargetSpec(entries.eos(), data_bin.separator, 200))
    for name, written in ((TrainTask.MT, german), (TrainTask.MS, english), (TrainTask.CLS, german)):
        tag = entries.index(f"<{name.value.upper()}>")
        dataset = load_task(TaskCorpus(name, data_bin, "en", "de", tag), "train", limits)
        batch = dataset.collater([dataset[0], dataset[1]])
        sources = batch["net_input"]["src_tokens"]
        assert sources.size(1) == 9
        assert [sources[0, 0], *sources[0, -2:]] == [tag, entries.eos(), english]
        assert batch["net_input"]["prev_output_tokens"][:, 0].eq(written).all()
        references = batch["tgt_src_tokens"]
        assert references.size(1) == 9
        assert references[:, -2:].tolist() == [[entries.eos(), written]] * 2
        if name is TrainTask.CLS:
            assert batch["ms_tgt_src_tokens"][:, -1].eq(english).all()


# -- what does not fit -----------------------------------------------------------------------------


def test_sizes_that_differ_end_a_training_in_one_line(toy: "Toy", mbart: Mbart) -> None:
    words = [*toy.recipe, "--arch", "mclas_mbart", *SIZES, "--init-from-mbart", mbart.checkpoint]
    words += ["--save-dir", toy.folder / "mbart-bad"]
    error = toy.fails("train", mbart.data, *words, "--decoder-ffn-embed-dim", 64)
    assert isinstance(error, CheckpointError)
    assert "decoder.layers.0.fc1.weight is (32, 16) there and (64, 16) in the model" in str(error)
    error = toy.fails("train", toy.data_bin, *words)
    assert isinstance(error, ConfigError)
    assert "make it with mclas prepare --mbart" in str(error)


@pytest.mark.parametrize(
    ("flags", "kind", "message"),
    [
        (["--mbart-langs", "en_XX,zh_CN"], ConfigError, "no id for de"),
        (["--mbart-langs", "en,de"], ConfigError, "must be mBART's languages .* but is en,de"),
        (["--mbart-langs", CODES, "--vocab-size", "9"], ConfigError, "but --vocab-size is; leave"),
        (["--mbart", "nowhere"], ConfigError, "must name a folder with dict.txt and sentence.bpe"),
        (["--mbart-langs", CODES, "--mbart", "OWN"], DataError, r"holds \[LSEP\], which is added"),
    ],
)
def test_prepare_refuses_what_is_no_mbart_or_lacks_a_language(
    toy: "Toy", mbart: Mbart, tmp_path: Path, flags: list[str], kind: type, message: str
) -> None:
    from mclas_fairseq.cli import build_parser

    if "OWN" in flags:  # a dict.txt that is already a data-bin's
        own = Path(shutil.copytree(mbart.folder, tmp_path / "own"))
        dictionary = Dictionary.load(str(own / "dict.txt"))
        dictionary.add_symbol("[LSEP]")
        dictionary.save(str(own / "dict.txt"))
        flags = [str(own) if word == "OWN" else word for word in flags]
    train = toy.folder / "corpus" / "train.jsonl"
    words = ["prepare", "--source-lang", "en", "--target-lang", "de", "--mbart", str(mbart.folder)]
    words += ["--train", str(train), "--out", str(tmp_path / "bin"), *flags]
    args = build_parser().parse_args(words)
    with pytest.raises(kind, match=message):
        args.run(args)
