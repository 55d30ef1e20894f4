"""A small part of the fuzzing in each run of the tests: two cases of every command."""

from pathlib import Path
from random import Random

import pytest

from tests.fuzz.cases import TARGETS
from tests.fuzz.mutations import BINARY, TEXT, Mutation
from tests.fuzz.run import outcomes

pytestmark = pytest.mark.slow


def test_damaged_files_end_in_one_line(tmp_path: Path) -> None:
    wrong = [
        f"{case.name}: {'; '.join(outcome.faults)}\n{outcome.said[-500:]}"
        for case, outcome in outcomes(range(1, 2 * len(TARGETS) + 1), tmp_path)
        if outcome.faults
    ]
    assert not wrong, "\n\n".join(wrong)


@pytest.mark.parametrize("mutation", dict.fromkeys((*TEXT, *BINARY)))
def test_the_same_seed_does_the_same_damage(mutation: Mutation) -> None:
    content = b'{"id": "a", "summary": {"de": ["x", "y"]}}\n{"id": "b"}\n'
    assert mutation(content, Random(5)) == mutation(content, Random(5))
    assert any(mutation(content, Random(seed)) != content for seed in range(9))
