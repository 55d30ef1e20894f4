"""Search for summaries by CTranslate2, under the grammar of our own search.

CTranslate2 has one list of entries for a call and counts lengths and n-grams over all that it
writes. So two summaries are first written in one call that is less strict than the grammar, as
pairs among which a beam chooses at the end, like our search. Where the best of them keep to the
grammar (`pairs.py`), which those of a model that learned mostly do, they are what is looked for.

The others take two calls: the first summary, then the second with the first one given. Greedy
search finds in two calls what it finds in one. With a beam first summaries are chosen before the
second begins: the best by the penalised score, the likeliest, and the next one where that is nearly
as likely. What is written behind them decides among these.

What else is not as in our search: the probabilities of a pair are those over the list of both
summaries, so that scores can be a little lower; where n-grams are blocked, CTranslate2 shares out
the probability of what is blocked, so that they can be a little higher; and a hypothesis whose
every choice would repeat an n-gram repeats one that need not be the likeliest.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, Optional

import torch
from torch import Tensor

from mclas_fairseq.ctranslate.calls import Calls, Row, Written
from mclas_fairseq.ctranslate.pairs import PairRules
from mclas_fairseq.ctranslate.symbols import Symbols
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.grammar import SummaryGrammar, TargetPlan
from mclas_fairseq.generation.length_penalty import LengthPenalty
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.generation.word_limit import ShortensSummaries, WordLimit

Hypothesis = dict[str, Any]

_LIKELIEST = 2  # first summaries of a document that are gone on with for being likely, at most
_NEARLY = 1.0  # nats by which the second of them may be less likely than the first


class Ct2Search:
    """Writes hypotheses of a grammar; has the `generate` of fairseq's generators.

    Args:
        translator: CTranslate2's, of a model with `symbols`.
        symbols: its rows.
        grammar: which sequences are hypotheses.
        options: how to search.
        text: what knows the words of a hypothesis; for a limit of words.
        start: what the decoder reads first where the plan says nothing.
        max_positions: most tokens that the decoder reads.

    Attributes:
        batch_size: documents decoded together; None: all of a call.

    Raises:
        ConfigError: an option that CTranslate2 cannot follow.
    """

    def __init__(
        self,
        translator: Any,
        symbols: Symbols,
        grammar: SummaryGrammar,
        options: DecodingOptions,
        *,
        text: ShortensSummaries,
        start: int,
        max_positions: int,
    ):
        _refuse(options, symbols, grammar)
        self.grammar, self.options = grammar, options
        self.batch_size: Optional[int] = None
        self._calls, self._symbols = Calls(translator, symbols, grammar, options, start), symbols
        self._max_positions = max_positions
        self._penalty = LengthPenalty(options.length_penalty, options.lenpen)
        self._limit = WordLimit(text, options.max_words) if options.max_words else None

    def generate(
        self,
        models: Sequence[Any],
        sample: dict[str, Any],
        prefix_tokens: Optional[Tensor] = None,
        constraints: Optional[Tensor] = None,
    ) -> list[list[Hypothesis]]:
        """Search.

        Args:
            models: not looked at: the translator is the model.
            sample: a batch with `net_input`: `src_tokens` (B, T_src), padded; and with several
                target languages `target_lang`, numbers of plans (B,).
            prefix_tokens: must be None.
            constraints: must be None.

        Returns:
            For each document (B) its hypotheses, best first: `tokens` (T_tgt,) with EOS, and
            `score`, their penalised log-probability, in nats.
        """
        assert prefix_tokens is None, "summaries have no given beginning"
        assert constraints is None, "summaries have no given parts"
        rows = self._rows(sample)
        found: list[list[Hypothesis]] = [[] for _ in rows]
        groups: dict[tuple[int, int], list[Row]] = defaultdict(list)
        for row in rows:
            groups[row.plan, row.limit].append(row)
        for group in groups.values():
            for row, hypotheses in self._search(group):
                found[row.place] = hypotheses
        return found

    def _rows(self, sample: dict[str, Any]) -> list[Row]:
        tokens: Tensor = sample["net_input"]["src_tokens"]
        plans = sample.get("target_lang")
        numbers = [0] * len(tokens) if plans is None else plans.tolist()
        present = tokens.ne(self._symbols.special.pad)
        limits = self.grammar.limits(present.sum(dim=1), self._max_positions).tolist()
        documents = [row[kept].tolist() for row, kept in zip(tokens, present, strict=True)]
        return [
            Row(place, tuple(document[:-1]), plan, limit)
            for place, (document, plan, limit) in enumerate(
                zip(documents, numbers, limits, strict=True)
            )
        ]

    def _search(self, rows: Sequence[Row]) -> Iterable[tuple[Row, list[Hypothesis]]]:
        """Hypotheses of documents of one plan and one limit."""
        plan = self.grammar.plans[rows[0].plan]
        if plan.separator is not None:
            together = self._together(rows)
            for row in rows:
                if row.place in together:
                    yield row, self._cut(together[row.place])
            rows = [row for row in rows if row.place not in together]
        if rows:
            yield from self._one_by_one(rows)

    def _together(self, rows: Sequence[Row]) -> dict[int, list[Hypothesis]]:
        """Hypotheses of those documents whose best pairs keep to the grammar, best first."""
        options, row = self.options, rows[0]
        plan = self.grammar.plans[row.plan]
        assert plan.separator is not None
        rules = PairRules.of(
            self._symbols,
            row.plan,
            separator=plan.separator,
            lengths=(self.grammar.floor, row.limit),
            ngram=options.no_repeat_ngram_size if self._calls.apart else 0,
        )
        found: dict[int, list[Hypothesis]] = {}
        order = sorted(range(len(rows)), key=lambda n: len(rows[n].document))
        for places in self._batches(order, [Written((), 0.0)] * len(rows), alike=False):
            chosen = [rows[n] for n in places]
            for row, pairs in zip(chosen, self._calls.both(chosen), strict=True):
                written = [(self._hypothesis(plan, one.tokens, one.total), one) for one in pairs]
                written.sort(key=lambda one: float(one[0]["score"]), reverse=True)
                if all(rules.keep(one.tokens) for _, one in written[: options.nbest]):
                    kept = [hypothesis for hypothesis, one in written if rules.keep(one.tokens)]
                    found[row.place] = kept
        return found

    def _one_by_one(self, rows: Sequence[Row]) -> Iterable[tuple[Row, list[Hypothesis]]]:
        """Hypotheses of documents of one plan and one limit, a summary in a call."""
        plan = self.grammar.plans[rows[0].plan]
        begun = [(row, Written((), 0.0)) for row in rows]
        if plan.separator is not None:
            candidates = self._summaries(rows, [one for _, one in begun], 0)
            begun = [
                (row, one)
                for row, found in zip(rows, candidates, strict=True)
                for one in self._gone_on_with(found)
            ]
        every, firsts = [row for row, _ in begun], [one for _, one in begun]
        last = self._summaries(every, firsts, self.grammar.summaries - 1)
        hypotheses: dict[int, list[Hypothesis]] = defaultdict(list)
        for row, first, endings in zip(every, firsts, last, strict=True):
            hypotheses[row.place] += self._pairs(plan, first, endings)
        for row in rows:
            yield row, self._ranked(hypotheses[row.place])

    def _gone_on_with(self, candidates: Sequence[Written]) -> list[Written]:
        """First summaries that a second one is written for, one to three."""
        best = max(
            candidates, key=lambda one: one.total / self._penalty.divisor(len(one.tokens) + 1)
        )
        ranked = sorted(candidates, key=lambda one: one.total, reverse=True)
        near = [one for one in ranked[:_LIKELIEST] if one.total > ranked[0].total - _NEARLY]
        return list(dict.fromkeys([best, *near]))

    def _pairs(
        self, plan: TargetPlan, begun: Written, endings: Sequence[Written]
    ) -> list[Hypothesis]:
        hypotheses: list[Hypothesis] = []
        for ending in endings:
            between = [] if plan.separator is None else [*begun.tokens, plan.separator]
            tokens = [*between, *ending.tokens, self.grammar.eos]
            hypotheses.append(self._hypothesis(plan, tokens, begun.total + ending.total))
        return hypotheses

    def _hypothesis(self, plan: TargetPlan, tokens: Sequence[int], total: float) -> Hypothesis:
        """Of ids with the last EOS, and their log-probability in nats."""
        given = [] if plan.start is None else [plan.start]
        score = total / self._penalty.divisor(len(tokens))
        return {"tokens": torch.tensor([*given, *tokens]), "score": score}

    def _ranked(self, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        return self._cut(sorted(hypotheses, key=lambda one: float(one["score"]), reverse=True))

    def _cut(self, hypotheses: list[Hypothesis]) -> list[Hypothesis]:
        """The same, each cut to the limit of words where there is one."""
        if self._limit is not None:
            for hypothesis in hypotheses:
                self._limit(hypothesis)
        return hypotheses

    def _summaries(
        self, rows: Sequence[Row], begun: Sequence[Written], part: int
    ) -> list[list[Written]]:
        """Candidates for one summary of each document.

        Args:
            rows: documents of one plan and one limit.
            begun: the summary before it; without tokens where there is none.
            part: number of the summary in its hypothesis.
        """
        found: list[list[Written]] = [[] for _ in rows]
        limit, shortest = rows[0].limit, self.grammar.floor
        order = sorted(
            range(len(rows)), key=lambda n: (len(begun[n].tokens), len(rows[n].document))
        )
        exact = part > 0 and shortest > 1
        for places in self._batches(order, begun, alike=exact):
            chosen = [rows[n] for n in places], [begun[n] for n in places]
            for n, candidates in zip(
                places, self._calls.one(*chosen, part, exact=exact), strict=True
            ):
                found[n] = candidates
        # A limit is one for a call, with what is given counted. Where that differs between
        # documents, each may write on; the few that did are searched again among their like.
        long = [n for n in order if any(len(one.tokens) > limit for one in found[n])]
        for places in self._batches(long, begun, alike=True):
            chosen = [rows[n] for n in places], [begun[n] for n in places]
            for n, candidates in zip(
                places, self._calls.one(*chosen, part, exact=True), strict=True
            ):
                found[n] = candidates
        return found

    def _batches(
        self, order: Sequence[int], begun: Sequence[Written], *, alike: bool
    ) -> Iterable[list[int]]:
        """Places in batches; `alike`: of documents whose first summaries are of one length."""
        batch: list[int] = []
        for n in order:
            full = self.batch_size is not None and len(batch) >= self.batch_size
            differs = batch and len(begun[batch[0]].tokens) != len(begun[n].tokens)
            if batch and (full or (alike and differs)):
                yield batch
                batch = []
            batch.append(n)
        if batch:
            yield batch


def _refuse(options: DecodingOptions, symbols: Symbols, grammar: SummaryGrammar) -> None:
    if options.repetition_penalty != 1:
        raise ConfigError(
            f"--repetition-penalty {options.repetition_penalty}: CTranslate2's is another one, of"
            " logits and over both summaries; leave it out, or use a bundle for torch (mclas export"
            " without --format ct2)"
        )
    needed = Symbols.lists_of(grammar)
    if needed != (symbols.lists, symbols.list_of, symbols.pair_of):
        raise ConfigError(
            f"--restrict-vocab {options.restrict_vocab}: the vocabularies of a bundle in"
            " CTranslate2's form are fixed when it is made; leave it out, or export the model"
            f" again with --restrict-vocab {options.restrict_vocab}"
        )
