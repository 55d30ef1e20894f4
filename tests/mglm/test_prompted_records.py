"""Records as prompted work reads them: questions, several source languages, and what is trimmed."""

import json
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.binarize.trimming import choose_entries
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.mglm.prompts import needed_ids
from mclas_fairseq.mglm.seq2seq import GlmSeq2SeqConfig, GlmSeq2SeqTask
from mclas_fairseq.mglm.symbols import ENTRIES
from tests.mglm.texts import make_text_bin


def record(number: int, **more: Any) -> dict[str, Any]:
    return {
        "id": str(number),
        "document": {"en": f"enaa enbb encc {number}."},
        "summary": {"en": [f"enaa {number}"], "de": [f"deaa {number}"]},
        **more,
    }


RECORDS = [
    record(1, question={"en": "enbb 1?"}, translation={"de": ["deaa debb 1."]}),
    record(2, question="no object, so another key's"),
    record(3, question={"en": ["enbb", "3?"]}, translation={"de": ["deaa debb 3."]}),
]


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("prompted")
    text = make_text_bin(folder).folder
    path = folder / "records.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in RECORDS), encoding="utf-8")
    options = PrepareOptions(
        "en", ("de",), folder / "records", {"train": (path,)}, like=text, max_unknown=1.0
    )
    prepare(options)
    return options.out


def sources(records: Path, **flags: Any) -> list[str]:
    """What is read of each training example, as text, commands in their brackets."""
    task = task_of(records, **flags)
    task.load_dataset("train", epoch=1)
    dataset: Any = task.dataset("train")
    tokenizer, dictionary = task.data_bin.tokenizer, task.dictionary
    texts = []
    for index in range(len(dataset)):
        pieces = [dictionary[int(number)] for number in dataset[index]["source"]]
        assert pieces[0] == "[CLS]"
        texts.append(tokenizer.decode(pieces[1:-1], "en") + pieces[-1])
    return texts


def task_of(records: Path, **flags: Any) -> GlmSeq2SeqTask:
    cfg = GlmSeq2SeqConfig(data=str(records), save_dir="", **flags)
    return GlmSeq2SeqTask.setup_task(cfg)


def test_questions_stand_behind_their_documents(records: Path) -> None:
    assert sources(records, target_lang="en", template="answer") == [
        "enaa enbb encc 1. . Question: enbb 1? Answer:[sMASK]",
        "enaa enbb encc 3. . Question: enbb 3? Answer:[sMASK]",
    ]


def test_translations_are_documents_too(records: Path) -> None:
    prompt = " Deutsche Zusammenfassung:[sMASK]"
    documents = ["enaa enbb encc 1.", "enaa enbb encc 2.", "enaa enbb encc 3."]
    german = ["deaa debb 1.", "deaa debb 3."]
    both = sources(records, target_lang="de", source_langs="en,de")
    assert both == [text + prompt for text in (*documents, *german)]
    assert sources(records, target_lang="de", source_lang="de") == [one + prompt for one in german]


def test_targets_end_with_eop_and_a_translation_is_one(records: Path) -> None:
    for template, expected in (("summary", "deaa 1"), ("translation", "deaa debb 1.")):
        task = task_of(records, target_lang="de", template=template)
        task.load_dataset("train", epoch=1)
        dataset: Any = task.dataset("train")
        pieces = [task.dictionary[int(number)] for number in dataset[0]["target"]]
        assert pieces[-1] == "<eop>"
        assert task.data_bin.tokenizer.decode(pieces[:-1], "de") == expected
        batch = dataset.collater([dataset[0]])
        first = batch["net_input"]["prev_output_tokens"][0, 0]
        assert task.dictionary[int(first)] == "<sop>"


def test_documents_without_questions_cannot_be_asked(records: Path) -> None:
    task = task_of(records, target_lang="en", template="answer")
    with pytest.raises(ConfigError, match="has a place for a question, which they do not bring"):
        task.build_dataset_for_inference([], [])
    with pytest.raises(DataError, match="must have question-de, but has document"):
        sources(records, source_lang="de", target_lang="en", template="answer")


def test_flags_that_say_the_same_and_wrong_templates_are_refused(records: Path) -> None:
    with pytest.raises(ConfigError, match="--source-lang and --source-langs: both say the same"):
        task_of(records, source_lang="en", source_langs="en,de", target_lang="de")
    with pytest.raises(ConfigError, match="--template poem: must be a table of languages"):
        sources(records, target_lang="de", template="poem")


def test_trimming_keeps_commands_bytes_and_prompts(records: Path) -> None:
    data_bin = DataBin.open(records)
    prompts = {"de": "{document} italala: [sMASK]"}
    kept = choose_entries(data_bin, {}, prompted=needed_ids(prompts, data_bin)).kept
    entries = {data_bin.dictionary[int(number)] for number in kept}
    assert {*ENTRIES.values(), "<0x00>", "<0xFF>"} <= entries
    assert set(data_bin.tokenizer.encode("italala:", "de")) <= entries
    assert len(kept) < len(data_bin.dictionary)
