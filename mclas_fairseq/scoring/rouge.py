"""fairseq's scorer `rouge`: `fairseq-generate --task cross_lingual_summarization --scoring rouge`.

The last station of decoding. The two strings that fairseq passes to a scorer are not used (see
`scoring/feed.py`); the scorer takes the documents that our task left on the feed of its target
dictionary and prints one line for each language, `S^B` first, then `S^A`, and one more for what
tells a summary from stock phrases: content words, and matched minus shuffled.
"""

# No `from __future__ import annotations` here, and `Optional` for `X | None`: fairseq reads the
# field types when it builds the command line.
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

from fairseq.dataclass import FairseqDataclass
from fairseq.scoring import BaseScorer, register_scorer

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.alignment import Aligned
from mclas_fairseq.evaluation.content import content_measures, content_rules
from mclas_fairseq.evaluation.intervals import SEED
from mclas_fairseq.evaluation.protocols import RougeProtocol, get_protocol
from mclas_fairseq.evaluation.report import SystemResult, format_value, summarise_system
from mclas_fairseq.evaluation.rouge import RougeScores, score_rouge
from mclas_fairseq.evaluation.systems import System, rouge_system
from mclas_fairseq.scoring.feed import ScoredDocument, ScoringFeed

ROUGE_PROTOCOL_HELP = (
    "ROUGE's rules for tokens, stemming and sentences: default, ncls (en, zh), mclas, xlsum or"
    " subword"
)
ROUGE_TOKENIZER_HELP = (
    "vocabulary of multilingual BERT for --rouge-protocol mclas in Chinese, SentencePiece model for"
    " --rouge-protocol subword (a file or a folder)"
)


@dataclass
class RougeScorerConfig(FairseqDataclass):
    """Options of `--scoring rouge`."""

    rouge_protocol: str = field(default="default", metadata={"help": ROUGE_PROTOCOL_HELP})
    rouge_tokenizer: Optional[str] = field(default=None, metadata={"help": ROUGE_TOKENIZER_HELP})


@register_scorer("rouge", dataclass=RougeScorerConfig)
class SummaryRougeScorer(BaseScorer):
    """ROUGE of each language's summaries against the raw references of the data-bin."""

    def __init__(self, cfg: RougeScorerConfig) -> None:
        super().__init__(cfg)
        self._feed: Optional[ScoringFeed] = None
        self._documents: list[ScoredDocument] = []
        self._rules: dict[str, RougeProtocol] = {}

    def connect(self, dictionary: Any) -> None:
        """Take documents from the feed of this target dictionary from now on.

        Raises:
            ConfigError: it has none, so the task is not ours.
        """
        feed = getattr(dictionary, "scoring_feed", None)
        if not isinstance(feed, ScoringFeed):
            raise ConfigError(
                "--scoring rouge: needs the raw references that only our tasks hand over, but the"
                " task in use hands over none; give --task cross_lingual_summarization"
            )
        feed.attached = True
        self._feed = feed

    def add_string(self, ref: str, pred: str) -> None:
        """Take the next document from the feed; both strings are fairseq's and are not used.

        Raises:
            ConfigError: the protocol does not exist for a language or lacks its tokenizer, or
                nothing was handed over.
        """
        if not self._feed:
            raise ConfigError(
                "--scoring rouge: the task must hand over every document it decodes, but handed"
                " over none for this one; give --task cross_lingual_summarization"
            )
        document = self._feed.pop()
        # A wrong protocol must not show after hours of decoding.
        for language in document.hypotheses:
            if language not in self._rules:
                self._rules[language] = get_protocol(
                    self.cfg.rouge_protocol, language, tokenizer=_path(self.cfg.rouge_tokenizer)
                )
        self._documents.append(document)

    def score(self) -> float:
        """ROUGE-1 F1 in points of the first language reported, `S^B`; 0 without references."""
        for language, rows in self._rows().items():
            return self._score(language, rows).mean("rouge1")
        return 0.0

    def scores(self) -> dict[str, RougeScores]:
        """Language -> scores of the documents with references in it, in the order of the report."""
        return {language: self._score(language, rows) for language, rows in self._rows().items()}

    def result_string(self) -> str:
        """For each language its scores with intervals, and their signatures.

        First ROUGE; below it content words and matched minus shuffled, as `mclas score` has them.
        """
        rows = self._rows()
        if not rows:
            return "ROUGE: nothing to score, no document has references"
        first, second = ["ROUGE F1"], []
        for language, texts in rows.items():
            scores = self._score(language, texts)
            rouge = rouge_system(language, (), (texts,), [scores])
            first.append(_one_line(rouge, f"({len(scores)} documents)  {scores.signature()}"))
            measures = content_measures(rouge, content_rules(scores.protocol, seed=SEED))
            if measures:
                name = f"{language}, content words and matched minus shuffled"
                signatures = "  ".join(measure.signature for measure in measures.values())
                second.append(_one_line(replace(rouge, name=name, measures=measures), signatures))
        return "\n".join([*first, *second])

    def _rows(self) -> dict[str, Aligned]:
        """Language -> summaries with references in it, in the order of the report."""
        # In the split's order, not that of decoding: intervals are then those of `mclas score`.
        documents = sorted(self._documents, key=lambda document: document.row)
        languages = dict.fromkeys(
            language for document in documents for language in reversed(tuple(document.hypotheses))
        )
        result = {}
        for language in languages:
            rows = [
                (document.hypotheses[language], tuple(document.references[language]))
                for document in documents
                if language in document.hypotheses and document.references.get(language)
            ]
            if rows:
                hypotheses, references = zip(*rows, strict=True)
                result[language] = Aligned(hypotheses, references, skipped=0)
        return result

    def _score(self, language: str, rows: Aligned) -> RougeScores:
        return score_rouge(
            rows.hypotheses, rows.references, language=language, protocol=self._rules[language]
        )


def _path(given: Optional[str]) -> Optional[Path]:
    return None if given is None else Path(given)


def _one_line(system: System, end: str) -> str:
    result: SystemResult = summarise_system(system)
    values = "  ".join(f"{value.label} {format_value(value)}" for value in result.values.values())
    return f"{system.name}: {values}  {end}"
