"""What `mclas score` shows and writes: tables, JSON, rows by document, plots and the HTML page."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.output import open_output, write_json
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation import per_document
from mclas_fairseq.evaluation.comparison_report import (
    comparison_table,
    comparisons_to_json,
    resampling_to_json,
)
from mclas_fairseq.evaluation.comparisons import Resampling, SystemComparison
from mclas_fairseq.evaluation.documents import Documents
from mclas_fairseq.evaluation.measuring import Rules
from mclas_fairseq.evaluation.people_report import people_table
from mclas_fairseq.evaluation.report import (
    WIDTH,
    SystemResult,
    markdown_table,
    text_table,
    to_json,
)
from mclas_fairseq.evaluation.rouge import METRICS
from mclas_fairseq.evaluation.statistics_report import (
    SystemStatistics,
    statistics_table,
    statistics_to_json,
)
from mclas_fairseq.evaluation.systems import System


@dataclass(frozen=True)
class Scored:
    """Everything that was computed.

    Attributes:
        rules: how it was scored.
        references: the files of the references.
        systems: --hyp's and then those of --compare.
        results: the systems' rows of the score tables.
        comparisons: of the first system with each of the others.
        settings: of intervals and tests.
        documents: the documents, where they are known.
        statistics: of each system's texts; None: not asked for.
        beside_people: people's row and then the systems' scored as people are; empty where fewer
            than two documents have two references.
    """

    rules: Rules
    references: str
    systems: Sequence[System]
    results: Sequence[SystemResult]
    comparisons: Sequence[SystemComparison]
    settings: Resampling
    documents: Optional[Documents]
    statistics: Optional[Sequence[SystemStatistics]]
    beside_people: Sequence[SystemResult] = ()


@dataclass(frozen=True)
class Files:
    """The reports that are to be written; None: not asked for."""

    json: Optional[Path] = None
    markdown: Optional[Path] = None
    per_document: Optional[Path] = None
    plot: Optional[Path] = None
    html: Optional[Path] = None
    html_documents: int = 10


def check_files(files: Files) -> None:
    """Refuse names that do not fit what is written, before anything is scored.

    Raises:
        ConfigError: an ending is wrong, two reports have one name, or a file cannot be there.
    """
    reports = {"--json": files.json, "--markdown": files.markdown, "--plot": files.plot,
               "--per-document": files.per_document, "--html": files.html}  # fmt: skip
    taken: dict[Path, str] = {}
    for flag, path in reports.items():
        if path is not None:
            _check_place(flag, path)
            other = taken.setdefault(path, flag)
            if other != flag:
                raise ConfigError(
                    f"{flag}: every report must have a file of its own, but {path} is also that of"
                    f" {other}; change one"
                )
    if files.per_document is not None:
        per_document.check_name(files.per_document)
    if files.plot is not None and files.plot.suffix != ".png":
        raise ConfigError(f"--plot: the name must end in .png, but is {files.plot}; change it")


def _check_place(flag: str, path: Path) -> None:
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if path.is_dir() or not above.is_dir():
        wrong = path if path.is_dir() else above
        raise ConfigError(
            f"{flag} {path}: must be a file in a folder, but {wrong} is a"
            f" {'folder' if path.is_dir() else 'file'}; change the name"
        )


def terminal_report(scored: Scored) -> str:
    """The tables for the terminal, within 100 columns where the names allow it."""
    results = scored.results
    tables = [text_table(results, width=WIDTH)]
    others = _similarity_metrics(results)
    if others:
        tables.append(text_table(results, metrics=others, width=WIDTH))
    if scored.beside_people:
        tables.append(people_table(scored.beside_people))
    tables += [comparison_table(comparison) for comparison in scored.comparisons]
    if scored.statistics is not None:
        tables.append(statistics_table(scored.statistics))
    return "\n\n".join(tables)


def markdown_report(scored: Scored) -> str:
    """The same tables in Markdown."""
    results = scored.results
    tables = [markdown_table(results)]
    others = _similarity_metrics(results)
    if others:
        tables.append(markdown_table(results, metrics=others))
    if scored.beside_people:
        tables.append(people_table(scored.beside_people, markdown=True))
    tables += [comparison_table(comparison, style="github") for comparison in scored.comparisons]
    if scored.statistics is not None:
        tables.append(statistics_table(scored.statistics, style="github"))
    return "\n\n".join(tables) + "\n"


def json_report(scored: Scored) -> dict[str, object]:
    """All numbers with signatures, and how intervals and p values were made."""
    several = any(len(system.runs) > 1 for system in scored.systems)
    report: dict[str, object] = {
        "references": scored.references,
        "language": scored.rules.protocol.language,
        "resampling": resampling_to_json(scored.settings, runs=several),
        "systems": [to_json(result) for result in scored.results],
    }
    if scored.comparisons:
        comparisons = [comparisons_to_json(comparison) for comparison in scored.comparisons]
        report["comparisons"] = comparisons
        if len(comparisons) == 1:  # where earlier versions put it
            report["comparison"] = comparisons[0]["metrics"]
    if scored.beside_people:
        report["beside_people"] = [to_json(result) for result in scored.beside_people]
    if scored.statistics is not None:
        report["statistics"] = [statistics_to_json(system) for system in scored.statistics]
    return report


def write_reports(scored: Scored, files: Files) -> None:
    """Write the reports that are asked for; each appears once it is complete."""
    if files.json is not None:
        write_json(files.json, json_report(scored))
    if files.markdown is not None:
        with open_output(str(files.markdown)) as stream:
            stream.write(markdown_report(scored))
    if files.per_document is not None:
        per_document.write(files.per_document, scored.systems)
    if files.plot is not None:
        from mclas_fairseq.evaluation.plots import write_plot

        write_plot(files.plot, scored.systems, scored.documents, seed=scored.settings.seed)
    if files.html is not None:
        from mclas_fairseq.evaluation.html import Analysis, error_page

        page = error_page(
            Analysis(
                language=scored.rules.language,
                systems=scored.systems,
                results=scored.results,
                comparisons=scored.comparisons,
                documents=scored.documents,
                count=files.html_documents,
                seed=scored.settings.seed,
            )
        )
        with open_output(str(files.html)) as stream:
            stream.write(page)


def _similarity_metrics(results: Sequence[SystemResult]) -> list[str]:
    found = dict.fromkeys(key.partition(".")[0] for result in results for key in result.values)
    return [metric for metric in found if metric not in METRICS]
