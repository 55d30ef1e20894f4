"""Baselines and sanity figures: what each chooses, and what it must not look at."""

from collections.abc import Sequence
from typing import Optional

import pytest

from mclas_fairseq.corpus.records import Record
from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.baselines import (
    CONSTANT,
    CONSTANT_CONTENT,
    LEAD,
    LEAD_SOURCE,
    NEAREST,
    RANDOM,
    baseline_summaries,
    best_constant_summary,
    lead_sentences,
    nearest_summaries,
    random_summaries,
)
from mclas_fairseq.evaluation.protocols.content import ContentProtocol
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.evaluation.sanity import derangement, distinct_share


def _record(
    name: str,
    document: Sequence[str],
    summary: Optional[str] = None,
    translation: Sequence[str] = (),
    language: str = "de",
) -> Record:
    return Record(
        id=name,
        document={"en": tuple(document)},
        summary={} if summary is None else {language: (summary,)},
        translation={language: tuple(translation)} if translation else {},
        origin=f"test:{name}",
    )


TRAIN = [
    _record("a", ["Cats sleep all day."], "Katzen schlafen"),
    _record("b", ["Dogs bark at night."], "Hunde bellen nachts laut"),
    _record("c", ["Birds sing at dawn."], "Hunde singen nachts"),
    _record("d", ["Nobody summarised this one about quick foxes."]),
]
TEST = [
    _record("x", ["Dogs bark.", "Loudly."], None, ["Hunde bellen.", "Laut."]),
    _record("y", ["Foxes and cats sleep.", "Always."], None, ["Füchse schlafen.", "Immer."]),
]


def test_nearest_summary_is_that_of_the_most_alike_training_document_with_a_summary() -> None:
    usable = TRAIN[:3]
    assert nearest_summaries(usable, TEST, "de", "en") == [
        "Hunde bellen nachts laut",
        "Katzen schlafen",
    ]
    assert baseline_summaries(TRAIN, TEST, "de", "en", seed=1)[NEAREST] == [
        "Hunde bellen nachts laut",
        "Katzen schlafen",
    ]


def test_nearest_summary_reads_chinese_documents_by_character() -> None:
    train = [
        Record(str(i), {"zh": (document,)}, {"en": (summary,)}, {}, "test")
        for i, (document, summary) in enumerate([("猫在睡觉。", "cats"), ("今天下大雨。", "rain")])
    ]
    asked = [Record("x", {"zh": ("明天也有雨。",)}, {}, {}, "test")]
    assert nearest_summaries(train, asked, "en", "zh") == ["rain"]


def test_constant_summary_is_the_one_with_the_best_mean_rouge_1() -> None:
    # By hand, F1 against the others: "Hunde singen nachts" shares two of 3 + 4 words with b and
    # none with a: mean (0 + 4/7 + 1) / 3 = .52; a: 1/3; b: the same 4/7, so a tie; the shorter
    # distance decides nothing, the first of the tied ones is b.
    assert best_constant_summary(TRAIN[:3], "de", seed=1) == "Hunde bellen nachts laut"
    train = [*TRAIN[:3], _record("e", ["More."], "Hunde singen laut nachts")]
    # Now b: (0 + 1 + 4/7 + 3/4) / 4 = .58; e: (0 + 3/4 + 6/7 + 1) / 4 = .65.
    assert best_constant_summary(train, "de", seed=1) == "Hunde singen laut nachts"


def test_constant_summary_is_the_exhaustive_choice_on_the_built_in_corpus() -> None:
    train = _synthetic("train", 60)
    texts = [record.summary["de"][0] for record in train]
    means = {
        text: score_rouge([text] * len(texts), [[other] for other in texts], language="de").mean(
            "rouge1"
        )
        for text in texts
    }
    assert means[best_constant_summary(train, "de", seed=1)] == max(means.values())


def test_constant_summary_counts_the_best_of_several_references() -> None:
    # More candidates than are scored with ROUGE, so that their ranking must count it as well.
    train = [
        Record(str(i), {"en": ("A.",)}, {"de": (f"wort{i} klein", "rot blau")}, {}, "test")
        for i in range(30)
    ]
    train.append(Record("last", {"en": ("C.",)}, {"de": ("rot blau", "drei")}, {}, "test"))
    assert best_constant_summary(train, "de", seed=1) == "rot blau"


def test_random_summaries_depend_on_seed_and_id_not_on_order() -> None:
    train, test = _synthetic("train", 50), _synthetic("test", 20)
    drawn = random_summaries(train, test, "de", seed=1)
    assert random_summaries(train, test[::-1], "de", seed=1) == drawn[::-1]
    assert random_summaries(train, test, "de", seed=2) != drawn
    assert len(set(drawn)) > 5
    assert set(drawn) <= {record.summary["de"][0] for record in train}


def test_lead_is_the_gold_translation_of_the_first_sentence() -> None:
    assert lead_sentences(TEST, "de", "en") == ["Hunde bellen.", "Füchse schlafen."]


def test_lead_in_the_source_language_is_the_first_sentence_itself() -> None:
    assert lead_sentences(TEST, "en", "en") == ["Dogs bark.", "Foxes and cats sleep."]


@pytest.mark.parametrize(
    "record",
    [
        _record("x", ["One.", "Two."]),
        _record("x", ["One.", "Two."], None, ["Eins. Zwei."]),
    ],
    ids=["no translation", "not sentence by sentence"],
)
def test_lead_is_not_available_without_aligned_translations(record: Record) -> None:
    assert lead_sentences([*TEST, record], "de", "en") is None


def test_lead_is_not_available_for_documents_of_one_unsplit_string() -> None:
    unsplit = [_record("x", ["One. Two."], None, ["Eins. Zwei."])]
    assert lead_sentences(unsplit, "de", "en") is None
    assert lead_sentences(unsplit, "en", "en") is None


def test_all_baselines_are_named_and_as_long_as_the_test_set() -> None:
    summaries = baseline_summaries(TRAIN, TEST, "de", "en", seed=1)
    assert list(summaries) == [CONSTANT, RANDOM, NEAREST, LEAD]
    assert all(texts is not None and len(texts) == len(TEST) for texts in summaries.values())
    without = baseline_summaries(TRAIN, [_record("x", ["One."])], "de", "en", seed=1)
    assert without[LEAD] is None


def test_untranslated_lead_is_a_baseline_of_the_source_language_only() -> None:
    train = [_record("a", ["One.", "Two."], "One", language="en")]
    assert LEAD_SOURCE in baseline_summaries(train, TEST, "en", "en", seed=1)
    assert LEAD_SOURCE not in baseline_summaries(TRAIN, TEST, "de", "en", seed=1)


def test_baselines_do_not_look_at_test_references() -> None:
    train, test = _synthetic("train", 60), _synthetic("test", 20)
    blind = [
        Record(record.id, record.document, {}, record.translation, record.origin) for record in test
    ]
    assert baseline_summaries(train, test, "de", "en", seed=1) == baseline_summaries(
        train, blind, "de", "en", seed=1
    )


@pytest.mark.parametrize(
    ("train", "test", "message"),
    [
        (TRAIN[3:], TEST, "'de'.*must be training records with a summary.*none of 1"),
        (TRAIN, [], "'de'.*must be documents to summarize.*none of 0"),
    ],
)
def test_baselines_without_material_are_refused(
    train: list[Record], test: list[Record], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        baseline_summaries(train, test, "de", "en", seed=1)


@pytest.mark.parametrize("setting", ["easy", "hard"])
@pytest.mark.parametrize("language", ["de", "zh"])
def test_baselines_leave_room_above_them_on_the_built_in_corpus(
    setting: str, language: str
) -> None:
    # A system that learnt the easy setting scores above 80; MCLAS must lead by 15 points.
    test = _synthetic("test", 150, setting)
    references = [list(record.summary[language]) for record in test]
    baselines = baseline_summaries(_synthetic("train", 1500, setting), test, language, "en", seed=1)
    for name, texts in baselines.items():
        assert texts is not None
        points = score_rouge(texts, references, language=language).mean("rouge1")
        assert 10 < points < 60, name


def test_distinct_share_counts_different_texts() -> None:
    assert distinct_share(["a", "b", "a", "a"]) == 0.5
    with pytest.raises(DataError, match="at least one summary, but there is none"):
        distinct_share([])


@pytest.mark.parametrize("size", [2, 3, 10, 101])
def test_derangement_leaves_nothing_in_its_place(size: int) -> None:
    for seed in range(20):
        moved = derangement(size, seed)
        assert sorted(moved) == list(range(size))
        assert all(index != place for place, index in enumerate(moved))


def test_derangement_is_seeded_and_needs_two() -> None:
    first, again, other = (derangement(50, seed).tolist() for seed in (1, 1, 2))
    assert first == again != other
    with pytest.raises(DataError, match="at least two documents, but there are 1"):
        derangement(1, 1)


def test_constant_summary_by_content_words_is_chosen_without_function_words() -> None:
    # Of all words "und Hunde die" shares most with the others; its function words count as nothing.
    texts = ["und die in der", "Hunde", "und Hunde die", "in der Katze und die", "Hunde Vögel"]
    train = [_record(str(i), ["A."], text) for i, text in enumerate(texts)]
    found = baseline_summaries(train, TEST, "de", "en", seed=1, content=ContentProtocol("de"))
    assert found[CONSTANT] == ["und Hunde die"] * 2
    assert found[CONSTANT_CONTENT] == ["Hunde"] * 2


def _synthetic(split: str, size: int, setting: str = "easy") -> list[Record]:
    return [
        Record(
            id=str(item["id"]),
            document=_tuples(item["document"]),
            summary=_tuples(item["summary"]),
            translation=_tuples(item["translation"]),
            origin="made",
        )
        for item in generate(setting, split, size, seed=1)
    ]


def _tuples(texts: object) -> dict[str, tuple[str, ...]]:
    assert isinstance(texts, dict)
    return {language: tuple(items) for language, items in texts.items()}
