"""What `mclas score`, `report` and `human` read: hypotheses and references, whatever their form.

Hypotheses are plain lines, JSON lines `{"id": ..., "summary": {"de": "..."}}` as `mclas extract`
and `mclas summarize` write them, or a log of fairseq-generate (`evaluation/log_inputs.py`).
References are plain lines (several files: several references), or JSON lines with `summary.de` as
one text or a list of references: records, or the references of a data-bin. Which of these a file
is, and how pipes and standard input are read: `evaluation/text_input.py`. Which hypothesis belongs
to which reference: `evaluation/alignment.py`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.missing_texts import tell_missing
from mclas_fairseq.corpus.record import Record
from mclas_fairseq.corpus.tokenizers.base import SEPARATOR
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.evaluation.alignment import Aligned, Hypotheses, References, align
from mclas_fairseq.evaluation.log_inputs import HALVES, TAKE_A_HALF, DecodedCorpus, read_log
from mclas_fairseq.evaluation.program_marks import Marks, settle_marks, settle_summary
from mclas_fairseq.evaluation.text_input import Form, TextInput, as_input

__all__ = ["Aligned", "Hypotheses", "References", "align", "read_hypotheses", "read_references"]

REFUSED = Marks()


def read_hypotheses(
    source: Path | TextInput,
    language: str,
    *,
    half: Optional[str] = None,
    data: Optional[DecodedCorpus] = None,
    marks: Marks = REFUSED,
) -> Hypotheses:
    """Read one system's summaries in a language.

    Args:
        source: plain lines, JSON lines or a log of fairseq-generate.
        language: which of the summaries of JSON lines, and of a log that names its languages.
        half: which summary of plain lines that hold both around the separator, and of a log:
            "source" (before it) or "target" (after it).
        data: the data-bin that was decoded, from which a log gets its ids; without it, documents
            are told apart by their row.

    Raises:
        ConfigError: `half` with JSON lines, or one that is not the summary in `language`.
        DataError: the file or a line of it is not as described (file and line named), or there are
            marks of another program, which are refused.
    """
    read = as_input(source)
    if read.form is Form.LOG:
        found = read_log(read, language, half=half, data=data)
    elif read.form is Form.LINES:
        found = _read_lines(read, half)
    else:
        found = _read_json_lines(read, language, half)
    tell_missing(read.name, found.texts)
    texts = settle_marks(read.name, found.texts, marks)
    if texts is found.texts:
        return found
    summaries = tuple(settle_summary(summary, marks) for summary in found.summaries)
    return replace(found, texts=tuple(texts), summaries=summaries)


def _read_json_lines(read: TextInput, language: str, half: Optional[str]) -> Hypotheses:
    if half is not None:
        raise ConfigError(
            f"--half: is for plain lines that hold both summaries, but {read.name} names the"
            " language of each; leave it out, --lang decides"
        )
    return _read_summaries(read, language)


def _read_lines(read: TextInput, half: Optional[str]) -> Hypotheses:
    marked = read.log_lines()
    if marked:  # as by `grep ^H-`: numbers and scores would count as words
        raise DataError(
            f"{read.name}: must be a whole log of fairseq-generate, with its S- or H- and its D-"
            f" lines, but holds {marked} lines of one and not all that belong to them; give the log"
            " as it was written"
        )
    lines = read.texts()
    if half is None:
        for number, line in enumerate(lines, 1):
            if SEPARATOR in line:
                _split_halves(line, None, f"{read.name}:{number}")
        return Hypotheses(read.name, tuple(lines))
    pairs = [
        _split_halves(line, half, f"{read.name}:{number}") for number, line in enumerate(lines, 1)
    ]
    return Hypotheses(
        read.name,
        tuple(parts[HALVES.index(half)] for parts in pairs),
        summaries=tuple(dict(zip(HALVES, parts, strict=True)) for parts in pairs),
    )


def read_references(
    sources: Sequence[Path | TextInput],
    language: str,
    *,
    keep_records: bool = False,
    marks: Marks = REFUSED,
) -> References:
    """Read the references in a language: one file of JSON lines, or plain files line by line.

    Args:
        sources: the files.
        language: of the references.
        keep_records: whether the records are wanted as well, for their documents.
        marks: what is done with marks that another program left in the references.

    Raises:
        ConfigError: a file of JSON lines beside other files.
        DataError: a file cannot be read, plain files have different numbers of lines, or there is
            no reference in the language at all.
    """
    inputs = [as_input(source) for source in sources]
    origin = ", ".join(read.name for read in inputs)
    if any(read.is_json_lines for read in inputs):
        if len(inputs) > 1:
            raise ConfigError(
                f"--ref: must be one file of JSON lines or plain files alone, but is {origin};"
                " put all references of a document into its record"
            )
        return _settled(_read_reference_records(inputs[0], language, keep_records), marks)
    columns = [read.texts() for read in inputs]
    for read, column in zip(inputs, columns, strict=True):
        if len(column) != len(columns[0]):
            raise DataError(
                f"{read.name}: every file of references must have as many lines as the first, but"
                f" this one has {len(column)} and {inputs[0].name} has {len(columns[0])}; line n of"
                " each is a reference of document n"
            )
        _check_no_blank(read.name, column)
    return _settled(References(origin, tuple(zip(*columns, strict=True))), marks)


def _settled(references: References, marks: Marks) -> References:
    texts = [text for group in references.texts for text in group]
    tell_missing(references.origin, texts)
    settled = settle_marks(references.origin, texts, marks)
    if settled is texts:
        return references
    rest = iter(settled)
    return replace(
        references, texts=tuple(tuple(next(rest) for _ in group) for group in references.texts)
    )


def _read_summaries(read: TextInput, language: str) -> Hypotheses:
    texts: dict[str, str] = {}
    summaries: list[Mapping[str, str]] = []
    for number, line in read.lines():
        if not line.strip():
            continue
        origin = f"{read.name}:{number}"
        identifier, text, summary = _parse_summary(line, language, origin)
        if identifier in texts:
            raise DataError(
                f"{origin}: ids must be unique, but {identifier!r} came before; remove one"
            )
        texts[identifier] = text
        summaries.append(summary)
    return Hypotheses(read.name, tuple(texts.values()), tuple(texts), tuple(summaries))


def _parse_summary(line: str, language: str, origin: str) -> tuple[str, str, dict[str, str]]:
    """Id, summary and all summaries of a line; unlike a reference, a hypothesis may be empty."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{origin}: every line must be JSON, but this one is not ({error})"
        ) from error
    identifier = row.get("id") if isinstance(row, dict) else None
    summary = row.get("summary") if isinstance(row, dict) else None
    if not isinstance(identifier, str | int) or not isinstance(summary, dict):
        raise DataError(
            f'{origin}: a hypothesis must be {{"id": ..., "summary": {{"{language}": "..."}}}}, but'
            f" is {line[:60]!r}; mclas extract and mclas summarize write such lines"
        )
    if language not in summary:
        raise DataError(
            f"{origin}: document {identifier!r} must have a summary in {language!r}, but has"
            f" {', '.join(summary) or 'none'}; change --lang"
        )
    text = summary[language]
    if isinstance(text, list) and len(text) == 1:  # records list their references
        text = text[0]
    if not isinstance(text, str):
        raise DataError(
            f"{origin}: summary.{language} must be one text, but is {str(text)[:60]!r}; a system"
            " writes one summary of a document"
        )
    others = {code: value for code, value in summary.items() if isinstance(value, str)}
    return str(identifier), text, {**others, language: text}


def _read_reference_records(read: TextInput, language: str, keep_records: bool) -> References:
    texts: dict[str, tuple[str, ...]] = {}
    languages: set[str] = set()
    records: list[Record] = []
    for record in read.records():
        if record.id in texts:
            raise DataError(
                f"{record.origin}: ids must be unique, but {record.id!r} came before; remove one"
            )
        texts[record.id] = record.summary.get(language, ())
        languages.update(record.summary)
        if keep_records:
            records.append(record)
    if not any(texts.values()):
        raise DataError(
            f"{read.name}: must hold references in {language!r}, but holds some in"
            f" {', '.join(sorted(languages)) or 'no language'}; change --lang or --ref"
        )
    return References(read.name, tuple(texts.values()), tuple(texts), tuple(records))


def _split_halves(line: str, half: Optional[str], origin: str) -> list[str]:
    parts = line.split(SEPARATOR)
    if len(parts) == 1 and half is None:
        return [line]
    if len(parts) == 2 and half is not None:
        return [part.strip() for part in parts]
    raise DataError(
        f"{origin}: a line must hold {'one summary' if half is None else 'two summaries'}, but"
        f" holds {len(parts)}; {TAKE_A_HALF}"
    )


def _check_no_blank(name: str, lines: Sequence[str]) -> None:
    for number, line in enumerate(lines, 1):
        if not line.strip():
            raise DataError(
                f"{name}:{number}: a reference must not be empty; fill it in, or remove the"
                " document from hypotheses and references"
            )
