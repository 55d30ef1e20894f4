"""An extended tokenizer: earlier languages are cut as before, the added one by its own pieces."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.corpus.tokenizers import (
    SEPARATOR,
    ExtendedTokenizer,
    Tokenizer,
    extend_tokenizer,
    load_tokenizer,
    train_tokenizer,
)
from mclas_fairseq.corpus.tokenizers.extended import split_mark
from mclas_fairseq.errors import ConfigError, DataError

EARLIER = {
    "en": [f"the method writes {n} short summaries of long documents." for n in range(40)],
    "de": [f"das Verfahren schreibt {n} kurze Texte, und liest sie." for n in range(40)],
}
CHINESE = [f"我们提出了 {n} 种新的方法，用 the method 写出摘要。" for n in range(40)]
FRAGMENTS = st.sampled_from(
    [
        "模型",
        "方法",
        "the ",
        "method",
        "⟦zh⟧",
        "⟦zh⟧方法",
        "[LSEP]",
        "</s>",
        "▁",
        "␛",
        "ß",
        "2",
        " ",
        "，",
    ]
)
ANY_TEXT = st.lists(FRAGMENTS | st.text(max_size=4), max_size=8).map("".join)


def entries_of(base: Tokenizer) -> set[str]:
    """What the earlier dictionary holds."""
    pieces = {
        p for code, lines in EARLIER.items() for line in lines for p in base.encode(line, code)
    }
    return pieces | set(base.entries() or ())


def extended(name: str) -> tuple[Tokenizer, ExtendedTokenizer]:
    size = 45 if name == "sentencepiece" else 200
    base = train_tokenizer(name, EARLIER, vocab_size=size, lowercase=False)
    known = entries_of(base)
    return base, extend_tokenizer(base, {"zh": CHINESE}, vocab_size=34, known=known)


BASE, EXTENDED = extended("sentencepiece")


@given(text=ANY_TEXT)
@settings(deadline=None, max_examples=200)
def test_earlier_languages_are_cut_as_before_and_never_into_an_added_piece(text: str) -> None:
    pieces = EXTENDED.encode(text, "de")
    assert pieces == BASE.encode(text, "de")
    assert not set(pieces) & set(EXTENDED.added)


@given(text=ANY_TEXT)
@settings(deadline=None, max_examples=200)
def test_text_of_every_language_decodes_exactly_and_holds_no_special_symbol(text: str) -> None:
    for language in ("zh", "en"):
        pieces = EXTENDED.encode(text, language)
        assert EXTENDED.decode(pieces, language) == normalize_text(text)
        assert not {SEPARATOR, "</s>", "<unk>"} & set(pieces)
        assert " ".join(pieces).split() == pieces


def test_added_pieces_are_marked_and_shared_ones_are_earlier_entries() -> None:
    pieces = {piece for line in CHINESE for piece in EXTENDED.encode(line, "zh")}
    added = {piece for piece in pieces if split_mark(piece)[0]}
    assert added <= set(EXTENDED.added)
    assert {split_mark(piece)[0] for piece in added} == {("zh",)}
    assert "⟦zh⟧，" in added
    shared = pieces - added
    assert {"▁", "2"} <= shared <= set(BASE.entries() or ())
    assert not {split_mark(piece)[1] for piece in EXTENDED.added} & set(BASE.entries() or ())


def test_a_character_that_only_the_earlier_tokenizer_knows_serves_the_added_language() -> None:
    assert "V" in (BASE.entries() or ())
    assert EXTENDED.encode("V", "zh") == ["▁", "V"]


@pytest.mark.parametrize("name", ["words", "bpe"])
def test_words_are_not_taken_for_the_middle_of_words(name: str) -> None:
    base, tokenizer = extended(name)
    assert "the" in entries_of(base)
    assert not {"the", "method"} & {*tokenizer.encode("the method", "zh")}
    assert tokenizer.encode("the method 方法", "en") == base.encode("the method 方法", "en")
    for line in CHINESE[:3]:
        assert tokenizer.decode(tokenizer.encode(line, "zh"), "zh") == line


def test_a_word_that_spells_an_added_piece_is_not_one() -> None:
    base = train_tokenizer("words", EARLIER, vocab_size=45, lowercase=False)
    tokenizer = ExtendedTokenizer(base, EXTENDED._extension, ["zh"], [])
    marked = tokenizer.added[5]
    base_class = type(base)
    piece = base_class._segment(base, marked, "en")
    assert not set(tokenizer.encode(marked, "en")) & set(tokenizer.added), piece


def test_a_saved_extension_of_an_extension_loads_and_does_the_same(tmp_path: Path) -> None:
    known = {*(EXTENDED.entries() or ())}
    russian = [f"мы предлагаем {n} новых методов." for n in range(40)]
    second = extend_tokenizer(EXTENDED, {"ru": russian}, vocab_size=28, known=known)
    second.save(tmp_path / "tokenizer")
    loaded = load_tokenizer(tmp_path / "tokenizer")
    assert isinstance(loaded, ExtendedTokenizer)
    assert loaded.added_languages == ("zh", "ru")
    assert loaded.entries() == second.entries() == [*(EXTENDED.entries() or ()), *second.added]
    for line, code in ((CHINESE[3], "zh"), (russian[3], "ru"), (EARLIER["de"][3], "de")):
        assert loaded.encode(line, code) == second.encode(line, code)
        assert loaded.decode(loaded.encode(line, code), code) == line
    assert loaded.encode(CHINESE[3], "zh") == EXTENDED.encode(CHINESE[3], "zh")
    (tmp_path / "again").mkdir()
    second.save(tmp_path / "again" / "tokenizer")
    for path in (tmp_path / "tokenizer").rglob("*"):
        if path.is_file():
            other = tmp_path / "again" / path.relative_to(tmp_path)
            assert other.read_bytes() == path.read_bytes()


def test_lower_case_is_that_of_the_earlier_tokenizer() -> None:
    base = train_tokenizer("sentencepiece", EARLIER, vocab_size=36, lowercase=True)
    tokenizer = extend_tokenizer(base, {"ru": ["Мы Мы пишем"] * 9}, vocab_size=8, known=set())
    assert tokenizer.lowercase
    assert tokenizer.decode(tokenizer.encode("МЫ", "ru"), "ru") == "мы"


def test_a_broken_folder_is_named(tmp_path: Path) -> None:
    EXTENDED.save(tmp_path)
    (tmp_path / "shared.txt").unlink()
    with pytest.raises(DataError, match=r"shared\.txt: a tokenizer needs this file"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text('{"tokenizer": "extended", "lowercase": false}')
    with pytest.raises(DataError, match="'languages' must list the added languages, found None"):
        load_tokenizer(tmp_path)


def test_an_extension_is_not_learned_by_itself() -> None:
    with pytest.raises(ConfigError, match="give it with --like and the languages with --extend"):
        ExtendedTokenizer.train(EARLIER, vocab_size=10, lowercase=False)
