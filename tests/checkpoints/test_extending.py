"""A checkpoint grown to an extended dictionary: old rows untouched, old languages as before."""

import json
import logging
import re
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq import checkpoint_utils, options, tasks
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from omegaconf import OmegaConf

import mclas_fairseq
from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.checkpoints.averaging import write_checkpoint
from mclas_fairseq.checkpoints.extending import extend_checkpoint
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.cli import main
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.corpus.tokenizers.extended import split_mark
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.inference.results import Summary
from mclas_fairseq.inference.summarizer import Summarizer
from mclas_fairseq.lexicon.file import Lexicon

PLUGIN = mclas_fairseq.__path__[0]
PROCESS = ["--cpu", "--num-workers", "0", "--distributed-world-size", "1", "--user-dir", PLUGIN]
TASK = ["--task", "cross_lingual_summarization"]
MODEL = (
    "--arch mclas_tiny --criterion summary_cross_entropy --encoder-layers 1 --decoder-layers 1 "
    "--encoder-embed-dim 16 --decoder-embed-dim 16 --encoder-ffn-embed-dim 32 "
    "--decoder-ffn-embed-dim 32 --encoder-attention-heads 2 --decoder-attention-heads 2 "
    "--max-source-positions 96 --max-target-positions 200 --optimizer adam --lr 0.01 "
    "--batch-size 8 --max-update 1 --no-progress-bar --no-epoch-checkpoints --disable-validation"
).split()
TIED = (
    "encoder.embed_tokens.weight",
    "decoder.embed_tokens.weight",
    "decoder.output_projection.weight",
)


def corpus(folder: Path, target: str, size: int) -> dict[str, tuple[Path, ...]]:
    """Synthetic news in English with summaries in English and one other language."""
    inputs: dict[str, tuple[Path, ...]] = {}
    for split, count in (("train", size), ("valid", 6)):
        rows = []
        for row in generate("easy", split, count, seed=3):
            kept: dict[str, Any] = json.loads(json.dumps(row))
            kept["summary"] = {code: kept["summary"][code] for code in ("en", target)}
            rows.append({key: kept[key] for key in ("id", "document", "summary")})
        path = folder / f"{target}.{split}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        inputs[split] = (path,)
    return inputs


@dataclass(frozen=True)
class World:
    """An earlier data-bin (en-de), its extension (en-zh), and that one's (en-de, as a further one).

    Attributes:
        folder: where everything lies.
        old: English and German.
        new: English and Chinese, extended from it.
    """

    folder: Path
    old: Path
    new: Path

    def checkpoint(
        self, name: str, data: Path, *flags: str, tied: bool = True, half: bool = False
    ) -> Path:
        """A checkpoint as fairseq stores it, with random weights and some optimizer's state."""
        path = self.folder / f"{name}.pt"
        words = [str(data), *TASK, *MODEL, *PROCESS, *flags]
        args = options.parse_args_and_arch(options.get_training_parser(), words)
        if not tied:
            args.share_all_embeddings = args.share_decoder_input_output_embed = False
        cfg = convert_namespace_to_omegaconf(args)
        task = tasks.setup_task(cfg.task)
        torch.manual_seed(5)
        model = task.build_model(cfg.model)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.3)
        state = {
            "args": None,
            "cfg": OmegaConf.to_container(cfg, resolve=True, enum_to_str=True),
            "model": (model.half() if half else model).state_dict(),
            "criterion": {},
            "optimizer_history": [{"num_updates": 7, "lr_scheduler_state": {}}],
            "task_state": task.state_dict(),
            "extra_state": {"train_iterator": {"epoch": 2}, "metrics": {}, "previous": "run"},
            "last_optimizer_state": {"state": {}},
        }
        write_checkpoint(path, state)
        return path


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("extending")
    old = PrepareOptions(
        source_lang="en",
        target_langs=("de",),
        out=folder / "old",
        inputs=corpus(folder, "de", 40),
        tokenizer=TokenizerOptions(vocab_size=300),
    )
    prepare(old)
    new = replace(
        old,
        target_langs=("zh",),
        out=folder / "new",
        inputs=corpus(folder, "zh", 60),
        tokenizer=TokenizerOptions(vocab_size=150),
        like=old.out,
        extend=("zh",),
    )
    prepare(new)
    return World(folder, old.out, new.out)


def documents(world: World) -> list[str]:
    rows = (world.folder / "de.valid.jsonl").read_text(encoding="utf-8").splitlines()
    return [" ".join(json.loads(row)["document"]["en"]) + " 家" for row in rows]


def summaries(checkpoint: Path, data: Path, texts: Sequence[str]) -> list[Summary]:
    search = DecodingOptions(beam=3, nbest=3, max_len_b=12)
    return Summarizer.load([checkpoint], data, search, device="cpu").summarize(texts)


@pytest.mark.parametrize("tied", [True, False])
def test_old_rows_are_untouched_and_new_ones_follow(world: World, tied: bool) -> None:
    path = world.checkpoint(f"rows-{tied}", world.old, tied=tied)
    data_bin = DataBin.open(world.new)
    before = load_checkpoint(path)["model"]
    extended = extend_checkpoint(path, data_bin)
    after = extended.state["model"]
    size, entries = len(DataBin.open(world.old).dictionary), len(data_bin.dictionary)
    assert (extended.earlier, extended.averaged + extended.drawn) == (size, entries - size)
    assert extended.averaged > 0
    assert extended.drawn > 0
    assert extended.tensors == TIED
    assert set(after) == set(before)
    for name, value in before.items():
        if name in TIED:
            assert after[name].shape == (entries, 16)
            assert torch.equal(after[name][:size], value)
        elif name != "dictionary_fingerprint":
            assert torch.equal(after[name], value)
    storages = {after[name].data_ptr() for name in TIED}
    assert len(storages) == (1 if tied else 3)


def test_a_new_row_is_the_mean_of_what_its_text_was_cut_into_or_drawn(world: World) -> None:
    path = world.checkpoint("means", world.old)
    data_bin, old = DataBin.open(world.new), DataBin.open(world.old)
    rows = extend_checkpoint(path, data_bin).state["model"]["encoder.embed_tokens.weight"]
    size = len(old.dictionary)
    means, drawn = [], []
    for number in range(size, len(data_bin.dictionary)):
        text = split_mark(data_bin.dictionary[number])[1].replace("▁", " ").strip()
        pieces = old.tokenizer.encode(text, "zh")
        cut = [old.dictionary.index(p) for p in (pieces[1:] if pieces[0] == "▁" else pieces)]
        if old.dictionary.unk() in cut:
            drawn.append(rows[number])
        else:
            means.append(number)
            torch.testing.assert_close(rows[number], rows[cut].mean(0))
    assert means
    spread, ordinary = torch.stack(drawn), rows[4:size]
    torch.testing.assert_close(spread.mean(0), ordinary.mean(0), atol=0.15, rtol=0)
    torch.testing.assert_close(spread.std(0), ordinary.std(0), atol=0.15, rtol=0)
    distances = torch.cdist(spread, spread) + 9 * torch.eye(len(spread))
    assert distances.min() > 0.1, "no two of them are the same"


def test_the_rows_that_are_drawn_depend_on_the_seed_alone(world: World) -> None:
    path = world.checkpoint("seed", world.old)
    data_bin = DataBin.open(world.new)
    name = "encoder.embed_tokens.weight"
    one, same, two = (
        extend_checkpoint(path, data_bin, seed=seed).state["model"][name] for seed in (1, 1, 2)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, two)


def test_half_precision_stays_so_and_old_rows_exact(world: World) -> None:
    path = world.checkpoint("half", world.old, half=True)
    rows = extend_checkpoint(path, DataBin.open(world.new)).state["model"][TIED[0]]
    assert rows.dtype == torch.float16
    before = load_checkpoint(path)["model"][TIED[0]]
    assert torch.equal(rows[: len(before)], before)


@pytest.mark.parametrize("tied", [True, False])
def test_the_old_languages_get_the_same_summaries_and_scores_as_before(
    world: World, tied: bool
) -> None:
    path = world.checkpoint(f"same-{tied}", world.old, tied=tied)
    grown = world.folder / f"same-{tied}-grown.pt"
    write_checkpoint(grown, extend_checkpoint(path, DataBin.open(world.new)).state)
    texts = documents(world)
    before, after = summaries(path, world.old, texts), summaries(grown, world.new, texts)
    assert all(set(summary.best.summary) == {"en", "de"} for summary in after)
    assert len({summary.text for summary in after}) > 1, "they say something"
    for summary, other in zip(before, after, strict=True):
        for hypothesis, twin in zip(summary.hypotheses, other.hypotheses, strict=True):
            assert twin.summary == hypothesis.summary
            assert twin.score == pytest.approx(hypothesis.score, abs=1e-5)


def test_lexicons_grow_with_the_checkpoint_and_new_pieces_stand_for_themselves(
    world: World,
) -> None:
    old, new = DataBin.open(world.old), DataBin.open(world.new)
    pieces = [one for one in old.dictionary.symbols if one.startswith("▁") and len(one) > 3]
    entries = {one: {pieces[0]: 0.75, pieces[1]: 0.25} for one in pieces[2:40]}
    file = world.folder / "lexicon.jsonl"
    Lexicon("en", "de", old.manifest.dictionary_sha256, entries).save(file)
    flags = ("--translated-copying", "naive", "--lexicon", str(file))
    path, grown = world.checkpoint("lexicon", world.old, *flags), world.folder / "lexicon2.pt"
    write_checkpoint(grown, extend_checkpoint(path, new).state)
    before, after = (load_checkpoint(one)["model"] for one in (path, grown))
    earlier, translations = len(old.dictionary), "decoder.translations."
    for name in ("ids", "weights"):
        assert torch.equal(after[translations + name][:, :earlier], before[translations + name])
    alone = after[translations + "weights"][:, earlier:, 0]
    assert alone.eq(1.0).all()
    assert alone.size(1) == len(new.dictionary) - earlier
    own = torch.arange(earlier, len(new.dictionary)).expand(2, -1)
    assert torch.equal(after[translations + "ids"][:, earlier:, 0], own)
    written = summaries(grown, world.new, documents(world))
    assert len({summary.text for summary in written}) > 1, "they say something"


@pytest.mark.parametrize("tied", [True, False])
def test_the_result_is_trained_on_by_fairseq_and_then_writes_the_added_language(
    world: World, tied: bool, tmp_path: Path
) -> None:
    from fairseq_cli import train

    path = world.checkpoint(f"train-{tied}", world.old, tied=tied)
    grown = tmp_path / "grown.pt"
    write_checkpoint(grown, extend_checkpoint(path, DataBin.open(world.new)).state)
    words = [str(world.new), *TASK, *MODEL, *PROCESS, "--save-dir", str(tmp_path / "run")]
    words += ["--finetune-from-model", str(grown), "--lr", "1e-9"]
    args = options.parse_args_and_arch(options.get_training_parser(), words)
    if not tied:
        args.share_all_embeddings = args.share_decoder_input_output_embed = False
    quiet = logging.getLogger("fairseq").level
    train.main(convert_namespace_to_omegaconf(args))
    logging.getLogger("fairseq").setLevel(quiet)
    trained = tmp_path / "run" / "checkpoint_last.pt"
    rows, start = (load_checkpoint(file)["model"][TIED[2]] for file in (trained, grown))
    torch.testing.assert_close(rows, start, atol=1e-6, rtol=0)
    written = summaries(trained, world.new, documents(world))
    assert all(set(summary.best.summary) == {"en", "zh"} for summary in written)
    vocabulary = "".join(split_mark(s)[1] for s in DataBin.open(world.new).vocabulary("zh").symbols)
    assert set("".join(summary.text for summary in written)) <= {*vocabulary, " "}


def test_fairseq_itself_loads_the_result_with_the_new_data_bin(world: World) -> None:
    path = world.checkpoint("fairseq", world.old)
    grown = world.folder / "fairseq-grown.pt"
    extended = extend_checkpoint(path, DataBin.open(world.new))
    write_checkpoint(grown, extended.state)
    overrides = {"data": str(world.new), "target_lang": "zh"}
    models, _, task = checkpoint_utils.load_model_ensemble_and_task([str(grown)], overrides)
    assert task.languages == ("en", "de")
    assert len(models[0].encoder.embed_tokens.weight) == len(task.source_dictionary)
    with pytest.raises(CheckpointError, match="trained with another dictionary"):
        checkpoint_utils.load_model_ensemble_and_task([str(grown)], {"data": str(world.old)})


def test_optimizer_state_is_dropped_and_the_origin_recorded(world: World) -> None:
    state = extend_checkpoint(world.checkpoint("origin", world.old), DataBin.open(world.new)).state
    assert "last_optimizer_state" not in state
    entries = len(DataBin.open(world.old).dictionary)
    assert state["extra_state"] == {
        "train_iterator": {"epoch": 2},
        "extended_from": {"file": "origin.pt", "entries": entries},
    }
    sha256 = DataBin.open(world.new).manifest.dictionary_sha256
    assert state["task_state"]["dictionary_sha256"] == sha256
    assert bytes(state["model"]["dictionary_fingerprint"].tolist()).hex() == sha256


def test_two_extensions_can_be_taken_in_one_step(world: World, tmp_path: Path) -> None:
    russian = [{"id": "r", "document": {"en": "the"}, "summary": {"ru": "мы пишем мы пишем"}}]
    (tmp_path / "ru.jsonl").write_text(json.dumps(russian[0]), encoding="utf-8")
    chosen = PrepareOptions(
        source_lang="en",
        target_langs=("ru",),
        out=tmp_path / "ru",
        inputs={"train": (tmp_path / "ru.jsonl",)},
        tokenizer=TokenizerOptions(vocab_size=8),
        like=world.new,
        extend=("ru",),
    )
    prepare(chosen)
    last = DataBin.open(chosen.out)
    path = world.checkpoint("steps", world.old)
    at_once = extend_checkpoint(path, last)
    assert at_once.earlier == len(DataBin.open(world.old).dictionary)
    sizes = [len(DataBin.open(folder).dictionary) for folder in (world.old, world.new, last.folder)]
    assert all(less < more for less, more in pairwise(sizes))
    write_checkpoint(tmp_path / "one.pt", extend_checkpoint(path, DataBin.open(world.new)).state)
    assert extend_checkpoint(tmp_path / "one.pt", last).earlier == sizes[1]


def test_what_does_not_belong_together_is_refused(world: World, tmp_path: Path) -> None:
    path = world.checkpoint("refused", world.old)
    new, old = DataBin.open(world.new), DataBin.open(world.old)
    with pytest.raises(CheckpointError, match=r"old itself, so there is nothing to extend"):
        extend_checkpoint(path, old)
    on_new = world.checkpoint("on-new", world.new)
    with pytest.raises(CheckpointError, match=r"new itself, so there is nothing to extend"):
        extend_checkpoint(on_new, new)
    with pytest.raises(CheckpointError, match=r"must extend that of the checkpoint.*--extend LANG"):
        extend_checkpoint(on_new, old)
    other = PrepareOptions(
        source_lang="en",
        target_langs=("de",),
        out=tmp_path / "other",
        inputs=corpus(tmp_path, "de", 30),
        tokenizer=TokenizerOptions(vocab_size=250),
    )
    prepare(other)
    with pytest.raises(CheckpointError, match=r"must be the one that .*new extends.*is another"):
        extend_checkpoint(world.checkpoint("other", other.out), new)


def test_a_checkpoint_without_a_fingerprint_or_of_other_shapes_is_refused(
    world: World, tmp_path: Path
) -> None:
    new = DataBin.open(world.new)
    state = load_checkpoint(world.checkpoint("broken", world.old))
    bare = {name: value for name, value in state["model"].items() if "fingerprint" not in name}
    write_checkpoint(tmp_path / "bare.pt", {**state, "model": bare})
    with pytest.raises(CheckpointError, match=r"bare\.pt: must carry the fingerprint"):
        extend_checkpoint(tmp_path / "bare.pt", new)
    short = {**state["model"], TIED[0]: state["model"][TIED[0]][:-1]}
    write_checkpoint(tmp_path / "short.pt", {**state, "model": short})
    with pytest.raises(CheckpointError, match=rf"weights {re.escape(TIED[0])} must have the shape"):
        extend_checkpoint(tmp_path / "short.pt", new)
    lacking = {name: value for name, value in state["model"].items() if "final" not in name}
    write_checkpoint(tmp_path / "lacking.pt", {**state, "model": lacking})
    with pytest.raises(CheckpointError, match=r"must fit its architecture, but do not \(.*final"):
        extend_checkpoint(tmp_path / "lacking.pt", new)


def test_the_command_writes_the_checkpoint_and_says_what_it_did(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, out = world.checkpoint("command", world.old), tmp_path / "sub" / "grown.pt"
    words = ["extend", "--checkpoint", str(path), "--data", str(world.new)]
    assert main([*words, "--out", str(out)]) == 0
    printed = capsys.readouterr().out.splitlines()
    old, new = (len(DataBin.open(folder).dictionary) for folder in (world.old, world.new))
    first = rf"{re.escape(str(out))}: a dictionary of {new}; {old} rows as they were, \d+ the mean"
    assert re.match(first, printed[0])
    assert printed[1] == "grown: " + ", ".join(TIED)
    assert "--finetune-from-model" in printed[2]
    assert len(load_checkpoint(out)["model"][TIED[0]]) == new
    assert main([*words, "--out", str(out)]) == 2
    assert "must not exist yet" in capsys.readouterr().err
    assert main([*words, "--out", str(out), "--overwrite"]) == 0
    assert main([*words, "--out", str(path), "--overwrite"]) == 2
    assert "must not be what is read, but is that of --checkpoint" in capsys.readouterr().err
    assert list(out.parent.iterdir()) == [out]


def test_settings_of_the_checkpoint_are_kept(world: World) -> None:
    path = world.checkpoint("settings", world.old)
    before, after = load_checkpoint(path), extend_checkpoint(path, DataBin.open(world.new)).state
    model: Namespace = before["cfg"]["model"]
    assert after["cfg"]["model"].encoder_layers == model.encoder_layers == 1
    assert after["task_state"]["vocabularies"] == before["task_state"]["vocabularies"]
    assert after["optimizer_history"] == before["optimizer_history"]
