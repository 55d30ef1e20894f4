"""The rule on summaries that people wrote (xscitldr, four languages; needs --data).

Each document's first reference stands for a system that knows what it does; another document's for
a machine that writes well and does not read; and one summary for all.
"""

from pathlib import Path

import pytest

from mclas_fairseq.evaluation.learning import LEARNED, NOT_LEARNED
from studies.measures.people import judged


@pytest.mark.parametrize("language", ["de", "it", "zh", "en"])
def test_people_pass_and_constants_and_other_documents_do_not(
    language: str, data_dir: Path
) -> None:
    everybody, table = judged(data_dir / "xscitldr", language)
    for people in (everybody.people, table.people):
        assert people is not None
        assert people.verdict == LEARNED, people.unmet
    verdicts = {check.system: check.verdict for check in table.checks}
    expected = {"person": LEARNED, "another document's": NOT_LEARNED, "constant": NOT_LEARNED}
    assert verdicts == expected, [check.unmet for check in table.checks]
