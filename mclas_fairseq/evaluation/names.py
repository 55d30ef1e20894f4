"""What counts as a name in a summary, and whether the document has it.

There is no recogniser of names for every language, so this is a rule on letters:

- In scripts with capitals, a name is a word with a capital that nothing else explains: one with a
  capital after its first letter (BERT, ImageNet), or one that begins with a capital inside a
  sentence.
- In German and Luxembourgish every noun has a capital. There, beside BERT and ImageNet, only words
  count that the documents treat as names: written with a capital inside sentences more often than
  without, in any of the documents. ("Merkel", taken from another document, is found; "Haus" is not
  mistaken for a name; a name that no document has is missed.)
- In scripts without capitals (Chinese, Japanese, Arabic, ...), a name is a run of Latin letters.

A name is known when the document has the word, capitals, accents, hyphens and a final "s" aside.
Where document and summary are in different scripts with capitals, or the document's script has none
and the summary's has, names are spelt differently in the two and are not looked for.
"""

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

import regex

NOUNS_WITH_CAPITALS = frozenset({"de", "lb"})

_WORD = regex.compile(r"\p{L}[\p{L}\p{M}\p{N}]*")
_LATIN = regex.compile(r"[\p{Latin}][\p{Latin}\p{M}\p{Nd}]+")
_CAPITAL = regex.compile(r"[\p{Lu}\p{Lt}]")
_CASED = regex.compile(r"[\p{Lu}\p{Lt}\p{Ll}]")
_LETTER = regex.compile(r"\p{L}")
_CASED_SCRIPTS = {
    name: regex.compile(rf"\p{{{name}}}+") for name in ("Latin", "Cyrillic", "Greek", "Armenian")
}
# What may stand between the end of a sentence, or of a title or list item, and the next word.
_SENTENCE_START = regex.compile(r"(?:^|[.!?:;…。！？•|])[\s\"'“”„«»‹›‘’()\[\]\-–—]*$")
_BEFORE = 12


class Rule(Enum):
    """How names are told in the summaries of one language."""

    CAPITALS = "capitals"
    NOUNS_WITH_CAPITALS = "nouns with capitals"
    LATIN_RUNS = "runs of Latin letters"
    NONE = "not looked for"


@dataclass(frozen=True)
class NameRule:
    """A rule, with the words that the documents treat as names (for `NOUNS_WITH_CAPITALS`)."""

    rule: Rule
    document_names: frozenset[str] = frozenset()

    def find(self, text: str) -> Iterator[tuple[int, int]]:
        """Start and end of each name in a text."""
        if self.rule is Rule.LATIN_RUNS:
            yield from (match.span() for match in _LATIN.finditer(text))
        elif self.rule is not Rule.NONE:
            for start, end, inside in _capitalised(text):
                word = text[start:end]
                if _CAPITAL.search(word, 1) or (inside and self._is_name(word)):
                    yield start, end

    def _is_name(self, word: str) -> bool:
        if self.rule is Rule.CAPITALS:
            return len(word) > 1
        return bool(_forms(word) & self.document_names)


def choose_rule(
    summaries: Iterable[str], documents: Iterable[str], language: str, document_language: str
) -> NameRule:
    """The rule for summaries of one language, by how they and the documents are written.

    Args:
        summaries: all summaries of the language, references included.
        documents: all documents.
        language: of the summaries.
        document_language: of the documents.
    """
    texts = list(documents)
    script = _cased_script(summaries)
    if not script:
        return NameRule(Rule.LATIN_RUNS)
    if script != _cased_script(texts):
        return NameRule(Rule.NONE)
    if _base(language) not in NOUNS_WITH_CAPITALS:
        return NameRule(Rule.CAPITALS)
    if _base(document_language) in NOUNS_WITH_CAPITALS:
        return NameRule(Rule.NOUNS_WITH_CAPITALS)
    return NameRule(Rule.NOUNS_WITH_CAPITALS, _names_of(texts))


def known_words(text: str) -> frozenset[str]:
    """The words of a document, in the form in which names are compared."""
    return frozenset(
        form
        for pattern in (_WORD, _LATIN)
        for match in pattern.finditer(text)
        for form in _forms(match[0])
    )


def is_known(name: str, known: frozenset[str]) -> bool:
    """Whether a document with these `known_words` has the name."""
    return bool(_forms(name) & known)


def _forms(word: str) -> set[str]:
    """A word without capitals and accents, and the same without a final s (plural, genitive)."""
    plain = "".join(
        char
        for char in unicodedata.normalize("NFKD", word.casefold())
        if not unicodedata.combining(char)
    )
    return {plain, plain.removesuffix("s")} if len(plain) > 3 else {plain}


def _capitalised(text: str) -> Iterator[tuple[int, int, bool]]:
    """Start and end of each word that has a capital, and whether it stands inside a sentence."""
    for match in _WORD.finditer(text):
        if _CAPITAL.search(match[0]):
            begin = match.start()
            is_first = _SENTENCE_START.search(text[max(0, begin - _BEFORE) : begin])
            inside = begin > 0 and not is_first and bool(_CAPITAL.match(match[0]))
            yield begin, match.end(), inside


def _names_of(documents: Iterable[str]) -> frozenset[str]:
    """Words that stand with a capital inside sentences more often than without one."""
    large: Counter[str] = Counter()
    small: Counter[str] = Counter()
    for text in documents:
        inside = {start for start, _, is_inside in _capitalised(text) if is_inside}
        for match in _WORD.finditer(text):
            word = match[0].casefold()
            if match.start() in inside:
                large[word] += 1
            elif not _CAPITAL.match(match[0]):
                small[word] += 1
    names = [word for word, count in large.items() if count > small[word] and len(word) > 1]
    return frozenset(form for word in names for form in _forms(word))


def _cased_script(texts: Iterable[str]) -> str:
    """The script with capitals that most text is in; "" where most is in one without.

    There, a run of letters counts as much as one letter of a script without capitals: a Chinese
    text with names in Latin letters is a Chinese one.
    """
    counts: Counter[str] = Counter()
    for text in texts:
        letters = _LETTER.findall(text)
        counts[""] += len(letters) - len(_CASED.findall(text))
        for name, pattern in _CASED_SCRIPTS.items():
            counts[name] += len(pattern.findall(text))
    return counts.most_common(1)[0][0] if counts else ""


def _base(code: str) -> str:
    return code.split("-")[0].lower()
