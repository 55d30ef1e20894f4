"""Outputs in a model's pieces are refused, before they score a little too low."""

import pytest

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.word_pieces import check_whole_words


@pytest.mark.parametrize(
    ("text", "mark"),
    [
        ("▁the ▁rent al ▁house", "▁"),
        ("the ren@@ tal house", "@@"),
        ("the ren@@", "@@"),
        ("the rent ##al house", "##"),
    ],
)
def test_texts_in_pieces_are_refused_with_their_number_and_the_remedy(text: str, mark: str) -> None:
    with pytest.raises(DataError, match=rf"^hyp: .* 1 of 2 are in .*\(marked {mark}\); .* sed 's/"):
        check_whole_words("hyp", [text, "", "a whole house"])


def test_a_few_marks_and_marks_that_join_nothing_are_text() -> None:
    check_whole_words("hyp", ["▁the ▁house", *["a house"] * 4])
    check_whole_words("hyp", ["a ▁ b", "mail a@@b", "## heading", "C## is #1", "#tag"])
    check_whole_words("hyp", ["", ""])
