"""mclas heads: a checkpoint without heads is one like any other, for every command."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.heads.gates import gated, gates_without
from mclas_fairseq.heads.losses import batches
from mclas_fairseq.heads.until_loss import mean_loss
from mclas_fairseq.inference.loading import load_checkpoints
from mclas_fairseq.inference.summarizer import Summarizer

if TYPE_CHECKING:
    from tests.system.conftest import Toy

# All of a layer's self-attention, a part of the others.
GONE = ["encoder.0.self.1", "decoder.0.self.0", "decoder.0.self.1", "decoder.0.cross.0"]


@pytest.fixture(scope="module")
def pruned(toy: "Toy") -> Path:
    out = toy.folder / "pruned.pt"
    words = ("--heads", GONE[0], ",".join(GONE[1:]), "--out", out)
    printed = toy.mclas("heads", "prune", "--checkpoint", toy.trained("mclas"), *words)
    assert printed.startswith(f"{out}: without 4 heads, ")
    return out


def summaries(toy: "Toy", *words: object) -> str:
    flags = ("--cpu", "--beam", 3, "--max-len-b", 20)
    return toy.mclas("summarize", *words, *flags, stdin="The council met in Berlin.\n")


def test_the_beams_are_those_of_gates_at_zero(toy: "Toy", pruned: Path) -> None:
    """Masked and sliced models write the same hypotheses, with the same scores."""
    data, texts = toy.data_bin, [" ".join(row["document"]["en"]) for row in toy.rows["test"][:6]]
    options = DecodingOptions(beam=3, max_len_b=20, nbest=3)
    whole = Summarizer.load([toy.trained("mclas")], data, options=options)
    smaller = Summarizer.load([pruned], data, options=options)
    [model] = whole.models
    with gated(model, gates_without(model, GONE)):
        masked = whole.summarize(texts)
    sliced = smaller.summarize(texts)
    for ours, theirs in zip(masked, sliced, strict=True):
        assert [one.summary for one in ours.hypotheses] == [
            one.summary for one in theirs.hypotheses
        ]
        assert [one.score for one in ours.hypotheses] == pytest.approx(
            [one.score for one in theirs.hypotheses], abs=1e-5
        )


def test_fairseq_generates_and_tunes_it_without_being_told(toy: "Toy", pruned: Path) -> None:
    log = toy.generate(pruned)
    assert toy.summaries(log)
    flags = ("--target-layout", "mclas", "--finetune-from-model", pruned, "--lr", "0")
    tuned = load_checkpoint(toy.train("tuned-pruned", *flags) / "checkpoint_last.pt")
    weights = load_checkpoint(pruned)["model"]
    assert tuned["cfg"]["model"].pruned_heads == ",".join(GONE)
    assert sorted(tuned["model"]) == sorted(weights)
    assert all(torch.equal(tuned["model"][name], weights[name]) for name in weights)
    assert weights["encoder.layers.0.self_attn.q_proj.weight"].shape == (8, 16)
    assert "decoder.layers.0.self_attn.q_proj.weight" not in weights
    # resumed without --finetune-from-model: heads are those of checkpoint_last.pt
    again = toy.train("tuned-pruned", "--target-layout", "mclas", "--max-update", "3")
    assert load_checkpoint(again / "checkpoint_last.pt")["model"].keys() == weights.keys()


def test_two_decoders_start_from_one_without_heads(toy: "Toy") -> None:
    out = toy.folder / "pruned-ms.pt"
    words = ("--heads", *GONE, "--out", out)
    toy.mclas("heads", "prune", "--checkpoint", toy.trained("ms"), *words)
    flags = ("--arch", "ncls_ms_tiny", "--target-layout", "ncls_ms")
    folder = toy.train("tuned-two", *flags, "--finetune-from-model", out, "--lr", "0")
    weights = load_checkpoint(folder / "checkpoint_last.pt")["model"]
    name = "decoder.layers.0.encoder_attn.v_proj.weight"
    assert weights[f"ms_{name}"].shape == (8, 16)
    assert torch.equal(weights[f"ms_{name}"], weights[name])


def test_other_commands_take_it(toy: "Toy", pruned: Path, tmp_path: Path) -> None:
    expected = summaries(toy, "--checkpoint", pruned, "--data", toy.data_bin)
    average, bundle = tmp_path / "average.pt", tmp_path / "bundle"
    toy.mclas("average", "--inputs", pruned, "--out", average)
    assert summaries(toy, "--checkpoint", average, "--data", toy.data_bin) == expected
    toy.mclas("export", "--checkpoint", pruned, "--data", toy.data_bin, "--out", bundle)
    assert summaries(toy, "--model", bundle) == expected


def test_its_dictionary_is_trimmed(toy: "Toy", pruned: Path, tmp_path: Path) -> None:
    words: list[object] = ["--source-lang", "en", "--target-lang", "de", "--like", toy.data_bin]
    for split, rows in toy.rows.items():
        words += [f"--{split}", toy.write(tmp_path / f"{split}.jsonl", rows)]
    german, small = tmp_path / "german", tmp_path / "small"
    toy.mclas("prepare", *words, "--out", german)
    printed = toy.mclas("trim", "--checkpoint", pruned, "--data", german, "--out", small)
    assert "summaries of test have the same tokens" in printed
    weights = load_checkpoint(small / "checkpoint.pt")["model"]
    assert weights["encoder.layers.0.self_attn.q_proj.weight"].shape == (8, 16)


def test_what_cannot_be_done_is_said(
    toy: "Toy", pruned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mclas_fairseq.cli import main

    def error(*words: object) -> str:
        command = ("heads", "prune", "--checkpoint", pruned, *words)
        assert main([str(word) for word in command]) == 2
        return capsys.readouterr().err

    out = tmp_path / "out.pt"
    assert "needs heads to take out, by name (--heads) or by a" in error("--out", out)
    assert "decoder.0.self has none left; name others" in error("--out", out, "--heads", GONE[1])
    assert not out.exists()
    out.touch()
    assert f"--out: must not exist yet, but {out} does" in error("--out", out, "--heads", GONE[1])


def test_a_ranking_is_written_and_pruned_by(
    toy: "Toy", pruned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mclas_fairseq.cli import main

    table, picture, out = tmp_path / "heads.csv", tmp_path / "heads.png", tmp_path / "out.pt"
    one = ("--checkpoint", toy.trained("mclas"))
    files = ("--data", toy.data_bin, "--csv", table, "--plot", picture)
    printed = toy.mclas("heads", "rank", *one, *files, "--leave-one-out")
    assert "Spearman en ~ de: " in printed
    assert "halves of the documents, de: " in printed
    assert "Spearman gate (all) ~ leave-one-out: " in printed
    assert picture.read_bytes().startswith(b"\x89PNG")
    first = table.read_bytes()
    toy.mclas("heads", "rank", *one, *files)
    assert table.read_bytes() == first  # the same to the last digit
    lines = table.read_text().splitlines()
    assert lines[1] == "rank,head,all,en,de"
    assert len(lines) == 2 + 6
    least = [line.split(",")[1] for line in lines[2:4]]
    toy.mclas("heads", "prune", *one, "--ranking", table, "-k", 2, "--out", out)
    assert load_checkpoint(out)["cfg"]["model"].pruned_heads == ",".join(least)

    def error(*words: object) -> str:
        command = ("heads", "prune", "--ranking", table, "--out", tmp_path / "no.pt", *words)
        assert main([str(word) for word in command]) == 2
        return capsys.readouterr().err

    assert "must be from 1 to 6, the heads of the ranking" in error(*one, "-k", 7)
    assert "those are all, en, de; give one" in error(*one, "-k", 1, "--language", "fr")
    assert "but is of other weights" in error("--checkpoint", pruned, "-k", 1)
    table.write_text("rank,head,all\n1,encoder.0.self.0,0\n")
    assert "must begin with '# mclas heads rank'" in error(*one, "-k", 1)


def test_heads_go_until_the_loss_has_risen(toy: "Toy", tmp_path: Path) -> None:
    table, out = tmp_path / "heads.csv", tmp_path / "out.pt"
    one = ("--checkpoint", toy.trained("mclas"))
    toy.mclas("heads", "rank", *one, "--data", toy.data_bin, "--csv", table)
    words = ("--ranking", table, "--data", toy.data_bin, "--out", out)
    printed = toy.mclas("heads", "prune", *one, *words, "--until-loss", 10, "--language", "de")
    assert printed.startswith("6 heads: ")
    assert "without 6 heads" in printed
    # what is printed is the loss of the checkpoint that is written
    system = load_checkpoints([out], toy.data_bin)
    model = system.models[0].eval()
    found = lambda: batches(system.task, "valid", documents=0, batch_size=4)  # noqa: E731
    after = mean_loss(system.task, model, found, "de")
    assert float(printed.split()[2]) == pytest.approx(after, abs=1e-4)


def test_a_sweep_trains_each_and_goes_on(
    toy: "Toy", tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from mclas_fairseq.cli import main

    table, folder = tmp_path / "heads.csv", tmp_path / "sweep"
    one = ("--checkpoint", toy.trained("mclas"))
    toy.mclas("heads", "rank", *one, "--data", toy.data_bin, "--csv", table)
    flags = [*toy.recipe, *toy.targets, "--target-layout", "mclas", "--cpu", "--num-workers", "0"]
    fine_tuning = " ".join(flags)
    words: list[object] = [*one, "--ranking", table, "--data", toy.data_bin, "--sweep", folder]
    words += ["--ks", "2", "--fine-tuning", fine_tuning, "--draws"]
    printed = toy.mclas("heads", "prune", *words, 0)
    assert "k = 0, fine-tuned alike: validation " in printed
    rows = (folder / "sweep.csv").read_text().splitlines()
    assert [row.split(",")[:2] for row in rows[1:]] == [
        ["none", "0"],
        ["lowest", "2"],
        ["highest", "2"],
    ]
    assert len({row.split(",")[2] for row in rows[1:]}) == 3
    assert "random" not in printed
    again = toy.mclas("heads", "prune", *words, 0)
    assert again == printed

    def error(*more: object) -> str:
        command = ("heads", "prune", *one, *more)
        assert main([str(word) for word in command]) == 2
        return capsys.readouterr().err

    ranking = ("--ranking", table)
    assert "one place to write, --out FILE or --sweep DIR" in error(*ranking, "-k", 1)
    out = ("--out", tmp_path / "no.pt")
    assert "--data: must be given with --until-loss" in error(*ranking, *out, "--until-loss", 1)
    assert "has none, both, or a half" in error(*ranking, *out, "--until-loss", 1, "-k", 1)
    swept = ("--sweep", folder, "--data", toy.data_bin)
    assert "--fine-tuning: must be given with --sweep" in error(*ranking, *swept)
    more = (*ranking, *swept, "--fine-tuning", fine_tuning)
    assert "--ks a: must be numbers" in error(*more, "--ks", "a")
    assert "with fine_tuning" in error(*ranking, *swept, "--fine-tuning", "--lr 1", "--ks", "1")
    other = (
        "--sweep",
        folder,
        "--data",
        tmp_path / "no",
        "--fine-tuning",
        fine_tuning,
        "--ks",
        "1",
    )
    assert "with data" in error(*ranking, *other)
