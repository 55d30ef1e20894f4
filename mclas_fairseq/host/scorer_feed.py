"""fairseq's scorers get two strings a document; ours needs the references that the task holds."""

from collections.abc import Callable
from typing import Any

from mclas_fairseq.scoring.rouge import SummaryRougeScorer


def with_dictionary(build: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap `fairseq.scoring.build_scorer`: our scorer gets the target dictionary, else dropped.

    The dictionary is the one object that both the task and fairseq's generation loop hold: without
    it the scorer would need a feed hidden on a module.
    """

    def build_scorer(choice: Any, tgt_dict: Any) -> Any:
        scorer = build(choice, tgt_dict)
        if isinstance(scorer, SummaryRougeScorer):
            scorer.connect(tgt_dict)
        return scorer

    return build_scorer
