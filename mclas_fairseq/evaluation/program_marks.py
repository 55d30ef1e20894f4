"""Marks that other programs leave in texts: `<q>`, `</s>`, `[SEP]`, `<unk>`, `&amp;`, `-lrb-`, ...

They are no words, but tokenisers make words of them ("q", "sep", "lrb"), which match wherever both
sides come from the same program. So texts with marks are refused, or read: marks that end sentences
as line breaks, entities and brackets as the characters that they stand for, the others as nothing.
Place in the pipeline: where hypotheses and references are read (`evaluation/inputs.py`).
"""

import html
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.code_points import blocks

# Between sentences, or at the end of a text: BertSum, PreSumm and other summarizers, the data of
# NCLS, BERT's and GPT's vocabularies, HTML.
_ENDS = (
    r"<q>|<n>|</?s>|</?t>|</?p>|<br ?/?>|<[sx]_sep>|<sep>|<eos>|<eod>|<newline>|<\|endoftext\|>"
    r"|\[sep\]|\[[sx]_sep\]|\[unused\d+\]|<extra_id_\d+>"
)
_NOTHING = r"<unk>|\[unk\]|<pad>|\[pad\]|<cls>|\[cls\]|<bos>|<mask>|\[mask\]"
_CHARACTERS = {
    "-lrb-": "(", "-rrb-": ")", "-lsb-": "[", "-rsb-": "]", "-lcb-": "{", "-rcb-": "}",
    "&bar;": "|", "&bra;": "[", "&ket;": "]",
}  # fmt: skip
_ENTITY = r"&(?:amp|lt|gt|quot|apos|nbsp|#\d{1,7}|#x[0-9a-f]{1,6});"
_MARK = re.compile(
    rf"(?P<end>{_ENDS})|(?P<nothing>{_NOTHING})"
    rf"|(?P<character>{'|'.join(map(re.escape, _CHARACTERS))}|{_ENTITY})",
    re.IGNORECASE,
)
_SHOWN = 5


@dataclass(frozen=True)
class Marks:
    """What is done with marks of other programs.

    Attributes:
        read: whether they are read; otherwise texts with marks are refused.
        known: marks that the scoring protocol itself knows what to do with: they stay.
    """

    read: bool = False
    known: tuple[str, ...] = ()


def settle_marks(origin: str, texts: Sequence[str], marks: Marks) -> Sequence[str]:
    """The texts, read where they hold marks; the same object where none does.

    Args:
        origin: the file or the system that the texts come from.
        texts: all of one side: hypotheses or references.
        marks: what is done with them.

    Raises:
        DataError: there are marks, and they are not to be read; the message names them.
    """
    found = _count(texts, marks)
    if not found:
        return texts
    if not marks.read:
        number = sum(_first(text, marks) for text in texts)
        shown = ", ".join(mark for mark, _ in found.most_common(_SHOWN))
        raise DataError(
            f"{origin}: texts must be words, but {number} of {len(texts)} have marks of another"
            f" program ({shown}{', ...' if len(found) > _SHOWN else ''}), which would count as"
            " words; --marks reads them as sentence ends and characters, or remove them"
        )
    return tuple(read_marks(text, marks.known) for text in texts)


def settle_summary(summary: Mapping[str, str], marks: Marks) -> Mapping[str, str]:
    """All summaries of a document, read where marks are to be read."""
    if not marks.read:
        return summary
    return {language: read_marks(text, marks.known) for language, text in summary.items()}


def read_marks(text: str, known: Iterable[str] = ()) -> str:
    """A text without marks, but for those in `known`."""
    kept = frozenset(known)

    def replacement(match: re.Match[str]) -> str:
        mark = match[0].lower()
        if mark in kept:
            return match[0]
        if match["end"]:
            return "\n"
        if match["nothing"]:
            return " "
        return _CHARACTERS.get(mark) or html.unescape(mark)

    if not _may_have_marks(text):
        return text
    # An entity of an entity (`&amp;quot;`) comes of text that was escaped twice.
    once = _MARK.sub(replacement, text)
    if once == text:
        return text
    read = _MARK.sub(replacement, once) if "&" in once else once
    return "\n".join(" ".join(line.split()) for line in read.split("\n")).strip()


def _count(texts: Iterable[str], marks: Marks) -> Counter[str]:
    """How often each mark occurs, by its spelling in lower case."""
    found: Counter[str] = Counter()
    for block in blocks(texts):
        joined = "\n".join(block)
        if _may_have_marks(joined):
            found.update(mark[0].lower() for mark in _MARK.finditer(joined))
    for mark in marks.known:
        del found[mark]
    return found


def _first(text: str, marks: Marks) -> bool:
    return any(mark[0].lower() not in marks.known for mark in _MARK.finditer(text))


def _may_have_marks(text: str) -> bool:
    """A quick look: every mark has one of these."""
    return any(sign in text for sign in ("<", "[", "&", "b-", "B-"))
