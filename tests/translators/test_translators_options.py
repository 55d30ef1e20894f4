"""Specs and options of translators, and what all translators have in common."""

import re
from collections.abc import Sequence
from typing import Any

import pytest

from mclas_fairseq.errors import ConfigError, DataError, TranslatorError
from mclas_fairseq.translators import (
    Translation,
    Translator,
    TranslatorOptions,
    open_translator,
)
from mclas_fairseq.translators.options import TranslatorSpec


class Fake(Translator):
    """Upper case; remembers what it was given."""

    def __init__(self, drop: int = 0) -> None:
        super().__init__(TranslatorSpec("command", "fake"), TranslatorOptions("en", "de"))
        self.given: list[str] = []
        self.drop = drop
        self.fingerprints = 0

    def _translate(self, lines: Sequence[str]) -> list[Translation]:
        self.given += lines
        found = [
            Translation(f" {line.upper()}\u2028", -0.123456789, len(line) > 9) for line in lines
        ]
        return found[self.drop :]

    def _fingerprint(self) -> str:
        self.fingerprints += 1
        return "fake"


@pytest.mark.parametrize("spec", ["model.pt", "ct3:model", "fairseq:", "command:  ", ""])
def test_a_spec_of_no_kind_is_refused_with_all_kinds(spec: str) -> None:
    with pytest.raises(ConfigError) as caught:
        open_translator(spec, TranslatorOptions("en", "de"))
    assert str(caught.value) == (
        f"translator {spec!r}: must be one of fairseq:CHECKPOINT[:CHECKPOINT...], "
        "ct2:FOLDER_OR_CHECKPOINT, hf:NAME_OR_FOLDER, command:PROGRAM ARGUMENTS; name it in one of "
        "them"
    )


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"beam": 0}, "--beam 0: must be at least 1; give a larger number"),
        ({"batch_tokens": 0}, "--batch-tokens 0: must be at least 1"),
        ({"max_source_tokens": 1}, "--max-source-tokens 1: must be at least 2"),
        ({"max_target_tokens": 0}, "--max-target-tokens 0: must be at least 1"),
        ({"threads": 0}, "--threads 0: must be at least 1"),
        ({"time_limit": 0.0}, "--time-limit 0: must be more than 0 seconds"),
        ({"device": "gpu"}, "--device gpu: must be cpu, cuda or cuda:NUMBER; give one of them"),
    ],
)
def test_options_out_of_range_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(message)):
        TranslatorOptions("en", "de", **changes)


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(DataError, match="'klingonisch': must be a known code"):
        TranslatorOptions("en", "klingonisch")


def test_empty_lines_never_reach_the_model() -> None:
    fake = Fake()
    found = fake.translate(["", "one", " \t ", "two", ""])
    assert fake.given == ["one", "two"]
    assert [translation.text for translation in found] == ["", "ONE", "", "TWO", ""]
    assert found[0] == Translation("", None, False)


def test_line_breaks_of_any_kind_become_spaces_on_the_way_in_and_out() -> None:
    fake = Fake()
    assert fake.translate(["one\ntwo\u2028 three"])[0].text == "ONE TWO THREE"
    assert fake.given == ["one two three"]


def test_scores_keep_the_digits_that_do_not_depend_on_the_batch() -> None:
    assert Fake().translate(["one"])[0].score == -0.1235


def test_cut_lines_are_marked_and_counted(caplog: pytest.LogCaptureFixture) -> None:
    found = Fake().translate(["one", "a very long line"])
    assert [translation.cut for translation in found] == [False, True]
    assert "command:fake: cut 1 of 2 lines for their length" in caplog.text


def test_a_translator_that_loses_a_line_is_refused() -> None:
    with pytest.raises(TranslatorError) as caught:
        Fake(drop=1).translate(["one", "", "two"])
    assert str(caught.value) == (
        "command:fake: must give one translation for each line, but gave 1 for 2 lines; use a "
        "translator that keeps lines apart"
    )


def test_the_fingerprint_is_computed_once_and_only_when_asked_for() -> None:
    fake = Fake()
    fake.translate(["one"])
    assert fake.fingerprints == 0
    assert (fake.fingerprint, fake.fingerprint) == ("fake", "fake")
    assert fake.fingerprints == 1
