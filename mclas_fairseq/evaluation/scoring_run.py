"""The work of `mclas score` from files to everything that its reports show."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.text_files import shown_name
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.alignment import References
from mclas_fairseq.evaluation.comparisons import Resampling, compare_systems
from mclas_fairseq.evaluation.content import add_content, content_rules
from mclas_fairseq.evaluation.documents import Documents, find_documents
from mclas_fairseq.evaluation.inputs import read_references
from mclas_fairseq.evaluation.measuring import (
    Rules,
    SimilarityOptions,
    check_references,
    count_statistics,
    load_system,
    similarity_measures,
    warn_few_documents,
)
from mclas_fairseq.evaluation.outputs import Scored
from mclas_fairseq.evaluation.over_runs import warn_few_runs
from mclas_fairseq.evaluation.people import (
    beside_people_runs,
    can_leave_one_out,
    leave_one_out,
    people_system,
)
from mclas_fairseq.evaluation.report import summarise_system
from mclas_fairseq.evaluation.systems import System, check_same_documents
from mclas_fairseq.evaluation.text_input import TextInput, open_inputs


@dataclass(frozen=True)
class Request:
    """What is scored, and what is wanted.

    Attributes:
        rules: how all systems are scored.
        groups: of each system its files, one of each training run.
        names: of the systems; none: see `default_names`.
        references: the files of the references.
        settings: of intervals and tests.
        correct: whether p values are corrected over all comparisons.
        content: whether content ROUGE and matched minus shuffled are wanted.
        similarity: metrics of an encoder; None: none is wanted.
        statistics: whether text statistics are wanted.
        needs_documents: whether a report shows the documents, where they are known.
        documents: records with the documents; None: the references, where they have them.
        source_language: of the documents; None: the one that the records have.
    """

    rules: Rules
    groups: Sequence[Sequence[Path]]
    names: Sequence[str]
    references: Sequence[Path]
    settings: Resampling
    correct: bool = False
    content: bool = True
    similarity: Optional[SimilarityOptions] = None
    statistics: bool = False
    needs_documents: bool = False
    documents: Optional[Path] = None
    source_language: Optional[str] = None

    def files(self) -> Iterator[Path]:
        """Every file as often as it is read."""
        for group in self.groups:
            yield from group
        yield from self.references
        if self.documents is not None:
            yield self.documents


def score_files(request: Request) -> Scored:
    """Read everything, each file once, and score it.

    Raises:
        ConfigError: what is wanted does not fit together.
        DataError: a file is not as it must be.
        SetupError: a package or model that a metric needs is not there.
    """
    rules, settings = request.rules, request.settings
    inputs = open_inputs(request.files())
    references = read_references(
        [inputs[path] for path in request.references],
        rules.language,
        keep_records=request.needs_documents and request.documents is None,
        marks=rules.marks,
    )
    check_references(references, rules)
    systems = _systems(request, inputs, references)
    documents = _documents(request, inputs, references, systems[0])
    return Scored(
        rules=rules,
        references=references.origin,
        systems=systems,
        results=[
            summarise_system(system, resamples=settings.resamples, seed=settings.seed)
            for system in systems
        ],
        comparisons=compare_systems(systems[0], systems[1:], settings, correct=request.correct),
        settings=settings,
        documents=documents,
        statistics=count_statistics(systems, rules, documents) if request.statistics else None,
        beside_people=[
            summarise_system(system, resamples=settings.resamples, seed=settings.seed)
            for system in _beside_people(request, systems)
        ],
    )


def _beside_people(request: Request, systems: Sequence[System]) -> list[System]:
    """People's row and the systems scored as people are, where documents have two references."""
    references = systems[0].runs[0].references
    if not request.content or not can_leave_one_out(references):
        return []
    rules = content_rules(
        request.rules.protocol,
        multi_reference=request.rules.multi_reference,
        seed=request.settings.seed,
    )
    folds = leave_one_out(references)
    rows = [
        beside_people_runs(system.name, [run.hypotheses for run in system.runs], folds, rules)
        for system in systems
    ]
    return [people_system(folds, rules), *rows]


def default_names(groups: Sequence[Sequence[Path]]) -> list[str]:
    """What systems are called: their first file, with its folder where the names alone are alike.

    Of several training runs, how many more there are is added.

    Raises:
        ConfigError: two systems would be called the same.
    """
    firsts = [files[0] for files in groups]
    short = [shown_name(Path(file.name)) for file in firsts]
    names = short if len(set(short)) == len(short) else [shown_name(file) for file in firsts]
    found = [
        f"{name} (+{len(files) - 1})" if len(files) > 1 else name
        for name, files in zip(names, groups, strict=True)
    ]
    if len(set(found)) < len(found):
        raise ConfigError(
            "--name: must be given where the files do not tell systems apart, but they are"
            f" {', '.join(found)}; give --name once for --hyp and once for each --compare"
        )
    return found


def _systems(
    request: Request, inputs: Mapping[Path, TextInput], references: References
) -> list[System]:
    """All systems with all their measures."""
    rules = request.rules
    names = request.names or default_names(request.groups)
    systems = [
        load_system(name, [inputs[path] for path in files], references, rules)
        for name, files in zip(names, request.groups, strict=True)
    ]
    check_same_documents(systems)
    warn_few_documents(systems)
    warn_few_runs(systems)
    if request.content:
        content = content_rules(
            rules.protocol, multi_reference=rules.multi_reference, seed=request.settings.seed
        )
        systems = add_content(systems, content, kinds=rules.kinds)
    if request.similarity is None:
        return systems
    found = similarity_measures(systems, request.similarity, rules)
    return [
        replace(system, measures={**system.measures, **measures})
        for system, measures in zip(systems, found, strict=True)
    ]


def _documents(
    request: Request, inputs: Mapping[Path, TextInput], references: References, system: System
) -> Optional[Documents]:
    """The documents, where a report needs them and a file has them."""
    name, records = references.origin, references.records
    if request.documents is not None:
        source = inputs[request.documents]
        name, records = source.name, tuple(source.records())
    elif not any(record.document for record in records[:1]):
        return None
    return find_documents(
        name, records, system.runs[0], request.rules.language, language=request.source_language
    )
