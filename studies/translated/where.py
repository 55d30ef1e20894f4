"""Where copying helps: how many words of the references are found, by kind of word.

    python -m studies.translated.where OUT
    python -m studies.translated.where OUT --split test

A word of an Italian reference is a *name* if the English description has it as it stands (names,
numbers, terms that stay English), a *function word* if it is in the list of content ROUGE, else a
*term*: what must be translated. Recall is the share of such words that the summary has too, over
all documents of a split, each word of a summary counted once; precision the same of the words of
summaries. Summaries of validation are in OUT, those of the test split in studies/results.
"""

import argparse
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.protocols.default import DefaultProtocol
from studies.ddtp.__main__ import PackageDescriptions
from studies.harness.judging import MISSING, over_seeds
from studies.harness.running import training_name
from studies.harness.summaries import Floats, Summary, read_summaries
from studies.harness.table import RESULTS, Table
from studies.translated.cells import NAMES, PLAIN, cell, seeds

KINDS = ("names", "terms", "function words")
_PAIRS = (
    ("ncls-adaptive", "ncls"),
    ("ncls-adaptive", "ncls-none"),
    ("mclas-adaptive", "mclas"),
    ("mclas-adaptive", "mclas-none"),
)
Counts = dict[str, Counter[str]]  # kind -> words of a text


class Kinds:
    """Tells the kinds of the words of a language, for documents of another one."""

    def __init__(self, source: str, target: str):
        self._source, self._target = DefaultProtocol(source), DefaultProtocol(target)
        self._content = ContentProtocol(target)

    def document(self, text: str) -> frozenset[str]:
        """What is looked up to tell a name."""
        return frozenset(_words(self._source, text))

    def count(self, text: str, document: frozenset[str]) -> Counts:
        """The words of a text by kind; punctuation is none."""
        found: Counts = {kind: Counter() for kind in KINDS}
        for word in filter(self._content.is_word, _words(self._target, text)):
            if not self._content.is_content(word):
                found["function words"][word] += 1
            else:
                found["names" if word in document else "terms"][word] += 1
        return found


def _words(protocol: DefaultProtocol, text: str) -> Iterator[str]:
    for sentence in protocol.tokenise(text):
        yield from sentence


def shares(
    summaries: Sequence[Summary], records: Path, languages: tuple[str, str]
) -> dict[str, tuple[float, float]]:
    """Kind -> recall and precision in per cent, over all documents.

    Args:
        summaries: one for each record.
        records: with documents and references.
        languages: of documents, and of summaries.
    """
    source, target = languages
    kinds, texts = Kinds(source, target), {one["id"]: one["summary"][target] for one in summaries}
    hits, wanted, written = Counter[str](), Counter[str](), Counter[str]()
    for record in read_records(records):
        document = kinds.document(record.document_text(source))
        reference = kinds.count(record.summary[target][0], document)
        summary = kinds.count(texts[record.id], document)
        for kind in KINDS:
            hits[kind] += (reference[kind] & summary[kind]).total()
            wanted[kind] += reference[kind].total()
            written[kind] += summary[kind].total()
    return {
        kind: (_percent(hits[kind], wanted[kind]), _percent(hits[kind], written[kind]))
        for kind in KINDS
    }


def _percent(part: int, whole: int) -> float:
    return 100 * part / whole if whole else float("nan")


def found_by_system(out: Path, split: str, results: Path) -> dict[str, dict[str, Floats]]:
    """System -> kind -> recall and precision of each seed, (S, 2), of the systems that are there.

    Args:
        out: folder OUT of the studies.
        split: "valid" or "test".
        results: folder of the tables.
    """
    tables = [Table(name, results) for name in (PackageDescriptions.name, "translated")]
    found: dict[str, dict[str, Floats]] = {}
    for system in NAMES:
        texts = [_summaries(out, split, cell(system, seed).name, tables) for seed in seeds(system)]
        there = [one for one in texts if one is not None]
        if len(there) < len(texts):
            continue
        records = out / "it" / "records" / f"{split}.jsonl"
        by_seed = [shares(one, records, ("en", "it")) for one in there]
        found[system] = {kind: np.array([one[kind] for one in by_seed]) for kind in KINDS}
    return found


def _summaries(out: Path, split: str, name: str, tables: Iterable[Table]) -> list[Summary] | None:
    for table in tables:
        row = table.row(name)
        if row is not None and split == "test":
            return table.summaries(name, split) if "test" in row else None
        if row is not None:
            training = training_name(name, row["rate"])
            return read_summaries(out / "it" / "summaries" / f"{training}.{split}.jsonl")
    return None


def lines(found: dict[str, dict[str, Floats]]) -> Iterator[str]:
    """A table of the systems, and differences in recall over seeds."""
    yield f"| system | seeds | {' | '.join(f'{kind}: recall, precision' for kind in KINDS)} |"
    yield "|---|---|" + "---|" * len(KINDS)
    for system, by_kind in found.items():
        means = [by_kind[kind].mean(axis=0) for kind in KINDS]
        shown = " | ".join(f"{recall:.1f}, {precision:.1f}" for recall, precision in means)
        yield f"| {NAMES[system]} | {len(by_kind[KINDS[0]])} | {shown} |"
    yield ""
    for first, second in _PAIRS:
        for kind in KINDS:
            claim = f"- {kind} of the references found, {NAMES[first]} minus {NAMES[second]}"
            if first in found and second in found:
                recalls = [found[one][kind][:, :1] for one in (first, second)]
                yield f"{claim}: {over_seeds(*recalls)}"
            else:
                yield f"{claim}: {MISSING}"
    yield f"- The lexicon brings terms (their recall against plain copying): {_brings(found)}"


def _brings(found: dict[str, dict[str, Floats]]) -> str:
    """Whether the recall of terms is above that of plain copying in both layouts, by t."""
    pairs = [(first, second) for first, second in _PAIRS if second in PLAIN]
    if any(system not in found for pair in pairs for system in pair):
        return MISSING
    gaps = [over_seeds(*(found[system]["terms"][:, :1] for system in pair)) for pair in pairs]
    if all(one.low > 0 for one in gaps):
        return "yes"
    return "no, it loses some" if all(one.high < 0 for one in gaps) else "undecided"


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m studies.translated.where",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("out", type=Path, metavar="OUT", help="of studies.ddtp and .translated")
    made.add_argument("--split", choices=("valid", "test"), default="valid")
    made.add_argument("--results", type=Path, default=RESULTS, metavar="FOLDER")
    return made


def main(arguments: Sequence[str] | None = None) -> None:
    """Print both."""
    args = parser().parse_args(arguments)
    print(*lines(found_by_system(args.out, args.split, args.results)), sep="\n")


if __name__ == "__main__":
    main()
