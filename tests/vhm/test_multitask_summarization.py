"""Task `multitask_summarization`: which data of which data-bin, subsets, vocabularies, refusals."""

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import CheckpointError, ConfigError, DataError
from mclas_fairseq.summarization.task import (
    CrossLingualSummarizationConfig,
    CrossLingualSummarizationTask,
)
from mclas_fairseq.vhm.batches import MultitaskDataset, TrainTask
from mclas_fairseq.vhm.task import (
    MultitaskSummarizationConfig,
    MultitaskSummarizationTask,
)

TRAIN, VALID = 20, 4
Row = dict[str, Any]


@dataclass
class Bins:
    """Data-bins of one corpus: all of it, CLS with a tagged dictionary, MT pairs, and MS."""

    folder: Path
    rows: list[Row]
    whole: Path
    pairs: Path
    untagged: Path


def rows(split: str, size: int) -> list[Row]:
    """News with translations; every fifth lacks one, every seventh lacks `S^A`."""
    found = [json.loads(json.dumps(record)) for record in generate("easy", split, size, seed=3)]
    for number, row in enumerate(found):
        row["id"] = f"{split}-{number}"
        if split == "train" and number % 5 == 0:
            del row["translation"]
        if split == "train" and number % 7 == 0:
            del row["summary"]["en"]
    return found


def write(path: Path, content: list[Row]) -> tuple[Path, ...]:
    path.write_text("".join(json.dumps(row) + "\n" for row in content), encoding="utf-8")
    return (path,)


@pytest.fixture(scope="module")
def bins(tmp_path_factory: pytest.TempPathFactory) -> Bins:
    folder = tmp_path_factory.mktemp("multitask")
    train = rows("train", TRAIN)
    whole = PrepareOptions(
        source_lang="en",
        target_langs=("de",),
        out=folder / "whole",
        inputs={
            "train": write(folder / "train.jsonl", train),
            "valid": write(folder / "valid.jsonl", rows("valid", VALID)),
        },
        tokenizer=TokenizerOptions(name="words"),
        task_tags=True,
    )
    prepare(whole)
    texts = [(row["document"]["en"][0], row["summary"]["de"][0]) for row in train[:6]]
    for code, lines in zip(("en", "de"), zip(*texts, strict=True), strict=True):
        (folder / f"pairs.{code}").write_text("".join(f"{line}\n" for line in lines))
    make(whole, "pairs", like=folder / "whole", inputs={"train": (folder / "pairs",)})
    make(whole, "untagged", task_tags=False)
    return Bins(folder, train, folder / "whole", folder / "pairs-bin", folder / "untagged-bin")


def make(options: PrepareOptions, name: str, **changes: Any) -> None:
    folder = options.out.parent
    if "like" in changes:
        changes["task_tags"] = False
    prepare(replace(options, out=folder / f"{name}-bin", **changes))


def task_of(data: Path, **flags: Any) -> MultitaskSummarizationTask:
    config = MultitaskSummarizationConfig(data=str(data), seed=1, save_dir="", **flags)
    return MultitaskSummarizationTask(config, DataBin.open(data))


def train_set(task: MultitaskSummarizationTask) -> MultitaskDataset:
    task.load_dataset("train", epoch=1)
    dataset: MultitaskDataset = task.datasets["train"]
    return dataset


def test_one_data_bin_serves_each_task_with_the_records_that_have_its_target(
    bins: Bins, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("WARNING", "mclas_fairseq"):
        parts = train_set(task_of(bins.whole)).parts
    assert "train, task mt: 4 of 20 records have no translation into de and are left out" in (
        caplog.messages
    )
    numbers = range(TRAIN)
    assert parts["mt"].rows.tolist() == [number for number in numbers if number % 5]
    assert parts["ms"].rows.tolist() == [number for number in numbers if number % 7]
    assert parts["cls"].rows.tolist() == list(numbers)


def test_documents_and_targets_of_each_task_are_its_own(bins: Bins) -> None:
    task = task_of(bins.whole)
    dataset = train_set(task)
    text: Callable[[torch.Tensor], str] = task.dictionary.string
    row = bins.rows[8]  # it has all texts
    expected = {
        "mt": " ".join(row["translation"]["de"]),
        "ms": row["summary"]["en"][0],
        "cls": row["summary"]["de"][0],
    }
    for name, part in dataset.parts.items():
        sample = part[part.rows.tolist().index(8)]
        assert sample["source"][0] == task.dictionary.index(f"<{name.upper()}>")
        languages = "en", "en" if name == "ms" else "de"
        texts = " ".join(row["document"]["en"]), expected[name]
        for tokens, language, whole in zip(
            (sample["source"][1:], sample["target"]), languages, texts, strict=True
        ):
            assert text(tokens).split() == task.data_bin.tokenizer.encode(whole, language)


def test_a_corpus_of_its_own_is_taken_where_one_is_named(bins: Bins) -> None:
    task = task_of(bins.whole, mt_data=str(bins.pairs), train_tasks="cls,mt")
    parts = train_set(task).parts
    assert list(parts) == ["mt", "cls"]
    assert len(parts["mt"]) == 6


def test_validation_is_by_cls_and_named_by_task(bins: Bins) -> None:
    task = task_of(bins.whole)
    task.load_dataset("valid", epoch=1)
    dataset = task.datasets["valid"]
    batch = dataset.collater([dataset[index] for index in range(VALID)])
    assert list(batch) == ["cls"]
    assert batch["cls"]["split"] == "valid"
    assert task.scored_part(batch) is batch["cls"]


def test_few_shot_draws_the_triples_that_the_plain_task_draws_and_leaves_the_rest_whole(
    bins: Bins, tmp_path: Path
) -> None:
    flags: dict[str, Any] = {"data": str(bins.whole), "subset_seed": 4}
    few = MultitaskSummarizationTask(
        MultitaskSummarizationConfig(
            cls_subset_size=5, seed=1, save_dir=str(tmp_path / "few"), **flags
        ),
        DataBin.open(bins.whole),
    )
    plain = CrossLingualSummarizationTask(
        CrossLingualSummarizationConfig(
            target_layout="ncls", train_subset_size=5, save_dir=str(tmp_path / "plain"), **flags
        ),
        DataBin.open(bins.whole),
    )
    parts = train_set(few).parts
    plain.load_dataset("train", epoch=1)
    assert few.subset_ids == plain.subset_ids
    listed = [(tmp_path / name / "train_subset.txt").read_text() for name in ("few", "plain")]
    assert listed[0] == listed[1] == "".join(f"{item}\n" for item in few.subset_ids)
    assert {name: len(part) for name, part in parts.items()} == {"mt": 16, "ms": 17, "cls": 5}


def test_cls_alone_has_the_batches_and_the_vocabulary_of_layout_ncls(bins: Bins) -> None:
    alone = task_of(bins.whole, train_tasks="cls")
    config = CrossLingualSummarizationConfig(data=str(bins.whole), target_layout="ncls")
    plain = CrossLingualSummarizationTask(config, DataBin.open(bins.whole))
    plain.load_dataset("train", epoch=1)
    dataset, expected = train_set(alone), plain.datasets["train"]
    tasks: tuple[Any, ...] = (alone, plain)
    for epoch in (1, 2):
        found, wanted = (
            list(
                task.get_batch_iterator(
                    task.datasets["train"], max_sentences=3, seed=1, epoch=epoch
                ).next_epoch_itr(shuffle=True)
            )
            for task in tasks
        )
        assert [batch["cls"]["id"].tolist() for batch in found] == [
            batch["id"].tolist() for batch in wanted
        ]
        for batch, other in zip(found, wanted, strict=True):
            assert batch["cls"]["target"].equal(other["target"])
            prev = [part["net_input"]["prev_output_tokens"] for part in (batch["cls"], other)]
            assert prev[0].equal(prev[1])
    assert len(dataset) == len(expected)
    assert alone.vocabulary("de") == plain.vocabulary("de")


def test_a_languages_vocabulary_is_that_of_all_targets_in_it(bins: Bins) -> None:
    together, alone = task_of(bins.whole), task_of(bins.whole, train_tasks="cls")
    train_set(together)
    train_set(alone)
    both, summaries = set(together.vocabulary("de")), set(alone.vocabulary("de"))
    assert summaries < both, "translations have words that summaries have not"
    state = together.state_dict()
    assert sorted(state["vocabularies"]) == ["de", "en"]
    assert state["train_tasks"] == ["mt", "ms", "cls"]
    assert not both & {together.dictionary.index(tag) for tag in ("<MT>", "<MS>", "<CLS>")}


@pytest.mark.parametrize("name", ["cls", "ms", "mt"])
def test_every_document_is_decoded_behind_the_tag_of_what_is_asked_for(
    bins: Bins, name: str
) -> None:
    task = task_of(bins.whole, generate_task=name)
    task.load_dataset("train")  # without an epoch: as fairseq-generate
    dataset = task.datasets["train"]
    tag = task.dictionary.index(f"<{name.upper()}>")
    assert len(dataset) == TRAIN
    assert all(dataset[index]["source"][0] == tag for index in range(TRAIN))
    given = task.build_dataset_for_inference([torch.tensor([9, 2])], [2])
    assert given[0]["source"].tolist() == [tag, 9, 2]
    assert task.languages == (("en",) if name == "ms" else ("de",))


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        ({"train_tasks": "mt,xx,cls"}, "--train-tasks mt,xx,cls: must be some of mt, ms and cls"),
        ({"train_tasks": "cls,cls"}, "--train-tasks cls,cls: must be some of"),
        ({"train_tasks": "mt,ms"}, "--train-tasks mt,ms: cls must be among them"),
        ({"train_subset_size": 5}, "--train-subset-size 5: is not for .* --cls-subset-size"),
        ({"summary_decoder": "ms"}, "--summary-decoder ms: is not for .* --generate-task"),
    ],
)
def test_flags_that_cannot_be_followed_are_refused(
    bins: Bins, flags: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        task_of(bins.whole, **flags)


def test_a_larger_subset_than_there_are_triples_is_refused(bins: Bins) -> None:
    with pytest.raises(ConfigError, match="--cls-subset-size 18: .* has 17 training records"):
        train_set(task_of(bins.whole, cls_subset_size=18))


def test_what_is_decoded_may_not_be_chosen_for_training(bins: Bins) -> None:
    with pytest.raises(ConfigError, match="--generate-task mt: training and validation are by"):
        train_set(task_of(bins.whole, generate_task="mt"))


def test_a_dictionary_without_tags_is_refused(bins: Bins) -> None:
    with pytest.raises(DataError, match="must hold the tags .* mclas prepare --task-tags"):
        task_of(bins.untagged)


def test_a_corpus_with_another_dictionary_is_refused_naming_the_first_difference(
    bins: Bins,
) -> None:
    with pytest.raises(DataError) as caught:
        train_set(task_of(bins.whole, ms_data=str(bins.untagged)))
    number = len(DataBin.open(bins.untagged).dictionary)
    assert f"--ms-data {bins.untagged}: all corpora must have one dictionary" in str(caught.value)
    assert f"entry {number} is absent, not '<MT>'; prepare it again with --like" in str(
        caught.value
    )


def test_a_folder_that_is_no_data_bin_is_named_with_its_flag(bins: Bins, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"--mt-data: data-bin {tmp_path / 'none'}: "):
        train_set(task_of(bins.whole, mt_data=str(tmp_path / "none")))


def test_a_task_without_data_is_refused(bins: Bins) -> None:
    with pytest.raises(DataError) as caught:
        train_set(task_of(bins.whole, ms_data=str(bins.pairs)))
    assert "task ms needs records with a summary in en, split 'train' has none" in str(caught.value)
    assert "--ms-data, or leave ms out of --train-tasks" in str(caught.value)


def test_checkpoints_of_the_plain_task_and_of_tasks_not_learned_are_refused(bins: Bins) -> None:
    config = CrossLingualSummarizationConfig(data=str(bins.whole), target_layout="ncls")
    plain = CrossLingualSummarizationTask(config, DataBin.open(bins.whole))
    learned = task_of(bins.whole, train_tasks="mt,cls")
    with pytest.raises(CheckpointError, match="give --task cross_lingual_summarization"):
        task_of(bins.whole).load_state_dict(plain.state_dict())
    with pytest.raises(CheckpointError, match="trained with --task multitask_summarization"):
        plain.load_state_dict(learned.state_dict())
    with pytest.raises(CheckpointError, match="--generate-task ms: .* trained on mt, cls; choose"):
        task_of(bins.whole, generate_task="ms").load_state_dict(learned.state_dict())


def test_what_a_checkpoint_was_trained_on_wins_over_the_flags(bins: Bins) -> None:
    learned = task_of(bins.whole, train_tasks="mt,cls")
    train_set(learned)
    decoding = task_of(bins.whole, generate_task="mt")
    decoding.load_state_dict(learned.state_dict())
    assert decoding.train_tasks == (TrainTask.MT, TrainTask.CLS)
    assert decoding.generate_task is TrainTask.MT
    assert decoding.vocabulary("de") == learned.vocabulary("de")


@pytest.mark.parametrize("task", ["cls", "ms", "mt"])
def test_an_ensemble_decodes_each_task(bins: Bins, task: str) -> None:
    learned = task_of(bins.whole)
    train_set(learned)
    decoding = task_of(bins.whole, generate_task=task)
    for _ in range(2):  # fairseq loads a checkpoint after the other
        decoding.load_state_dict(learned.state_dict())
    assert decoding.languages == (("en",) if task == "ms" else ("de",))
