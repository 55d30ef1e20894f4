"""The tokenizers of words and BPE: scripts without spaces, spacing, escapes, weights."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.corpus.tokenizers import Tokenizer, train_tokenizer
from mclas_fairseq.corpus.tokenizers.moses import join_words, split_words
from mclas_fairseq.errors import DataError

TEXTS = {
    "en": ["the lower the newer the wider"] * 100,
    "de": ["Verfahren gefahren erfahren Verfahren"],
}
BPE = train_tokenizer("bpe", TEXTS, vocab_size=24, lowercase=False)
WORDS = train_tokenizer("words", TEXTS, vocab_size=1, lowercase=False)

FRAGMENTS = st.sampled_from(
    ["[LSEP]", "<s>", "<unk>", "\u2581", "\u241b", "@@", "@@ ", "@-@", "&", "&amp;", "ß", "方法"]
    + [
        "语言。",
        "ไทย",
        "🙂",
        "👩\u200d💻",
        "...",
        "'s",
        '"',
        "DOTMULTI",
        "e.g.",
        "5,300",
        "\u3000",
        " ",
    ]
)
ANY_TEXT = st.lists(FRAGMENTS | st.text(max_size=5), max_size=8).map("".join)


@pytest.mark.parametrize("tokenizer", [BPE, WORDS], ids=["bpe", "words"])
@given(text=ANY_TEXT, language=st.sampled_from(["en", "de", "fr", "zh", "fi", "cs", "xx"]))
@settings(deadline=None, max_examples=200)
def test_nothing_but_white_space_changes(tokenizer: Tokenizer, text: str, language: str) -> None:
    decoded = tokenizer.decode(tokenizer.encode(text, language), language)
    assert decoded.replace(" ", "") == normalize_text(text).replace(" ", "")


@pytest.mark.parametrize(
    ("language", "text", "words"),
    [
        ("en", "We don't; e.g. 5,300 (see Fig.).", "We don 't ; e.g. 5,300 ( see Fig . ) ."),
        ("de", "Größe z.B. „groß“, usw.", "Größe z.B. „ groß “ , usw."),
        ("zh", "我们用BERT写摘要，很好。", "我 们 用 BERT 写 摘 要 ， 很 好 。"),
        ("ja", "要約をかく。", "要 約 を か く 。"),
        ("th", "วิธีใหม่", "วิ ธี ใ ห ม่"),
        ("en", "state-of-the-art", "state-of-the-art"),
        ("en", "a < b & c", "a < b & c"),
    ],
)
def test_texts_are_split_by_the_rules_of_their_language(
    language: str, text: str, words: str
) -> None:
    assert " ".join(split_words(text, language)) == words


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "We don't know, e.g. 5,300 (see above)."),
        ("fr", "L'auteur écrit : c'est l'été !"),
        ("de", "Größe und Schönheit, z.B. hier."),
        ("zh", "我们用BERT写摘要，很好。"),
        ("zh-Hant", "我們寫摘要。"),
        ("th", "วิธีใหม่"),
    ],
)
def test_joining_words_restores_usual_spacing(language: str, text: str) -> None:
    assert join_words(split_words(text, language), language) == text


def test_literal_entities_stay_as_they_are() -> None:
    assert "&lt;" not in " ".join(split_words("<", "en"))
    assert join_words(["&lt;", "x"], "en").startswith("&lt;")


def test_words_mark_what_would_read_as_a_symbol() -> None:
    assert WORDS.encode("[LSEP] madeupword0001 \u241b", "en") == [
        "[\u241bLSEP]",
        "m\u241badeupword0001",
        "\u241b\u241b",
    ]


def test_bpe_learns_from_all_languages_alike() -> None:
    # One German line against a hundred English ones, whose words need twelve merges.
    tokenizer = train_tokenizer("bpe", TEXTS, vocab_size=12, lowercase=False)
    assert tokenizer.encode("Verfahren", "de") == ["Verfahren"]
    assert tokenizer.encode("the", "en") == ["the"]


def test_bpe_marks_pieces_that_go_on_and_joins_them() -> None:
    pieces = BPE.encode("widerfahren", "de")
    assert len(pieces) > 1
    assert all(piece.endswith("@@") for piece in pieces[:-1])
    assert BPE.decode(pieces, "de") == "widerfahren"
    assert BPE.decode(["wi@@", "<unk>", "newer"], "en") == "wi<unk> newer"
    # A hypothesis that stops in the middle of a word.
    assert BPE.decode(["newer", "wi@@"], "en") == "newer wi"


def test_bpe_cuts_a_learned_piece_that_reads_as_a_symbol() -> None:
    texts = {"en": ["x<s> y<s> <s> [LSEP] madeupword0000"] * 5}
    tokenizer = train_tokenizer("bpe", texts, vocab_size=60, lowercase=False)
    assert tokenizer.encode("madeupword0000", "en") == [*(f"{c}@@" for c in "madeupword000"), "0"]
    assert not {"<s>", "[LSEP]"} & set(tokenizer.encode("x<s> <s> [LSEP]", "en"))
    assert re.sub(" ", "", tokenizer.decode(tokenizer.encode("x<s>", "en"), "en")) == "x<s>"


def test_bpe_needs_words_of_several_letters() -> None:
    for line in ("我们写", "ab cd"):
        with pytest.raises(DataError, match="follow each other twice.*--tokenizer words"):
            train_tokenizer("bpe", {"zh": [line]}, vocab_size=5, lowercase=False)
