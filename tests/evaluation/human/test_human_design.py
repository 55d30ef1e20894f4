from collections import Counter
from itertools import pairwise

import pytest

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.human.design import Options, Question, arrange, ask

DOCUMENTS = [f"d{number}" for number in range(30)]


def test_up_to_four_systems_are_shown_side_by_side() -> None:
    questions = ask(DOCUMENTS, ("a", "b", "c"), Options())
    assert questions == [Question(document, ("a", "b", "c")) for document in DOCUMENTS]
    assert {question.systems for question in ask(DOCUMENTS, tuple("abcd"), Options())} == {
        tuple("abcd")
    }


@pytest.mark.parametrize(("systems", "tuples"), [("abcde", 2), ("abcdefgh", 2), ("abcdefghi", 3)])
def test_more_systems_are_shown_in_tuples_of_four_each_equally_often(
    systems: str, tuples: int
) -> None:
    questions = ask(DOCUMENTS, tuple(systems), Options())
    assert len(questions) == tuples * len(DOCUMENTS)
    assert all(len(set(question.systems)) == 4 for question in questions)
    for document in DOCUMENTS:
        shown = {s for q in questions if q.document == document for s in q.systems}
        assert shown == set(systems)
    counts = Counter(system for question in questions for system in question.systems)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_ratings_are_asked_of_one_summary_at_a_time() -> None:
    questions = ask(["x", "y"], ("a", "b"), Options(design="rating"))
    assert [(question.document, *question.systems) for question in questions] == [
        ("x", "a"),
        ("x", "b"),
        ("y", "a"),
        ("y", "b"),
    ]


def test_each_annotator_answers_the_same_questions_in_an_order_of_their_own() -> None:
    questions = ask(DOCUMENTS, tuple("abcde"), Options())
    orders = [arrange(questions, annotator, seed=1) for annotator in (1, 2, 3)]
    for order in orders:
        # Compared as sets: the summaries are shuffled as well.
        found = sorted((question.document, sorted(question.systems)) for question in order)
        assert found == sorted(
            (question.document, sorted(question.systems)) for question in questions
        )
        places = [question.document for question in order]
        assert 1 + sum(one != two for one, two in pairwise(places)) == len(DOCUMENTS), "together"
    first_documents = {tuple(question.document for question in order[:8]) for order in orders}
    assert len(first_documents) == 3, "documents come in another order"
    assert orders[0] != orders[1] != orders[2] != orders[0]
    assert arrange(questions, 1, seed=1) == orders[0]
    assert arrange(questions, 1, seed=2) != orders[0]


def test_no_system_keeps_a_place_of_its_own() -> None:
    order = arrange(ask(DOCUMENTS * 10, tuple("abcd"), Options()), annotator=1, seed=1)
    for place in range(4):
        counts = Counter(question.systems[place] for question in order)
        assert set(counts) == set("abcd")
        assert max(counts.values()) < 0.4 * len(order)


@pytest.mark.parametrize(("design", "systems"), [("bws", ("a",)), ("rating", ())])
def test_too_few_systems_are_refused(design: str, systems: tuple[str, ...]) -> None:
    with pytest.raises(ConfigError, match=r"--system: --design .* but there are [01]; add systems"):
        ask(DOCUMENTS, systems, Options(design=design))
