"""People's row: every reference against the others, and systems against the same others."""

from itertools import pairwise

import numpy as np
import pytest

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.content import MATCHED, content_rules
from mclas_fairseq.evaluation.people import (
    beside_people,
    can_leave_one_out,
    leave_one_out,
    people_system,
)
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.version import __version__

REFERENCES = [
    ["rote Katze", "rote Katze", "blauer Hund"],
    ["nur eine"],
    ["großes Haus", "kleines Haus"],
]
RULES = content_rules(get_protocol("default", "de"))


def test_every_reference_is_left_out_once_of_documents_with_two() -> None:
    folds = leave_one_out(REFERENCES)
    assert folds.documents == (0, 2)
    assert folds.left_out == (*REFERENCES[0], *REFERENCES[2])
    assert folds.others == (
        ("rote Katze", "blauer Hund"),
        ("rote Katze", "blauer Hund"),
        ("rote Katze", "rote Katze"),
        ("kleines Haus",),
        ("großes Haus",),
    )
    assert folds.repeat(["a", "b", "c"]) == ["a", "a", "a", "c", "c"]
    np.testing.assert_allclose(folds.mean(np.array([1.0, 2.0, 6.0, 1.0, 2.0])), [3.0, 1.5])


def test_people_are_scored_against_the_others() -> None:
    people = people_system(leave_one_out(REFERENCES), RULES)
    # Cats find each other, the dog finds nothing; of the houses, one of two words is right.
    np.testing.assert_allclose(people.by_document("rouge1"), [2 / 3, 1 / 2])
    assert people.measures["rouge1"].signature.endswith(f"|refs:max,leave-one-out|v:{__version__}")
    np.testing.assert_allclose(people.lengths, [[2.0, 2.0]])


def test_a_system_has_no_reference_more_than_people() -> None:
    folds = leave_one_out(REFERENCES)
    system = beside_people("dog", ["blauer Hund", "x", "großes Haus"], folds, RULES)
    # The dog is left out once; without that, a system would be scored 1 and people 2/3 at best.
    np.testing.assert_allclose(system.by_document("rouge1"), [2 / 3, 3 / 4])
    texts = folds.repeat(["blauer Hund", "x", "großes Haus"])
    expected = score_rouge(texts, folds.others, language="de").f1["rouge1"]
    np.testing.assert_allclose(system.by_document("rouge1"), folds.mean(expected))


def test_whoever_writes_what_a_person_wrote_scores_as_people_do_on_average() -> None:
    references = [["a b c", "a b d"], ["e f", "e g"], ["h i", "h k"]]
    folds = leave_one_out(references)
    people = people_system(folds, RULES).by_document("rouge1")
    first, second = (
        beside_people("x", [group[k] for group in references], folds, RULES).by_document("rouge1")
        for k in (0, 1)
    )
    # Half of the time a system meets its own text, which people never do.
    np.testing.assert_allclose(first, (people + 1) / 2)
    np.testing.assert_allclose(second, (people + 1) / 2)


def test_shuffled_folds_are_of_other_documents_with_as_many_references_as_they_have() -> None:
    folds = leave_one_out(REFERENCES * 3)
    owner = np.repeat(np.arange(len(folds.documents)), np.diff(folds.starts))
    for order in folds.derangements(seed=1):
        assert all(owner[place] != owner[fold] for fold, place in enumerate(order))
        for row, (start, end) in enumerate(pairwise(folds.starts)):
            met = order[start:end]
            references = np.count_nonzero(owner == owner[met[0]])
            assert len(set(met)) == min(end - start, references), row
    # The same nine documents three times: only shuffling with another text lowers the score.
    people = people_system(folds, RULES)
    assert people.by_document(MATCHED).mean() < people.by_document("rouge1").mean()


def test_fewer_than_two_documents_with_two_references_have_no_people() -> None:
    assert can_leave_one_out(REFERENCES)
    assert not can_leave_one_out(REFERENCES[:2])
    with pytest.raises(DataError, match="two documents with two references or more, but there are"):
        leave_one_out(REFERENCES[:2])
