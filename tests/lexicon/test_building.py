"""`mclas lexicon`: from files to a lexicon, its file, and what is refused."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

import mclas_fairseq
from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.cli import main
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.lexicon.alignment import WordPairs
from mclas_fairseq.lexicon.building import LexiconOptions, build_lexicon, truncate
from mclas_fairseq.lexicon.file import Lexicon

mclas_fairseq.register()

WORDS = {"the": "le", "dog": "chien", "cat": "chat", "bird": "oiseau", "runs": "court", "42": "42"}
EN = ["the dog runs", "the cat runs", "the bird runs", "42 dog", "42 cat", "the dog", "bird runs"]


def _french(text: str) -> str:
    return " ".join(WORDS[word] for word in text.split())


def _record(number: int, text: str) -> dict[str, object]:
    return {
        "id": str(number),
        "document": {"en": [text, text]},
        "summary": {"en": text, "fr": _french(text)},
        "translation": {"fr": [_french(text)] * 2},
    }


def _write(path: Path, rows: list[dict[str, object]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def data_bin(tmp_path_factory: pytest.TempPathFactory) -> DataBin:
    folder = tmp_path_factory.mktemp("lexicon")
    train = _write(folder / "train.jsonl", [_record(i, text) for i, text in enumerate(EN)])
    tokenizer = TokenizerOptions(name="words")
    prepare(
        PrepareOptions(
            out=folder / "bin",
            source_lang="en",
            target_langs=("fr",),
            inputs={"train": (train,)},
            tokenizer=tokenizer,
        )
    )
    return DataBin.open(folder / "bin")


def _build(data_bin: DataBin, *paths: Path, **options: object) -> Lexicon:
    return build_lexicon(data_bin, paths, LexiconOptions("fr", **options))  # type: ignore[arg-type]


@pytest.fixture
def records(tmp_path: Path) -> Path:
    return _write(tmp_path / "train.jsonl", [_record(i, text) for i, text in enumerate(EN * 3)])


def _best(lexicon: Lexicon) -> dict[str, str]:
    return {piece: next(iter(entry)) for piece, entry in lexicon.entries.items()}


def test_records_and_parallel_text_give_the_words_that_translate_one_another(
    data_bin: DataBin, records: Path, tmp_path: Path
) -> None:
    found = _build(data_bin, records)
    assert _best(found) == WORDS
    assert found.made_from["pairs"] == len(EN) * 3 * 2  # paragraph by paragraph
    assert found.dictionary_sha256 == data_bin.manifest.dictionary_sha256
    (tmp_path / "text.en").write_text("\n".join(EN * 6) + "\n", encoding="utf-8")
    french = "\n".join(map(_french, EN * 6)) + "\n"
    (tmp_path / "text.fr.gz").write_bytes(gzip.compress(french.encode()))
    assert _build(data_bin, tmp_path / "text").entries == found.entries


def test_summaries_are_parallel_text_on_demand(data_bin: DataBin, tmp_path: Path) -> None:
    rows = [{**_record(i, text), "translation": {}} for i, text in enumerate(EN * 3)]
    for row in rows:
        del row["translation"]
    path = _write(tmp_path / "no-translation.jsonl", rows)
    with pytest.raises(DataError, match=r"must hold documents with a translation .* --summaries"):
        _build(data_bin, path)
    assert _best(_build(data_bin, path, summaries=True)) == WORDS


def test_texts_of_unequal_paragraphs_are_aligned_whole(data_bin: DataBin, tmp_path: Path) -> None:
    rows = [_record(i, text) for i, text in enumerate(EN * 3)]
    for row, text in zip(rows, EN * 3, strict=True):
        row["translation"] = {"fr": " ".join([_french(text)] * 2)}
    found = _build(data_bin, _write(tmp_path / "whole.jsonl", rows))
    assert found.made_from["pairs"] == len(EN) * 3


def test_long_texts_are_left_out(
    data_bin: DataBin, records: Path, caplog: pytest.LogCaptureFixture
) -> None:
    found = _build(data_bin, records, max_pieces=2)
    assert found.made_from["pairs"] == 3 * 2 * sum(len(text.split()) <= 2 for text in EN)
    assert "18 pairs with a text of more than 2 pieces are left out" in caplog.text


def test_file_is_what_was_saved_and_the_same_each_time(
    data_bin: DataBin, records: Path, tmp_path: Path
) -> None:
    found = _build(data_bin, records)
    for name in ("a.jsonl", "b.jsonl", "c.jsonl.gz"):
        _build(data_bin, records).save(tmp_path / name)
    assert (tmp_path / "a.jsonl").read_bytes() == (tmp_path / "b.jsonl").read_bytes()
    for name in ("a.jsonl", "c.jsonl.gz"):
        loaded = Lexicon.load(tmp_path / name)
        assert loaded.made_from == found.made_from
        for piece, entry in found.entries.items():
            assert loaded.entries[piece] == pytest.approx(entry, abs=1e-5)


def test_truncation_keeps_the_likeliest_and_brings_them_to_one() -> None:
    source = np.array([0, 0, 0, 0, 1, 1])
    target = np.array([0, 1, 2, 3, 0, 1])
    share = np.array([0.04, 0.3, 0.5, 0.16, 0.04, 0.03])
    pairs = WordPairs(["b", "a"], ["w", "x", "y", "z"], source, target, share)
    assert truncate(pairs, candidates=2, min_prob=0.05) == {
        "b": {"y": pytest.approx(0.5 / 0.8), "x": pytest.approx(0.3 / 0.8)}
    }
    everything = truncate(pairs, candidates=9, min_prob=0.0)
    assert list(everything) == ["a", "b"]
    assert everything["a"] == {"w": pytest.approx(4 / 7), "x": pytest.approx(3 / 7)}


def test_table_has_each_entry_without_translations_translate_as_itself() -> None:
    lexicon = Lexicon("en", "fr", "x", {"b": {"d": 0.75, "c": 0.25}})
    ids, weights = lexicon.table(["a", "b", "c", "d"])
    assert ids.tolist() == [[0, 0], [3, 2], [2, 2], [3, 3]]
    assert weights.tolist() == [[1.0, 0.0], [0.75, 0.25], [1.0, 0.0], [1.0, 0.0]]
    with pytest.raises(DataError, match=r"must be in the dictionary, but 'd' is not"):
        lexicon.table(["a", "b", "c"])


def test_lexicon_of_another_dictionary_is_refused() -> None:
    lexicon = Lexicon("en", "fr", "a" * 64, {})
    lexicon.check_dictionary("a" * 64, "--lexicon x")
    with pytest.raises(
        DataError, match=r"--lexicon x: must be of .*\(bbbbbbbbbbbb\).*\(aaaaaaaaaaaa"
    ):
        lexicon.check_dictionary("b" * 64, "--lexicon x")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"t.en": "the dog\n"}, r"t: the file must exist, .*/t.fr"),
        ({"t.en": "", "t.fr": ""}, r"t: must hold documents with a translation .* there is none"),
        ({"t.en": "the\ndog\n", "t.fr": ""}, r"equally many lines, but .* 2, .* has 0; align"),
        ({"t.en": "the\ndog\n", "t.fr": "le\n"}, r"equally many lines, but .* 2, .* has 1; align"),
        ({"t.en": "the\n", "t.fr": "\n"}, r"t.fr:1: a line of parallel text must not be empty"),
        (
            {"t.en": "the\n", "t.fr": "xyz\n"},
            r"pieces for the texts in fr, but of 1 pieces .* none",
        ),
        ({"t.en": "xyz\n", "t.fr": "le\n"}, r"pieces for the texts in en, but of 1 pieces .* none"),
    ],
)
def test_files_that_hold_no_parallel_text_are_refused(
    files: dict[str, str], message: str, data_bin: DataBin, tmp_path: Path
) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        _build(data_bin, tmp_path / "t")


def test_language_and_limits_are_checked(data_bin: DataBin, records: Path) -> None:
    with pytest.raises(ConfigError, match=r"--target-lang de: the data-bin .* has pieces for fr"):
        build_lexicon(data_bin, [records], LexiconOptions("de"))
    with pytest.raises(ConfigError, match=r"--min-prob 2: must be between 0 and 1"):
        LexiconOptions("fr", min_prob=2)
    with pytest.raises(ConfigError, match=r"--candidates 0: must be at least 1"):
        LexiconOptions("fr", candidates=0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"x.jsonl:1: every line must be one JSON object"),
        ('{"format": "mclas-lexicon", "version": 2}\n', r"version 1, but that has .* 2; make it"),
        ('{"id": "1"}\n', r"must begin with a line of format 'mclas-lexicon'"),
        ('{"format": "mclas-lexicon", "version": 1}\n', r"must say its source_lang, found None"),
        ("HEAD{\n", r"x.jsonl:2: every line must be one JSON object"),
        ('HEAD{"piece": "a", "translations": {}}\n', r"x.jsonl:2: an entry must have a piece"),
        ('HEAD{"piece": "a", "translations": {"b": -1}}\n', r"x.jsonl:2: .* above 0"),
        ('HEAD{"piece": "a", "translations": {"b": NaN}}\n', r"x.jsonl:2: .* above 0"),
    ],
)
def test_damaged_files_are_refused(text: str, message: str, tmp_path: Path) -> None:
    Lexicon("en", "fr", "f", {}).save(tmp_path / "head.jsonl")
    head = (tmp_path / "head.jsonl").read_text(encoding="utf-8")
    (tmp_path / "x.jsonl").write_text(text.replace("HEAD", head), encoding="utf-8")
    with pytest.raises(DataError, match=message):
        Lexicon.load(tmp_path / "x.jsonl")


def test_command_says_what_it_wrote(
    data_bin: DataBin, records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "lexicon.jsonl"
    words = ["lexicon", "--data", str(data_bin.folder), "--parallel", str(records)]
    assert main([*words, "--out", str(out), "--aligner", "ibm1"]) == 0
    assert "6 pieces in en with" in capsys.readouterr().out
    assert set(Lexicon.load(out).entries) == set(WORDS)
    assert Lexicon.load(out).made_from["aligner"] == "ibm1"
