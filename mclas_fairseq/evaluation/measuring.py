"""The work of `mclas score` before anything is shown: files to systems with all their measures."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

import numpy as np

from mclas_fairseq.evaluation.alignment import References, align
from mclas_fairseq.evaluation.documents import Documents
from mclas_fairseq.evaluation.facts import system_facts
from mclas_fairseq.evaluation.inputs import REFUSED, read_hypotheses
from mclas_fairseq.evaluation.log_inputs import DecodedCorpus
from mclas_fairseq.evaluation.output_language import outside_vocabulary_share
from mclas_fairseq.evaluation.program_marks import Marks
from mclas_fairseq.evaluation.protocols import RougeProtocol
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.evaluation.scripts import check_script
from mclas_fairseq.evaluation.statistics_report import SystemStatistics, system_statistics
from mclas_fairseq.evaluation.systems import Measure, System, rouge_system
from mclas_fairseq.evaluation.text_input import TextInput
from mclas_fairseq.evaluation.word_pieces import check_whole_words

logger = logging.getLogger(__name__)

# With fewer documents, a bootstrap draws the same few again and again: it sees too little spread.
_FEWEST_DOCUMENTS = 20
_KIND_LETTERS = {"precision": "p", "recall": "r", "f1": "f"}


@dataclass(frozen=True)
class Rules:
    """How all systems are scored.

    Attributes:
        language: code of the summaries' language.
        protocol: ROUGE's rules.
        multi_reference: "max" or "mean".
        kinds: which of precision, recall and F1 are wanted.
        workers: processes for ROUGE.
        half: which summary of files that hold two.
        data: the data-bin that was decoded.
        marks: what is done with marks that another program left in the texts.
    """

    language: str
    protocol: RougeProtocol
    multi_reference: str = "max"
    kinds: tuple[str, ...] = ("f1",)
    workers: int = 1
    half: Optional[str] = None
    data: Optional[DecodedCorpus] = None
    marks: Marks = REFUSED


@dataclass(frozen=True)
class SimilarityOptions:
    """Which metrics of an encoder are wanted, and which encoder.

    Attributes:
        model: its folder or name.
        layer: of the vectors; None: see `load_encoder`.
        device: as torch calls it.
        bertscore: whether BERTScore is wanted.
        moverscore: whether MoverScore is wanted.
    """

    model: str
    layer: Optional[int]
    device: str
    bertscore: bool
    moverscore: bool


def load_system(
    name: str, files: Sequence[TextInput], references: References, rules: Rules
) -> System:
    """Read one system's files (one of each training run) and score them by ROUGE.

    Raises:
        ConfigError: see `read_hypotheses`.
        DataError: a file is not as it must be, in another language by its letters, or in pieces.
    """
    runs, scores = [], []
    for file in files:
        hypotheses = read_hypotheses(
            file, rules.language, half=rules.half, data=rules.data, marks=rules.marks
        )
        aligned = align(hypotheses, references)
        if aligned.skipped:
            without = "%s: left out for want of a reference in %s: %d"
            logger.info(without, file.name, rules.language, aligned.skipped)
        check_script(file.name, aligned.hypotheses, rules.protocol)
        check_whole_words(file.name, aligned.hypotheses)
        runs.append(aligned)
        scores.append(
            score_rouge(
                aligned.hypotheses,
                aligned.references,
                language=rules.language,
                protocol=rules.protocol,
                multi_reference=rules.multi_reference,
                workers=rules.workers,
            )
        )
    return rouge_system(name, [str(file.path) for file in files], runs, scores, kinds=rules.kinds)


def check_references(references: References, rules: Rules) -> None:
    """Refuse references in another script, in pieces, or that the protocol would mostly drop.

    Raises:
        DataError: so it is; the message names the share.
    """
    texts = [text for group in references.texts for text in group]
    check_script(references.origin, texts, rules.protocol)
    check_whole_words(references.origin, texts)


def warn_few_documents(systems: Sequence[System]) -> None:
    """Log that intervals and p values mean little where there are few documents."""
    count = systems[0].documents
    if count < _FEWEST_DOCUMENTS:
        logger.warning(
            "intervals and p values of the bootstrap mean little with fewer than %d documents, and"
            " these are %d: they come out too narrow and too small",
            _FEWEST_DOCUMENTS,
            count,
        )


def similarity_measures(
    systems: Sequence[System], options: SimilarityOptions, rules: Rules
) -> list[dict[str, Measure]]:
    """BERTScore and MoverScore of each system, key -> measure.

    Raises:
        SetupError: a package is missing or the model cannot be had.
        ConfigError: the model, layer or device does not exist.
        CheckpointError: the model's weights are not whole.
    """
    from mclas_fairseq.evaluation.similarity import bert_scores, load_encoder, mover_scores

    encoder = load_encoder(options.model, layer=options.layer, device=options.device)
    found = []
    for system in systems:
        measures: dict[str, Measure] = {}
        if options.bertscore:
            scores = [
                bert_scores(
                    run.hypotheses, run.references, encoder, multi_reference=rules.multi_reference
                )
                for run in system.runs
            ]
            for kind in rules.kinds:
                signature = scores[0].signature.replace(
                    "bertscore.f", f"bertscore.{_KIND_LETTERS[kind]}", 1
                )
                values = np.stack([getattr(run, kind) for run in scores])
                measure = Measure("bertscore", "BERTScore", kind, values, signature)
                measures[measure.key] = measure
        if options.moverscore:
            moved = [
                mover_scores(
                    run.hypotheses, run.references, encoder, multi_reference=rules.multi_reference
                )
                for run in system.runs
            ]
            measures["moverscore"] = Measure(
                metric="moverscore",
                label="MoverScore",
                kind="f1",
                values=np.stack([run.scores for run in moved]),
                signature=moved[0].signature,
            )
        found.append(measures)
    return found


def count_statistics(
    systems: Sequence[System], rules: Rules, documents: Optional[Documents]
) -> list[SystemStatistics]:
    """Text statistics and languages of each system's summaries.

    Novelty needs the documents in the language of the summaries. Where documents are known, their
    language and the summaries' are those between which the language of a summary is decided.
    """
    known = None if documents is None else documents.in_scored_language
    candidates = () if documents is None else (rules.language, documents.language)
    found = []
    for system in systems:
        statistics = system_statistics(
            system,
            rules.protocol,
            documents=known,
            candidates=candidates,
            outside_vocabulary=_outside_vocabulary(system, rules),
        )
        means = {**statistics.means, **_facts(system, rules, documents)}
        found.append(replace(statistics, means=means))
    return found


def _facts(
    system: System, rules: Rules, documents: Optional[Documents]
) -> Mapping[str, Optional[float]]:
    """Shares of numbers and names, of all runs together; none where no documents are known."""
    if documents is None:
        return {}
    return system_facts(
        [text for run in system.runs for text in run.hypotheses],
        [group for run in system.runs for group in run.references],
        [*documents.texts] * len(system.runs),
        language=rules.language,
        document_language=documents.language,
    )


def _outside_vocabulary(system: System, rules: Rules) -> Optional[float]:
    """Share of the summaries' pieces that no training summary of the language has."""
    if rules.data is None:
        return None
    tokenizer = rules.data.tokenizer
    pieces = (
        tokenizer.encode(text, rules.language) for run in system.runs for text in run.hypotheses
    )
    return outside_vocabulary_share(pieces, rules.data.vocabulary(rules.language).symbols)
