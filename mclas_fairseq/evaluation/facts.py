"""Numbers and names of summaries: what the document does not have, what of the reference is there.

A cheap check of faithfulness. A summary that invents writes numbers and names that its document
does not have; one that says little lacks those of its reference. What counts as a number or a name,
and when two are the same, is the rule of the error page (`evaluation/numbers.py`,
`evaluation/names.py`): numbers in digits compared by value; words with capitals that nothing else
explains, or runs of Latin letters in scripts without capitals. A translated name or a number in
words counts as invented, so references have such a share as well: compare with theirs. Place in the
pipeline: `mclas score --statistics`, and each document of its page.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mclas_fairseq.evaluation import names, numbers
from mclas_fairseq.evaluation.names import NameRule, choose_rule

KINDS = ("numbers", "names")


@dataclass(frozen=True)
class Share:
    """How many of some numbers or names meet a condition."""

    hits: int
    total: int

    def __add__(self, other: "Share") -> "Share":
        return Share(self.hits + other.hits, self.total + other.total)


@dataclass(frozen=True)
class Facts:
    """Of one summary; by kind, "numbers" or "names".

    Attributes:
        new: those of the summary that the document does not have.
        recalled: those of the references that the summary has, all references together.
    """

    new: Mapping[str, Share]
    recalled: Mapping[str, Share]


def summary_facts(summary: str, document: str, references: Sequence[str], rule: NameRule) -> Facts:
    """Count the numbers and names of one summary.

    Args:
        summary: the summary.
        document: its document, in any language.
        references: its references, in the summary's language.
        rule: how names are told in that language.
    """
    in_document = _known(document)
    in_summary = _known(summary)
    new = {
        kind: Share(sum(not known for known in found), len(found))
        for kind, found in _found(summary, in_document, rule).items()
    }
    recalled = {kind: Share(0, 0) for kind in KINDS}
    for reference in references:
        for kind, found in _found(reference, in_summary, rule).items():
            recalled[kind] += Share(sum(found), len(found))
    return Facts(new, recalled)


def fact_means(facts: Iterable[Facts]) -> dict[str, float | None]:
    """Shares over all summaries together, by name; None where there is nothing to count.

    Pooled over the summaries, as most have no number at all: `new_numbers`, `new_names`,
    `recalled_numbers`, `recalled_names`.
    """
    sums = {f"{what}_{kind}": Share(0, 0) for what in ("new", "recalled") for kind in KINDS}
    for one in facts:
        for what, shares in (("new", one.new), ("recalled", one.recalled)):
            for kind, share in shares.items():
                sums[f"{what}_{kind}"] += share
    return {name: share.hits / share.total if share.total else None for name, share in sums.items()}


def system_facts(
    summaries: Sequence[str],
    references: Sequence[Sequence[str]],
    documents: Sequence[str],
    *,
    language: str,
    document_language: str,
) -> dict[str, float | None]:
    """Shares over N summaries, and of their references the same, by name.

    Args:
        summaries: N texts.
        references: of each document.
        documents: N texts.
        language: of summaries and references.
        document_language: of the documents.

    Returns:
        What `fact_means` says, and `reference_new_numbers` and `reference_new_names`.
    """
    # By the references alone, so that a system's figures do not depend on its company.
    rule = choose_rule(
        [text for group in references for text in group], documents, language, document_language
    )
    rows = list(zip(summaries, documents, references, strict=True))
    found = fact_means(summary_facts(text, document, group, rule) for text, document, group in rows)
    gold = fact_means(
        summary_facts(text, document, (), rule) for _, document, group in rows for text in group
    )
    return {**found, **{f"reference_{name}": gold[name] for name in ("new_numbers", "new_names")}}


@dataclass(frozen=True)
class _Known:
    numbers: frozenset[str]
    words: frozenset[str]


def _known(text: str) -> _Known:
    return _Known(numbers.known_numbers(text), names.known_words(text))


def _found(text: str, known: _Known, rule: NameRule) -> dict[str, list[bool]]:
    """Of each number and name of a text, whether another text has it; names hold no numbers."""
    spans = list(rule.find(text))
    inside = {place for start, end in spans for place in range(start, end)}
    return {
        "numbers": [
            numbers.is_known(number, known.numbers)
            for number in numbers.find_numbers(text)
            if number.start not in inside
        ],
        "names": [names.is_known(text[start:end], known.words) for start, end in spans],
    }
