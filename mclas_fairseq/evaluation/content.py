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
from mclas_fairseq.evaluation.overlap import Counted, Places, TextCounts, Values, overlap_scores
from mclas_fairseq.evaluation.protocols import RougeProtocol
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.rouge import KINDS
from mclas_fairseq.evaluation.sanity import DERANGEMENTS, derangements, matched_minus_shuffled
from mclas_fairseq.evaluation.systems import Measure, System
from mclas_fairseq.evaluation.token_ids import Texts

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


@dataclass(frozen=True)
class ContentRules:
    """How these measures are taken, with the texts that were counted by them.

    Attributes:
        words: by the protocol of ROUGE, for matched minus shuffled over all words.
        content: by content words; None: not known in the language, so not measured.
        multi_reference: "max" or "mean".
        seed: of the derangements.
    """

    words: TextCounts
    content: Optional[TextCounts]
    multi_reference: str = "max"
    seed: int = 1

    def fresh(self) -> "ContentRules":
        """The same rules without counted texts, of which a large corpus has too many to keep."""
        content = None if self.content is None else TextCounts(self.content.rules, keep=False)
        return replace(self, words=TextCounts(self.words.rules, keep=False), content=content)


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
    content = content_protocol(protocol.language)
    counts = None if content is None else TextCounts(content)
    return ContentRules(TextCounts(protocol), counts, multi_reference, seed)


def add_content(
    systems: Sequence[System], rules: ContentRules, *, kinds: Sequence[str] = ("f1",)
) -> list[System]:
    """Each system with these measures behind those that it has."""
    found = []
    for system in systems:
        measures = content_measures(system, rules.fresh(), kinds)
        found.append(replace(system, measures={**system.measures, **measures}))
    return found


def content_measures(
    system: System, rules: ContentRules, kinds: Sequence[str] = ("f1",)
) -> dict[str, Measure]:
    """Key -> measure, of all runs; matched minus shuffled needs two documents and is one number."""
    tables = [content_values(run.hypotheses, run.references, rules=rules) for run in system.runs]
    several = any(len(group) > 1 for run in system.runs for group in run.references)
    shown = rules.multi_reference if several else "1"
    found = {}
    for name, kind in tables[0]:
        if kind in kinds or name not in CONTENT:
            measure = Measure(
                metric=name,
                label=LABELS[name],
                kind=kind,
                values=np.stack([table[name, kind] for table in tables]),
                signature=signature(name, rules, kind=kind, references=shown),
            )
            found[measure.key] = measure
    return found


def content_values(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    *,
    rules: ContentRules,
    places: Optional[Sequence[Places]] = None,
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
    rule = rules.multi_reference
    found: dict[tuple[str, str], Values] = {}
    words, content = _encode(hypotheses, references, rules)
    if content is not None:
        for order, name in enumerate(CONTENT, 1):
            scores = overlap_scores(Counted(content, order), multi_reference=rule)
            found.update({(name, kind): scores[:, k] for k, kind in enumerate(KINDS)})
    for name, texts in ((MATCHED, words), (MATCHED_CONTENT, content)):
        if texts is not None and places:
            found[name, "f1"] = matched_minus_shuffled(Counted(texts), places, multi_reference=rule)
    return found


def _encode(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], rules: ContentRules
) -> tuple[Texts, Optional[Texts]]:
    """All words, and content words; cut once where the latter are a part of the former."""
    words = rules.words.encode(hypotheses, references)
    if rules.content is None:
        return words, None
    protocol = rules.content.rules
    assert isinstance(protocol, ContentProtocol)
    if protocol.is_part_of(rules.words.rules):
        return words, rules.words.content(words, protocol)
    return words, rules.content.encode(hypotheses, references)


def content_f1(
    hypotheses: Sequence[str], references: Sequence[Sequence[str]], content: ContentProtocol
) -> dict[str, Values]:
    """Content ROUGE alone: metric -> F1 of each summary with the best of its references, (N,)."""
    texts = TextCounts(content).encode(hypotheses, references)
    return {
        name: overlap_scores(Counted(texts, order))[:, KINDS.index("f1")]
        for order, name in enumerate(CONTENT, 1)
    }


def signature(name: str, rules: ContentRules, *, kind: str = "f1", references: str = "1") -> str:
    """What a number is: metric, words and list, references, derangements, version.

    Args:
        name: the metric.
        rules: how it was taken.
        kind: one of `KINDS`.
        references: "1" where every document has one, else the rule for several.
    """
    from mclas_fairseq.version import __version__

    fields = [f"{name}.{_LETTERS[kind]}"]
    if name not in (*CONTENT, MATCHED_CONTENT):
        protocol = rules.words.rules
        fields += [f"protocol:{protocol.name}", f"lang:{protocol.language}"]
        fields += [f"tok:{protocol.token_kind}", f"stem:{protocol.stemming}"]
    else:
        assert rules.content is not None
        content = rules.content.rules
        assert isinstance(content, ContentProtocol)
        fields += [f"lang:{content.language}", f"tok:{content.token_kind}"]
        fields.append(f"stop:{content.stop_list}")
    fields.append(f"refs:{references}")
    if name in (MATCHED, MATCHED_CONTENT):
        fields.append(f"shuffled:{DERANGEMENTS}|seed:{rules.seed}")
    return "|".join([*fields, f"v:{__version__}"])
