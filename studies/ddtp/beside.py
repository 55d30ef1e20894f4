"""What stands beside the systems of the study: summaries that need no summarizer, and TLTran.

Baselines are those of `mclas report`, of all training triples whatever a system was trained on.
TLTran is the monolingual summarizer followed by a translator of ours: a model as NCLS, from
scratch, on the paragraphs of the training descriptions with their translations.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.records import Record, read_records
from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.evaluation.baselines import (
    best_constant_summary,
    nearest_summaries,
    random_summaries,
)
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.untranslated import (
    FIRST_WORDS,
    SOURCE_REFERENCE,
    untranslated_summaries,
)
from studies.harness.summaries import Decoding, read_summaries

SOURCE = "en"
TLTRAN = "tltran"
UNTRANSLATED = "untranslated"
_SEED = 1  # of the random summaries, and of the sample that a constant one is chosen on
# What a row is called -> what readers see.
BASELINES = {
    "constant": "best constant summary",
    "constant-content": "best constant summary by content words",
    "random": "random training summary",
    "nearest": "nearest training document's summary",
    "first-words": FIRST_WORDS,
}
NAMES = {**BASELINES, UNTRANSLATED: "untranslated English synopsis", TLTRAN: "TLTran"}

Summarize = Callable[[Sequence[Record], Sequence[Record], str], Sequence[str]]


def _constant(train: Sequence[Record], test: Sequence[Record], language: str) -> list[str]:
    return [best_constant_summary(train, language, _SEED)] * len(test)


def _constant_content(train: Sequence[Record], test: Sequence[Record], language: str) -> list[str]:
    content = ContentProtocol(language)
    return [best_constant_summary(train, language, _SEED, content)] * len(test)


def _untranslated(name: str) -> Summarize:
    def summarize(_: Sequence[Record], test: Sequence[Record], language: str) -> Sequence[str]:
        found = untranslated_summaries(test, language, SOURCE, {})[name]
        assert found is not None, "every record of the triples has both summaries"
        return found

    return summarize


_HOW: Mapping[str, Summarize] = {
    "constant": _constant,
    "constant-content": _constant_content,
    "random": lambda train, test, language: random_summaries(train, test, language, _SEED),
    "nearest": lambda train, test, language: nearest_summaries(train, test, language, SOURCE),
    "first-words": _untranslated(FIRST_WORDS),
    UNTRANSLATED: _untranslated(SOURCE_REFERENCE),
}


@dataclass(frozen=True)
class Baseline:
    """Summaries of a split that need no summarizer.

    Attributes:
        kind: one of `BASELINES`, or `UNTRANSLATED`.
        train: records of the training triples.
        records: of the split.
        language: of the summaries.
    """

    kind: str
    train: Path
    records: Path
    language: str

    def write(self, out: Path, log: Path) -> dict[str, Any]:
        """Write them as `mclas summarize` would; what it cost."""
        start = time.process_time()
        train, test = (list(read_records(path)) for path in (self.train, self.records))
        texts = _HOW[self.kind](train, test, self.language)
        write_texts(out, test, texts, self.language)
        return {"cpu_seconds": round(time.process_time() - start)}


@dataclass(frozen=True)
class Translated:
    """TLTran's summaries of a split.

    Attributes:
        first: the monolingual summarizer on its documents.
        summaries: where its summaries are, or go.
        translator: the translator on these.
    """

    first: Decoding
    summaries: Path
    translator: Decoding

    def write(self, out: Path, log: Path) -> dict[str, Any]:
        """Summarize, unless that is done, and translate the summaries; what the latter cost."""
        if not self.summaries.exists():
            self.first.write(self.summaries, log)
        own = read_summaries(self.summaries)
        lines = [{"id": one["id"], "document": {SOURCE: one["summary"][SOURCE]}} for one in own]
        # Nothing is left to translate of a summary without a word; and no document may be empty.
        _write(self.translator.records, (one for one in lines if one["document"][SOURCE].strip()))
        cost = self.translator.write(out, log)
        found = read_summaries(out)
        if len(found) < len(own):
            (language,) = {code for one in found for code in one["summary"]}
            by_id = {one["id"]: one for one in found}
            nothing = {"summary": {language: ""}}
            _write(out, (by_id.get(one["id"], {"id": one["id"], **nothing}) for one in own))
        return cost


def write_texts(out: Path, records: Sequence[Record], texts: Sequence[str], language: str) -> None:
    """Write texts as the summaries of records, as `mclas summarize` would."""
    pairs = zip((record.id for record in records), texts, strict=True)
    _write(out, ({"id": id_, "summary": {language: text}} for id_, text in pairs))


def _write(path: Path, rows: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with write_beside(path) as stream:
        for row in rows:
            stream.write(json.dumps(row, ensure_ascii=False) + "\n")
