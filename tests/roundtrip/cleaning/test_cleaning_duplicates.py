"""Documents that occur twice: the first stays, held-out ones never do, and all are handed on."""

import gzip
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from datatrove.pipeline.base import PipelineStep

from mclas_fairseq.errors import DataError
from mclas_fairseq.roundtrip.cleaning.duplicates import Duplicates, NearDuplicateDocuments
from mclas_fairseq.roundtrip.steps import chain, make_document, record_of, rejection_of


def words(seed: int, size: int = 60) -> list[str]:
    draw = random.Random(seed)
    return [f"w{draw.randrange(5000)}" for _ in range(size)]


def held_out_file(tmp_path: Path, *documents: str) -> Path:
    path = tmp_path / "test.jsonl.gz"
    with gzip.open(path, "wt", encoding="utf-8") as stream:
        for number, text in enumerate(documents):
            stream.write(json.dumps({"id": str(number), "document": {"en": text}}) + "\n")
    return path


def reasons(step: PipelineStep, documents: Sequence[Any]) -> list[str | None]:
    """Reasons in order; also checks that every record comes through, in order."""
    records = [{"id": str(n), "document": {"en": text}} for n, text in enumerate(documents)]
    out = list(chain([step], [make_document(dict(record)) for record in records]))
    assert [record_of(document) for document in out] == records
    return [rejection_of(document) for document in out]


def test_the_first_of_equal_documents_stays_whatever_case_and_punctuation(tmp_path: Path) -> None:
    documents = ["It rains.", "It snows.", "it  RAINS", ["It", "rains!"], "It rains today."]
    assert reasons(Duplicates("en", (), tmp_path), documents) == [
        None, None, "duplicate document", "duplicate document", None,
    ]  # fmt: skip


def test_held_out_documents_are_rejected_every_time(tmp_path: Path) -> None:
    step = Duplicates("en", [held_out_file(tmp_path, "It rains.")], tmp_path)
    assert reasons(step, ["It rains", "It snows", "it rains"]) == [
        "held-out document", None, "held-out document",
    ]  # fmt: skip


def test_versions_of_earlier_and_held_out_documents_are_rejected(tmp_path: Path) -> None:
    first, second, kept_out = words(1), words(2), words(3)
    versions = [" ".join(text[:50] + words(9, 10)) for text in (first, second, kept_out)]
    held_out = [held_out_file(tmp_path, " ".join(kept_out))]
    step = NearDuplicateDocuments("en", held_out, 0.5, tmp_path)
    documents = [" ".join(first), " ".join(second), versions[0], versions[2], " ".join(words(4))]
    assert reasons(step, documents) == [
        None, None, "near-duplicate document", "held-out document", None,
    ]  # fmt: skip


@pytest.mark.parametrize("near", [False, True])
def test_what_was_rejected_before_is_no_document_to_compare_with(
    near: bool, tmp_path: Path
) -> None:
    step = (
        NearDuplicateDocuments("en", (), 0.5, tmp_path) if near else Duplicates("en", (), tmp_path)
    )
    record = {"id": "1", "document": {"en": "It rains in the north today."}}
    rejected, later = make_document(dict(record), "summary too short"), make_document(dict(record))
    out = list(chain([step], [rejected, later]))
    assert [rejection_of(document) for document in out] == ["summary too short", None]


@pytest.mark.parametrize("near", [False, True])
def test_nothing_is_left_in_the_folder(near: bool, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    step = NearDuplicateDocuments("en", (), 0.5, folder) if near else Duplicates("en", (), folder)
    reasons(step, ["It rains.", "It rains."])
    assert list(folder.iterdir()) == []


def test_held_out_file_without_documents_in_the_language_is_refused(tmp_path: Path) -> None:
    path = held_out_file(tmp_path, "It rains.")
    with pytest.raises(DataError, match=r"test.jsonl.gz: must hold documents in 'de' to be held"):
        reasons(Duplicates("de", [path], tmp_path), ["It rains."])
