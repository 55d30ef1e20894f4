"""The measures against human judgements of summaries, by language.

    python -m studies.measures.human FILE

FILE is the archive of Multi_SummEval's annotations, resulting_data.tar.gz (Koto, Lau and Baldwin,
"Evaluating the Efficacy of Summarization Evaluation across Languages", 2021, Findings of ACL), or
the folder in it: in each of eight languages 135 documents, two systems, one reference; people
judged focus (how much of the summary is in the reference) and coverage (how much of the reference
is in the summary), normalised by annotator. Each measure's values are correlated with them
(Pearson): precision with focus, recall with coverage, and what has neither, as matched minus
shuffled, with both. Intervals are bootstrap 95 % over documents, both systems' summaries of a
document drawn together. Prints a Markdown table.
"""

import argparse
import csv
import io
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.content import (
    MATCHED,
    MATCHED_CONTENT,
    content_rules,
    content_values,
)
from mclas_fairseq.evaluation.facts import Share, summary_facts
from mclas_fairseq.evaluation.names import NameRule, Rule
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.evaluation.rouge import score_rouge

LANGUAGES = ("EN", "DE", "FR", "ES", "RU", "TR", "ID", "ZH")
SYSTEMS = ("BERT", "PG")
_RESAMPLES, _SEED = 1000, 12345
_FEWEST = 20  # documents with a number in the reference

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Judged:
    """The summaries of one language: both systems' of each of D documents, in turn.

    Attributes:
        summaries: (2 D,).
        references: one of each summary's document.
        focus: as people judged it, (2 D,).
        coverage: likewise.
    """

    summaries: Sequence[str]
    references: Sequence[str]
    focus: Floats
    coverage: Floats


def read_files(path: Path) -> dict[str, str]:
    """Name within resulting_data/ -> text, from the archive or the folder.

    Raises:
        DataError: it holds no resulting_data/LANGUAGE/score.csv.
    """
    if path.is_dir():
        files = {
            str(one.relative_to(path)): one.read_text(encoding="utf-8")
            for one in path.rglob("*")
            if one.is_file()
        }
    else:
        files = {}
        with tarfile.open(path) as archive:
            for member in archive:
                stream = archive.extractfile(member)
                if stream is not None and member.name.startswith("resulting_data/"):
                    name = member.name.removeprefix("resulting_data/")
                    files[name] = stream.read().decode("utf-8")
    if "EN/score.csv" not in files:
        raise DataError(
            f"{path}: must be Multi_SummEval's resulting_data.tar.gz or the folder resulting_data,"
            " but has no EN/score.csv; give one of them"
        )
    return files


def read_judged(files: Mapping[str, str], language: str) -> Judged:
    """The judged summaries of a language, documents in the order of the file of scores."""
    scores = {
        (row["id"], row["model"]): row
        for row in csv.DictReader(io.StringIO(files[f"{language}/score.csv"]))
    }
    rows = [
        (name, model) for name in dict.fromkeys(name for name, _ in scores) for model in SYSTEMS
    ]

    def texts(folder: str) -> dict[str, str]:
        # Chinese files have names of six digits, and ids without the zeros.
        prefix = f"{language}/{folder}/"
        return {
            name.removeprefix(prefix).lstrip("0") or "0": text
            for name, text in files.items()
            if name.startswith(prefix)
        }

    written = {model: texts(f"pred_{model}") for model in SYSTEMS}
    gold = texts("gold")
    return Judged(
        summaries=[written[model][name.lstrip("0") or "0"] for name, model in rows],
        references=[gold[name.lstrip("0") or "0"] for name, _ in rows],
        focus=np.array([float(scores[row]["focus"]) for row in rows]),
        coverage=np.array([float(scores[row]["coverage"]) for row in rows]),
    )


def measures(judged: Judged, language: str) -> dict[str, tuple[Floats, Floats]]:
    """Measure -> its values to set beside focus, and beside coverage, (2 D,); nan: no value."""
    references = [[text] for text in judged.references]
    protocol = get_protocol("default", language)
    rouge = score_rouge(judged.summaries, references, language=language)
    found = {
        label: (rouge.values(key, "precision"), rouge.values(key, "recall"))
        for key, label in (("rouge1", "R-1"), ("rouge2", "R-2"), ("rougeL", "R-L"))
    }
    # The two summaries of a document have the same references: they are shuffled system by system.
    values: dict[tuple[str, str], Floats] = {}
    rules = content_rules(protocol)
    for start in range(len(SYSTEMS)):
        rows = slice(start, None, len(SYSTEMS))
        part = content_values(judged.summaries[rows], references[rows], rules=rules)
        for name, one in part.items():
            values.setdefault(name, np.empty(len(references)))[rows] = one
    for key, label in (("content1", "C-1"), ("content2", "C-2")):
        found[label] = (values[key, "precision"], values[key, "recall"])
    for key, label in ((MATCHED, "R-1 m-s"), (MATCHED_CONTENT, "C-1 m-s")):
        found[label] = (values[key, "f1"], values[key, "f1"])
    found["numbers"] = _numbers(judged)
    return found


def _numbers(judged: Judged) -> tuple[Floats, Floats]:
    """Share of the summary's numbers that the reference has, and of the reference's recalled."""
    nothing = NameRule(Rule.NONE)  # texts are in lower case: there are no names to be seen
    precision, recall = [], []
    for summary, reference in zip(judged.summaries, judged.references, strict=True):
        facts = summary_facts(summary, reference, [reference], nothing)
        new, recalled = facts.new["numbers"], facts.recalled["numbers"]
        precision.append(_share(Share(new.total - new.hits, new.total)))
        recall.append(_share(recalled))
    return np.array(precision), np.array(recall)


def _share(share: Share) -> float:
    return share.hits / share.total if share.total else float("nan")


def correlation(values: Floats, judged: Floats) -> tuple[float, float, float] | None:
    """Pearson's r with its interval over documents; None where too few have values, or one."""
    groups = np.arange(len(values)).reshape(-1, len(SYSTEMS))
    if np.isfinite(values[groups]).any(axis=1).sum() < _FEWEST:
        return None
    found = _pearson(values, judged, groups.ravel())
    if not np.isfinite(found):
        return None
    drawn = np.random.default_rng(_SEED).integers(0, len(groups), (_RESAMPLES, len(groups)))
    resampled = [_pearson(values, judged, groups[rows].ravel()) for rows in drawn]
    low, high = np.nanpercentile(resampled, [2.5, 97.5])
    return found, float(low), float(high)


def _pearson(values: Floats, judged: Floats, rows: NDArray[np.int64]) -> float:
    rows = rows[np.isfinite(values[rows])]
    if np.ptp(values[rows]) == 0.0:  # a resample in which all are alike has no correlation
        return float("nan")
    return float(np.corrcoef(values[rows], judged[rows])[0, 1])


def table(files: Mapping[str, str], languages: Sequence[str] = LANGUAGES) -> Iterator[str]:
    """Measures x languages: r with focus / r with coverage; then how far intervals reach."""
    cells: dict[str, list[str]] = {}
    widths: list[float] = []
    means: dict[str, list[list[float]]] = {}
    for language in languages:
        judged = read_judged(files, language)
        for label, (focus, coverage) in measures(judged, language.lower()).items():
            pair = (correlation(focus, judged.focus), correlation(coverage, judged.coverage))
            cells.setdefault(label, []).append(
                " / ".join("-" if one is None else f"{one[0]:.2f}" for one in pair)
            )
            means.setdefault(label, []).append([np.nan if one is None else one[0] for one in pair])
            widths += [(one[2] - one[1]) / 2 for one in pair if one is not None]
    yield f"| | {' | '.join(code.lower() for code in languages)} | mean |"
    yield "|---" * (len(languages) + 2) + "|"
    for label, row in cells.items():
        mean = " / ".join(_mean(column) for column in zip(*means[label], strict=True))
        yield f"| {label} | {' | '.join(row)} | {mean} |"
    yield f"\n95 % intervals over documents reach {np.median(widths):.2f} to each side (median)."


def _mean(values: Sequence[float]) -> str:
    known = [value for value in values if np.isfinite(value)]
    return f"{np.mean(known):.2f}" if known else "-"


def parser() -> argparse.ArgumentParser:
    """The arguments of the command."""
    found = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    found.add_argument("path", type=Path, metavar="FILE", help="resulting_data.tar.gz")
    return found


def main() -> None:
    """Print the table."""
    print("\n".join(table(read_files(parser().parse_args().path))))


if __name__ == "__main__":
    main()
