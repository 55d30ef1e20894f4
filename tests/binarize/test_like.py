"""An earlier data-bin's tokenizer: what it does not know is told, refused, or added at its end."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from fairseq.data import Dictionary

from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.binarize.unknown import measure_unknown
from mclas_fairseq.corpus.tokenizers import ExtendedTokenizer
from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.errors import ConfigError, DataError

CHINESE = "我们提出了一种新的方法，红房子里有猫和狗。"


def chinese_rows(name: str, count: int) -> list[dict[str, object]]:
    """English documents with Chinese summaries, and words the first corpus has."""
    return [
        {
            "id": f"{name}-{number}",
            "document": {"en": "the cat sees a red house"},
            "summary": {"zh": f"{CHINESE[number % 9 :]} cat {number} {CHINESE[: number % 7 + 2]}"},
        }
        for number in range(count)
    ]


def write(path: Path, rows: Sequence[dict[str, object]]) -> tuple[Path, ...]:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return (path,)


@pytest.fixture
def earlier(options: PrepareOptions) -> PrepareOptions:
    """A data-bin of English and German with a small sentencepiece model."""
    chosen = replace(options, tokenizer=TokenizerOptions(vocab_size=45))
    prepare(chosen)
    return chosen


@pytest.fixture
def foreign(earlier: PrepareOptions, tmp_path: Path) -> PrepareOptions:
    """A corpus of English and Chinese to be prepared like it."""
    return replace(
        earlier,
        target_langs=("zh",),
        like=earlier.out,
        out=tmp_path / "zh",
        tokenizer=TokenizerOptions(vocab_size=40),
        inputs={
            "train": write(tmp_path / "zh-train.jsonl", chinese_rows("train", 30)),
            "valid": write(tmp_path / "zh-valid.jsonl", chinese_rows("valid", 4)),
        },
    )


def test_shares_are_of_pieces_and_of_characters_that_the_language_can_use() -> None:
    dictionary = Dictionary()
    for symbol in ("▁", "▁ab", "c", "⟦zh⟧的", "⟦ja⟧の"):
        dictionary.add_symbol(symbol)
    pieces = Counter({"▁ab": 2, "cab": 1, "的": 2, "の": 1})
    german = measure_unknown("summary-de", "de", pieces, dictionary)
    assert german.pieces == 4 / 6
    assert german.characters == 3 / (4 + 3 + 3), "the word cab is unknown, its letters are not"
    assert german.most_frequent == (("的", 2), ("cab", 1), ("の", 1))
    chinese = measure_unknown("summary-zh", "zh", pieces, dictionary)
    assert chinese.characters == 1 / 10
    assert measure_unknown("summary-zh", "zh", Counter(), dictionary).pieces == 0.0


def test_an_unknown_language_is_an_error_that_says_what_is_unknown_and_how_to_add_it(
    foreign: PrepareOptions, tmp_path: Path
) -> None:
    with pytest.raises(DataError) as caught:
        prepare(foreign)
    message = str(caught.value)
    assert message.startswith(f"--like {tmp_path / 'bin'}: at most 0.50% of the pieces")
    share = r"of 'zh' \(summary-zh\) \d\d\.\d\d% \(\d\d\.\d\d% of the characters; most often "
    assert re.search(share + r". \d+ times, . \d+ times", message)
    assert "add the pieces of a new language with --extend zh, or allow more with" in message
    assert "'en'" not in message
    assert not foreign.out.exists()


def test_the_unknown_share_of_every_side_is_printed_and_more_can_be_allowed(
    foreign: PrepareOptions,
) -> None:
    report = prepare(replace(foreign, max_unknown=0.9))
    lines = list(report.lines())
    start = lines.index("unknown to the dictionary that was taken over")
    assert re.fullmatch(r"  en +document +0\.00% of pieces, 0\.00% of characters", lines[start + 1])
    chinese = (
        r"  zh +summary-zh +\d\d\.\d\d% of pieces, \d\d\.\d\d% of characters; most often . \(\d+\)"
    )
    assert re.match(chinese, lines[start + 2])


def test_a_test_set_alone_is_measured_as_well(foreign: PrepareOptions) -> None:
    alone = replace(foreign, inputs={"test": foreign.inputs["valid"]})
    with pytest.raises(DataError, match=r"of 'zh' \(summary-zh\)"):
        prepare(alone)


def test_unknown_text_of_an_earlier_language_is_not_extended(
    earlier: PrepareOptions, tmp_path: Path
) -> None:
    row: dict[str, object] = {
        "id": "n",
        "document": {"en": "a cat"},
        "summary": {"de": "Ж Ж Ж"},
    }
    new = replace(
        earlier,
        like=earlier.out,
        out=tmp_path / "n",
        inputs={"train": write(tmp_path / "n.jsonl", [row])},
    )
    with pytest.raises(DataError, match="Ж 3 times.*; prepare both corpora together, or allow"):
        prepare(new)
    with pytest.raises(DataError, match="does not have, but de is one of its own"):
        prepare(replace(new, extend=("de",)))


def test_an_extended_dictionary_begins_with_the_earlier_one_and_separator_and_numbers_stay(
    earlier: PrepareOptions, foreign: PrepareOptions
) -> None:
    report = prepare(replace(foreign, extend=("zh",)))
    old, new = DataBin.open(earlier.out), DataBin.open(foreign.out)
    size = len(old.dictionary)
    assert new.dictionary.symbols[:size] == old.dictionary.symbols
    assert new.separator == old.separator == size - 1
    tokenizer = new.tokenizer
    assert isinstance(tokenizer, ExtendedTokenizer)
    assert new.dictionary.symbols[size:] == tokenizer.added
    assert new.manifest.extension == {
        "languages": ["zh"],
        "pieces": len(tokenizer.added),
        "dictionary_sha256": old.manifest.dictionary_sha256,
    }
    assert new.manifest.tokenizer == "extended"
    shared = 40 - len(tokenizer.added)
    assert 0 < shared < 20
    assert (
        f"  40 pieces learned, {shared} of them shared with the {size} earlier entries,"
        f" {len(tokenizer.added)} added after those"
    ) in list(report.lines())
    assert {text.language: text.pieces for text in report.unknown} == {"en": 0.0, "zh": 0.0}


def test_text_of_the_earlier_languages_has_the_same_numbers_in_an_extended_data_bin(
    earlier: PrepareOptions, foreign: PrepareOptions, tmp_path: Path
) -> None:
    prepare(replace(foreign, extend=("zh",)))
    again = replace(earlier, like=foreign.out, out=tmp_path / "again")
    prepare(again)
    for path in sorted(earlier.out.glob("*.bin")):
        assert (again.out / path.name).read_bytes() == path.read_bytes(), path.name
    vocabulary = "vocabulary.de.txt"
    assert (again.out / vocabulary).read_bytes() == (earlier.out / vocabulary).read_bytes()
    assert (foreign.out / vocabulary).read_bytes() == (earlier.out / vocabulary).read_bytes()


def test_the_added_language_is_written_with_its_own_pieces_and_read_back(
    foreign: PrepareOptions,
) -> None:
    prepare(replace(foreign, extend=("zh",)))
    data_bin = DataBin.open(foreign.out)
    side = data_bin.side("valid", "summary-zh")
    assert side is not None
    rows = chinese_rows("valid", 4)
    for number, row in enumerate(rows):
        pieces = [data_bin.dictionary[int(token)] for token in side[number][:-1]]
        assert {"zh": data_bin.tokenizer.decode(pieces, "zh")} == row["summary"]
    symbols = set(data_bin.vocabulary("zh").symbols)
    assert {"⟦zh⟧，", "."} <= symbols
    assert "⟦zh⟧，" not in data_bin.vocabulary("en").symbols
    assert "[LSEP]" not in symbols


@pytest.mark.parametrize("workers", [2])
def test_the_bytes_of_an_extension_do_not_depend_on_the_workers(
    foreign: PrepareOptions, tmp_path: Path, workers: int
) -> None:
    chosen = replace(foreign, extend=("zh",))
    prepare(chosen)
    prepare(replace(chosen, out=tmp_path / "more", workers=workers))
    for path in sorted(chosen.out.rglob("*")):
        if path.is_file():
            other = tmp_path / "more" / path.relative_to(chosen.out)
            assert other.read_bytes() == path.read_bytes(), path


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"like": None}, "--extend zh: adds languages .* but --like or --train is not given"),
        ({"inputs": {"test": ()}}, "--train"),
        ({"extend": ("fr",)}, r"--extend fr: must name languages of this corpus \(en, zh\)"),
        ({"extend": ("zh", "zh")}, "each once"),
        ({"max_unknown": 1.5}, r"--max-unknown: must be a share from 0 to 1, but is 1\.5"),
    ],
)
def test_extensions_that_cannot_be_are_refused(
    foreign: PrepareOptions, changed: dict[str, object], message: str
) -> None:
    chosen = replace(foreign, extend=("zh",))
    with pytest.raises(ConfigError, match=message):
        prepare(replace(chosen, **changed))  # type: ignore[arg-type]


def test_too_many_pieces_for_the_text_name_a_number_that_works(foreign: PrepareOptions) -> None:
    tokenizer = TokenizerOptions(vocab_size=4000)
    with pytest.raises(DataError, match=r"cannot make 4000 pieces of this text; use --vocab-size"):
        prepare(replace(foreign, extend=("zh",), tokenizer=tokenizer))


def test_given_models_make_the_dictionary_and_are_recorded(
    options: PrepareOptions, earlier: PrepareOptions, tmp_path: Path
) -> None:
    model = earlier.out / "tokenizer" / "sentencepiece.model"
    chosen = replace(options, tokenizer=TokenizerOptions(given=model), out=tmp_path / "given")
    prepare(chosen)
    data_bin = DataBin.open(chosen.out)
    assert data_bin.dictionary.symbols == DataBin.open(earlier.out).dictionary.symbols
    assert "tokenizer/sentencepiece.model" in data_bin.manifest.inputs


def test_a_given_vocabulary_of_bert_makes_the_dictionary(
    options: PrepareOptions, tmp_path: Path
) -> None:
    words = ["die", "Katze", "the", "cat", "Haus", "."]
    letters = sorted(
        {*"thecatdogseesaredhouseandrunshomedieKatzesiehteinrotesHausundläuftheim42.!"}
    )
    letters = sorted({*letters, *"onlynurscdRfzw"})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words, *letters]
    pieces += [f"##{letter}" for letter in letters]
    (tmp_path / "vocab.txt").write_text("\n".join(dict.fromkeys(pieces)) + "\n", encoding="utf-8")
    prepare(
        replace(options, tokenizer=TokenizerOptions(name="wordpiece", given=tmp_path / "vocab.txt"))
    )
    data_bin = DataBin.open(options.out)
    assert data_bin.dictionary.symbols[4:] == [*dict.fromkeys(pieces[5:]), "[LSEP]"]
    assert data_bin.manifest.tokenizer == "wordpiece"
    side = data_bin.side("train", "summary-de")
    assert side is not None
    first = [data_bin.dictionary[int(token)] for token in side[0][:-1]]
    rows = options.inputs["train"][0].read_text(encoding="utf-8").splitlines()
    assert data_bin.tokenizer.decode(first, "de") == json.loads(rows[0])["summary"]["de"][0]


def test_a_given_vocabulary_that_cannot_spell_the_summaries_is_refused(
    options: PrepareOptions, tmp_path: Path
) -> None:
    (tmp_path / "vocab.txt").write_text("[UNK]\nthe\n", encoding="utf-8")
    tokenizer = TokenizerOptions(name="wordpiece", given=tmp_path / "vocab.txt")
    with pytest.raises(DataError, match=r"summary-en: .* give another model, or learn one, or"):
        prepare(replace(options, tokenizer=tokenizer))
