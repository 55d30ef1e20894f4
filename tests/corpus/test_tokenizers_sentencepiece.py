"""The default tokenizer: exact decoding, balanced languages, vocabulary sizes that work."""

import random
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.corpus.tokenizers import train_tokenizer
from mclas_fairseq.errors import DataError

LETTERS = {"en": "abcdefgh", "de": "klmnopäöüß", "zh": "我们提出了一种新方法该可以用两语言写摘要"}
FRAGMENTS = st.sampled_from(
    ["[LSEP]", "<s>", "</s>", "<unk>", "\u2581", "\u241b", "\u241b_", "\u241b\u241b", "@@", "&"]
    + ["ß", "方法", "🙂", "👩\u200d💻", "İ", "ﬁ", "\u3000", "\u2028", "\u00a0", "\t", " ", "2017"]
)
ANY_TEXT = st.lists(FRAGMENTS | st.text(max_size=5), max_size=8).map("".join)


def _lines(language: str, count: int) -> list[str]:
    """Made-up sentences of eight words, from a lexicon of 300 words of two to six letters."""
    chance = random.Random(language)
    letters = LETTERS[language]
    lexicon = ["".join(chance.choices(letters, k=chance.randint(2, 6))) for _ in range(300)]
    blank = "" if language == "zh" else " "
    return [blank.join(chance.choices(lexicon, k=8)) + " 2017" for _ in range(count)]


TEXTS = {"en": _lines("en", 2000), "de": _lines("de", 60), "zh": _lines("zh", 60)}
PLAIN = train_tokenizer("sentencepiece", TEXTS, vocab_size=400, lowercase=False)
LOWERED = train_tokenizer("sentencepiece", TEXTS, vocab_size=400, lowercase=True)


@given(text=ANY_TEXT)
@settings(deadline=None, max_examples=300)
def test_decoding_is_exact_for_any_text(text: str) -> None:
    assert PLAIN.decode(PLAIN.encode(text, "de"), "de") == normalize_text(text)
    lowered = normalize_text(normalize_text(text).lower())
    assert LOWERED.decode(LOWERED.encode(text, "de"), "de") == lowered


def test_decoding_does_not_care_about_surplus_spaces_that_a_model_writes() -> None:
    assert PLAIN.decode(["\u2581", "\u2581", "ab", "\u2581"], "en") == "ab"
    assert PLAIN.decode(["a", "<unk>", "\u2581", "<unk>"], "en") == "a<unk> <unk>"


def test_entries_are_as_many_as_asked_for_and_cover_the_training_text() -> None:
    entries = PLAIN.entries()
    assert entries is not None
    assert len(entries) == len(set(entries)) == 400
    assert "<unk>" not in entries
    pieces = {
        piece
        for code, lines in TEXTS.items()
        for line in lines
        for piece in PLAIN.encode(line, code)
    }
    assert pieces <= set(entries)


def test_a_small_language_is_cut_as_coarsely_as_a_large_one() -> None:
    # Without balancing German has more than twice as many pieces a word as English.
    assert _pieces_per_word("de") < 1.25 * _pieces_per_word("en")


def _pieces_per_word(code: str) -> float:
    pieces = sum(len(PLAIN.encode(line, code)) for line in TEXTS[code])
    return pieces / sum(len(line.split()) for line in TEXTS[code])


def test_digits_are_pieces_of_their_own() -> None:
    assert PLAIN.encode("ab 2017", "en")[-5:] == ["\u2581", "2", "0", "1", "7"]
    assert [entry for entry in PLAIN.entries() or [] if re.search(r".\d|\d.", entry)] == []


def test_unknown_characters_are_pieces_of_their_own() -> None:
    assert PLAIN.encode("<s>", "en") == ["\u2581", "<", "s", ">"]


def test_long_lines_are_learned_from() -> None:
    long = " ".join(_lines("de", 200))
    assert len(long) > 4192
    tokenizer = train_tokenizer("sentencepiece", {"de": [long]}, vocab_size=60, lowercase=False)
    assert set(LETTERS["de"]) <= set(tokenizer.entries() or [])


@pytest.mark.parametrize(("vocab_size", "rule"), [(20_000, "or less"), (30, "or more")])
def test_bad_vocabulary_size_names_one_that_works(vocab_size: int, rule: str) -> None:
    texts = {"de": _lines("de", 40), "zh": _lines("zh", 40)}
    with pytest.raises(DataError, match=rf"{vocab_size} .*; use --vocab-size \d+ {rule}") as raised:
        train_tokenizer("sentencepiece", texts, vocab_size=vocab_size, lowercase=False)
    found = re.search(r"--vocab-size (\d+)", str(raised.value))
    assert found is not None
    works = int(found[1])
    entries = train_tokenizer("sentencepiece", texts, vocab_size=works, lowercase=False).entries()
    assert entries is not None
    assert len(entries) == works
    # ... and it is the last one that does.
    beyond = works + (1 if vocab_size > works else -1)
    with pytest.raises(DataError):
        train_tokenizer("sentencepiece", texts, vocab_size=beyond, lowercase=False)


def test_a_vocabulary_of_mostly_single_characters_is_warned_about(
    caplog: pytest.LogCaptureFixture,
) -> None:
    train_tokenizer("sentencepiece", {"zh": TEXTS["zh"]}, vocab_size=40, lowercase=False)
    assert "of 40 pieces are single characters; a larger --vocab-size" in caplog.text


def test_text_without_line_to_learn_from_is_an_error() -> None:
    with pytest.raises(DataError, match="--train"):
        train_tokenizer("sentencepiece", {"en": []}, vocab_size=10, lowercase=False)
