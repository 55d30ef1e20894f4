"""Whether people pass the rule that judges systems, and stock phrases do not.

    python -m studies.measures.people DATA

DATA is the folder with xscitldr/ (English documents with several references in four languages, test
split). In each language: what people reach, each reference scored against the others; the best
baselines scored against the same others; and the verdict on three "systems": one that writes the
first reference (which is then left out for all), one that writes another document's, and one that
writes one summary for all. Prints a Markdown table.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from mclas_fairseq.corpus.record import Record
from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.evaluation.baselines import CONSTANT, CONSTANT_CONTENT, baseline_summaries
from mclas_fairseq.evaluation.content import CONTENT, MATCHED, content_rules
from mclas_fairseq.evaluation.learning_table import Candidates, LearningTable, learning_table
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.report import SystemResult
from mclas_fairseq.evaluation.untranslated import (
    SHOWN,
    TITLE,
    read_titles,
    untranslated_summaries,
)

LANGUAGES = ("de", "it", "zh", "en")
SOURCE = "en"
COLUMNS = ("rouge1", CONTENT[0], MATCHED)
ROWS = (CONSTANT, CONSTANT_CONTENT, TITLE)  # beside people's


def judged(folder: Path, language: str, *, by: str = "content") -> tuple[LearningTable, ...]:
    """The rule on all references, and on three systems that leave out the first one.

    Args:
        folder: with train.jsonl.gz and test.jsonl.gz.
        language: of the summaries.
        by: the measure of the rule.

    Returns:
        Baselines beside people, without systems; and the systems' table.
    """
    train = list(read_records(folder / "train.jsonl.gz"))
    test = list(read_records(folder / "test.jsonl.gz"))
    found = {
        **baseline_summaries(train, test, language, SOURCE, 1, ContentProtocol(language)),
        **untranslated_summaries(
            test, language, SOURCE, read_titles(folder / "test.jsonl.gz", SOURCE)
        ),
    }
    baselines = {name: texts for name, texts in found.items() if texts is not None}
    rules = content_rules(get_protocol("default", language))
    references = [record.summary[language] for record in test]
    tables = [
        learning_table(Candidates(baselines, systems, SHOWN), gold, rules, by=by, margin=0.0)
        for systems, gold in (
            ({}, references),
            (_systems(test, language), [group[1:] for group in references]),
        )
    ]
    return tuple(tables)


def _systems(test: Sequence[Record], language: str) -> dict[str, list[str]]:
    people = [record.summary[language][0] for record in test]
    return {
        "person": people,
        "another document's": [*people[1:], people[0]],
        "constant": [people[7]] * len(people),
    }


def rows(language: str, everybody: LearningTable, systems: LearningTable) -> Iterator[str]:
    """The lines of one language."""
    by_name = {result.name: result for result in everybody.beside_people}
    shown = [("people", everybody.beside_people[0])]
    shown += [(name, by_name[name]) for name in ROWS if name in by_name]
    for name, result in shown:
        said = ""
        if name == "people" and everybody.people is not None:
            said = everybody.people.verdict
        yield f"| {language} | {name} | {_values(result)} | {said} |"
    by_system = {result.name: result for result in systems.results}
    for check in systems.checks:
        values = _values(by_system[check.system])
        yield f"| {language} | system: {check.system} | {values} | {check.verdict} |"


def _values(result: SystemResult) -> str:
    found = [result.values[key] for key in COLUMNS]
    return " | ".join(f"{one.mean:.1f} [{one.low:.1f}, {one.high:.1f}]" for one in found)


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("data", type=Path, metavar="DATA", help="folder with xscitldr/")
    return found


def main() -> None:
    """Print the table."""
    folder = parser().parse_args().data / "xscitldr"
    print("| | | R-1 | C-1 | R-1 m-s | verdict |\n|---|---|---|---|---|---|")
    for language in LANGUAGES:
        print("\n".join(rows(language, *judged(folder, language))), flush=True)


if __name__ == "__main__":
    main()
