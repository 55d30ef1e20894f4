"""The quick dictionary gives what fairseq's own gives, tensor for tensor."""

from functools import partial

from fairseq.data import Dictionary
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import equal

from mclas_fairseq.data.quick_lines import QuickLines

PIECES = ("▁the", "▁cat", "s", "方", "[LSEP]")
WORDS = st.sampled_from((*PIECES, "unknown", "<unk>", "</s>", "<pad>"))
BLANKS = st.sampled_from((" ", "  ", "\t", "\u3000", "\u2028", "\x1c", "\n"))
LINES = st.lists(st.tuples(WORDS, BLANKS).map("".join), max_size=8).map("".join)


def _note(told: list[tuple[str, int]], piece: str, number: int) -> None:
    told.append((piece, int(number)))


def _both() -> tuple[Dictionary, QuickLines]:
    stock, quick = Dictionary(), QuickLines()
    for dictionary in (stock, quick):
        for piece in PIECES:
            dictionary.add_symbol(piece)
    return stock, quick


@given(line=LINES, eos=st.booleans(), backwards=st.booleans(), add=st.booleans())
@settings(deadline=None, max_examples=200)
def test_lines_become_the_same_numbers(line: str, eos: bool, backwards: bool, add: bool) -> None:
    numbers, met = [], []
    for dictionary in _both():
        told: list[tuple[str, int]] = []
        numbers.append(
            dictionary.encode_line(
                line,
                add_if_not_exist=add,
                consumer=partial(_note, told),
                append_eos=eos,
                reverse_order=backwards,
            )
        )
        met.append((told, dictionary.symbols))
    stock, quick = numbers
    assert quick.dtype == stock.dtype
    assert equal(stock, quick)
    assert met[0] == met[1]


def test_lines_are_cut_as_the_caller_says() -> None:
    for dictionary in _both():
        found = dictionary.encode_line("s,s", lambda line: line.split(","), add_if_not_exist=False)
        assert found.tolist() == [dictionary.index("s"), dictionary.index("s"), dictionary.eos()]
