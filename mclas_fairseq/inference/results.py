"""What a summarizer gives back."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis.

    Attributes:
        summary: its summaries, language -> text, in the order in which they were written.
        score: log-probability in bits under the length penalty, as fairseq prints it; the higher,
            the better. Scores of different documents cannot be compared.
    """

    summary: dict[str, str]
    score: float


@dataclass(frozen=True)
class Summary:
    """What was written for one document.

    Attributes:
        hypotheses: as many as `DecodingOptions.nbest` says, best first.
    """

    hypotheses: tuple[Hypothesis, ...]

    @property
    def best(self) -> Hypothesis:
        """The best hypothesis: `best.summary` holds both summaries by language, `best.score`."""
        return self.hypotheses[0]

    @property
    def text(self) -> str:
        """The best summary in the language that is written last: the target language."""
        return list(self.best.summary.values())[-1]

    def __str__(self) -> str:
        return self.text
