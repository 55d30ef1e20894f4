"""The legend of the page: what the marks mean, and by which rule they were made."""

from collections.abc import Mapping
from html import escape

from mclas_fairseq.evaluation.names import NameRule, Rule

_NUMBERS = (
    "a number in digits whose value the document does not have. Points and commas are read both as"
    " decimal marks and as separators of thousands, so 1,234.5 agrees with 1.234,5; “1.2 million”"
    " and “120万” agree with 1,200,000. Numbers in words are not read, so “3” is marked where the"
    " document says “three”."
)
_NAMES = {
    Rule.CAPITALS: (
        "a word with a capital inside a sentence, or with a capital after its first letter (BERT),"
        " that the document does not have."
    ),
    Rule.NOUNS_WITH_CAPITALS: (
        "every noun has a capital in this language, so a name is a word with a capital after its"
        " first letter (BERT, ImageNet), or one that the documents of this page’s data write with a"
        " capital inside sentences more often than without. It is marked when its own document does"
        " not have it. Other invented names are missed."
    ),
    Rule.LATIN_RUNS: "a run of Latin letters that the document does not have.",
    Rule.NONE: ("not looked for: document and summary spell names in different scripts."),
}
_FORMS = (
    "Capitals, accents and a final “s” do not matter. Texts in lower case throughout have no names"
    " that this rule could find."
)


def explanation(rules: Mapping[str, NameRule], has_documents: bool) -> str:
    """The legend.

    Args:
        rules: language of the summaries -> how names are told in them.
        has_documents: without documents there is nothing to compare with.
    """
    if not has_documents:
        return (
            '<p class="note">No documents were given (--documents), so numbers and names are not'
            " marked.</p>\n"
        )
    items = [f'<p><mark class="number">number</mark> {_NUMBERS}</p>']
    for language, rule in rules.items():
        items.append(
            f'<p><mark class="name">name</mark> in summaries in {escape(language)}:'
            f" {_NAMES[rule.rule]}</p>"
        )
    items.append(
        f"<p>{_FORMS} A mark asks for a look, it is not a verdict: references are marked by the"
        " same rules.</p>"
    )
    return "<details open>\n<summary>Marks</summary>\n" + "\n".join(items) + "\n</details>\n"
