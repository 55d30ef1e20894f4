"""Rows of CNN/DailyMail's `.story` files: an article, then its highlights, each after a mark.

Hermann et al. (2015) made them; each file is a row with the columns `article` (its paragraphs),
`summary` (all highlights as one text, a full stop after each that has none), `highlights` (each by
itself) and `name` (that of the file, for --id).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from mclas_fairseq.corpus.conversion.encodings import open_text
from mclas_fairseq.corpus.conversion.guessing import Encoding
from mclas_fairseq.corpus.conversion.rows import Row, Source, check_columns
from mclas_fairseq.corpus.text_files import normalize_text

COLUMNS = ("article", "summary", "highlights", "name")
_MARK = "@highlight"
_ENDS = tuple(".!?…\"'”’)")


class StorySource(Source):
    """A `.story` file, which is one row.

    Raises:
        DataError: a column that it cannot have is asked for.
    """

    def __init__(self, path: Path, wanted: Sequence[str], encoding: Encoding):
        self.path, self.name = path, str(path)
        self.description = f"story, {encoding.name}"
        self._wanted, self._encoding = wanted, encoding
        check_columns(path, wanted, dict.fromkeys(COLUMNS))

    def rows(self) -> Iterator[Row]:
        """Read the one row; a file without a highlight is a row with a problem."""
        with open_text(self.path, self._encoding, newline="\n") as stream:
            article, *highlights = stream.read().split(_MARK)
        texts = [text for text in map(normalize_text, highlights) if text]
        values: dict[str, object] = {
            "article": [text for text in map(normalize_text, article.splitlines()) if text],
            "summary": " ".join(text if text.endswith(_ENDS) else f"{text}." for text in texts),
            "highlights": texts,
            "name": self.path.stem,
        }
        problem = "" if texts else f"no {_MARK} with a text after it"
        wanted = {name: values[name] for name in self._wanted}
        yield Row(self.path.name, wanted, values, problem)
