"""What a summarizer gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional, Protocol


@dataclass(frozen=True)
class Hypothesis:
    """One hypothesis.

    Attributes:
        summary: its summaries, language -> text, in the order in which they were written.
        score: log-probability in bits under the length penalty, as fairseq prints it; the higher,
            the better. Scores of different documents cannot be compared.
        ids: dictionary ids of the tokens that the model wrote, separator and EOS included.
    """

    summary: dict[str, str]
    score: float
    ids: tuple[int, ...] = ()

    @property
    def tokens(self) -> int:
        """How many tokens the model wrote."""
        return len(self.ids)


@dataclass(frozen=True)
class Windows:
    """How a document was read that is longer than the model reads.

    Attributes:
        count: windows that it was cut into.
        passes: how often the model read: the windows, joined summaries, and so on.
        joined: the joined summaries of the last windows, from which the summary was written.
    """

    count: int
    passes: int
    joined: str


class Watch(Protocol):
    """Told of a summary while it is written, piece by piece; called in the thread that decodes."""

    def __call__(self, document: int, target: str, language: str, text: str) -> None:
        """Take what a token adds.

        Args:
            document: its place among those that are summarized, from 0.
            target: target language of the hypothesis.
            language: of the summary, one of the hypothesis.
            text: that the token adds; all of a summary's, joined and without spaces at the ends,
                are the summary, unless a limit of words cuts it afterwards.
        """


@dataclass(frozen=True)
class Summary:
    """What was written for one document.

    Attributes:
        hypotheses: as many as `DecodingOptions.nbest` says, best first; with several target
            languages those in the first that was asked for.
        targets: with several target languages the hypotheses in each; else empty.
        unread_tokens: of the document's end, which is beyond what the model reads (its
            `--max-source-positions`); 0 where all of it was read.
        windows: how it was read where it was read in windows; the hypotheses are then those of the
            joined summaries.
    """

    hypotheses: tuple[Hypothesis, ...]
    targets: Mapping[str, tuple[Hypothesis, ...]] = field(default_factory=dict)
    unread_tokens: int = 0
    windows: Optional[Windows] = None

    @property
    def best(self) -> Hypothesis:
        """The best hypothesis: `best.summary` holds both summaries by language, `best.score`."""
        return self.hypotheses[0]

    @property
    def summary(self) -> dict[str, str]:
        """The best summary in each language that was written.

        With several target languages the source language's is the one of the first of them.
        """
        whole = dict(self.best.summary)
        for hypotheses in self.targets.values():
            for language, text in hypotheses[0].summary.items():
                whole.setdefault(language, text)
        return whole

    @property
    def text(self) -> str:
        """The best summary in the language that is written last: the target language."""
        return list(self.best.summary.values())[-1]

    def __str__(self) -> str:
        return self.text
