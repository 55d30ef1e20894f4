"""Numbers and names of summaries beside documents and references, counted by hand."""

import pytest

from mclas_fairseq.evaluation.facts import Share, fact_means, summary_facts, system_facts
from mclas_fairseq.evaluation.names import NameRule, Rule

CAPITALS = NameRule(Rule.CAPITALS)
DOCUMENT = "In 2019 the company Acme sold 1,200 engines to Paris."


def test_numbers_and_names_that_the_document_lacks_are_counted() -> None:
    found = summary_facts(
        "A firm, Acme, sold 1.200 of 7 motors to Rome and Oslo.", DOCUMENT, (), CAPITALS
    )
    assert found.new == {"numbers": Share(1, 2), "names": Share(2, 3)}
    assert found.recalled == {"numbers": Share(0, 0), "names": Share(0, 0)}


def test_what_references_have_is_recalled_over_all_of_them() -> None:
    references = ["Its 1200 engines of Acme, in Paris.", "So Acme sold them in 2019 in Lyon."]
    found = summary_facts("The Acme of 2019.", DOCUMENT, references, CAPITALS)
    assert found.recalled == {"numbers": Share(1, 2), "names": Share(2, 4)}


def test_a_number_inside_a_name_counts_once() -> None:
    found = summary_facts("模型 GPT4 好", "模型", (), NameRule(Rule.LATIN_RUNS))
    assert found.new == {"numbers": Share(0, 0), "names": Share(1, 1)}


def test_shares_are_over_all_summaries_and_none_without_anything_to_count() -> None:
    texts = ["It sold 5.", "It sold 1200 and 2019 and 6.", "Nothing."]
    means = fact_means(summary_facts(text, DOCUMENT, ["2019"], CAPITALS) for text in texts)
    assert means["new_numbers"] == 2 / 4
    assert means["new_names"] is None
    assert means["recalled_numbers"] == 1 / 3


def test_systems_have_the_references_own_share_beside_theirs() -> None:
    found = system_facts(
        ["Die Firma Acme verkaufte 5 Motoren."],
        [["Die Firma Acme verkaufte 1200 Motoren für 30 Euro."]],
        [DOCUMENT],
        language="de",
        document_language="en",
    )
    assert found["new_numbers"] == 1.0
    assert found["reference_new_numbers"] == pytest.approx(1 / 2)
    assert (found["new_names"], found["recalled_names"]) == (0.0, 1.0), "Motoren is no name"
