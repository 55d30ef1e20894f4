"""The work of `mclas report` from files to the table of systems, baselines and people."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.records import Record, read_records
from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.alignment import Aligned, align
from mclas_fairseq.evaluation.baselines import baseline_summaries
from mclas_fairseq.evaluation.content import ContentRules, content_rules
from mclas_fairseq.evaluation.inputs import read_hypotheses, read_references
from mclas_fairseq.evaluation.learning_table import Candidates, LearningTable, learning_table
from mclas_fairseq.evaluation.program_marks import Marks
from mclas_fairseq.evaluation.protocols import RougeProtocol
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.scripts import check_script
from mclas_fairseq.evaluation.text_input import TextInput, open_inputs
from mclas_fairseq.evaluation.untranslated import SHOWN, read_titles, untranslated_summaries
from mclas_fairseq.evaluation.word_pieces import check_whole_words

TLTRAN = "TLTran"


@dataclass(frozen=True)
class LearningRequest:
    """What is put side by side.

    Attributes:
        systems: name and file of each system's summaries.
        references: records of the scored documents.
        train: training records.
        source_lang: of the documents.
        language: that is scored.
        protocol: ROUGE's rules.
        tltran: monolingual summaries translated, one more baseline; None: there are none.
        learned_by: "content" or "rouge1": by what a system must beat the baselines.
        margin: by how much, in [0, 1].
        seed: of baselines and shuffling.
        read_marks: whether marks of other programs are read, instead of refused.
    """

    systems: Sequence[tuple[str, Path]]
    references: Path
    train: Sequence[Path]
    source_lang: str
    language: str
    protocol: RougeProtocol
    tltran: Optional[Path] = None
    learned_by: str = "content"
    margin: float = 0.0
    seed: int = 1
    read_marks: bool = False

    def given(self) -> dict[str, Path]:
        """Name -> file of all summaries that are read."""
        return {**dict(self.systems), **({TLTRAN: self.tltran} if self.tltran else {})}


@dataclass(frozen=True)
class LearningRun:
    """What `learn_from_files` found.

    Attributes:
        table: scores and verdicts.
        absent: names of the baselines that are not available.
        test: the scored records.
        aligned: name -> summaries beside the references, in the order of `test`.
    """

    table: LearningTable
    absent: Sequence[str]
    test: Sequence[Record]
    aligned: Mapping[str, Aligned]


def learn_from_files(request: LearningRequest) -> LearningRun:
    """Read everything, each file once, and judge whether the systems learned.

    Raises:
        ConfigError: content words are to decide, and are not known in the language.
        DataError: a file is not as it must be.
    """
    language, protocol = request.language, request.protocol
    if request.learned_by == "content":
        ContentProtocol(language)  # refuses a language in which content words are not known
    rules = content_rules(protocol, seed=request.seed)
    marks = Marks(request.read_marks, protocol.marks)
    given = request.given()
    inputs = open_inputs(given.values())
    source = TextInput(request.references, keep=True)  # records, their titles and the references
    records = list(source.records())
    test = [record for record in records if language in record.summary]
    train = [record for path in request.train for record in read_records(path)]
    _check_documents([*train, *test], request.source_lang)
    references = read_references([source], language, marks=marks)
    aligned = {
        name: align(read_hypotheses(inputs[path], language, marks=marks), references)
        for name, path in given.items()
    }
    for name, one in aligned.items():
        check_script(name, one.hypotheses, protocol)
        check_whole_words(name, one.hypotheses)
    wanted = [group for group in references.texts if group]
    candidates, absent = _candidates(request, train, test, source, rules, aligned)
    table = learning_table(candidates, wanted, rules, by=request.learned_by, margin=request.margin)
    return LearningRun(table, absent, test, aligned)


def examples(run: LearningRun, request: LearningRequest, count: int) -> Iterator[str]:
    """The first documents with their references and all summaries, line by line."""
    languages = dict.fromkeys((request.source_lang, request.language))
    for place, record in enumerate(run.test[:count]):
        yield f"\n--- {record.id}"
        document = record.document_text(request.source_lang)
        yield f"document ({request.source_lang}): {document}"
        for language in languages:
            for reference in record.summary.get(language, ()):
                yield f"reference ({language}): {reference}"
        for name, _ in request.systems:
            one = run.aligned[name]
            own = {request.language: one.hypotheses[place]}
            for language, text in (one.summaries[place] if one.summaries else own).items():
                yield f"{name} ({language}): {text}"


def _candidates(
    request: LearningRequest,
    train: Sequence[Record],
    test: Sequence[Record],
    source: TextInput,
    rules: ContentRules,
    aligned: Mapping[str, Aligned],
) -> tuple[Candidates, list[str]]:
    """Baselines and systems, and the names of the baselines that are not available."""
    language, source_lang = request.language, request.source_lang
    content = None if rules.content is None else rules.content.rules
    titles = read_titles(source, source_lang)
    found = {
        **baseline_summaries(train, test, language, source_lang, request.seed, content),
        **untranslated_summaries(test, language, source_lang, titles),
    }
    baselines = {name: texts for name, texts in found.items() if texts is not None}
    if request.tltran:
        baselines[TLTRAN] = list(aligned[TLTRAN].hypotheses)
    systems = {name: aligned[name].hypotheses for name, _ in request.systems}
    absent = [name for name, texts in found.items() if texts is None]
    return Candidates(baselines, systems, SHOWN), absent


def _check_documents(records: Iterable[Record], source_lang: str) -> None:
    """The nearest document is looked for by its text, so references alone do not suffice."""
    for record in records:
        if source_lang not in record.document:
            found = ", ".join(record.document) or "none"
            raise DataError(
                f"{record.origin}: record {record.id!r} must have a document in {source_lang}, but"
                f" has {found}; give whole records to --ref and --train, or change --source-lang"
            )
