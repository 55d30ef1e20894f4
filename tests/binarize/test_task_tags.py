"""Tags of the tasks in a dictionary: at its end, on demand, and never a piece of text."""

from dataclasses import replace
from pathlib import Path

import pytest

from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.corpus.tokenizers.base import is_reserved
from mclas_fairseq.data.data_bin import DataBin

TAGS = ["<MT>", "<MS>", "<CLS>"]


def test_tags_follow_all_other_entries_and_nothing_else_changes(
    options: PrepareOptions, tmp_path: Path
) -> None:
    prepare(options)
    prepare(replace(options, out=tmp_path / "tagged", task_tags=True))
    plain, tagged = DataBin.open(options.out), DataBin.open(tmp_path / "tagged")
    assert tagged.dictionary.symbols == [*plain.dictionary.symbols, *TAGS]
    for path in options.out.glob("*.*"):
        if path.name not in ("dict.txt", "manifest.json"):
            assert (tagged.folder / path.name).read_bytes() == path.read_bytes(), path.name


def test_a_data_bin_like_a_tagged_one_has_the_tags(options: PrepareOptions, tmp_path: Path) -> None:
    prepare(replace(options, task_tags=True))
    prepare(replace(options, out=tmp_path / "like", like=options.out))
    assert DataBin.open(tmp_path / "like").dictionary.symbols[-3:] == TAGS


def test_an_extended_dictionary_gets_tags_once(options: PrepareOptions, tmp_path: Path) -> None:
    prepare(replace(options, tokenizer=TokenizerOptions(vocab_size=45)))
    rows = tmp_path / "zh.jsonl"
    row = '{"id": "%d", "document": {"en": "the cat"}, "summary": {"zh": "红房子里有猫和狗 %d"}}\n'
    rows.write_text("".join(row % (n, n) for n in range(20)), encoding="utf-8")
    grown = replace(
        options,
        target_langs=("zh",),
        like=options.out,
        extend=("zh",),
        tokenizer=TokenizerOptions(vocab_size=19),
        inputs={"train": (rows,)},
        out=tmp_path / "zh",
        task_tags=True,
        max_unknown=1.0,
    )
    prepare(grown)
    symbols = DataBin.open(tmp_path / "zh").dictionary.symbols
    assert symbols[-3:] == TAGS
    earlier = DataBin.open(options.out).dictionary.symbols
    assert symbols[: len(earlier)] == earlier


@pytest.mark.parametrize("tag", TAGS)
def test_tags_are_symbols_that_tokenizers_may_not_produce(tag: str) -> None:
    assert is_reserved(tag)
    assert not is_reserved(tag.strip("<>"))
