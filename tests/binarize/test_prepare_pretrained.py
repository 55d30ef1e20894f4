"""`mclas prepare --pretrained`: tokenizer and ids of a checkpoint, needed no more afterwards."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.binarize.pretrained import check_lined_up
from mclas_fairseq.corpus.tokenizers import PretrainedTokenizer
from mclas_fairseq.corpus.tokenizers.pretrained_checkpoint import open_pretrained
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.indexed_dictionary import IndexedDictionary
from mclas_fairseq.data.integrity import describe_files
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.errors import ConfigError, DataError

KINDS = ["pretrained_bert", "pretrained_xlmr"]


@pytest.fixture(params=KINDS)
def checkpoint(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder that can be taken away once the data-bin is made."""
    source: Path = request.getfixturevalue(request.param)
    return Path(shutil.copytree(source, tmp_path / source.name))


def with_checkpoint(options: PrepareOptions, checkpoint: Path) -> PrepareOptions:
    return replace(options, tokenizer=TokenizerOptions(pretrained=str(checkpoint)))


def ids(data_bin: DataBin, split: str, side: str, row: int) -> list[int]:
    dataset = data_bin.side(split, side)
    assert dataset is not None
    found: list[int] = dataset[row].tolist()
    return found


def test_rows_hold_the_ids_of_transformers_own_tokenizer(
    options: PrepareOptions, checkpoint: Path
) -> None:
    theirs = open_pretrained(str(checkpoint)).auto
    prepare(with_checkpoint(options, checkpoint))
    shutil.rmtree(checkpoint)
    data_bin = DataBin.open(options.out)
    dictionary = data_bin.dictionary
    assert isinstance(dictionary, IndexedDictionary)
    rows = [json.loads(line) for line in options.inputs["valid"][0].open(encoding="utf-8")]
    for row, record in enumerate(rows):
        for side, text in (
            ("document", " ".join(record["document"]["en"])),
            ("summary-de", record["summary"]["de"][0]),
        ):
            expected = theirs(text, add_special_tokens=False)["input_ids"]
            assert ids(data_bin, "valid", side, row) == [*expected, dictionary.eos()]
    assert ids(data_bin, "train", "summary-de", 2) == [dictionary.eos()], "an absent summary"


def test_the_manifest_names_the_checkpoint_without_its_folder(
    options: PrepareOptions, checkpoint: Path
) -> None:
    opened = open_pretrained(str(checkpoint))
    prepare(with_checkpoint(options, checkpoint))
    data_bin = DataBin.open(options.out)
    assert data_bin.manifest.pretrained == {
        "name": checkpoint.name,
        "kind": checkpoint.name.removeprefix("tiny-"),
        "pieces": len(opened.pieces),
        "dictionary_sha256": opened.sha256,
    }
    assert data_bin.manifest.tokenizer == "pretrained"
    text = (options.out / "manifest.json").read_text(encoding="utf-8")
    assert str(checkpoint.parent) not in text


def test_language_vocabularies_hold_text_alone(options: PrepareOptions, checkpoint: Path) -> None:
    prepare(with_checkpoint(options, checkpoint))
    data_bin = DataBin.open(options.out)
    for language in ("en", "de"):
        symbols = data_bin.vocabulary(language).symbols
        assert symbols
        assert not [one for one in symbols if one[0] in "[<" and len(one) > 1]
        assert data_bin.separator not in data_bin.vocabulary(language).indices(data_bin.dictionary)


def test_the_bytes_are_the_same_for_any_number_of_workers(
    options: PrepareOptions, pretrained_bert: Path, tmp_path: Path
) -> None:
    one = with_checkpoint(options, pretrained_bert)
    prepare(one)
    prepare(replace(one, out=tmp_path / "two", workers=2))
    for file in sorted(path for path in options.out.rglob("*") if path.is_file()):
        assert (tmp_path / "two" / file.relative_to(options.out)).read_bytes() == file.read_bytes()


def test_like_takes_tokenizer_and_ids_over_without_the_checkpoint(
    options: PrepareOptions, checkpoint: Path, tmp_path: Path
) -> None:
    prepare(with_checkpoint(options, checkpoint))
    shutil.rmtree(checkpoint)
    prepare(
        replace(options, like=options.out, out=tmp_path / "other", tokenizer=TokenizerOptions())
    )
    first, second = DataBin.open(options.out), DataBin.open(tmp_path / "other")
    assert second.manifest.pretrained == first.manifest.pretrained
    assert isinstance(second.dictionary, IndexedDictionary)
    assert ids(second, "test", "document", 0) == ids(first, "test", "document", 0)


def test_like_with_another_tokenizer_is_refused(
    options: PrepareOptions, pretrained_bert: Path, pretrained_xlmr: Path, tmp_path: Path
) -> None:
    prepare(with_checkpoint(options, pretrained_bert))
    open_pretrained(str(pretrained_xlmr)).tokenizer.save(options.out / "tokenizer")
    made = replace(Manifest.load(options.out), files=describe_files(options.out))
    made.save(options.out)  # else the changed file is told
    with pytest.raises(DataError, match=r"--like .*: each piece of the pretrained tokenizer must"):
        prepare(replace(options, like=options.out, out=tmp_path / "other"))


def test_a_dictionary_that_does_not_line_up_is_refused(pretrained_bert: Path) -> None:
    checkpoint = open_pretrained(str(pretrained_bert))
    pieces = [piece or "" for piece in checkpoint.pieces]
    check_lined_up(IndexedDictionary.from_pieces(pieces), checkpoint.tokenizer, "right")
    first, second = pieces.index("a"), pieces.index("b")
    pieces[first], pieces[second] = "b", "a"
    wrong = IndexedDictionary.from_pieces(pieces)
    with pytest.raises(
        DataError, match=rf"wrong: each piece .* 'a' has {first} there and {second}"
    ):
        check_lined_up(wrong, checkpoint.tokenizer, "wrong")


def test_languages_can_be_added_behind_the_pretrained_ids(
    options: PrepareOptions, pretrained_xlmr: Path, tmp_path: Path
) -> None:
    prepare(with_checkpoint(options, pretrained_xlmr))
    rows = [
        {
            "id": f"zh-{number}",
            "document": {"en": "the cat sees a red house"},
            "summary": {"zh": "我们提出了一种新的方法红房子里有猫和狗"[number % 9 :]},
        }
        for number in range(30)
    ]
    file = tmp_path / "zh.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    extended = replace(
        options,
        target_langs=("zh",),
        like=options.out,
        extend=("zh",),
        inputs={"train": (file,)},
        out=tmp_path / "zh",
        tokenizer=TokenizerOptions(vocab_size=22),
    )
    prepare(extended)
    earlier, later = DataBin.open(options.out), DataBin.open(tmp_path / "zh")
    assert isinstance(later.dictionary, IndexedDictionary)
    size = len(earlier.dictionary)
    assert later.dictionary.symbols[:size] == earlier.dictionary.symbols
    assert min(ids(later, "train", "summary-zh", 0)[1:-1]) >= size, "only the space is shared"


def test_too_much_unknown_text_is_refused(
    options: PrepareOptions, pretrained_bert: Path, tmp_path: Path
) -> None:
    rows = [
        {"id": "1", "document": {"en": "a cat"}, "summary": {"en": "a cat", "de": "дом и кот"}},
    ]
    file = tmp_path / "ru.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    foreign = replace(with_checkpoint(options, pretrained_bert), inputs={"train": (file,)})
    with pytest.raises(DataError, match=r"100.00% are \(.*дом 1 times.*\); give another model"):
        prepare(foreign)


def test_a_path_that_is_no_checkpoint_is_refused_before_the_corpus_is_read(
    options: PrepareOptions, tmp_path: Path
) -> None:
    absent = replace(
        with_checkpoint(options, tmp_path / "none"),
        inputs={"train": (options.inputs["train"][0],)},
    )
    with pytest.raises(ConfigError, match=r"--pretrained .*none: must be a folder or the name"):
        prepare(absent)
    assert not options.out.exists()


def test_flags_that_have_no_effect_beside_it_are_refused() -> None:
    from mclas_fairseq.cli import build_parser
    from mclas_fairseq.cli.parts.prepare_flags import check_flags

    words = "prepare --source-lang en --target-lang de --train x --out y --pretrained DIR".split()
    check_flags(build_parser().parse_args(words))
    for more in ("--vocab-size 9", "--lowercase", "--tokenizer bpe", "--sentencepiece-model m"):
        with pytest.raises(ConfigError, match=rf"--pretrained: takes .* but {more.split()[0]} is"):
            check_flags(build_parser().parse_args([*words, *more.split()]))
    with pytest.raises(ConfigError, match=r"--like: takes .* but --pretrained is"):
        check_flags(build_parser().parse_args([*words, "--like", "bin"]))


def test_the_data_bins_tokenizer_is_the_checkpoints(
    options: PrepareOptions, pretrained_bert: Path
) -> None:
    prepare(with_checkpoint(options, pretrained_bert))
    tokenizer = DataBin.open(options.out).tokenizer
    assert isinstance(tokenizer, PretrainedTokenizer)
    assert tokenizer.kind == "bert"
    assert sorted(path.name for path in (options.out / "tokenizer").iterdir()) == [
        "pretrained.json",
        "tokenizer.json",
    ]


def test_separators_of_several_target_languages_are_unused_pieces(
    options: PrepareOptions, pretrained_bert: Path, pretrained_xlmr: Path, tmp_path: Path
) -> None:
    for checkpoint, new in ((pretrained_bert, 0), (pretrained_xlmr, 3)):
        several = replace(options, target_langs=("de", "fr"), out=tmp_path / checkpoint.name)
        prepare(with_checkpoint(several, checkpoint))
        dictionary = DataBin.open(several.out).dictionary
        pieces = len(open_pretrained(str(checkpoint)).pieces)
        numbers = [dictionary.index(f"[LSEP{name}]") for name in ("", ":de", ":fr")]
        assert numbers == ([pieces, pieces + 1, pieces + 2] if new else [5, 6, 7])
        assert len(dictionary) == pieces + new
