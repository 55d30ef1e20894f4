"""Tokenizers that are given, not learned: BERT's WordPiece and foreign sentencepiece models."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sentencepiece
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.corpus.tokenizers import load_tokenizer, open_given_tokenizer, train_tokenizer
from mclas_fairseq.corpus.tokenizers.subword_sentencepiece import SentencepieceTokenizer
from mclas_fairseq.corpus.tokenizers.wordpiece import WordpieceTokenizer
from mclas_fairseq.errors import ConfigError, DataError

LETTERS = [*"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZäöüß0123456789.,:;-_/'’\"()<>[]%"]
SPECIAL = ["[PAD]", "[unused1]", "[unused99]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
WORDS = ["play", "##ing", "##ed", "the", "Haus", "haus", "##tür", "##tur", "模", "型", "。"]
VOCABULARY = [*SPECIAL, *LETTERS, *(f"##{letter}" for letter in LETTERS), *WORDS]


def wordpiece(*, lowercase: bool = False) -> WordpieceTokenizer:
    return WordpieceTokenizer("\n".join(VOCABULARY).encode() + b"\n", lowercase=lowercase)


CASED, UNCASED = wordpiece(), wordpiece(lowercase=True)


def test_words_are_cut_into_the_longest_pieces_and_chinese_into_characters() -> None:
    assert CASED.encode("the playing, 模型played。", "en") == [
        *("the", "play", "##ing", ",", "模", "型", "play", "##ed", "。")
    ]
    assert CASED.encode("Haustür", "de") == ["Haus", "##tür"]


def test_an_uncased_vocabulary_sees_lower_case_without_accents() -> None:
    assert UNCASED.encode("HAUSTÜR", "de") == ["haus", "##tur"]
    assert UNCASED.encode("PLAYING I", "tr") == ["play", "##ing", "i"], "by BERT's rules, not ours"


def test_pieces_are_those_of_transformers_own_tokenizer(tmp_path: Path) -> None:
    transformers: Any = pytest.importorskip("transformers")
    (tmp_path / "vocab.txt").write_text("\n".join(VOCABULARY) + "\n", encoding="utf-8")
    text = "The Häuser (2 of them) aren't state-of-the-art; 模型，they're 0.5 % [CLS] \u200bÉtat!"
    for lowercase, ours in ((False, CASED), (True, UNCASED)):
        theirs = transformers.BertTokenizer(
            vocab=str(tmp_path / "vocab.txt"), do_lower_case=lowercase
        )
        expected = theirs.tokenize(text.replace("[CLS]", "[ CLS ]"))
        known = frozenset(ours.entries())
        assert [p if p in known else "[UNK]" for p in ours.encode(text, "en")] == expected


def test_special_pieces_are_no_entries_and_no_text_makes_them() -> None:
    assert CASED.entries() == [piece for piece in VOCABULARY if piece not in SPECIAL]
    pieces = CASED.encode(" ".join(SPECIAL), "en")
    assert not set(SPECIAL) & set(pieces)
    assert CASED.decode(pieces, "en") == "[PAD] [unused1] [unused99] [UNK] [CLS] [SEP] [MASK]"


def test_a_word_that_bert_does_not_know_stays_visible_and_unknown() -> None:
    pieces = CASED.encode("the дом plays", "en")
    assert pieces == ["the", "дом", "play", "##s"]
    assert "дом" not in CASED.entries()
    long = "a" * 101
    assert CASED.encode(f"the {long}", "en") == ["the", long], "too long for BERT"


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (
            "An end-to-end, up-to-date model isn't slow (0.25 or 10,000 steps), and/or better.",
            "en",
        ),
        ('Das Haus, die Haustür; 12:30 Uhr: "schön"!', "de"),
        ("An 8- and 4-bit one; Graph-Klassifikation und -Regression, Bayes'sche Netze.", "de"),
        ("L'homme d'État n'a pas de nom.", "fr"),
        ("模型模型。", "zh"),
        ("The author’s model’s 5% gain: x_1 <b> too.", "en"),
    ],
)
def test_decoding_gives_readable_text_back(text: str, language: str) -> None:
    vocabulary = sorted({*VOCABULARY, *text, *(f"##{letter}" for letter in text)} - {" ", "## "})
    tokenizer = WordpieceTokenizer("\n".join(vocabulary).encode(), lowercase=False)
    assert tokenizer.decode(tokenizer.encode(text, language), language) == text


@given(text=st.text(max_size=40))
@settings(deadline=None, max_examples=200)
def test_wordpiece_loses_no_letter_of_any_text_but_what_bert_removes(text: str) -> None:
    pieces = CASED.encode(text, "en")
    cut = "".join(piece.removeprefix("##") if len(piece) > 2 else piece for piece in pieces)
    letters = [letter for letter in text if letter.isalnum() and letter.isascii()]
    assert [letter for letter in cut if letter.isalnum() and letter.isascii()] == letters


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"the\nof\n", r"vocab\.txt: must hold \[UNK\] and one piece a line, found 2 lines"),
        (b"[UNK]\n\xff\n", r"vocab\.txt: must be UTF-8, but byte 7 is not; give the vocab\.txt"),
        (None, r"vocab\.txt: --vocab must name a readable file, .*No such file"),
    ],
)
def test_a_file_that_is_no_vocabulary_is_refused(
    tmp_path: Path, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "vocab.txt").write_bytes(content)
    with pytest.raises(DataError, match=message):
        open_given_tokenizer("wordpiece", tmp_path / "vocab.txt", lowercase=False)


def test_wordpiece_is_not_learned_and_words_are_not_given(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"wordpiece: takes a given vocabulary, .* with --vocab"):
        train_tokenizer("wordpiece", {"en": ["the"]}, vocab_size=10, lowercase=False)
    with pytest.raises(ConfigError, match="tokenizer words: is learned, never given"):
        open_given_tokenizer("words", tmp_path, lowercase=False)


def test_windows_line_ends_of_a_vocabulary_do_not_matter() -> None:
    tokenizer = WordpieceTokenizer("\r\n".join(VOCABULARY).encode(), lowercase=False)
    assert tokenizer.encode("playing", "en") == ["play", "##ing"]


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model as others make them: BPE, NFKC, bytes for the unknown, control and user symbols."""
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=_sentences(),
        model_writer=model,
        model_type="bpe",
        vocab_size=330,
        byte_fallback=True,
        user_defined_symbols=["<mask>", "[LSEP]"],
        control_symbols=["<en>"],
        pad_id=3,
        minloglevel=2,
    )
    path = tmp_path_factory.mktemp("foreign") / "spm.model"
    path.write_bytes(model.getvalue())
    return path


def _sentences() -> Iterator[str]:
    for number in range(100):
        yield f"the method writes {number} short summaries of long documents , and reads them"


def test_a_given_model_brings_its_pieces_and_no_control_symbols(foreign: Path) -> None:
    tokenizer = open_given_tokenizer("sentencepiece", foreign, lowercase=False)
    entries = tokenizer.entries()
    assert entries is not None
    assert not {"<s>", "</s>", "<pad>", "<unk>", "<en>", "[LSEP]"} & set(entries)
    assert {"<mask>", "<0xE4>"} <= set(entries)
    assert set(tokenizer.encode("the method writes summaries", "en")) <= set(entries)


def test_byte_pieces_of_a_given_model_are_read_back(foreign: Path, tmp_path: Path) -> None:
    tokenizer = open_given_tokenizer("sentencepiece", foreign, lowercase=False)
    pieces = tokenizer.encode("the 模型 writes ö", "en")
    assert "<0xE6>" in pieces
    assert set(pieces) <= set(tokenizer.entries() or ()), "nothing is unknown to bytes"
    assert tokenizer.decode(pieces, "en") == "the 模型 writes ö"
    assert tokenizer.decode(["<0xE6>", "▁the"], "en") == "\ufffd the", "a broken run shows"
    tokenizer.save(tmp_path)
    assert load_tokenizer(tmp_path).encode("模", "zh") == tokenizer.encode("模", "zh")


def test_symbols_of_ours_are_cut_even_where_a_given_model_knows_them(foreign: Path) -> None:
    tokenizer = SentencepieceTokenizer.from_file(foreign, lowercase=False)
    pieces = tokenizer.encode("the [LSEP] of </s>", "en")
    assert not {"[LSEP]", "</s>"} & set(pieces)
    assert tokenizer.decode(pieces, "en") == "the [LSEP] of </s>"


@pytest.mark.parametrize("content", [b"", b"no model", None])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "spm.model").write_bytes(content)
    with pytest.raises(DataError, match=r"spm\.model: .*--sentencepiece-model"):
        open_given_tokenizer("sentencepiece", tmp_path / "spm.model", lowercase=False)
