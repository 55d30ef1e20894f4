"""Measures that tell a summary from stock phrases: content ROUGE, and matched minus shuffled.

They decide whether a system learned (`evaluation/learning.py`) and stand beside ROUGE in every
report; ROUGE over all words stays, for comparison with the literature. Content ROUGE-1 and 2 are
ROUGE over content words (`evaluation/protocols/content.py`); matched minus shuffled is there over
all words of the ROUGE protocol and over content words (`evaluation/sanity.py`).
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

from mclas_fairseq.errors import ConfigError, SetupError
from mclas_fairseq.evaluation.overlap import Values, count_ngrams, overlap_scores, tokenise
from mclas_fairseq.evaluation.protocols import RougeProtocol
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.rouge import KINDS
from mclas_fairseq.evaluation.sanity import DERANGEMENTS, derangements, matched_minus_shuffled
from mclas_fairseq.evaluation.systems import Measure, System

logger = logging.getLogger(__name__)

CONTENT = ("content1", "content2")
MATCHED = "matched_rouge1"
MATCHED_CONTENT = "matched_content1"
LABELS = {
    "content1": "C-1",
    "content2": "C-2",
    MATCHED: "R-1 m-s",
    MATCHED_CONTENT: "C-1 m-s",
}
_LETTERS = {"precision": "p", "recall": "r", "f1": "f"}

# Tokens of each summary, and of each document's references.
Tokenised = tuple[list[list[str]], list[list[list[str]]]]


@dataclass(frozen=True)
class ContentRules:
    """How these measures are taken.

    Attributes:
        protocol: of ROUGE, for matched minus shuffled over all words.
        content: what content words are; None: not known in the language, so not measured.
        multi_reference: "max" or "mean".
        seed: of the derangements.
    """

    protocol: RougeProtocol
    content: Optional[ContentProtocol]
    multi_reference: str = "max"
    seed: int = 1


def content_protocol(language: str) -> Optional[ContentProtocol]:
    """What content words are in a language; None, with a warning, where that is not known."""
    try:
        return ContentProtocol(language)
    except (ConfigError, SetupError) as error:
        logger.warning("content ROUGE is left out: %s", error)
        return None


def content_rules(
    protocol: RougeProtocol, *, multi_reference: str = "max", seed: int = 1
) -> ContentRules:
    """The rules beside a ROUGE protocol, in its language; see `content_protocol`."""
    return ContentRules(protocol, content_protocol(protocol.language), multi_reference, seed)


def add_content(
    systems: Sequence[System], rules: ContentRules, *, kinds: Sequence[str] = ("f1",)
) -> list[System]:
    """Each system with these measures behind those that it has."""
    return [
        replace(system, measures={**system.measures, **content_measures(system, rules, kinds)})
        for system in systems
    ]


def content_measures(
    system: System, rules: ContentRules, kinds: Sequence[str] = ("f1",)
) -> dict[str, Measure]:
    """Key -> measure, of all runs; matched minus shuffled needs two documents and is one number."""
    tables = [content_values(run.hypotheses, run.references, rules=rules) for run in system.runs]
    several = any(len(group) > 1 for run in system.runs for group in run.references)
    found = {}
    for name, kind in tables[0]:
        if kind in kinds or name not in CONTENT:
            measure = Measure(
                metric=name,
                label=LABELS[name],
                kind=kind,
                values=np.stack([table[name, kind] for table in tables]),
                signature=signature(name, rules, kind=kind, several=several),
            )
            found[measure.key] = measure
    return found


def content_values(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    rules: ContentRules,
    places: Optional[Sequence[Sequence[int]]] = None,
) -> dict[tuple[str, str], Values]:
    """(metric, kind) -> values by document, shape (N,); 1 is 100 points.

    Args:
        hypotheses: N summaries.
        references: of each document, one or more.
        rules: how they are taken.
        places: the rounds of matched minus shuffled; None: `derangements` by the rules' seed.
    """
    if places is None:
        places = derangements(len(hypotheses), rules.seed) if len(hypotheses) > 1 else ()
    found: dict[tuple[str, str], Values] = {}
    differences: dict[tuple[str, str], Values] = {}
    if rules.content is not None:
        texts = _tokenised(hypotheses, references, rules.content)
        for order, name in enumerate(CONTENT, 1):
            counted = count_ngrams(*texts, order)
            scores = overlap_scores(counted, multi_reference=rules.multi_reference)
            found.update({(name, kind): scores[:, k] for k, kind in enumerate(KINDS)})
        differences = _difference(MATCHED_CONTENT, texts, places, rules)
    texts = _tokenised(hypotheses, references, rules.protocol)
    return {**found, **_difference(MATCHED, texts, places, rules), **differences}


def content_f1(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], content: ContentProtocol
) -> dict[str, Values]:
    """Content ROUGE alone: metric -> F1 of each summary with the best of its references, (N,)."""
    texts = _tokenised(hypotheses, references, content)
    return {
        name: overlap_scores(count_ngrams(*texts, order))[:, KINDS.index("f1")]
        for order, name in enumerate(CONTENT, 1)
    }


def signature(name: str, rules: ContentRules, *, kind: str = "f1", several: bool = False) -> str:
    """What a number is: metric, words and list, references, derangements, version.

    Args:
        name: the metric.
        rules: how it was taken.
        kind: one of `KINDS`.
        several: whether a document has several references.
    """
    from mclas_fairseq.version import __version__

    fields = [f"{name}.{_LETTERS[kind]}"]
    if name == MATCHED:
        protocol = rules.protocol
        fields += [f"protocol:{protocol.name}", f"lang:{protocol.language}"]
        fields += [f"tok:{protocol.token_kind}", f"stem:{protocol.stemming}"]
    else:
        assert rules.content is not None
        fields += [f"lang:{rules.content.language}", f"tok:{rules.content.token_kind}"]
        fields.append(f"stop:{rules.content.stop_list}")
    fields.append(f"refs:{rules.multi_reference if several else 1}")
    if name not in CONTENT:
        fields.append(f"shuffled:{DERANGEMENTS}|seed:{rules.seed}")
    return "|".join([*fields, f"v:{__version__}"])


def _difference(
    name: str, texts: Tokenised, places: Sequence[Sequence[int]], rules: ContentRules
) -> dict[tuple[str, str], Values]:
    if not places:
        return {}
    counted = count_ngrams(*texts, 1)
    return {
        (name, "f1"): matched_minus_shuffled(counted, places, multi_reference=rules.multi_reference)
    }


def _tokenised(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], protocol: RougeProtocol
) -> Tokenised:
    texts = [*hypotheses, *(text for group in references for text in group)]
    tokens = iter(tokenise(texts, protocol))
    own = [next(tokens) for _ in hypotheses]
    return own, [[next(tokens) for _ in group] for group in references]
