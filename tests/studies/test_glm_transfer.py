"""The study of mGLM on package descriptions: its commands and its verdicts."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from fairseq import options

from studies.glm_transfer.__main__ import Given, training
from studies.glm_transfer.cells import SOURCES, TARGETS, Cell, cells
from studies.glm_transfer.report import CONTENT, LANGUAGE, SHUFFLED, report

GIVEN = Given(Path("out"), Path("data"), Path("text"), Path("pretrained"), 0, ["--cpu"])


def test_cells_have_names_of_their_own() -> None:
    names = [cell.name for cell in cells()]
    assert len(set(names)) == len(names) == 41
    assert names[:2] == ["en2it_balanced_all_seed1", "en2it+fr_balanced_all_seed1"]


def test_the_command_of_a_cell_says_languages_start_and_subset() -> None:
    words = training(Cell("en", "it,fr", "unbalanced", 500, 3), GIVEN, Path("bin"))
    args = options.parse_args_and_arch(options.get_training_parser(), words[1:])
    assert (args.source_langs, args.target_langs, args.cpu) == ("en", "it,fr", True)
    assert args.finetune_from_model == "pretrained/unbalanced/checkpoint_last.pt"
    assert (args.train_subset_size, args.subset_seed, args.seed, args.max_update) == (
        500,
        3,
        3,
        600,
    )
    words = training(Cell("en", "it", "scratch", 0, 1), GIVEN, Path("bin"))
    args = options.parse_args_and_arch(options.get_training_parser(), words[1:])
    assert (args.finetune_from_model, args.train_subset_size) == (None, 0)


Mean = Callable[[Cell, str, str, str], float]


def rows(mean: Mean, documents: int = 300) -> Iterator[dict[str, Any]]:
    """Rows of all cells; `mean` gives a measure of a cell, from a language into another."""
    for cell in cells():
        matrix = [
            {
                "source": source,
                "target": target,
                "documents": documents if source != "zh" else 20,
                "values": {
                    measure: {"mean": mean(cell, source, target, measure) + cell.seed / 10}
                    for measure in (CONTENT, SHUFFLED, LANGUAGE)
                },
            }
            for source in SOURCES
            for target in TARGETS
        ]
        yield {"cell": cell.name, "matrix": matrix}


def as_the_paper_says(cell: Cell, source: str, target: str, measure: str) -> float:
    """Right in the languages that were trained, else in the wrong language."""
    if measure == LANGUAGE:
        return 95.0 if target in cell.targets else 5.0
    start = {"scratch": 10.0, "unbalanced": 14.0, "balanced": 15.0}[cell.start]
    return start + (cell.seed % 2) / 10 * len(cell.start)


def test_verdicts_follow_the_rules() -> None:
    said = list(report(list(rows(as_the_paper_says))))
    lines = [line for line in said if line[:2] in ("1.", "2.", "3.", "4.", "5.")]
    assert [line[:2] for line in lines].count("1.") == len(SOURCES) - 1
    assert all(line.endswith(": holds") for line in lines if line[0] in "24"), lines
    assert "1. zh to it: too few documents" in lines
    assert next(line for line in lines if line.startswith("1. de")).endswith("holds")
    assert "| zh |" in "\n".join(said)
    assert "(few)" in "\n".join(said)


def test_summaries_in_the_wrong_language_are_no_transfer() -> None:
    def wrong(cell: Cell, source: str, target: str, measure: str) -> float:
        if measure == LANGUAGE and source == "de":
            return 60.0
        return as_the_paper_says(cell, source, target, measure)

    said = list(report(list(rows(wrong))))
    assert next(line for line in said if line.startswith("1. de")).endswith("does not hold")


def test_nothing_is_judged_of_one_seed() -> None:
    one = [row for row in rows(as_the_paper_says) if row["cell"].endswith("seed1")]
    judged = [line for line in report(one) if line[:2] in ("1,", "3:", "4.", "5.")]
    assert judged
    assert all("not judged, fewer than two seeds" in line for line in judged)
