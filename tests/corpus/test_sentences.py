"""Sentences keep their marks and are joined as their language writes them."""

import pytest

from mclas_fairseq.corpus.sentences import join_sentences, split_sentences


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ('He said "Go." She went.', ['He said "Go."', "She went."]),
        ("At 3.5 p.m. today (really!) it rained.", ["At 3.5 p.m. today (really!) it rained."]),
        ("他走了。她说：“好。”然后！？走", ["他走了。", "她说：“好。”", "然后！？", "走"]),
        ("यह है। ठीक", ["यह है।", "ठीक"]),
        ("", []),
    ],
)
def test_sentences_end_at_marks(text: str, wanted: list[str]) -> None:
    assert split_sentences(text) == wanted


def test_sentences_are_joined_with_spaces_where_words_are() -> None:
    assert join_sentences(["Ja.", "", "Nein."], "de") == "Ja. Nein."
    assert join_sentences(["好。", "走。"], "zh") == "好。走。"
