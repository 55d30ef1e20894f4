"""fairseq's scorer `rouge`: `fairseq-generate --task cross_lingual_summarization --scoring rouge`.

The last station of decoding. The two strings that fairseq passes to a scorer are not used (see
`scoring/feed.py`); the scorer takes the documents that our task left on the feed of its target
dictionary and prints one line for each language: `S^B` first, then `S^A`.
"""

# No `from __future__ import annotations` here, and `Optional` for `X | None`: fairseq reads the
# field types when it builds the command line.
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from fairseq.dataclass import FairseqDataclass
from fairseq.scoring import BaseScorer, register_scorer

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.protocols import RougeProtocol, get_protocol
from mclas_fairseq.evaluation.report import format_value, summarise
from mclas_fairseq.evaluation.rouge import METRICS, RougeScores, score_rouge
from mclas_fairseq.evaluation.systems import NAMES
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
        scores = self.scores()
        return next(iter(scores.values())).mean("rouge1") if scores else 0.0

    def scores(self) -> dict[str, RougeScores]:
        """Language -> scores of the documents with references in it, in the order of the report."""
        # In the split's order, not that of decoding: intervals are then those of `mclas score`.
        documents = sorted(self._documents, key=lambda document: document.row)
        languages = dict.fromkeys(
            language for document in documents for language in reversed(tuple(document.hypotheses))
        )
        result = {}
        for language in languages:
            rows = [
                (document.hypotheses[language], document.references[language])
                for document in documents
                if language in document.hypotheses and document.references.get(language)
            ]
            if rows:
                hypotheses, references = zip(*rows, strict=True)
                result[language] = score_rouge(
                    hypotheses, references, language=language, protocol=self._rules[language]
                )
        return result

    def result_string(self) -> str:
        """One line for each language: its scores with intervals, and their signature."""
        scores = self.scores()
        if not scores:
            return "ROUGE: nothing to score, no document has references"
        return "ROUGE F1" + "".join(
            f"\n{language}: {_one_line(value)}" for language, value in scores.items()
        )


def _path(given: Optional[str]) -> Optional[Path]:
    return None if given is None else Path(given)


def _one_line(scores: RougeScores) -> str:
    result = summarise(scores.protocol.language, scores)
    values = "  ".join(f"{NAMES[name]} {format_value(result.values[name])}" for name in METRICS)
    return f"{values}  ({len(scores)} documents)  {scores.signature()}"
