"""From files to a smaller labeller through the commands, and what they refuse."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fairseq.checkpoint_utils import load_checkpoint_to_cpu

import mclas_fairseq
from mclas_fairseq.cli import main
from mclas_fairseq.corpus.labelled import LabelKind, LabelledFile
from mclas_fairseq.heads.losses import Batch, batches
from mclas_fairseq.heads.until_loss import mean_loss
from tests.labelling.conftest import DE, EN, batch_of, build_model, open_task, write_sentences
from tests.processes import output_of

_TRAIN = [sys.executable, "-P", "-c", "from fairseq_cli.train import cli_main; cli_main()"]


def told(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What a command prints on its standard output; it must succeed."""
    assert main([str(word) for word in words]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """The last line of what a command that is refused says."""
    assert main([str(word) for word in words]) == 2
    return capsys.readouterr().err.strip().splitlines()[-1]


def test_the_way_from_files_to_a_smaller_labeller(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, sentences in (("en", EN), ("de", DE)):
        write_sentences(tmp_path / name, sentences * 4)
    en, de, data, run = (tmp_path / name for name in ("en", "de", "bin", "run"))
    inputs = ("--train", f"en={en}", "--valid", f"en={en}", f"de={de}")
    made = ("prepare", "--labels", "spans", "--tokenizer", "words", "--out", data)
    shown = told(capsys, *made, *inputs)
    assert "train en: 20 sentences, 84 words" in shown
    assert "tags (5): O B-LOC B-PER I-LOC I-PER" in shown
    flags = ["--task", "sequence_labelling", "--arch", "token_classifier_tiny", "--cpu"]
    flags += ["--encoder-embed-dim", "16", "--encoder-ffn-embed-dim", "16", "--dropout", "0"]
    flags += ["--criterion", "label_cross_entropy", "--optimizer", "adam", "--lr", "0.01"]
    flags += ["--max-update", "60", "--batch-size", "20", "--num-workers", "0", "--seed", "1"]
    flags += ["--save-dir", str(run), "--no-epoch-checkpoints", "--log-format", "simple"]
    flags += ["--best-checkpoint-metric", "f1", "--maximize-best-checkpoint-metric"]
    plugin = ["--user-dir", mclas_fairseq.__path__[0]]
    log = output_of([*_TRAIN, str(data), *plugin, *flags], tmp_path)
    assert "f1_de" in log
    assert "accuracy_en" in log

    best = run / "checkpoint_best.pt"
    model = ("--checkpoint", best, "--data", data)
    label = ("label", *model, "--lang", "en", "--cpu", "-i")
    told(capsys, *label, en, "-o", tmp_path / "labels")
    shown = told(capsys, "score", "--labels", "spans", "--hyp", tmp_path / "labels", "--ref", en)
    assert float(shown.split("  f1")[1].split()[0]) > 90  # learned
    (tmp_path / "plain").write_text("anna lives in york\n", encoding="utf-8")
    told(capsys, *label, tmp_path / "plain", "--plain", "-o", tmp_path / "labels")
    (only,) = LabelledFile(tmp_path / "labels", LabelKind.SPANS).sentences()
    assert only.words == ("anna", "lives", "in", "york")

    csv = tmp_path / "heads.csv"
    told(capsys, "heads", "rank", *model, "--csv", csv, "--merge")
    assert (
        csv.read_text(encoding="utf-8").splitlines()[1] == "rank,head,all,en,de,all-sum,all-ranks"
    )
    told(capsys, "heads", "rank", *model, "--csv", tmp_path / "de.csv", "--langs", "de")
    header = (tmp_path / "de.csv").read_text(encoding="utf-8").splitlines()[1]
    assert header == "rank,head,all,de"
    prune = ("heads", "prune", "--checkpoint", best, "--ranking", csv, "--language", "en")
    told(capsys, *prune, "-k", 2, "--out", tmp_path / "less.pt")
    smaller = ("label", "--checkpoint", tmp_path / "less.pt", "--data", data, "--cpu", "-i")
    told(capsys, *smaller, en, "--lang", "en", "-o", tmp_path / "less")
    kept = load_checkpoint_to_cpu(str(tmp_path / "less.pt"))["cfg"]["model"]
    assert len(kept.pruned_heads.split(",")) == 2
    again = ("heads", "prune", "--checkpoint", tmp_path / "less.pt", "--ranking", csv, "-k", 1)
    assert "but is of other weights" in refused(capsys, *again, "--out", tmp_path / "x.pt")
    assert "from 1 to 8" in refused(capsys, *prune, "-k", 9, "--out", tmp_path / "x.pt")
    summary = ("summarize", *model, "--cpu", "-i", en, "-o", tmp_path / "y")
    assert "labellers are for mclas label" in refused(capsys, *summary)


def test_flags_that_do_not_go_together_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write_sentences(tmp_path / "en", EN)
    labels = ("prepare", "--labels", "pos", "--out", tmp_path / "bin", "--train")
    assert "must name a language and a file" in refused(capsys, *labels, file)
    comma = write_sentences(tmp_path / "a,b", EN)
    told(capsys, "score", "--labels", "spans", "--hyp", comma, "--ref", file)
    spans = ("prepare", "--labels", "spans", "--out", tmp_path / "bin", "--train")
    assert "--dedup: is for records" in refused(capsys, *spans, f"en={file}", "--dedup")
    more = (f"en={file}", "--vocab-size", 9, "--like", tmp_path)
    assert "--like: says where the tokenizer" in refused(capsys, *spans, *more)
    plain = ("prepare", "--train", file, "--out", tmp_path / "bin")
    assert "--source-lang: must be given" in refused(capsys, *plain)
    pair = ("--source-lang", "en", "--target-lang", "de", "--tags", "B-X")
    assert "--tags: is for labelled" in refused(capsys, *plain, *pair)
    score = ("score", "--hyp", file, "--ref", file)
    assert "--lang: must be given for summaries" in refused(capsys, *score)
    assert "--lang: is for summaries" in refused(
        capsys, *score, "--labels", "spans", "--lang", "en"
    )


def test_the_loss_of_one_language_is_of_its_sentences_alone(words_bin: Path) -> None:
    task = open_task(words_bin)
    model = build_model(task)

    def found() -> Iterator[Batch]:
        return batches(task, "valid", documents=0, batch_size=2)

    german = open_task(words_bin, valid_langs="de")
    by_hand = german.example_losses(model, batch_of(german))["de"].mean()
    assert mean_loss(task, model, found, "de") == pytest.approx(by_hand.item())
