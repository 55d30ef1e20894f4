"""Two summaries by CTranslate2 beside plain CTranslate2, our search, and stock fairseq's.

    python -m benchmarks.engines_speed --pairs 5 --threads 1

Random weights of `mclas_small`, the same for all; the same documents, beam and number of steps; in
one run, in turn. `ct2` writes two summaries from lists of a quarter of the dictionary each, in two
calls, the second for up to three first summaries of a document; `ct2_plain` writes as many tokens
in one call of CTranslate2's own, over everything; `ours` is the search that fairseq-generate runs
with this package's task, `stock` the one that it runs with fairseq's. Ratios are round by round, of
processor seconds and of time by the clock.

`--parts` also takes apart where `ct2` spends its time, in processor seconds, the least of three:
the two calls; of the second the reading of the documents, and of the first summaries, which are
given to it; and what the second call would take for one first summary of each document.
"""

import argparse
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from fairseq.sequence_generator import SequenceGenerator

from benchmarks.common import report
from benchmarks.paper_size import Sizes, World
from mclas_fairseq.ctranslate.forms import open_form, save_form
from mclas_fairseq.ctranslate.search import Ct2Search
from mclas_fairseq.ctranslate.symbols import Symbols
from mclas_fairseq.generation.options import DecodingOptions

SMALL = Sizes(
    vocabulary=16_000,
    entries=4_000,
    dim=256,
    encoder_layers=3,
    encoder_heads=4,
    encoder_ffn=1024,
    decoder_layers=3,
    decoder_heads=4,
    decoder_ffn=1024,
    batch=32,
    beam=4,
)
Run = Callable[[], Any]


def arguments() -> argparse.Namespace:
    """Options of this benchmark."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--pairs", type=int, default=5, help="rounds of all systems (default: 5)")
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--form", default="int8", help="of CTranslate2 (default: int8)")
    made.add_argument("--parts", action="store_true", help="where the time of ct2 goes, too")
    made.add_argument("--json", type=Path, help="write the result there as well")
    return made.parse_args()


class Recording:
    """CTranslate2's translator, which keeps what its last calls were asked."""

    def __init__(self, translator: Any):
        self.translator = translator
        self.calls: deque[tuple[list[list[str]], dict[str, Any]]] = deque(maxlen=2)

    def translate_batch(self, documents: list[list[str]], **asked: Any) -> Any:
        """Do so, and remember it."""
        self.calls.append((documents, asked))
        return self.translator.translate_batch(documents, **asked)

    def score_batch(self, *given: Any) -> Any:
        """Do so."""
        return self.translator.score_batch(*given)


def ct2_systems(
    world: World, model: Any, args: argparse.Namespace, folder: Path
) -> tuple[Ct2Search, dict[str, Run]]:
    """CTranslate2 with our lists, and as it comes."""
    sizes = world.sizes
    options = DecodingOptions(
        beam=sizes.beam,
        min_len=sizes.summary,
        max_len_b=sizes.summary,
        no_repeat_ngram_size=0,
    )
    grammar = world.generator(model).model.grammar
    symbols = Symbols.of(grammar, world.dictionary)
    save_form(model, symbols, folder / args.form, args.form)
    translator = open_form(folder / args.form, threads=args.threads, form=args.form)
    search = Ct2Search(
        Recording(translator),
        symbols,
        grammar,
        options,
        text=SimpleNamespace(),  # no words are counted
        start=world.dictionary.bos(),
        max_positions=512,
    )
    sample = world.sample(1)
    tokens, pad = sample["net_input"]["src_tokens"], world.dictionary.pad()
    documents = [[str(token) for token in row.tolist() if token != pad] for row in tokens]
    start = [[str(world.dictionary.bos())]] * len(documents)

    def plain() -> Any:
        search._calls.forget_list(world.dictionary.bos())
        return translator.translate_batch(
            documents,
            target_prefix=start,
            beam_size=sizes.beam,
            max_input_length=0,
            min_decoding_length=sizes.steps,
            max_decoding_length=sizes.steps,
            return_scores=True,
        )

    return search, {"ct2": lambda: search.generate([], sample), "ct2_plain": plain}


def parts(search: Ct2Search, start: int) -> dict[str, Any]:
    """Where the time of the last two calls went, see above."""
    recorded: Recording = search._calls.translator
    (firsts, first), (seconds, second) = recorded.calls
    prefixes = second["target_prefix"]
    alone = {"min_decoding_length": 1, "num_hypotheses": 1, "beam_size": 1}
    begun = [prefix[:1] for prefix in prefixes]
    given = {**second, "min_decoding_length": 1, "max_decoding_length": len(prefixes[0])}
    one_each = len(firsts)
    asked = {
        "first_call": (firsts, first),
        "second_call": (seconds, second),
        "second_call_one_first_summary": (
            seconds[:one_each],
            {**second, "target_prefix": prefixes[:one_each]},
        ),
        "reading_documents_again": (
            seconds,
            {**second, **alone, "target_prefix": begun, "max_decoding_length": 1},
        ),
        "documents_and_first_summaries": (seconds, given),
        "documents_and_first_summaries_beam_1": (seconds, {**given, **alone}),
    }
    found: dict[str, Any] = {"rows": [len(firsts), len(seconds)]}
    for name, (documents, options) in asked.items():
        took = []
        for _ in range(3):
            search._calls.forget_list(start)
            begun_at = time.process_time()
            recorded.translator.translate_batch(documents, **options)
            took.append(time.process_time() - begun_at)
        found[name] = round(min(took), 3)
    return found


def torch_systems(world: World, model: Any) -> dict[str, Run]:
    """This package's search, and fairseq's with its own Transformer of the same weights."""
    sizes, sample = world.sizes, world.sample(1)
    ours = world.generator(model)
    stock = world.stock().eval()
    weights = {k: v for k, v in model.state_dict().items() if k != "dictionary_fingerprint"}
    stock.load_state_dict(weights)
    steps = sizes.steps - 1  # and EOS
    plain = SequenceGenerator(
        [stock], world.dictionary, beam_size=sizes.beam, max_len_b=steps, min_len=steps
    )
    return {
        "ours": lambda: ours.generate(None, sample),
        "stock": lambda: plain.generate([stock], sample),
    }


def measure(runs: dict[str, Run], rounds: int) -> dict[str, dict[str, list[float]]]:
    """Seconds of the processor and by the clock, by system, after a round that is not counted."""
    found: dict[str, dict[str, list[float]]] = {
        name: {"processor": [], "clock": []} for name in runs
    }
    for number in range(rounds + 1):
        for name, run in runs.items():
            begun = time.process_time(), time.perf_counter()
            run()
            ended = time.process_time(), time.perf_counter()
            if number:
                found[name]["processor"].append(ended[0] - begun[0])
                found[name]["clock"].append(ended[1] - begun[1])
    return found


def ratios(one: list[float], other: list[float]) -> list[float]:
    """Median of seconds of `one` over those of `other`, round by round, least and most."""
    each = sorted(a / b for a, b in zip(one, other, strict=True))
    return [round(value, 2) for value in (statistics.median(each), each[0], each[-1])]


def main() -> None:
    """Measure all systems, and report."""
    args = arguments()
    torch.set_num_threads(args.threads)
    world = World.make(SMALL)
    model = world.ours().eval()
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        search, in_ct2 = ct2_systems(world, model, args, Path(folder))
        runs = {**in_ct2, **torch_systems(world, model)}
        tokens = [len(one[0]["tokens"]) for one in runs["ct2"]()]
        assert set(tokens) == {SMALL.steps}, "the same number of tokens is written"
        found = measure(runs, args.pairs)
        apart = {}
        if args.parts:
            runs["ct2"]()
            apart = {"ct2_parts": parts(search, world.dictionary.bos())}
    result: dict[str, Any] = {
        name: {kind: round(statistics.median(values), 3) for kind, values in seconds.items()}
        for name, seconds in found.items()
    }
    for kind in ("processor", "clock"):
        of = {name: seconds[kind] for name, seconds in found.items()}
        result[f"{kind}_ratios"] = {
            "stock_over_ct2": ratios(of["stock"], of["ct2"]),
            "ours_over_ct2": ratios(of["ours"], of["ct2"]),
            "ct2_over_plain_ct2": ratios(of["ct2"], of["ct2_plain"]),
            "stock_over_plain_ct2": ratios(of["stock"], of["ct2_plain"]),
        }
    report(args, {"form": args.form, "sizes": vars(SMALL), **result, **apart})


if __name__ == "__main__":
    main()
