"""Documents of validation and test that are nearly in training."""

import json
from dataclasses import replace

import pytest

from mclas_fairseq.binarize.leakage import nearest
from mclas_fairseq.binarize.options import PrepareOptions
from mclas_fairseq.binarize.prepare import prepare
from mclas_fairseq.corpus.conversion.shingles import sequences
from tests.binarize.conftest import write

WORDS = [f"word{number}" for number in range(400)]


def _text(start: int, length: int = 40, *, changed: int = -1) -> str:
    words = WORDS[start : start + length]
    return " ".join("other" if place == changed else word for place, word in enumerate(words))


def _share(one: str, other: str) -> float:
    first, second = set(sequences(one)), set(sequences(other))
    return len(first & second) / len(first | second)


def test_the_nearest_is_found_with_its_share() -> None:
    held_out = [_text(0), _text(100), _text(200)]
    training = [_text(300), _text(200, changed=10), _text(0, 50), _text(200, changed=38)]
    found = nearest(iter(held_out), iter(training), 0.5)
    assert set(found) == {0, 2}
    for row, (other, share) in found.items():
        every = [_share(held_out[row], text) for text in training]
        assert other == every.index(max(every))
        assert share == pytest.approx(max(every))


def test_training_documents_without_a_common_sequence_are_none() -> None:
    assert nearest(iter([_text(0)]), iter([_text(300), "short"]), 0.01) == {}


def test_preparing_warns_and_names_both(
    options: PrepareOptions, caplog: pytest.LogCaptureFixture
) -> None:
    row = json.loads(options.inputs["train"][0].read_text(encoding="utf-8").splitlines()[0])
    rows = {}
    for name, text in (("train", _text(0)), ("valid", _text(0, changed=3)), ("test", _text(90))):
        rows[name] = {**row, "id": name, "document": {"en": text}}
    folder = options.out.parent
    inputs = {name: (write(folder / f"one-{name}.jsonl", [rows[name]]),) for name in rows}
    prepare(replace(options, inputs=inputs, max_unknown=1.0))
    told = [line for line in caplog.messages if "nearly alike" in line]
    assert len(told) == 1
    assert told[0].startswith("valid: 1 of 1 documents are nearly alike to a training document")
    assert "('valid' and 'train' (80%))" in told[0]
