"""Cleaning steps that judge one record at a time: form, lengths, language, what was only copied."""

from collections import Counter
from collections.abc import Mapping
from typing import Optional

from mclas_fairseq.evaluation.output_language import identify_language
from mclas_fairseq.roundtrip.cleaning.options import Range
from mclas_fairseq.roundtrip.cleaning.texts import count_words, normalise, rules_for, text_of
from mclas_fairseq.roundtrip.steps import Record, RecordStep


class NormaliseText(RecordStep):
    """Brings all texts to Unicode NFC with single spaces; rejects none."""

    name = "normalise"

    def judge(self, record: Record) -> Optional[str]:
        """Change the record in place."""
        normalise(record)
        return None


class LengthLimits(RecordStep):
    """Rejects texts that are too short or too long, in words (or characters, as in Chinese).

    Args:
        limits: "document" and "summary" -> how many words they may have.
        languages: those of the texts; absent texts are not judged.
    """

    name = "length"

    def __init__(self, limits: Mapping[str, Range], languages: tuple[str, ...]) -> None:
        super().__init__()
        self._limits = dict(limits)
        self._rules = rules_for(languages)

    def settings(self) -> Mapping[str, object]:
        """The limits."""
        return {side: [limit.least, limit.most] for side, limit in self._limits.items()}

    def judge(self, record: Record) -> Optional[str]:
        """Name the side that is too short or too long."""
        for side, limit in self._limits.items():
            for language, rules in self._rules.items():
                text = text_of(record, side, language)
                count = count_words(text, rules)
                if text and not limit.holds(count):
                    return f"{side} too {'short' if count < limit.least else 'long'}"
        return None


class CappedPairs(RecordStep):
    """What steps have in common that compare the two summaries by a number with a cap.

    Args:
        most: the cap.
        languages: of the two summaries.
    """

    def __init__(self, most: float, languages: tuple[str, str]) -> None:
        super().__init__()
        self._most = most
        self._rules = rules_for(languages)

    def settings(self) -> Mapping[str, object]:
        """The cap."""
        return {"most": self._most}


class LengthRatio(CappedPairs):
    """Rejects pairs of summaries of which one has many times the words of the other.

    The cap is the largest ratio, from 1.
    """

    name = "ratio"

    def judge(self, record: Record) -> Optional[str]:
        """Compare the numbers of words; a summary without any is too short for every ratio.

        A record that lacks one of the summaries is not judged.
        """
        texts = {language: text_of(record, "summary", language) for language in self._rules}
        if not all(texts.values()):
            return None
        counts = [count_words(texts[language], rules) for language, rules in self._rules.items()]
        return "length ratio" if max(counts) > self._most * min(counts) else None


class CopiedWords(CappedPairs):
    """Rejects pairs of summaries that are too much the same words: what was left untranslated.

    The way back does not find them: what a translator left as it was comes back as it was, with the
    highest scores. Names and terms are copied by good translators too, so the share is capped.

    The cap is the largest share of copied words, in [0, 1].
    """

    name = "copied"

    def judge(self, record: Record) -> Optional[str]:
        """Compare the words of both summaries."""
        share = self.share(record)
        return "copied words" if share is not None and share > self._most else None

    def share(self, record: Record) -> Optional[float]:
        """Of the words of the summary that has fewer, the share that stands in the other one too.

        Case aside, each as often as it stands there; words without a letter (years, numbers) are
        not counted. None: a summary is lacking or has no words.
        """
        one, two = (
            Counter(
                word
                for sentence in rules.tokenise(text_of(record, "summary", language))
                for word in sentence
                if any(map(str.isalpha, word))
            )
            for language, rules in self._rules.items()
        )
        fewest = min(one.total(), two.total())
        return (one & two).total() / fewest if fewest else None


class DeclaredLanguage(RecordStep):
    """Rejects records with a text in another language than its key says.

    Between the languages of the pair only: short texts are easily taken for a kindred language, and
    what goes wrong in practice is a text left untranslated, or in another script.

    Args:
        sides: which texts to look at, "document" or "summary".
        languages: of the pair.
    """

    name = "language"

    def __init__(self, sides: tuple[str, ...], languages: tuple[str, str]) -> None:
        super().__init__()
        self._sides = sides
        self._languages = languages

    def judge(self, record: Record) -> Optional[str]:
        """Name the side that is in another language."""
        for side in self._sides:
            for language in self._languages:
                text = text_of(record, side, language)
                if text and identify_language(text, self._languages) != language:
                    return f"{side} in another language"
        return None
