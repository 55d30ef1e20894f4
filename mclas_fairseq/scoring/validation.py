"""Scores of decoded validation documents, as sums that can be added over batches and workers.

ROUGE, that of content words, and matched minus shuffled: what the literature compares, and what
tells a summary from stock phrases.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional, Protocol

import numpy as np
import torch
from fairseq.dataclass.configs import GenerationConfig
from fairseq.logging import metrics
from numpy.typing import NDArray
from torch import Tensor

from mclas_fairseq.corpus.json_text import parse_json
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.content import CONTENT, MATCHED, MATCHED_CONTENT, content_f1
from mclas_fairseq.evaluation.protocols import RougeProtocol, get_protocol
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.generation.options import Owner, search_options, unknown_options
from mclas_fairseq.scoring.shuffled import Shuffled

_LEAST_SHUFFLED = 2  # documents
_EXAMPLES = "beam, max_len_b or no_repeat_ngram_size"
REPORTED = ("rouge1", "rouge2", "rougeL")
# What is counted -> the means over it. Matched minus shuffled needs two documents to shuffle.
_COUNTS = {
    "rouge": REPORTED,
    "content": CONTENT,
    "matched": (MATCHED,),
    "matched_content": (MATCHED_CONTENT,),
}
_PARTS = ("", "ms_")  # the target summary (the last one), and the source-language summary
_OF_FAIRSEQ = tuple(option.name for option in dataclasses.fields(GenerationConfig))


class HypothesisText(Protocol):
    """What turns a hypothesis to summaries."""

    languages: tuple[str, ...]

    def summaries(self, tokens: Sequence[int]) -> dict[str, str]:
        """Text of each summary, by language."""


@dataclass(frozen=True)
class ValidationRouge:
    """Decodes and scores a capped number of validation documents, spread evenly over the split.

    Attributes:
        options: generation options as fairseq names them.
        documents: at most so many documents, 0 for all.
        rules: the protocol of each language; the default one for languages that are not there.
        content: content words of each language; not scored in languages that are not there.
    """

    options: dict[str, Any]
    documents: int
    rules: Mapping[str, RougeProtocol] = field(default_factory=dict)
    content: Mapping[str, ContentProtocol] = field(default_factory=dict)

    @classmethod
    def from_json(
        cls, options: str, documents: int, rules: Optional[Mapping[str, RougeProtocol]] = None
    ) -> "ValidationRouge":
        """Read generation options; the other arguments are the attributes.

        Raises:
            ConfigError: they are not a JSON object, there is no such option, or it is out of range.
        """
        try:
            given = parse_json(options)
        except ValueError as error:
            raise ConfigError(
                f"--eval-rouge-args: it must be a JSON object, {options!r} is not ({error}); "
                "write e.g. '{\"beam\": 4}'"
            ) from error
        if not isinstance(given, dict):
            raise ConfigError(f"--eval-rouge-args: it must be a JSON object, found {options!r}")
        return cls(validation_options(given), documents, rules or {})

    def chosen(self, total: int) -> NDArray[np.bool_]:
        """Which rows of a split are decoded, shape (total,): every k-th one."""
        if self.documents <= 0 or self.documents >= total:
            return np.ones(total, dtype=bool)
        steps = np.arange(-1, total) * self.documents // total
        found: NDArray[np.bool_] = steps[1:] != steps[:-1]
        return found

    def score(
        self,
        sample: Mapping[str, Any],
        decode: Callable[[dict[str, Any]], list[list[dict[str, Any]]]],
        *,
        text: HypothesisText,
        references: Sequence[Mapping[str, Sequence[str]]],
    ) -> dict[str, float]:
        """Decode the chosen documents of a batch.

        Args:
            sample: a batch of the validation split, `id` being rows of the split.
            decode: maps a batch to its hypotheses, best first.
            text: turns hypotheses to summaries.
            references: raw references of every row, by language.

        Returns:
            Sums in points over the decoded documents, and how many they are.
        """
        names = [name for counted in _COUNTS.values() for name in counted]
        sums = {f"_{part}{name}_sum": 0.0 for part in _PARTS for name in names}
        sums.update({f"_{part}{kind}_documents": 0.0 for part in _PARTS for kind in _COUNTS})
        rows: list[int] = sample["id"].tolist()
        decoded = self.chosen(len(references))
        places = [i for i, row in enumerate(rows) if decoded[row]]
        if not places:
            return sums
        hypotheses = decode(_take(sample, torch.tensor(places)))
        written = [text.summaries(candidates[0]["tokens"].tolist()) for candidates in hypotheses]
        for part, language in text_parts(text):
            pairs = [
                (rows[place], summary[language])
                for summary, place in zip(written, places, strict=True)
                if language in summary and references[rows[place]].get(language)
            ]
            every = Shuffled.of(language, decoded, references)
            for kind, values in self._values(pairs, every):
                sums[f"_{part}{kind}_documents"] += len(pairs)
                for name in _COUNTS[kind]:
                    sums[f"_{part}{name}_sum"] += 100.0 * float(values[name].sum())
        return sums

    def _values(
        self, pairs: Sequence[tuple[int, str]], every: Shuffled
    ) -> Iterator[tuple[str, Mapping[str, NDArray[np.float64]]]]:
        """What is counted -> metric -> value of each pair of a row and its summary."""
        if not pairs:
            return
        language = every.language
        rows, summaries = [row for row, _ in pairs], [summary for _, summary in pairs]
        references = [every.references[row][language] for row in rows]
        rules = self.rules.get(language) or get_protocol("default", language)
        scores = score_rouge(summaries, references, language=language, protocol=rules)
        yield "rouge", scores.f1
        content = self.content.get(language)
        if content is not None:
            yield "content", content_f1(summaries, references, content)
        if len(every) < _LEAST_SHUFFLED:
            return
        yield "matched", {MATCHED: every.gaps(rows, summaries, rules)}
        if content is not None:
            gaps = every.gaps(rows, summaries, content)
            yield "matched_content", {MATCHED_CONTENT: gaps}


def validation_options(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options of the search at validation.

    Args:
        given: name -> value, of our options or of fairseq's `GenerationConfig`.

    Returns:
        Those, and the defaults of fairseq's own; the task's own are by its flags unless given.

    Raises:
        ConfigError: there is no such option, or it is out of range.
    """
    if unknown := unknown_options(given, *_OF_FAIRSEQ):
        raise ConfigError(
            f"--eval-rouge-args: it may hold options of the search, named as {_EXAMPLES}, but has"
            f" {', '.join(unknown)}; correct the name or leave it out"
        )
    try:
        for option in search_options():
            if option.name in given:
                option.check(given[option.name])
    except ConfigError as error:
        raise ConfigError(f"--eval-rouge-args: {error}") from error
    defaults = {row.name: row.validation_default for row in search_options(Owner.FAIRSEQ)}
    return {**defaults, **given}


def text_parts(text: HypothesisText) -> list[tuple[str, str]]:
    """(part, language) of what is scored: target summaries, then the source-language one.

    With several target languages the target part is the mean over the hypotheses in all of them.
    """
    targets = tuple(getattr(text, "targets", ()))
    if not targets:
        return list(zip(_PARTS, reversed(text.languages), strict=False))
    return [("" if code in targets else "ms_", code) for code in text.languages]


def reduce_rouge(logging_outputs: Sequence[Mapping[str, Any]]) -> None:
    """Log means in points over the decoded documents of all batches and workers."""
    for part in _PARTS:
        for kind, names in _COUNTS.items():
            count = _total(logging_outputs, f"_{part}{kind}_documents")
            for name in names if count > 0 else ():
                value = _total(logging_outputs, f"_{part}{name}_sum") / count
                metrics.log_scalar(f"{part}{name}", value, count, round=2)


def _total(logging_outputs: Sequence[Mapping[str, Any]], key: str) -> float:
    return float(sum(float(log.get(key, 0.0)) for log in logging_outputs))


def _take(sample: Mapping[str, Any], places: Tensor) -> dict[str, Any]:
    """The rows `places` of a batch's ids, target languages and encoder input."""
    net_input = sample["net_input"]
    chosen = places.to(net_input["src_tokens"].device)
    rows = places.to(sample["id"].device)
    return {
        **{
            key: sample[key].index_select(0, rows) for key in ("id", "target_lang") if key in sample
        },
        "net_input": {
            name: net_input[name].index_select(0, chosen) for name in ("src_tokens", "src_lengths")
        },
    }
