"""Training through fairseq-train: layouts, subsets, fine-tuning, precision, validation."""

import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.language_vocabulary import language_neutral
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.modules import emulated_bf16

if TYPE_CHECKING:
    from tests.system.conftest import Toy

MAX_SOURCE = 96  # --max-source-positions of the toy's recipe


def metric(log: str, subset: str, name: str) -> float:
    """The last value of a metric that a training logged for a subset."""
    lines = [line for line in log.splitlines() if re.search(rf"\| {subset} \|", line)]
    values = [re.search(rf"\| {name} ([-\d.e]+)", line) for line in lines]
    found = [float(value[1]) for value in values if value]
    assert found, f"no {name} of {subset} in the log"
    return found[-1]


@pytest.mark.parametrize(
    ("layout", "parts", "left_out"),
    [("ms", {"ms"}, 3), ("ncls", {"cls"}, 3), ("mclas", {"ms", "cls"}, 6)],
)
def test_one_data_bin_trains_every_layout(
    toy: "Toy", layout: str, parts: set[str], left_out: int
) -> None:
    state = load_checkpoint(toy.trained(layout))
    log = toy.logs[layout]
    assert state["task_state"]["target_layout"] == layout
    logged = {part for part in ("ms", "cls") if f"| {part}_nll_loss " in log}
    assert logged == parts
    assert f"train: {left_out} of 40 records have no summary" in log
    assert re.search(rf"train: \d+ of {40 - left_out} documents are cut", log)
    for part in parts:
        assert 0 < metric(log, "valid", f"{part}_nll_loss") < 20


def test_the_two_parts_of_the_loss_add_up(toy: "Toy") -> None:
    toy.trained("mclas")
    log = toy.logs["mclas"]
    parts = [metric(log, "valid", f"{name}_nll_loss") for name in ("ms", "cls")]
    assert min(parts) < metric(log, "valid", "nll_loss") < max(parts)


@pytest.mark.parametrize("layout", ["ncls", "mclas"])
def test_finetuning_starts_from_the_weights_of_a_monolingual_summarizer(
    toy: "Toy", layout: str
) -> None:
    start = load_checkpoint(toy.trained("ms"))["model"]
    name = f"{layout}-from-ms"
    flags = ("--target-layout", layout, "--finetune-from-model", toy.trained("ms"))
    folder = toy.train(name, *flags, "--lr", "1e-9")
    tuned = load_checkpoint(folder / "checkpoint_last.pt")
    assert tuned["task_state"]["target_layout"] == layout
    for key, weights in tuned["model"].items():
        torch.testing.assert_close(weights, start[key], atol=1e-6, rtol=0.0)
    scratch = load_checkpoint(toy.trained(layout))["model"]
    assert any(not torch.allclose(scratch[key], start[key], atol=1e-4) for key in start)


def test_mclas_without_source_summaries_names_the_remedy(toy: "Toy") -> None:
    rows = {
        split: [
            {**row, "summary": {"de": row["summary"]["de"]}}
            for row in rows[:9]
            if "de" in row["summary"]
        ]
        for split, rows in toy.rows.items()
    }
    data = toy.prepare("no-source-summaries", rows, "--like", toy.data_bin)
    error = toy.fails("train", data, *toy.recipe, "--save-dir", toy.folder / "refused")
    assert isinstance(error, DataError)
    assert "none has them all (0 have one in en; 8 have one in de)" in str(error)
    assert "--target-layout ncls" in str(error)


# -- low-resource subsets ------------------------------------------------------------------------

SUBSET = ("--train-subset-size", "6", "--subset-seed", "7")


@pytest.fixture(scope="module")
def subsets(toy: "Toy") -> dict[str, Path]:
    """Layout -> folder of a training on the same six triples."""
    return {
        layout: toy.train(f"subset-{layout}", "--target-layout", layout, *SUBSET)
        for layout in ("ms", "ncls", "mclas")
    }


def test_subset_is_the_same_for_every_layout_and_written_beside_the_checkpoints(
    toy: "Toy", subsets: dict[str, Path]
) -> None:
    written = {(folder / "train_subset.txt").read_text() for folder in subsets.values()}
    assert len(written) == 1
    ids = written.pop().split()
    assert len(ids) == 6
    complete = [row["id"] for row in toy.rows["train"] if {"en", "de"} <= set(row["summary"])]
    assert [name for name in complete if name in ids] == ids
    for folder in subsets.values():
        state = load_checkpoint(folder / "checkpoint_last.pt")
        assert state["task_state"]["subset_ids"] == ids


def test_subset_of_another_seed_is_another(toy: "Toy", subsets: dict[str, Path]) -> None:
    folder = toy.train("other-seed", "--train-subset-size", "6", "--subset-seed", "8")
    other = (folder / "train_subset.txt").read_text()
    assert other != (subsets["mclas"] / "train_subset.txt").read_text()


def test_language_vocabularies_are_recounted_from_the_subset_and_used_at_generation(
    toy: "Toy", subsets: dict[str, Path]
) -> None:
    ids = (subsets["mclas"] / "train_subset.txt").read_text().split()
    data_bin = DataBin.open(toy.data_bin)
    dictionary = data_bin.dictionary
    checkpoint = subsets["mclas"] / "checkpoint_last.pt"
    stored = load_checkpoint(checkpoint)["task_state"]["vocabularies"]
    assert set(stored) == {"en", "de"}
    for language, entries in stored.items():
        seen = set(language_neutral(dictionary))
        for row in toy.rows["train"]:
            if row["id"] in ids:
                pieces = data_bin.tokenizer.encode(row["summary"][language][0], language)
                seen.update(dictionary.index(piece) for piece in pieces)
        assert entries == sorted(seen)
        assert len(entries) < len(data_bin.vocabulary(language).symbols)
    log = toy.generate(checkpoint, "--nbest", "3")
    for line in re.findall(r"^H-\d+\t[^\t]+\t(.*)$", log, re.MULTILINE):
        for language, half in zip(("en", "de"), line.split("[LSEP]"), strict=True):
            assert {dictionary.index(piece) for piece in half.split()} <= set(stored[language])


def test_subset_larger_than_the_corpus_is_refused(toy: "Toy") -> None:
    flags = ("--save-dir", toy.folder / "refused", "--train-subset-size", "35")
    error = toy.fails("train", toy.data_bin, *toy.recipe, *flags)
    assert isinstance(error, ConfigError)
    assert "has 34 training triples" in str(error)


# -- documents longer than the model's positions ---------------------------------------------------


def test_long_documents_are_cut_and_counted_never_skipped(toy: "Toy") -> None:
    tokenizer = DataBin.open(toy.data_bin).tokenizer
    lengths = [
        len(tokenizer.encode(" ".join(row["document"]["en"]), "en")) + 1
        for row in toy.rows["train"]
        if {"en", "de"} <= set(row["summary"])
    ]
    cut = [length for length in lengths if length > MAX_SOURCE]
    lost = sum(cut) - MAX_SOURCE * len(cut)
    toy.trained("mclas")
    assert 0 < len(cut) < len(lengths)
    assert (
        f"train: {len(cut)} of {len(lengths)} documents are cut to {MAX_SOURCE} tokens "
        f"({lost} tokens of theirs are not read)" in toy.logs["mclas"]
    )
    assert "skipped" not in toy.logs["mclas"]


# -- precision -------------------------------------------------------------------------------------


def test_bf16_trains_and_decodes_on_cpu(toy: "Toy") -> None:
    checkpoint = toy.train("bf16", "--bf16") / "checkpoint_last.pt"
    state = load_checkpoint(checkpoint)
    assert state["cfg"]["common"]["bf16"]
    assert state["optimizer_history"][-1]["num_updates"] == 2
    bf16, fp32 = toy.generate(checkpoint, "--bf16"), toy.generate(checkpoint)
    scores = [re.findall(r"^D-\d+\t(\S+)", log, re.MULTILINE) for log in (bf16, fp32)]
    assert len(scores[0]) == 14
    assert scores[0] != scores[1], "decoded in bf16"


def test_training_and_decoding_warn_where_bf16_is_emulated(
    toy: "Toy", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emulated_bf16, "processor_has_bf16", lambda: False)
    said = "bf16 on a CPU: it wants a processor with bf16 arithmetic"
    emulated_bf16._warn.cache_clear()
    checkpoint = toy.train("bf16-emulated", "--bf16", "--disable-validation")
    assert toy.logs["bf16-emulated"].count(said) == 1
    emulated_bf16._warn.cache_clear()
    assert said in toy.generate(checkpoint / "checkpoint_last.pt", "--bf16")
    emulated_bf16._warn.cache_clear()
    assert said not in toy.generate(checkpoint / "checkpoint_last.pt")


def test_fp16_trains_on_cpu_without_flattened_gradients(toy: "Toy") -> None:
    folder = toy.train("fp16", "--fp16", "--fp16-no-flatten-grads", "--fp16-init-scale", "4")
    state = load_checkpoint(folder / "checkpoint_last.pt")
    assert state["optimizer_history"][-1]["num_updates"] == 2


# -- validation that decodes, and what is stored ---------------------------------------------------


@pytest.fixture(scope="module")
def scored(toy: "Toy") -> Path:
    """A training of two epochs that decodes all validation documents after each."""
    search = {"beam": 3, "max_len_b": 20, "no_repeat_ngram_size": 3}
    return toy.train(
        "scored", "--eval-rouge", "--eval-rouge-documents", "0", "--eval-rouge-args",
        json.dumps(search), "--best-checkpoint-metric", "content1",
        "--maximize-best-checkpoint-metric", "--max-update", "10", "--rouge-protocol", "mclas",
    )  # fmt: skip


def test_validation_rouge_is_that_of_decoding_the_split(toy: "Toy", scored: Path) -> None:
    scoring = ("--scoring", "rouge", "--rouge-protocol", "mclas")
    log = toy.generate(scored / "checkpoint_last.pt", "--gen-subset", "valid", *scoring)
    summaries = {row["id"]: row["summary"] for row in toy.summaries(log)}
    complete = [row for row in toy.rows["valid"] if {"en", "de"} <= set(row["summary"])]
    for part, language in (("", "de"), ("ms_", "en")):
        expected = score_rouge(
            [summaries[row["id"]][language] for row in complete],
            [row["summary"][language] for row in complete],
            language=language,
            protocol="mclas",
        )
        assert expected.mean("rouge1") > 0, "otherwise this test would show nothing"
        assert f"|protocol:mclas|lang:{language}|" in log
        for name in ("rouge1", "rouge2", "rougeL"):
            logged = metric(toy.logs["scored"], "valid", part + name)
            assert logged == pytest.approx(expected.mean(name), abs=0.006)


def best_of(toy: "Toy", folder: Path, name: str) -> tuple[float, list[float]]:
    """What a training kept as the best value of a metric, and all that it logged."""
    best = load_checkpoint(folder / "checkpoint_best.pt")["extra_state"]["best"]
    lines = [line for line in toy.logs[folder.name].splitlines() if "| valid |" in line]
    return best, [float(re.findall(rf"\| {name} (-?[\d.]+)", line)[0]) for line in lines]


def test_best_checkpoint_is_chosen_by_rouge_of_content_words(toy: "Toy", scored: Path) -> None:
    best, values = best_of(toy, scored, "content1")
    assert len(values) >= 2
    assert best == pytest.approx(max(values), abs=0.006)


def test_best_checkpoint_is_chosen_by_matched_minus_shuffled(toy: "Toy") -> None:
    folder = toy.train(
        "matched", "--eval-rouge", "--eval-rouge-documents", "0", "--best-checkpoint-metric",
        "matched_rouge1", "--maximize-best-checkpoint-metric", "--max-update", "10",
    )  # fmt: skip
    best, values = best_of(toy, folder, "matched_rouge1")
    assert len(values) >= 2
    assert best == pytest.approx(max(values), abs=0.006)


def leaves(value: Any) -> Iterator[Any]:
    """All that is inside dictionaries, lists and tuples."""
    if isinstance(value, (dict, list, tuple)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from leaves(inner)
    else:
        yield value


def test_checkpoint_holds_plain_values_that_need_no_numpy(scored: Path) -> None:
    checkpoint = scored / "checkpoint_best.pt"
    with zipfile.ZipFile(checkpoint) as archive:
        pickled = archive.read(next(name for name in archive.namelist() if "data.pkl" in name))
    assert b"numpy" not in pickled
    state = load_checkpoint(checkpoint)
    metrics = state["extra_state"].pop("metrics")
    # (priority, name, kind, values); the norm of the gradient is fairseq's own, and a tensor.
    logged = {
        name: values
        for meters in metrics.values()
        for _, name, _, values in meters
        if name != "gnorm"
    }
    assert {"rouge1", "ms_rouge2", "ms_nll_loss", "cls_nll_loss"} <= set(logged)
    stored = leaves([logged, state["extra_state"], state["task_state"]])
    assert {type(value) for value in stored} <= {float, int, str, bool, type(None)}
    assert isinstance(state["extra_state"]["val_loss"], float)
