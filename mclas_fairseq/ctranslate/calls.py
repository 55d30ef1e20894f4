"""What CTranslate2 is asked for one or both summaries of some documents, and what it answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Optional

from mclas_fairseq.ctranslate.symbols import Symbols
from mclas_fairseq.generation.grammar import SummaryGrammar
from mclas_fairseq.generation.options import DecodingOptions

# A search ends when so many times the beam have ended. With 1, as in our search, which ends them
# in another order, CTranslate2 finds what is a little less likely (docs/results.md, "Engines").
_PATIENCE = 1.5


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
class Row:
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


class Calls:
    """Asks CTranslate2 for summaries of documents of one plan and one limit.

    Args:
        translator: CTranslate2's, of a model with `symbols`.
        symbols: its rows.
        grammar: which sequences are hypotheses.
        options: how to search.
        start: what the decoder reads first where the plan says nothing.
    """

    def __init__(
        self,
        translator: Any,
        symbols: Symbols,
        grammar: SummaryGrammar,
        options: DecodingOptions,
        start: int,
    ):
        self.translator, self._symbols = translator, symbols
        self.grammar, self.options, self.bos = grammar, options, start

    @property
    def apart(self) -> bool:
        """Whether n-grams of the first summary do not count in the second."""
        return self.options.ngram_block_scope == "summary"

    def one(
        self, rows: Sequence[Row], begun: Sequence[Written], part: int, *, exact: bool
    ) -> list[list[Written]]:
        """Candidates for one summary of each document, without what ends it.

        Args:
            rows: the documents.
            begun: the summary before it; without tokens where there is none.
            part: number of the summary in its hypothesis.
            exact: what is given is of one length, so that limits are exact, too.
        """
        symbols, options, plan = self._symbols, self.options, self.grammar.plans[rows[0].plan]
        number = symbols.list_of[rows[0].plan][part]
        last = part == self.grammar.summaries - 1
        end = self.grammar.eos if last or plan.separator is None else plan.separator
        start = self.bos if plan.start is None else plan.start
        given = [
            [*symbols.given(one.tokens, apart=self.apart), str(plan.separator)] if part else []
            for one in begun
        ]
        # The separator is counted, as are the tokens before it.
        most = max(map(len, given)) if exact or not part else rows[0].limit + 1
        least = (most if exact else 0) + self.grammar.floor
        found = self._ask(
            rows,
            number,
            given,
            suppress_sequences=self._never(number, start, given, end),
            no_repeat_ngram_size=options.no_repeat_ngram_size,
            end_token=str(end),
            max_decoding_length=most + rows[0].limit,
            min_decoding_length=least if exact or not part else 1,
        )
        return [
            [_without_end(one, len(tokens), end) for one in candidates]
            for candidates, tokens in zip(found, given, strict=True)
        ]

    def both(self, rows: Sequence[Row]) -> list[list[Written]]:
        """Candidates for both summaries of documents of one plan and one limit, ends included.

        Lengths and, `apart`, n-grams of each are not looked at.
        """
        plan = self.grammar.plans[rows[0].plan]
        number = self._symbols.pair_of[rows[0].plan]
        assert number is not None
        start = self.bos if plan.start is None else plan.start
        nothing: list[list[str]] = [[] for _ in rows]
        return self._ask(
            rows,
            number,
            nothing,
            suppress_sequences=self._never(number, start, nothing, None),
            no_repeat_ngram_size=0 if self.apart else self.options.no_repeat_ngram_size,
            end_token=str(self.grammar.eos),
            max_decoding_length=2 * rows[0].limit + 2,
            min_decoding_length=2 * self.grammar.floor + 1,
        )

    def _ask(
        self, rows: Sequence[Row], number: int, given: Sequence[Sequence[str]], **asked: Any
    ) -> list[list[Written]]:
        """What CTranslate2 writes with the list `number` behind what is `given`, which it repeats.

        Args:
            rows: documents of one plan.
            number: of the list.
            given: symbols behind the decoder's start, of each document.
            asked: further options of CTranslate2's.
        """
        plan = self.grammar.plans[rows[0].plan]
        start = self.bos if plan.start is None else plan.start
        self.forget_list(start)
        results = self.translator.translate_batch(
            [[*map(str, row.document), self._symbols.marker(number)] for row in rows],
            target_prefix=[[str(start), *tokens] for tokens in given],
            beam_size=self.options.beam,
            num_hypotheses=self.options.beam,
            length_penalty=1,  # without one CTranslate2 stops early; it is taken back here
            patience=_PATIENCE if self.options.beam > 1 else 1,
            disable_unk=True,
            return_end_token=True,
            return_scores=True,
            use_vmap=True,
            max_input_length=0,
            **asked,
        )
        return [
            [
                Written(tuple(map(int, tokens)), score * len(tokens))
                for tokens, score in zip(result.hypotheses, result.scores, strict=True)
            ]
            for result in results
        ]

    def forget_list(self, start: int) -> None:
        """Make CTranslate2 forget the list of the last call.

        It keeps the places that entries have in a list, and takes them for those in the next one.
        A call without a list makes it forget them; the cheapest is to score one symbol.
        """
        symbol = str(self._symbols.special.eos)
        self.translator.score_batch([[symbol]], [[str(start), symbol]])

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


def _without_end(written: Written, given: int, end: int) -> Written:
    own = written.tokens[given:]
    return Written(own[:-1] if own[-1:] == (end,) else own, written.total)
