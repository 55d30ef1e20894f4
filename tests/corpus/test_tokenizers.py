"""What holds for every tokenizer: no special symbols, save and load, case, errors."""

import json
import logging
from pathlib import Path

import pytest
from fairseq.data import Dictionary
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.corpus.tokenizers import (
    SEPARATOR,
    TOKENIZERS,
    Tokenizer,
    load_tokenizer,
    train_tokenizer,
)
from mclas_fairseq.corpus.tokenizers.base import lower
from mclas_fairseq.corpus.tokenizers.wordpiece import WordpieceTokenizer
from mclas_fairseq.errors import ConfigError, DataError

NAMES = sorted(TOKENIZERS)
TEXTS = {
    "en": [
        "A new method learns to write short summaries of long documents.",
        "The method writes summaries in 2 languages, and it writes them well.",
        "Documents with <s>, </s> and [LSEP] are summarised as any other: madeupword0000!",
    ],
    "de": [
        "Ein neues Verfahren lernt, kurze Zusammenfassungen langer Texte zu schreiben.",
        "Das Verfahren schreibt Zusammenfassungen in 2 Sprachen, größer & schöner.",
    ],
    "zh": ["我们提出了一种新的方法。", "该方法可以用两种语言写出摘要。"],
}
FRAGMENTS = st.sampled_from(
    ["[LSEP]", "<s>", "</s>", "<pad>", "<unk>", "madeupword0000", "\u2581", "\u241b", "\u241b_"]
    + [
        "@@",
        "@@ ",
        "@-@",
        "&",
        "&amp;",
        "ß",
        "方法",
        "语言。",
        "🙂",
        "👩\u200d💻",
        "İ",
        "ﬁ",
        "...",
        "'",
    ]
    + ["<", "s", ">", "DOTMULTI", "\u3000", "\u2028", "\u00a0", "\t", " ", "Verfahren", "2", "写"]
)
ANY_TEXT = st.lists(FRAGMENTS | st.text(max_size=5), max_size=8).map("".join)


def _vocabulary() -> bytes:
    """A `vocab.txt` of BERT's form that can spell the texts, in both cases."""
    text = "".join(line for lines in TEXTS.values() for line in lines)
    letters = sorted({letter for letter in text + text.lower() if not letter.isspace()})
    special = ["[PAD]", "[unused1]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces = [*letters, *(f"##{letter}" for letter in letters), "method", "Ver", "##fahren"]
    return "".join(f"{piece}\n" for piece in special + pieces).encode()


def _train(name: str, *, lowercase: bool = False) -> Tokenizer:
    if name == "wordpiece":  # which is given, not learned
        return WordpieceTokenizer(_vocabulary(), lowercase=lowercase)
    return train_tokenizer(name, TEXTS, vocab_size=100, lowercase=lowercase)


@pytest.fixture(scope="module")
def trained() -> dict[str, Tokenizer]:
    return {name: _train(name) for name in NAMES}


@pytest.mark.parametrize("name", NAMES)
@given(text=ANY_TEXT, language=st.sampled_from(["en", "de", "zh", "fr"]))
@settings(deadline=None, max_examples=150)
def test_no_piece_reads_as_a_special_symbol_or_holds_a_blank(
    trained: dict[str, Tokenizer], name: str, text: str, language: str
) -> None:
    dictionary = Dictionary(extra_special_symbols=[SEPARATOR])
    dictionary.add_symbol("madeupword0000")
    pieces = trained[name].encode(text, language)
    assert [piece for piece in pieces if piece in dictionary] == []
    assert " ".join(pieces).split() == pieces


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "text", ["<s> and </s>", "[LSEP]", "<pad> <unk>", "madeupword0000", "say [LSEP] twice"]
)
def test_literal_special_symbols_decode_to_themselves(
    trained: dict[str, Tokenizer], name: str, text: str
) -> None:
    assert trained[name].decode(trained[name].encode(text, "en"), "en") == text


@pytest.mark.parametrize("name", NAMES)
@given(text=ANY_TEXT, language=st.sampled_from(["en", "de", "zh", "fr"]))
@settings(deadline=None, max_examples=60)
def test_shares_of_pieces_joined_are_the_decoded_text(
    trained: dict[str, Tokenizer], name: str, text: str, language: str
) -> None:
    pieces = trained[name].encode(text, language)
    shares = trained[name].shares(pieces, language)
    assert len(shares) == len(pieces)
    assert "".join(shares) == trained[name].decode(pieces, language)


def test_each_piece_has_its_own_share_of_the_text(trained: dict[str, Tokenizer]) -> None:
    pieces = ["▁A", "▁meth", "od", "▁le", "arns", "."]
    shares = trained["sentencepiece"].shares(pieces, "en")
    assert shares == ["A", " meth", "od", " le", "arns", "."]
    assert trained["bpe"].shares(["meth@@", "od", "2", "."], "en") == ["meth", "od", " 2", "."]
    assert trained["words"].shares([], "en") == []


@pytest.mark.parametrize("name", NAMES)
def test_decode_keeps_an_unknown_piece_visible(trained: dict[str, Tokenizer], name: str) -> None:
    pieces = trained[name].encode("method writes", "en")
    text = trained[name].decode([*pieces, "<unk>"], "en")
    assert text.replace(" ", "") == "methodwrites<unk>"
    assert trained[name].decode(["<unk>"], "de") == "<unk>"


@pytest.mark.parametrize("name", NAMES)
def test_empty_text_has_no_pieces(trained: dict[str, Tokenizer], name: str) -> None:
    assert trained[name].encode(" \n ", "en") == []
    assert trained[name].decode([], "en") == ""


@pytest.mark.parametrize("name", NAMES)
def test_saved_tokenizer_loads_and_does_the_same(
    trained: dict[str, Tokenizer], name: str, tmp_path: Path
) -> None:
    trained[name].save(tmp_path / "new" / "folder")
    loaded = load_tokenizer(tmp_path / "new" / "folder")
    assert type(loaded) is type(trained[name])
    assert loaded.entries() == trained[name].entries()
    for language, lines in TEXTS.items():
        for line in lines:
            assert loaded.encode(line, language) == trained[name].encode(line, language)


@pytest.mark.parametrize("name", NAMES)
def test_training_twice_gives_the_same_bytes_and_leaves_no_other_files(
    trained: dict[str, Tokenizer], name: str, tmp_path: Path
) -> None:
    trained[name].save(tmp_path / "a")
    _train(name).save(tmp_path / "b")
    files = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert len(files) == (1 if name == "words" else 2)
    assert sorted(path.name for path in (tmp_path / "b").iterdir()) == files
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_lowercase_is_recorded_and_applied(name: str, tmp_path: Path) -> None:
    _train(name, lowercase=True).save(tmp_path)
    description = json.loads((tmp_path / "tokenizer.json").read_text(encoding="utf-8"))
    assert description == {"tokenizer": name, "lowercase": True}
    loaded = load_tokenizer(tmp_path)
    pieces = loaded.encode("Das NEUE Verfahren", "de")
    assert loaded.decode(pieces, "de") == "das neue verfahren"


@pytest.mark.parametrize("name", NAMES)
def test_sample_texts_come_back_as_they_were(trained: dict[str, Tokenizer], name: str) -> None:
    for language, lines in TEXTS.items():
        for line in lines[:2]:
            assert trained[name].decode(trained[name].encode(line, language), language) == line


def test_lower_tells_dotted_from_dotless_i_in_turkish_only() -> None:
    assert lower("DIŞ İÇ", "tr") == "dış iç"
    assert lower("DIS", "de") == "dis"


def test_train_tokenizer_names_the_flag_for_bad_settings() -> None:
    with pytest.raises(ConfigError, match="found 'unigram'; set --tokenizer"):
        train_tokenizer("unigram", TEXTS, vocab_size=10, lowercase=False)
    with pytest.raises(ConfigError, match="at least 1, found 0; set --vocab-size"):
        train_tokenizer("bpe", TEXTS, vocab_size=0, lowercase=False)


@pytest.mark.parametrize("name", ["bpe", "sentencepiece"])
def test_training_without_text_in_a_language_is_an_error(name: str) -> None:
    with pytest.raises(DataError, match=r"found none in 'de'.*--train"):
        train_tokenizer(name, {**TEXTS, "de": [" "]}, vocab_size=100, lowercase=False)
    with pytest.raises(DataError, match=r"found none; check --train"):
        train_tokenizer(name, {}, vocab_size=100, lowercase=False)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"tokenizer\.json: .*No such file.*mclas prepare"),
        ("{", r"tokenizer\.json: must be JSON"),
        ("[]", r"must hold a JSON object, found \[\]"),
        ('{"tokenizer": "bpe"}', "'lowercase' must be true or false, found None"),
        ('{"tokenizer": "x", "lowercase": true}', "must be one of .*, found 'x'"),
        ('{"tokenizer": [], "lowercase": true}', r"must be one of .*, found \[\]"),
    ],
)
def test_load_tokenizer_names_the_file_and_what_is_wrong(
    tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "tokenizer.json").write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        load_tokenizer(tmp_path)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("bpe", "bpe.codes"),
        ("sentencepiece", "sentencepiece.model"),
        ("wordpiece", "vocab.txt"),
    ],
)
@pytest.mark.parametrize("content", [None, b"\xff nonsense of three", b"", b"#version: 0.2\n"])
def test_load_names_a_missing_or_broken_model(
    trained: dict[str, Tokenizer], name: str, file: str, content: bytes | None, tmp_path: Path
) -> None:
    trained[name].save(tmp_path)
    (tmp_path / file).unlink()
    if content is not None:
        (tmp_path / file).write_bytes(content)
    with pytest.raises(DataError, match=rf"{file}.*mclas prepare"):
        load_tokenizer(tmp_path)


def test_bpe_warns_when_the_text_holds_fewer_merges(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        train_tokenizer("bpe", {"en": ["aa aa"]}, vocab_size=50, lowercase=False)
    assert "bpe found 1 merges in this text, not 50" in caplog.text
