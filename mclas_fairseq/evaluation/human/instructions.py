"""The page that annotators get with their sheets: what to fill in, and what each aspect means."""

from pathlib import Path

from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.evaluation.human.design import BWS
from mclas_fairseq.evaluation.human.key import Key
from mclas_fairseq.evaluation.human.sheets import text_columns

_ASPECTS = """\
informativeness  Does the summary say what matters in the {basis}, and nothing that is wrong?
conciseness      Does it say so briefly, without what is beside the point or said twice?
fluency          Is it correct and easy to read, as if a careful writer had written it?
"""

_TASKS = {
    True: """\
Each row shows the summaries {letters} of one {basis}. For each of three aspects, write the letter
of the best summary and the letter of the worst into the two columns. They must be different; where
two seem alike, choose one all the same.
""",
    False: """\
Each row shows one summary of a {basis}. For each of three aspects, write a whole number from 1
(worst) to 5 (best) into its column.
""",
}

_RULES = """\
Judge each aspect on its own. Work alone, and fill in every row. Rows may be sorted and columns
added, for notes; do not change other cells. Save the sheet as CSV (UTF-8).
"""


def write_instructions(path: Path, key: Key) -> None:
    """Write the instructions, complete or not at all."""
    columns = text_columns(key)
    words = {
        "basis": " with its ".join(key.shown) if "document" in key.shown else "reference",
        "letters": f"A to {columns[-1]}",
    }
    parts = (_TASKS[key.design == BWS], _ASPECTS, _RULES)
    with write_beside(path) as stream:
        stream.write("\n".join(part.format(**words) for part in parts))
