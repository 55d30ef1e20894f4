"""fairseq's scorers get two strings a document; ours needs the references that the task holds."""

from collections.abc import Callable
from typing import Any

from fairseq import scoring

from mclas_fairseq.host.wrapping import wrap_once
from mclas_fairseq.scoring.rouge import SummaryRougeScorer


def hand_over_dictionary() -> None:
    """Let fairseq's `build_scorer` give our scorer the target dictionary, which it otherwise drops.

    The dictionary is the one object that both the task and fairseq's generation loop hold: without
    it the scorer would need a feed hidden on a module. Idempotent.
    """
    wrap_once(scoring, "build_scorer", _connected)


def _connected(build: Callable[..., Any]) -> Callable[..., Any]:
    def build_scorer(choice: Any, tgt_dict: Any) -> Any:
        scorer = build(choice, tgt_dict)
        if isinstance(scorer, SummaryRougeScorer):
            scorer.connect(tgt_dict)
        return scorer

    return build_scorer
