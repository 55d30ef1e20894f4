"""The rule on summaries that people wrote (xscitldr, four languages; needs --data).

Each document's first reference stands for a system that knows what it does; another document's for
a machine that writes well and does not read; and one summary for all.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest

from mclas_fairseq.corpus.record import Record
from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.evaluation.baselines import baseline_summaries
from mclas_fairseq.evaluation.content import content_rules
from mclas_fairseq.evaluation.learning import LEARNED, NOT_LEARNED
from mclas_fairseq.evaluation.learning_table import Candidates, LearningTable, learning_table
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.untranslated import (
    SHOWN,
    read_titles,
    untranslated_summaries,
)


@pytest.mark.parametrize("language", ["de", "it", "zh", "en"])
def test_people_pass_and_constants_and_other_documents_do_not(
    language: str, data_dir: Path
) -> None:
    folder = data_dir / "xscitldr"
    train = list(read_records(folder / "train.jsonl.gz"))
    test = list(read_records(folder / "test.jsonl.gz"))
    titles = read_titles(folder / "test.jsonl.gz", "en")
    found = {
        **baseline_summaries(train, test, language, "en", 1, ContentProtocol(language)),
        **untranslated_summaries(test, language, "en", titles),
    }
    baselines = {name: texts for name, texts in found.items() if texts is not None}
    table = _table(test, baselines, language)
    assert table.people is not None
    assert table.people.verdict == LEARNED, table.people.unmet
    verdicts = {check.system: check.verdict for check in table.checks}
    expected = {"person": LEARNED, "another's": NOT_LEARNED, "constant": NOT_LEARNED}
    assert verdicts == expected, [check.unmet for check in table.checks]


def _table(test: Sequence[Record], baselines: dict[str, list[str]], language: str) -> LearningTable:
    people = [record.summary[language][0] for record in test]
    systems = {
        "person": people,
        "another's": [*people[1:], people[0]],
        "constant": [people[7]] * len(people),
    }
    return learning_table(
        Candidates(baselines, systems, SHOWN),
        [record.summary[language][1:] for record in test],
        content_rules(get_protocol("default", language)),
        by="content",
        margin=0.0,
    )
