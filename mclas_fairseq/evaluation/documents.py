"""The documents behind scored summaries: for novelty, plots by length, and error analysis.

Found in records by id, or by row where hypotheses and references are plain lines.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from mclas_fairseq.corpus.record import Record
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.alignment import Aligned

_SHOWN_IDS = 5


@dataclass(frozen=True)
class Documents:
    """The N documents that were scored, in the order of the scores.

    Attributes:
        language: of the documents.
        texts: the documents.
        in_scored_language: the documents in the language of the scored summaries (their own, or a
            translation that the records hold); None where not all have one.
        source_references: each document's reference summaries in its own language, none or more.
    """

    language: str
    texts: tuple[str, ...]
    in_scored_language: Optional[tuple[str, ...]]
    source_references: tuple[tuple[str, ...], ...]


def find_documents(
    name: str,
    records: Sequence[Record],
    aligned: Aligned,
    scored_language: str,
    *,
    language: Optional[str] = None,
) -> Documents:
    """The documents of the summaries that were scored.

    Args:
        name: what messages call the file of the records.
        records: all of its records.
        aligned: what was scored.
        scored_language: of the summaries.
        language: which document of each record; None: the one that they have.

    Raises:
        ConfigError: the records have documents in several languages, and `language` is None.
        DataError: one of the documents is not in the file, or it has not as many records as there
            were summaries that go by row.
    """
    records = _matched(name, records, aligned)
    own = language or _only_language(name, records)
    missing = [record for record in records if own not in record.document]
    if missing:
        raise DataError(
            f"{missing[0].origin}: record {missing[0].id!r} must have a document in {own}, but has"
            f" {', '.join(missing[0].document) or 'none'}; change --source-lang or --documents"
        )
    return Documents(
        language=own,
        texts=tuple(record.document_text(own) for record in records),
        in_scored_language=_in_language(records, scored_language),
        source_references=tuple(record.summary.get(own, ()) for record in records),
    )


def _matched(name: str, records: Sequence[Record], aligned: Aligned) -> list[Record]:
    if aligned.ids is None:
        total = len(aligned.rows) + aligned.skipped
        if len(records) != total:
            raise DataError(
                f"{name}: must hold one document for each summary, but holds {len(records)}, and"
                f" there are {total} summaries; give the records of the split that was scored"
            )
        return [records[row] for row in aligned.rows]
    by_id = {record.id: record for record in records}
    missing = [id_ for id_ in aligned.ids if id_ not in by_id]
    if missing:
        shown = ", ".join(missing[:_SHOWN_IDS]) + (", ..." if len(missing) > _SHOWN_IDS else "")
        raise DataError(
            f"{name}: must hold the documents of all summaries, but {len(missing)} of"
            f" {len(aligned.ids)} are missing ({shown}); give the records of the split that was"
            " scored"
        )
    return [by_id[id_] for id_ in aligned.ids]


def _only_language(name: str, records: Sequence[Record]) -> str:
    languages = sorted({language for record in records for language in record.document})
    if len(languages) != 1:
        raise ConfigError(
            f"--source-lang: must be given where it is not clear which document is meant, but"
            f" {name} has documents in {', '.join(languages) or 'no language'}; give one of them"
        )
    return languages[0]


def _in_language(records: Sequence[Record], language: str) -> Optional[tuple[str, ...]]:
    if all(language in record.document for record in records):
        return tuple(record.document_text(language) for record in records)
    if all(language in record.translation for record in records):
        return tuple(record.translation_text(language) for record in records)
    return None
