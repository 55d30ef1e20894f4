"""Summaries that need no summarizer: what every trained model has to beat.

A model that cannot beat the best constant summary has learnt nothing of its documents. Everything
is chosen on training records and with a seed; the test references are never looked at. Place in
the pipeline: beside each model's scores, on the built-in corpus and on real data.
"""

import hashlib
from collections.abc import Sequence
from typing import Optional

import numpy as np

from mclas_fairseq.corpus.records import Record
from mclas_fairseq.corpus.subsets import draw_subset
from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.protocols import RougeProtocol, get_protocol
from mclas_fairseq.evaluation.rouge import score_rouge

CONSTANT = "best constant summary"
CONSTANT_CONTENT = "best constant summary by content words"
RANDOM = "random training summary"
NEAREST = "nearest training document's summary"
LEAD = "lead sentence translated"
LEAD_SOURCE = "lead sentence"  # its name for summaries in the documents' own language

_SAMPLE = 100  # training references that a constant summary is chosen on
_FINALISTS = 20  # candidates that are scored with ROUGE itself
_ROWS = 256  # test documents compared at once with all training documents


def baseline_summaries(
    train: Sequence[Record],
    test: Sequence[Record],
    language: str,
    source_lang: str,
    seed: int,
    content: Optional[RougeProtocol] = None,
) -> dict[str, Optional[list[str]]]:
    """Each baseline's summaries of the test documents in `language`, by its name.

    Args:
        train: training records; those without a summary in `language` are left out.
        test: N records to summarize.
        language: language of the summaries.
        source_lang: language of the documents.
        seed: of the random summaries and of the sample that the constant one is chosen on.
        content: what content words are; adds the constant summary that is best by them.

    Returns:
        name -> N summaries, or None where a baseline is not available: the lead sentence needs
        documents in sentences and, in another language, their translations sentence by sentence.

    Raises:
        DataError: no training record has a summary in `language`, or `test` is empty.
    """
    usable = [record for record in train if language in record.summary]
    if not usable or not test:
        what = "training records with a summary" if not usable else "documents to summarize"
        raise DataError(
            f"baselines in {language!r}: there must be {what}, but there are none of"
            f" {len(train if not usable else test)}; check the records and the language"
        )
    lead_name = LEAD_SOURCE if language == source_lang else LEAD
    by_content = (
        {}
        if content is None
        else {
            CONSTANT_CONTENT: [best_constant_summary(usable, language, seed, content)] * len(test)
        }
    )
    return {
        CONSTANT: [best_constant_summary(usable, language, seed)] * len(test),
        **by_content,
        RANDOM: random_summaries(usable, test, language, seed),
        NEAREST: nearest_summaries(usable, test, language, source_lang),
        lead_name: lead_sentences(test, language, source_lang),
    }


def best_constant_summary(
    train: Sequence[Record], language: str, seed: int, rules: Optional[RougeProtocol] = None
) -> str:
    """The training summary with the highest mean ROUGE-1 on a sample of training references.

    Words are those of `rules`; None: of the default protocol.

    Scoring every candidate against the sample would take hours on a large corpus. So all are
    ranked by the share of different words they have in common with the sample (ROUGE-1 but for
    repeated words), and the best 20 of them by ROUGE-1 itself. Candidates are first references.
    """
    rules = rules or get_protocol("default", language)
    candidates = list(dict.fromkeys(record.summary[language][0] for record in train))
    by_id = {record.id: record for record in train}
    sample = draw_subset(list(by_id), min(_SAMPLE, len(by_id)), seed)
    references = [by_id[name].summary[language] for name in sample]
    finalists = _ranked_by_shared_words(candidates, references, rules)[:_FINALISTS]
    means = [
        score_rouge([text] * len(references), references, language=language, protocol=rules).mean(
            "rouge1"
        )
        for text in finalists
    ]
    return finalists[int(np.argmax(means))]


def random_summaries(
    train: Sequence[Record], test: Sequence[Record], language: str, seed: int
) -> list[str]:
    """For each test document a training summary, drawn by seed and the test document's id."""
    return [
        train[_number(f"{seed}:{record.id}") % len(train)].summary[language][0] for record in test
    ]


def nearest_summaries(
    train: Sequence[Record], test: Sequence[Record], language: str, source_lang: str
) -> list[str]:
    """For each test document the summary of the training document most like it.

    Likeness is the cosine of TF-IDF vectors of the documents; of several equally like, the first.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer

    rules = get_protocol("default", source_lang)
    vectorizer = TfidfVectorizer(
        analyzer=lambda text: [token for part in rules.tokenise(text) for token in part],
        dtype=np.float32,
    )
    known = vectorizer.fit_transform(record.document_text(source_lang) for record in train)
    asked = vectorizer.transform(record.document_text(source_lang) for record in test)
    chosen: list[int] = []
    for start in range(0, len(test), _ROWS):
        likeness = (asked[start : start + _ROWS] @ known.T).toarray()  # (rows, training documents)
        chosen += likeness.argmax(axis=1).tolist()
    return [train[index].summary[language][0] for index in chosen]


def lead_sentences(test: Sequence[Record], language: str, source_lang: str) -> Optional[list[str]]:
    """Each document's first sentence in `language`, by its gold translation; None if not available.

    Available where at least one document is given in several sentences (a document given as one
    string has no known first sentence) and every translation has as many sentences as its document.
    """
    if all(len(record.document[source_lang]) == 1 for record in test):
        return None
    if language == source_lang:
        return [record.document[source_lang][0] for record in test]
    for record in test:
        if len(record.translation.get(language, ())) != len(record.document[source_lang]):
            return None
    return [record.translation[language][0] for record in test]


def _ranked_by_shared_words(
    candidates: list[str], references: Sequence[Sequence[str]], rules: RougeProtocol
) -> list[str]:
    """The candidates, best first, by mean F1 of the sets of words (best reference of each)."""
    from sklearn.feature_extraction.text import CountVectorizer

    vectorizer = CountVectorizer(
        analyzer=lambda text: [token for part in rules.tokenise(text) for token in part],
        binary=True,
        dtype=np.float32,
    )
    words = vectorizer.fit_transform(candidates)
    sizes = np.asarray(words.sum(axis=1))  # (candidates, 1)
    total = np.zeros(len(candidates))
    for texts in references:
        wanted = vectorizer.transform(texts)
        shared = (words @ wanted.T).toarray()  # (candidates, references of one document)
        length = sizes + np.asarray(wanted.sum(axis=1)).T
        total += (2 * shared / np.maximum(length, 1)).max(axis=1)
    order = np.argsort(-total, kind="stable")
    return [candidates[index] for index in order]


def _number(text: str) -> int:
    return int.from_bytes(hashlib.sha256(text.encode("utf-8")).digest()[:8], "big")
