"""Search for summaries by CTranslate2, under the grammar of our own search.

CTranslate2 writes one summary with one list of entries, so that two take two calls: the first
summary, then the second with the first one given. Greedy search finds in two calls what it finds in
one. With a beam our search keeps pairs of summaries and chooses among them at the end; here first
summaries are chosen before the second begins: the best by the penalised score, the likeliest, and
the next one where that is nearly as likely. What is written behind them decides among these.

What else is not as in our search: where n-grams are blocked, CTranslate2 shares out the probability
of what is blocked, so that scores can be a little higher; and a hypothesis whose every choice would
repeat an n-gram repeats one that need not be the likeliest.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Optional

import torch
from torch import Tensor

from mclas_fairseq.ctranslate.symbols import Symbols
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.generation.grammar import SummaryGrammar
from mclas_fairseq.generation.length_penalty import LengthPenalty
from mclas_fairseq.generation.options import DecodingOptions
from mclas_fairseq.generation.word_limit import ShortensSummaries, WordLimit

Hypothesis = dict[str, Any]

_LIKELIEST = 2  # first summaries of a document that are gone on with for being likely, at most
_NEARLY = 1.0  # nats by which the second of them may be less likely than the first


@dataclass(frozen=True)
class Written:
    """A summary, or the beginning of a hypothesis.

    Attributes:
        tokens: its ids, what ends a summary left out.
        total: log-probability of it and its end, in nats.
    """

    tokens: tuple[int, ...]
    total: float


@dataclass(frozen=True)
class _Row:
    """A document to be summarized.

    Attributes:
        place: in the batch.
        document: its ids, without EOS.
        plan: number of the grammar's plan by which it is.
        limit: most tokens of a summary.
    """

    place: int
    document: tuple[int, ...]
    plan: int
    limit: int


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
        self.grammar, self.options, self.bos = grammar, options, start
        self.batch_size: Optional[int] = None
        self._translator, self._symbols = translator, symbols
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
        groups: dict[tuple[int, int], list[_Row]] = defaultdict(list)
        for row in rows:
            groups[row.plan, row.limit].append(row)
        for group in groups.values():
            for row, hypotheses in self._search(group):
                found[row.place] = hypotheses
        return found

    def _rows(self, sample: dict[str, Any]) -> list[_Row]:
        tokens: Tensor = sample["net_input"]["src_tokens"]
        plans = sample.get("target_lang")
        numbers = [0] * len(tokens) if plans is None else plans.tolist()
        present = tokens.ne(self._symbols.special.pad)
        limits = self.grammar.limits(present.sum(dim=1), self._max_positions).tolist()
        documents = [row[kept].tolist() for row, kept in zip(tokens, present, strict=True)]
        return [
            _Row(place, tuple(document[:-1]), plan, limit)
            for place, (document, plan, limit) in enumerate(
                zip(documents, numbers, limits, strict=True)
            )
        ]

    def _search(self, rows: Sequence[_Row]) -> Iterable[tuple[_Row, list[Hypothesis]]]:
        """Hypotheses of documents of one plan and one limit."""
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

    def _pairs(self, plan: Any, begun: Written, endings: Sequence[Written]) -> list[Hypothesis]:
        hypotheses: list[Hypothesis] = []
        for ending in endings:
            between = [] if plan.separator is None else [*begun.tokens, plan.separator]
            tokens = [*between, *ending.tokens, self.grammar.eos]
            divisor = self._penalty.divisor(len(tokens))
            given = [] if plan.start is None else [plan.start]
            hypotheses.append(
                {
                    "tokens": torch.tensor([*given, *tokens]),
                    "score": (begun.total + ending.total) / divisor,
                }
            )
        return hypotheses

    def _ranked(self, hypotheses: Sequence[Hypothesis]) -> list[Hypothesis]:
        ranked = sorted(hypotheses, key=lambda one: float(one["score"]), reverse=True)
        if self._limit is not None:
            for hypothesis in ranked:
                self._limit(hypothesis)
        return ranked

    def _summaries(
        self, rows: Sequence[_Row], begun: Sequence[Written], part: int
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
            for n, candidates in zip(places, self._call(*chosen, part, exact=exact), strict=True):
                found[n] = candidates
        # A limit is one for a call, with what is given counted. Where that differs between
        # documents, each may write on; the few that did are searched again among their like.
        long = [n for n in order if any(len(one.tokens) > limit for one in found[n])]
        for places in self._batches(long, begun, alike=True):
            chosen = [rows[n] for n in places], [begun[n] for n in places]
            for n, candidates in zip(places, self._call(*chosen, part, exact=True), strict=True):
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

    def _call(
        self, rows: Sequence[_Row], begun: Sequence[Written], part: int, *, exact: bool
    ) -> list[list[Written]]:
        """Ask CTranslate2; `exact`: what is given is of one length, so that limits are, too."""
        symbols, options, plan = self._symbols, self.options, self.grammar.plans[rows[0].plan]
        number = symbols.list_of[rows[0].plan][part]
        last = part == self.grammar.summaries - 1
        end = self.grammar.eos if last else plan.separator
        start = self.bos if plan.start is None else plan.start
        apart = options.ngram_block_scope == "summary"
        given = [
            [*symbols.given(one.tokens, apart=apart), str(plan.separator)] if part else []
            for one in begun
        ]
        # The separator is counted, as are the tokens before it.
        most = max(map(len, given)) if exact or not part else rows[0].limit + 1
        least = (most if exact else 0) + self.grammar.floor
        self._forget_list(start)
        results = self._translator.translate_batch(
            [[*map(str, row.document), symbols.marker(number)] for row in rows],
            target_prefix=[[str(start), *tokens] for tokens in given],
            beam_size=options.beam,
            num_hypotheses=options.beam,
            length_penalty=1,  # without one CTranslate2 stops early; it is taken back below
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            suppress_sequences=self._never(number, start, given, end),
            disable_unk=True,
            end_token=str(end),
            return_end_token=True,
            return_scores=True,
            use_vmap=True,
            max_input_length=0,
            max_decoding_length=most + rows[0].limit,
            min_decoding_length=least if exact or not part else 1,
        )
        return [
            [
                _written(tokens, score, len(tokens_given), str(end))
                for tokens, score in zip(result.hypotheses, result.scores, strict=True)
            ]
            for result, tokens_given in zip(results, given, strict=True)
        ]

    def _forget_list(self, start: int) -> None:
        """Make CTranslate2 forget the list of the last call.

        It keeps the places that entries have in a list, and takes them for those in the next one.
        A call without a list makes it forget them; the cheapest is to score one symbol.
        """
        symbol = str(self._symbols.special.eos)
        self._translator.score_batch([[symbol]], [[str(start), symbol]])

    def _never(
        self, number: int, start: int, given: Sequence[Sequence[str]], end: Optional[int]
    ) -> list[list[str]]:
        """What no summary of a call may hold, as sequences of symbols.

        CTranslate2 adds what is given, what the decoder starts with and its own symbols to a list.
        """
        listed, special = self._symbols.listed(number), self._symbols.special
        named = {str(start), str(special.bos), str(special.eos)}
        named.update(*given)
        never = [[name] for name in sorted(named) if int(name) not in listed]
        # An empty summary is none.
        return [*never, *([name, str(end)] for name in {tokens[-1] for tokens in given if tokens})]


def _written(tokens: Sequence[str], score: float, given: int, end: str) -> Written:
    own = [int(token) for token in tokens[given:]]
    kept = own[:-1] if tokens[-1] == end else own
    return Written(tuple(kept), score * len(tokens))


def _refuse(options: DecodingOptions, symbols: Symbols, grammar: SummaryGrammar) -> None:
    if options.repetition_penalty != 1:
        raise ConfigError(
            f"--repetition-penalty {options.repetition_penalty}: CTranslate2's is another one, of"
            " logits and over both summaries; leave it out, or use a bundle for torch (mclas export"
            " without --format ct2)"
        )
    needed = Symbols.lists_of(grammar)
    if needed != (symbols.lists, symbols.list_of):
        raise ConfigError(
            f"--restrict-vocab {options.restrict_vocab}: the vocabularies of a bundle in"
            " CTranslate2's form are fixed when it is made; leave it out, or export the model"
            f" again with --restrict-vocab {options.restrict_vocab}"
        )
