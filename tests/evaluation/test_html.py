"""The page for error analysis: what it holds, that it stands alone, and that nothing breaks out."""

from html.parser import HTMLParser

import numpy as np
import pytest

from mclas_fairseq.evaluation.comparisons import Resampling, compare_systems
from mclas_fairseq.evaluation.documents import Documents
from mclas_fairseq.evaluation.html import Analysis, error_page
from mclas_fairseq.evaluation.html.selection import choose_sections
from mclas_fairseq.evaluation.inputs import Aligned
from mclas_fairseq.evaluation.report import summarise_system
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.evaluation.systems import Measure, System, rouge_system

HOSTILE = '<script>alert(1)</script> & "quoted" <img src=x onerror=y>'
VOID = {"meta", "br", "hr", "img", "link"}
REFERENCES = (("ein Haus brannte", "Haus in Flammen"), ("47 Kinder",), ("الماء بارد",))
DOCUMENTS = Documents(
    language="en",
    texts=("A house burned in Zeltern.", f"44 children {HOSTILE}", "The water is cold."),
    in_scored_language=None,
    source_references=(("a house burned",), (), ("cold water",)),
)


class Page(HTMLParser):
    """Collects what a test looks at, and fails on tags that do not match."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.marked: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        if self.open and self.open[-1] == "mark":
            self.marked.append((self.tags[-1][1]["class"] or "", data))


def system(name: str, *texts: str) -> System:
    """A system with both summaries of three documents."""
    summaries = tuple({"en": f"{name} in English", "de": text} for text in texts)
    run = Aligned(texts, REFERENCES, 0, (0, 1, 2), ("d1", "d<2>", "d3"), summaries)
    scores = score_rouge(texts, REFERENCES, language="de")
    return rouge_system(name, (f"{name}.jsonl",), (run,), (scores,))


FIRST = system("MCLAS", "ein Haus brannte", "46 Kinder", "الماء")
SECOND = system(f"NCLS {HOSTILE}", "ein Baum", HOSTILE, "")


def page(documents: Documents | None = DOCUMENTS, count: int = 3) -> str:
    systems = [FIRST, SECOND]
    return error_page(
        Analysis(
            language="de",
            systems=systems,
            results=[summarise_system(one, resamples=20) for one in systems],
            comparisons=compare_systems(FIRST, [SECOND], Resampling(20, 20)),
            documents=documents,
            count=count,
            seed=1,
        )
    )


def test_page_is_well_formed_and_stands_alone() -> None:
    parsed = Page(page())
    names = {tag for tag, _ in parsed.tags}
    assert not names & {"script", "img", "link", "iframe", "object", "embed"}
    loading = {"src", "href", "onerror", "onclick", "style"}
    found = [(tag, name, value) for tag, attrs in parsed.tags for name, value in attrs.items()
             if name in loading]  # fmt: skip
    assert found
    assert all(tag == "a" and str(value).startswith("#") for tag, _, value in found)
    style = page().split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_hostile_texts_names_and_ids_stay_text() -> None:
    parsed = Page(page())
    text = "".join(parsed.texts)
    assert text.count(HOSTILE) >= 3  # in the document, a summary and the system's name
    assert "d<2>" in text


def test_every_document_has_its_texts_and_scores_side_by_side() -> None:
    text = "".join(Page(page(count=1)).texts)
    best = text.split("highest R-1 F1 of MCLAS")[1].split("Worst documents")[0]
    parts = [
        *("d1", "Document (en)", "A house burned in Zeltern.", "Reference (de)"),
        *("Haus in Flammen", "Reference (en)", "a house burned", "MCLAS (de)", "R-1 100.0"),
        *("3 tokens", "MCLAS (en)", "MCLAS in English", "ein Baum"),
    ]
    assert [part for part in parts if part not in best] == []


def test_head_has_scores_comparison_and_signature() -> None:
    text = "".join(Page(page()).texts)
    head = text.split("Best documents")[0]
    assert FIRST.signature in head
    assert "minus NCLS" in head
    assert "p (randomisation)" in head
    assert "[" in head


def test_numbers_that_the_document_lacks_are_marked_also_in_references() -> None:
    marked = Page(page()).marked
    assert ("number", "46") in marked
    assert ("number", "47") in marked
    assert ("number", "44") not in marked


def test_without_documents_nothing_is_marked_and_the_page_says_why() -> None:
    parsed = Page(page(documents=None))
    assert parsed.marked == []
    assert "No documents were given (--documents)" in "".join(parsed.texts)


def test_texts_have_a_language_and_a_direction_of_their_own() -> None:
    parsed = Page(page())
    texts = [attrs for tag, attrs in parsed.tags if attrs.get("class") == "text"]
    assert texts
    assert all(attrs["dir"] == "auto" for attrs in texts)
    assert {attrs["lang"] for attrs in texts} == {"de", "en"}


def test_an_empty_summary_is_shown_as_such() -> None:
    assert "(empty)" in Page(page()).texts


def test_links_lead_to_the_sections() -> None:
    parsed = Page(page())
    anchors = {attrs["id"] for tag, attrs in parsed.tags if tag == "section"}
    links = {str(attrs["href"])[1:] for tag, attrs in parsed.tags if tag == "a"}
    assert anchors == links == {"best", "worst", "gaps", "random"}


def with_values(name: str, *values: float) -> System:
    measure = Measure("rouge1", "R-1", "f1", np.array([values]), "rouge1.f")
    lengths = np.ones((1, len(values)))
    return System(name, (name,), (), {"rouge1": measure}, lengths, lengths[0], "rouge")


def test_sections_are_the_best_the_worst_the_disputed_and_seeded_random_ones() -> None:
    first = with_values("A", 0.5, 0.9, 0.1, 0.5, 0.7)
    second = with_values("B", 0.5, 0.8, 0.1, 0.0, 0.3)
    best, worst, gaps, random = choose_sections([first, second], count=2, seed=5)
    assert best.rows == (1, 4)
    assert worst.rows == (2, 0)  # equal scores stand in the order of the documents
    assert gaps.rows == (3, 4)
    again = choose_sections([first, second], count=2, seed=5)[-1]
    assert random == again
    others = {choose_sections([first], count=2, seed=seed)[-1].rows for seed in range(10)}
    assert len(others) > 1


@pytest.mark.parametrize("count", [1, 100])
def test_sections_hold_what_there_is(count: int) -> None:
    for section in choose_sections([with_values("A", 0.1, 0.2, 0.3)], count=count, seed=1):
        assert len(section.rows) == min(count, 3)
        assert len(set(section.rows)) == len(section.rows)


def test_one_system_has_no_gaps() -> None:
    sections = choose_sections([with_values("A", 0.1, 0.2)], count=1, seed=1)
    assert [section.anchor for section in sections] == ["best", "worst", "random"]
