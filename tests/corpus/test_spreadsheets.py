import pytest

from mclas_fairseq.corpus.spreadsheets import guarded


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")'),
        ("\t=1+1", "'\t=1+1"),
        ("\r\n@SUM(A1)", "'\r\n@SUM(A1)"),
        ("＋cmd", "'＋cmd"),
        ("-2+3", "'-2+3"),
        ("-", "'-"),
        # Numbers and plain texts stay what they are, so that ids can be matched.
        ("-17", "-17"),
        ("+3.5", "+3.5"),
        ("doc=1", "doc=1"),
        ("17", "17"),
        ("", ""),
    ],
)
def test_what_could_run_gets_an_apostrophe(text: str, cell: str) -> None:
    assert guarded(text) == cell
