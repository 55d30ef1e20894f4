"""ROUGE during validation: which documents are decoded, sums over batches, and their means."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from fairseq.logging import metrics

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.content import ContentRules, content_values
from mclas_fairseq.evaluation.intervals import SEED
from mclas_fairseq.evaluation.overlap import TextCounts
from mclas_fairseq.evaluation.protocols import get_protocol, get_protocols
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.scoring.validation import REPORTED, ValidationRouge, reduce_rouge

REFERENCES: list[dict[str, tuple[str, ...]]] = [
    {"en": ("the cat sat",), "de": ("die Katze sass", "eine Katze sass")},
    {"en": ("a dog ran",)},
    {"de": ("ein Haus",)},
    {"en": ("red house",), "de": ("rotes Haus",)},
]
WRITTEN = [
    {"en": "the cat", "de": "eine Katze"},
    {"en": "a dog ran home", "de": "ein Hund"},
    {"en": "house", "de": "ein Haus"},
    {"en": "blue house", "de": "Haus rotes"},
]


class Text:
    """Token 10 + row stands for what was written for that row."""

    languages: tuple[str, ...] = ("en", "de")

    def summaries(self, tokens: Sequence[int]) -> dict[str, str]:
        return WRITTEN[tokens[0] - 10]


class OneText:
    """Every hypothesis is the same German summary."""

    languages: tuple[str, ...] = ("de",)

    def summaries(self, tokens: Sequence[int]) -> dict[str, str]:
        return {"de": "Hunde sass"}


def decode(sample: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """The best hypothesis names the row in the source; the one after it is never looked at."""
    rows = sample["net_input"]["src_tokens"][:, -1].tolist()
    assert sample["id"].tolist() == rows
    assert sample["net_input"]["src_lengths"].tolist() == [row + 1 for row in rows]
    return [
        [{"tokens": torch.tensor([10 + row, 2])}, {"tokens": torch.tensor([10])}] for row in rows
    ]


def batch(*rows: int) -> dict[str, Any]:
    return {
        "id": torch.tensor(rows),
        "target": torch.zeros(len(rows), 3),
        "net_input": {
            "src_tokens": torch.tensor([[1, row] for row in rows]),
            "src_lengths": torch.tensor([row + 1 for row in rows]),
            "prev_output_tokens": torch.zeros(len(rows), 3),
        },
    }


def score(validation: ValidationRouge, *rows: int) -> dict[str, float]:
    return validation.score(batch(*rows), decode, text=Text(), references=REFERENCES)


def reduced(*outputs: dict[str, Any]) -> dict[str, float]:
    with metrics.aggregate(new_root=True) as aggregator:
        reduce_rouge(outputs)
    values: dict[str, float] = dict(aggregator.get_smoothed_values())
    return values


def test_means_are_those_of_scoring_all_documents_at_once() -> None:
    validation = ValidationRouge.from_json("{}", 0)
    values = reduced(score(validation, 3, 0), score(validation, 1, 2))
    for part, language in (("", "de"), ("ms_", "en")):
        rows = [row for row in range(4) if language in REFERENCES[row]]
        expected = score_rouge(
            [WRITTEN[row][language] for row in rows],
            [REFERENCES[row][language] for row in rows],
            language=language,
        )
        for name in REPORTED:
            assert values[part + name] == pytest.approx(expected.mean(name), abs=0.006)
    assert values["rouge1"] > values["rouge2"] > 0


def test_validation_scores_by_the_protocol_of_each_language() -> None:
    # Porter's stem of "Hunde" and "Hunds" is one, those of "sass" and "sassen" are two: 1 of 2.
    references = [{"de": ("Hunds sassen",)}]
    rules = get_protocols("mclas", ["en", "de"])
    sums = [
        ValidationRouge.from_json("{}", 0, given).score(
            batch(0), decode, text=OneText(), references=references
        )["_rouge1_sum"]
        for given in (rules, None)
    ]
    assert sums == pytest.approx([50.0, 0.0])


def test_content_words_are_scored_in_the_languages_that_have_a_list() -> None:
    content = {"de": ContentProtocol("de")}
    validation = replace(ValidationRouge.from_json("{}", 0), content=content)
    values = reduced(score(validation, 3, 0), score(validation, 1, 2))
    rows = [row for row in range(4) if "de" in REFERENCES[row]]
    expected = score_rouge(
        [WRITTEN[row]["de"] for row in rows],
        [REFERENCES[row]["de"] for row in rows],
        language="de",
        protocol=content["de"],
    )
    assert values["content1"] == pytest.approx(expected.mean("rouge1"), abs=0.006)
    assert values["content2"] == pytest.approx(expected.mean("rouge2"), abs=0.006)
    assert values["content1"] != values["rouge1"]
    assert "ms_content1" not in values, "nothing was scored in English, which is not a score of 0"


def test_matched_minus_shuffled_is_that_of_scoring_all_documents_at_once() -> None:
    content = {"de": ContentProtocol("de")}
    validation = replace(ValidationRouge.from_json("{}", 0), content=content)
    for rows in ([(3,), (0,), (1, 2)], [(3, 0, 1, 2)]):
        values = reduced(*(score(validation, *row) for row in rows))
        for part, language in (("", "de"), ("ms_", "en")):
            there = [row for row in range(4) if language in REFERENCES[row]]
            words = TextCounts(get_protocol("default", language))
            counts = TextCounts(content[language]) if language in content else None
            expected = content_values(
                [WRITTEN[row][language] for row in there],
                [REFERENCES[row][language] for row in there],
                rules=ContentRules(words, counts, seed=SEED),
            )
            for name in ("matched_rouge1", "matched_content1"):
                if (name, "f1") in expected:
                    mean = 100 * expected[name, "f1"].mean()
                    assert values[part + name] == pytest.approx(mean, abs=0.006)
    assert 0 < values["matched_rouge1"] < values["rouge1"]
    assert "ms_matched_content1" not in values


def test_shuffled_references_are_those_of_mclas_score() -> None:
    # Each pair of documents shares another number of words: every derangement has its own value.
    references = [{"de": (" ".join(f"w{n}" for n in range(row, 2 * row + 2)),)} for row in range(9)]
    written = [{"de": " ".join(f"w{n}" for n in range(row, row + 5))} for row in range(9)]

    class Written(OneText):
        def summaries(self, tokens: Sequence[int]) -> dict[str, str]:
            return written[tokens[0] - 10]

    validation = ValidationRouge.from_json("{}", 0)
    outputs = [
        validation.score(batch(*rows), decode, text=Written(), references=references)
        for rows in ((8, 3, 0), (1, 2, 4, 5, 6, 7))
    ]
    expected = content_values(
        [row["de"] for row in written],
        [row["de"] for row in references],
        rules=ContentRules(TextCounts(get_protocol("default", "de")), None, seed=SEED),
    )
    mean = 100 * expected["matched_rouge1", "f1"].mean()
    assert reduced(*outputs)["matched_rouge1"] == pytest.approx(mean, abs=0.006)


def test_shuffled_references_are_of_documents_that_are_decoded() -> None:
    # Rows 0 and 2 are. Both have German references, so each is scored against the other's; one has
    # an English one, with nothing to shuffle.
    validation = ValidationRouge.from_json("{}", 2)
    assert np.flatnonzero(validation.chosen(4)).tolist() == [0, 2]
    values = reduced(score(validation, 0, 1, 2, 3))
    # Own: "eine Katze" 4/5 of "eine Katze sass", "ein Haus" all; of the other's nothing.
    assert values["matched_rouge1"] == pytest.approx(values["rouge1"]) == pytest.approx(90.0)
    assert values["ms_rouge1"] > 0
    assert "ms_matched_rouge1" not in values


def test_constant_summary_has_nothing_matched_minus_shuffled() -> None:
    references = [{"de": (text,)} for text in ("Hunde sass", "Hunde sass", "Hunde sass")]
    sums = ValidationRouge.from_json("{}", 0).score(
        batch(0, 1, 2), decode, text=OneText(), references=references
    )
    assert sums["_rouge1_sum"] == pytest.approx(300.0)
    assert sums["_matched_rouge1_sum"] == pytest.approx(0.0)
    assert sums["_matched_documents"] == 3


def test_sums_are_plain_floats_also_without_any_document() -> None:
    validation = ValidationRouge.from_json("{}", 1)
    empty = score(validation, 1, 2)
    assert set(empty.values()) == {0.0}
    some = score(validation, 0)
    assert set(some) == set(empty), "workers must be able to add them up"
    assert {type(value) for value in [*empty.values(), *some.values()]} == {float}
    assert reduced(empty) == {}


@pytest.mark.parametrize(("total", "wanted"), [(10, 3), (10, 10), (7, 5), (100, 1), (5, 9), (6, 0)])
def test_chosen_documents_are_spread_evenly(total: int, wanted: int) -> None:
    validation = ValidationRouge.from_json("{}", wanted)
    chosen = np.flatnonzero(validation.chosen(total)).tolist()
    assert len(chosen) == (min(wanted, total) or total)
    gaps = {right - left for left, right in zip(chosen, chosen[1:], strict=False)}
    assert not gaps or max(gaps) - min(gaps) <= 1
    assert not gaps or min(gaps) >= total // len(chosen)


def test_options_are_read_from_json_over_defaults() -> None:
    options = ValidationRouge.from_json('{"beam": 4, "lenpen": 0.6}', 5).options
    assert (options["beam"], options["lenpen"], options["max_len_b"]) == (4, 0.6, 100)


@pytest.mark.parametrize("text", ["{beam: 4}", "[4]", ""])
def test_options_that_are_no_json_object_are_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="--eval-rouge-args: it must be a JSON object"):
        ValidationRouge.from_json(text, 5)
