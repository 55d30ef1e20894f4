"""A prepared data-bin holds the corpus, whole, in order and the same for any number of workers."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from mclas_fairseq.binarize import encode as encode_module
from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.corpus.records import read_corpus
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import DataError

SIDES = ("document", "summary-en", "summary-de", "translation-de")


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder by its relative name."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def words(data_bin: DataBin, split: str, side: str, row: int) -> str:
    """One row of a side as its pieces, EOS shown."""
    dataset = data_bin.side(split, side)
    assert dataset is not None
    return " ".join(data_bin.dictionary[int(token)] for token in dataset[row])


def test_the_data_bin_holds_its_files_and_nothing_else(
    options: PrepareOptions, tmp_path: Path
) -> None:
    prepare(options)
    expected = {"dict.txt", "manifest.json", "vocabulary.en.txt", "vocabulary.de.txt"}
    expected |= {f"references.{split}.jsonl" for split in ("valid", "test")}
    for split in ("train", "valid", "test"):
        expected.add(f"ids.{split}.txt")
        expected |= {f"{split}.{s}-None.{s}.{end}" for s in SIDES for end in ("bin", "idx")}
    names = set(contents(options.out))
    assert {name for name in names if not name.startswith("tokenizer/")} == expected
    assert "tokenizer/tokenizer.json" in names
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "bin",
        "test.jsonl",
        "train.jsonl",
        "valid.jsonl",
    ]


def test_rows_hold_the_texts_of_the_records_in_order(options: PrepareOptions) -> None:
    prepare(options)
    data_bin = DataBin.open(options.out)
    for split, paths in options.inputs.items():
        records = list(read_corpus(paths, source_lang="en", target_langs=["de"]))
        assert data_bin.ids(split) == [record.id for record in records]
        for row, record in enumerate(records):
            assert words(data_bin, split, "document", row) == f"{record.document_text('en')} </s>"
            for language in ("en", "de"):
                first = record.summary.get(language, ("",))[0]
                found = words(data_bin, split, f"summary-{language}", row)
                assert found == f"{first} </s>".strip()
    assert words(data_bin, "train", "summary-de", 2) == "</s>", "ms only"
    assert words(data_bin, "train", "summary-en", 3) == "</s>", "ncls only"
    assert words(data_bin, "train", "translation-de", 4) == "die Katze und ein Haus . </s>"


def test_all_raw_references_of_validation_and_test_are_kept_by_id(options: PrepareOptions) -> None:
    prepare(options)
    for split in ("valid", "test"):
        rows = [json.loads(line) for line in options.inputs[split][0].open(encoding="utf-8")]
        kept = (options.out / f"references.{split}.jsonl").read_text(encoding="utf-8")
        assert [json.loads(line) for line in kept.splitlines()] == [
            {"id": row["id"], "summary": row["summary"]} for row in rows
        ]


def test_documents_are_counted_by_kind(options: PrepareOptions) -> None:
    report = prepare(options)
    train = report.splits[0]
    assert (train.split, train.documents) == ("train", 13)
    assert train.kinds == {
        "de": {"triples": 10, "ms only": 1, "ncls only": 1, "translation pairs": 1}
    }
    text = "\n".join(report.lines())
    assert "en->de: 10 triples, 1 ms only, 1 ncls only, 1 translation pairs" in text
    assert str(options.out) in text
    manifest = DataBin.open(options.out).manifest
    assert manifest.counts["train"] == {
        "documents": 13,
        "document": 13,
        "summary-en": 11,
        "summary-de": 11,
        "translation-de": 1,
    }
    assert manifest.tokenizer_subset is None
    assert set(manifest.inputs) == {f"{s}/1/{s}.jsonl" for s in ("train", "valid", "test")}


def test_the_dictionary_is_sorted_by_count_and_ends_with_the_separator(
    options: PrepareOptions,
) -> None:
    prepare(options)
    lines = (options.out / "dict.txt").read_text(encoding="utf-8").splitlines()
    entries = [(line.split(" ")[0], int(line.split(" ")[1])) for line in lines]
    assert entries[-1] == ("[LSEP]", 0)
    assert entries[:-1] == sorted(entries[:-1], key=lambda entry: (-entry[1], entry[0]))
    assert {"Katze", "heim", "only", "nur"} <= {word for word, _ in entries}
    assert "reference" not in dict(entries), "only first references are learned from"


def test_language_vocabularies_hold_what_training_summaries_use_and_digits_and_punctuation(
    options: PrepareOptions,
) -> None:
    report = prepare(options)
    data_bin = DataBin.open(options.out)
    german = set(data_bin.vocabulary("de").symbols)
    assert {"Katze", "nur", "42", ".", "!"} <= german
    assert not {"cat", "the", "[LSEP]", "</s>", "<unk>"} & german
    assert not {"Katze", "nur"} & set(data_bin.vocabulary("en").symbols)
    covered = {vocabulary.language: vocabulary.coverage for vocabulary in report.vocabularies}
    assert covered == {"en": 1.0, "de": 1.0}


def test_coverage_counts_the_validation_pieces_that_the_vocabulary_lacks(
    options: PrepareOptions, tmp_path: Path
) -> None:
    row = {"id": "v", "document": {"en": "a cat"}, "summary": {"de": "Katze sees Zebra Haus"}}
    (tmp_path / "valid.jsonl").write_text(json.dumps(row), encoding="utf-8")
    report = prepare(options)
    german = next(v for v in report.vocabularies if v.language == "de")
    assert german.coverage == 0.5, "an English and an unknown word of four are not covered"
    english = next(v for v in report.vocabularies if v.language == "en")
    assert english.coverage is None


def test_a_corpus_of_translations_alone_counts_its_vocabulary_on_them(
    options: PrepareOptions, tmp_path: Path
) -> None:
    (tmp_path / "pairs.en").write_text("a cat\na house\n", encoding="utf-8")
    (tmp_path / "pairs.de").write_text("eine Katze\nein Haus\n", encoding="utf-8")
    prepare(replace(options, inputs={"train": (tmp_path / "pairs",)}))
    data_bin = DataBin.open(options.out)
    assert data_bin.ids("train") == ["pairs:1", "pairs:2"]
    assert set(data_bin.vocabulary("de").symbols) == {"eine", "ein", "Katze", "Haus"}
    assert data_bin.side("train", "summary-de") is None
    with pytest.raises(DataError, match="a language vocabulary is needed for 'en'"):
        data_bin.vocabulary("en")


@pytest.mark.parametrize(
    ("tokenizer", "workers"), [("words", 2), ("words", 3), ("bpe", 2), ("sentencepiece", 2)]
)
def test_the_bytes_do_not_depend_on_the_number_of_workers(
    options: PrepareOptions,
    with_tokenizer: Callable[..., PrepareOptions],
    tmp_path: Path,
    tokenizer: str,
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(encode_module, "_BLOCK", 8)  # so that many blocks are under way
    long = [triple_line(number) for number in range(300)]
    (tmp_path / "train.jsonl").write_text("".join(long), encoding="utf-8")
    chosen = with_tokenizer(name=tokenizer, vocab_size=20)
    prepare(replace(chosen, out=tmp_path / "alone"))
    prepare(replace(chosen, out=tmp_path / "together", workers=workers))
    assert contents(tmp_path / "alone") == contents(tmp_path / "together")


def triple_line(number: int) -> str:
    """A record with characters of one to four bytes."""
    text = f"a cat läuft 家 {number % 10} 😀 " * (number % 7 + 1)
    summary = {"en": f"cat {number % 10}", "de": "läuft 家 😀"}
    return json.dumps({"id": f"t{number}", "document": {"en": text}, "summary": summary}) + "\n"


def test_another_corpus_prepared_like_an_earlier_one_takes_over_tokenizer_and_dictionary(
    options: PrepareOptions, tmp_path: Path
) -> None:
    prepare(options)
    row = {"id": "n", "document": {"en": "a cat"}, "summary": {"en": "cat house"}}
    (tmp_path / "new.jsonl").write_text(json.dumps(row), encoding="utf-8")
    new = replace(
        options,
        like=options.out,
        out=tmp_path / "new-bin",
        inputs={"train": (tmp_path / "new.jsonl",)},
    )
    prepare(new)
    old_files, new_files = contents(options.out), contents(new.out)
    for name in old_files:
        if name in ("dict.txt", "vocabulary.de.txt") or name.startswith("tokenizer/"):
            assert new_files[name] == old_files[name], name
    english = set(DataBin.open(new.out).vocabulary("en").symbols)
    assert {"cat", "house", "."} <= english, "counted on the new corpus"
    assert "dog" not in english


def test_a_test_set_alone_can_be_prepared_like_an_earlier_data_bin(
    options: PrepareOptions, tmp_path: Path
) -> None:
    prepare(options)
    new = replace(
        options, like=options.out, out=tmp_path / "new", inputs={"test": options.inputs["test"]}
    )
    report = prepare(new)
    assert DataBin.open(new.out).splits == ("test",)
    assert {side.split for side in report.sides} == {"test"}
    assert (new.out / "vocabulary.de.txt").read_bytes() == (
        options.out / "vocabulary.de.txt"
    ).read_bytes()


def test_a_tokenizer_subset_hides_the_words_of_the_other_triples(
    options: PrepareOptions, with_tokenizer: Callable[..., PrepareOptions], tmp_path: Path
) -> None:
    rows = [
        {
            "id": f"r{number}",
            "document": {"en": f"word{number} seen"},
            "summary": {"en": "a cat", "de": f"Wort{number} Katze"},
        }
        for number in range(20)
    ]
    rows.append({"id": "ms", "document": {"en": "mono"}, "summary": {"en": "monolingual"}})
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "train.jsonl").write_text(lines, encoding="utf-8")
    prepare(replace(with_tokenizer(subset_size=3, subset_seed=5)))
    data_bin = DataBin.open(options.out)
    known = [number for number in range(20) if f"Wort{number}" in data_bin.dictionary]
    assert len(known) == 3
    assert [number for number in range(20) if f"word{number}" in data_bin.dictionary] == known
    assert "monolingual" in data_bin.dictionary, "incomplete records are learned from as well"
    assert data_bin.manifest.tokenizer_subset == {"size": 3, "seed": 5}
    assert len(data_bin.ids("train")) == 21, "the records themselves all stay"


def test_listed_ids_are_left_out_of_training_only_and_counted(
    options: PrepareOptions, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "leak.txt").write_text("train-0\n\nvalid-0\n nowhere \n", encoding="utf-8")
    report = prepare(replace(options, exclude_ids=tmp_path / "leak.txt"))
    data_bin = DataBin.open(options.out)
    assert "train-0" not in data_bin.ids("train")
    assert len(data_bin.ids("train")) == 12
    assert "valid-0" in data_bin.ids("valid")
    assert [dict(split.left_out) for split in report.splits] == [{"--exclude-ids": 1}, {}, {}]
    assert "leak.txt: 2 of its 3 ids are in no training record" in caplog.text
    assert any("1  left out by --exclude-ids" in line for line in report.lines())


def test_lower_casing_reaches_the_pieces_but_not_the_references(
    options: PrepareOptions, with_tokenizer: Callable[..., PrepareOptions]
) -> None:
    prepare(with_tokenizer(lowercase=True))
    data_bin = DataBin.open(options.out)
    assert data_bin.manifest.lowercase
    assert "katze" in data_bin.dictionary
    assert "Katze" not in data_bin.dictionary
    references = (options.out / "references.valid.jsonl").read_text(encoding="utf-8")
    assert "Katze" in references
