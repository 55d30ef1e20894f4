"""A page for error analysis: documents with their summaries side by side, and what to doubt.

One self-contained HTML file without scripts or external parts: `page.py` puts it together,
`selection.py` chooses documents, `marks.py` finds numbers and names (`evaluation/names.py`)
that the document does not have, `style.py` is its style sheet.
"""

from mclas_fairseq.evaluation.html.page import Analysis, error_page

__all__ = ["Analysis", "error_page"]
