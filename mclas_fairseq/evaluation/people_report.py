"""The table in which systems stand beside people (`evaluation/people.py`)."""

from collections.abc import Sequence

from mclas_fairseq.evaluation.content import CONTENT, MATCHED, MATCHED_CONTENT
from mclas_fairseq.evaluation.people import ROUGE
from mclas_fairseq.evaluation.report import WIDTH, SystemResult, markdown_table, text_table

_COLUMNS = (ROUGE[0], CONTENT[0], MATCHED, MATCHED_CONTENT)  # those of one word
_BESIDE = (
    "Beside people, on the {documents} documents with two references or more. People: each"
    " reference scored\nagainst the others; all others: scored against the same references, all but"
    " one; the mean over all."
)


def people_table(results: Sequence[SystemResult], *, markdown: bool = False) -> str:
    """People's row and then the others, with a line on what they are.

    Args:
        results: people's first; measures that are not known in the language are left out.
        markdown: a table in Markdown instead of one for the terminal.
    """
    metrics = [metric for metric in _COLUMNS if metric in results[0].values]
    about = _BESIDE.format(documents=results[0].documents)
    if markdown:
        return f"{about}\n\n{markdown_table(results, metrics=metrics)}"
    return f"{about}\n{text_table(results, metrics=metrics, width=WIDTH)}"
