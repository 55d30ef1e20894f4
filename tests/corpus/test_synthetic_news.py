"""The built-in corpus: its promises on splits, names and rules, and how its languages read."""

import hashlib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.corpus.records import read_corpus, write_records
from mclas_fairseq.corpus.synthetic_news import SETTINGS, SPLITS, generate
from mclas_fairseq.corpus.synthetic_news.documents import Statement, draw_plan
from mclas_fairseq.corpus.synthetic_news.draws import Draws
from mclas_fairseq.corpus.synthetic_news.events import (
    Count,
    Event,
    draw_easy_events,
    draw_hard_events,
    main_event,
)
from mclas_fairseq.corpus.synthetic_news.generator import sentence_pairs
from mclas_fairseq.corpus.synthetic_news.lexicon import LANGUAGES, Lexicon, Phrase, load_lexicon
from mclas_fairseq.corpus.synthetic_news.partition import names, split_of
from mclas_fairseq.corpus.synthetic_news.realisation import GRAMMARS, sentence, text
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.rouge import score_rouge

# Items a setting: enough for tens of thousands of sentences, few enough for seconds.
SIZES = {
    "easy": {"train": 20_000, "valid": 3_000, "test": 3_000},
    "hard": {"train": 6_000, "valid": 1_000, "test": 1_000},
}


def _empty() -> dict[str, set[str]]:
    return {language: set() for language in LANGUAGES}


@dataclass
class Seen:
    """What occurs in a split."""

    summaries: dict[str, set[str]] = field(default_factory=_empty)
    main_sentences: dict[str, set[str]] = field(default_factory=_empty)
    sentences: dict[str, set[str]] = field(default_factory=_empty)
    positions: list[int] = field(default_factory=list)
    words: set[str] = field(default_factory=set)


def _texts(record: dict[str, Any]) -> dict[str, list[str]]:
    return {**record["document"], **record["translation"]}


@pytest.fixture(scope="module", params=SETTINGS)
def seen(request: pytest.FixtureRequest) -> dict[str, Seen]:
    """All splits of a setting; each split has a seed of its own, as different users might."""
    splits: dict[str, Seen] = {}
    for seed, (split, size) in enumerate(SIZES[request.param].items()):
        content = Seen()
        for record in _records(request.param, split, size, seed):
            main = record["synthetic_news"]["main_sentence"]
            content.positions.append(main)
            for language, sentences in _texts(record).items():
                content.summaries[language].add(record["summary"][language][0])
                content.main_sentences[language].add(sentences[main])
                content.sentences[language].update(sentences)
            content.words.update(re.findall(r"\w+", " ".join(record["document"]["en"])))
        splits[split] = content
    return splits


def _records(setting: str, split: str, size: int, seed: int) -> Iterator[dict[str, Any]]:
    return generate(setting, split, size, seed)


@pytest.mark.parametrize("split", ["valid", "test"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_no_held_out_summary_or_main_sentence_occurs_in_training(
    seen: dict[str, Seen], split: str, language: str
) -> None:
    train = seen["train"]
    assert not seen[split].summaries[language] & train.summaries[language]
    # Not even as a distracting sentence of a training document.
    assert not seen[split].main_sentences[language] & train.sentences[language]
    assert not seen[split].sentences[language] & train.main_sentences[language]


def test_validation_and_test_share_no_summary_or_main_sentence(seen: dict[str, Seen]) -> None:
    assert not seen["valid"].summaries["en"] & seen["test"].summaries["en"]
    assert not seen["valid"].main_sentences["en"] & seen["test"].sentences["en"]


def test_reserved_names_occur_in_held_out_splits_only(seen: dict[str, Seen]) -> None:
    lexicon = load_lexicon("hard")
    reserved = set(names(lexicon.places, True)) | set(names(lexicon.persons, True))
    usual = set(names(lexicon.places, False)) | set(names(lexicon.persons, False))
    assert not reserved & usual
    assert 0.15 < len(reserved) / len(reserved | usual) < 0.25
    assert not seen["train"].words & reserved
    for split in ("valid", "test"):
        assert len(seen[split].words & reserved) > 100
        assert len(seen[split].words & usual) > 100


def test_main_sentence_stands_in_every_place(seen: dict[str, Seen]) -> None:
    positions = seen["train"].positions
    for place in range(4):
        assert positions.count(place) > 0.08 * len(positions)


def test_a_fact_belongs_to_one_split_whatever_the_setting() -> None:
    kinds = [kind.name for kind in load_lexicon("hard").kinds]
    places = names(load_lexicon("hard").places, False)
    splits = [split_of(kind, place) for kind in kinds for place in places]
    shares = {split: splits.count(split) / len(splits) for split in SPLITS}
    assert shares == pytest.approx({"train": 0.8, "valid": 0.1, "test": 0.1}, abs=0.01)


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("split", SPLITS)
def test_items_do_not_depend_on_how_many_are_made(setting: str, split: str) -> None:
    long = list(generate(setting, split, 20, seed=3))
    assert list(generate(setting, split, 7, seed=3)) == long[:7]
    assert next(islice(generate(setting, split, 20, seed=3), 19, None)) == long[19]
    assert list(generate(setting, split, 20, seed=4)) != long
    assert [record["id"] for record in long] == [f"{setting}-{split}-{i}" for i in range(20)]


@pytest.mark.parametrize("setting", SETTINGS)
def test_corpus_is_the_one_that_results_were_measured_on(setting: str) -> None:
    # Recorded when the corpus was made. A change of words, patterns or draws makes a new corpus,
    # to which earlier results do not belong.
    digest = hashlib.sha256()
    for split in SPLITS:
        for record in generate(setting, split, 100, seed=1):
            digest.update(json.dumps(record, ensure_ascii=False).encode())
    assert (
        digest.hexdigest()[:16] == {"easy": "f964894b5feb9c7a", "hard": "80073447a1f79c4a"}[setting]
    )


@pytest.mark.parametrize("setting", SETTINGS)
def test_translations_are_aligned_and_name_the_same_numbers_and_places(setting: str) -> None:
    for record in _records(setting, "test", 300, seed=5):
        english = record["document"]["en"]
        for language in ("de", "zh"):
            translated = record["translation"][language]
            assert len(translated) == len(english)
            for source, target in zip(english, translated, strict=True):
                assert _names(source) == _names(target)
                if setting == "easy" or not _spelled(source):
                    assert _digits(source) == _digits(target)
        summary = record["summary"]
        assert _names(summary["en"][0]) == _names(summary["de"][0]) == _names(summary["zh"][0])


_ALL_NAMES = {
    name
    for syllables in (load_lexicon("hard").places, load_lexicon("hard").persons)
    for reserved in (True, False)
    for name in names(syllables, reserved)
}


def _names(line: str) -> list[str]:
    return sorted(word for word in re.findall(r"[A-Za-z]+", line) if word in _ALL_NAMES)


def _digits(line: str) -> list[str]:
    return sorted(re.findall(r"[0-9]+", line))


def _spelled(line: str) -> bool:
    words = set(GRAMMARS["en"].number_words.values()) - {"two"} | {"half"}
    return bool(words & set(line.lower().split())) or " two " in line


@pytest.mark.parametrize("setting", SETTINGS)
def test_summary_can_be_told_from_the_main_sentence_and_its_corrections(setting: str) -> None:
    for record in _records(setting, "train", 300, seed=6):
        main = record["document"]["en"][record["synthetic_news"]["main_sentence"]]
        place = set(_names(main))
        assert place <= set(_names(record["summary"]["en"][0]))
        if setting == "easy":
            assert "today" in main.lower()
            others = [line for line in record["document"]["en"] if line != main]
            assert "today" not in " ".join(others).lower()
            assert _digits(main) == _digits(record["summary"]["en"][0])


def _event(total: Sequence[int], recent: bool = True, sign: int = 0, change: int = 0) -> Event:
    lexicon = load_lexicon("hard")
    revision = next((item for item in lexicon.revisions if item.sign == sign), None)
    kind = lexicon.kinds[0]
    counts = tuple(Count(n, group) for n, group in zip(total, kind.groups, strict=False))
    return Event(kind, counts, "Zelburn", {}, recent, False, revision, change)


@pytest.mark.parametrize(
    "events",
    [
        [_event([30]), _event([20])],
        [_event([20, 11]), _event([30])],
        [_event([25], sign=1, change=6), _event([30])],
        [_event([30]), _event([35], sign=-1, change=6)],
        [_event([5]), _event([90], recent=False)],
    ],
    ids=["largest", "sum of parts", "raised later", "lowered later", "long ago does not count"],
)
def test_main_event_is_the_recent_one_with_most_people(events: list[Event]) -> None:
    assert main_event(events) is events[0]
    assert main_event(events[::-1]) is events[0]


def test_drawn_events_have_one_main_event() -> None:
    for index in range(500):
        easy = draw_easy_events(Draws(f"easy {index}"), load_lexicon("easy"), "train")
        assert [event.recent for event in easy].count(True) == 1
        hard = draw_hard_events(Draws(f"hard {index}"), load_lexicon("hard"), "train")
        totals = sorted(event.total for event in hard if event.recent)
        assert totals[-1] > totals[-2]
        assert totals[0] >= 2
        assert len({event.place for event in hard}) == len(hard)


_SIGNS = {"had risen by": 1, "more were counted": 1, "was later lowered by": -1, "twice by": -1}


def _numbers(line: str) -> list[int]:
    """The numbers of people in an English sentence, in digits or words."""
    words = {word: str(value) for value, word in GRAMMARS["en"].number_words.items()}
    tokens = re.findall(r"\w+", line.lower().replace("two buses", "buses"))
    return [int(words.get(token, token)) for token in tokens if token in words or token.isdigit()]


def test_hard_summaries_give_the_sum_of_parts_and_corrections() -> None:
    in_parts = corrected = 0
    records = list(_records("hard", "train", 400, seed=7))
    for record in records:
        document = record["document"]["en"]
        main = document[record["synthetic_news"]["main_sentence"]]
        (place,) = _names(main)
        parts = _numbers(main)
        changes = [
            sign * _numbers(line)[0]
            for line in document
            for words, sign in _SIGNS.items()
            if words in line and place in line
        ]
        assert _numbers(record["summary"]["en"][0]) == [sum(parts) + sum(changes)]
        in_parts += len(parts) == 2
        corrected += len(changes) == 1
    assert in_parts > 0.25 * len(records)
    assert corrected > 0.2 * len(records)


@pytest.mark.parametrize("language", LANGUAGES)
def test_hard_summaries_cannot_be_reproduced_word_by_word(language: str) -> None:
    # The facts of every summary in their usual wording: what a system scores that finds every
    # fact, but cannot know in which wording it was put.
    lexicon = load_lexicon("hard")
    usual: list[str] = []
    references: list[list[str]] = []
    for index in range(400):
        clause, said = draw_plan("hard", "test", Draws(f"ceiling {index}")).summary
        references.append([text([clause, said], language)])
        kind = next(kind for kind in lexicon.kinds if clause.pattern in kind.summaries)
        reaction = next(item for item in lexicon.reactions if said.pattern in item.summaries)
        clause = replace(clause, pattern=kind.summaries[0])
        usual.append(text([clause, replace(said, pattern=reaction.summaries[0])], language))
    assert 70 < score_rouge(usual, references, language=language).mean("rouge1") < 88


def _phrases(lexicon: Lexicon) -> Iterator[Phrase]:
    for kind in lexicon.kinds:
        yield from kind.reports
        yield from kind.summaries
    for reaction in lexicon.reactions:
        yield reaction.report
        yield from reaction.summaries
    yield from (revision.report for revision in lexicon.revisions)
    yield from lexicon.fillers


def test_every_pattern_fills_the_same_slots_in_every_language() -> None:
    for phrase in _phrases(load_lexicon("hard")):
        slots = {
            language: {
                slot.replace("_dat", "").replace("_people", "")
                for slot in re.findall(r"{(\w+)}", phrase[language])
            }
            for language in LANGUAGES
        }
        assert slots["en"] == slots["de"] == slots["zh"], phrase


def test_no_two_kinds_share_a_summary_pattern() -> None:
    for language in LANGUAGES:
        patterns = [
            summary[language] for kind in load_lexicon("hard").kinds for summary in kind.summaries
        ]
        assert len(set(patterns)) == len(patterns)


def test_every_pattern_names_the_place_that_decides_its_split() -> None:
    for kind in load_lexicon("hard").kinds:
        for phrase in (*kind.reports, *kind.summaries):
            assert all("{place}" in phrase[language] for language in LANGUAGES)


def test_easy_words_are_a_part_of_the_hard_ones() -> None:
    easy, hard = load_lexicon("easy"), load_lexicon("hard")
    assert {kind.name for kind in easy.kinds} < {kind.name for kind in hard.kinds}
    nouns = [{group.nouns["en"] for group in lexicon.kinds[0].groups} for lexicon in (easy, hard)]
    assert nouns[0] < nouns[1]


def _statement(pattern: str, *counts: tuple[int, str], spelled: bool = False) -> Statement:
    """A statement with the same pattern in all languages and counts by English noun."""
    lexicon = load_lexicon("hard")
    groups = {group.nouns["en"]: group for kind in lexicon.kinds for group in kind.groups}
    groups["people"] = lexicon.people
    return Statement(
        dict.fromkeys(LANGUAGES, pattern),
        tuple(Count(number, groups[noun]) for number, noun in counts),
        place="Zelburn",
        spelled=spelled,
    )


@pytest.mark.parametrize(
    ("statement", "language", "expected"),
    [
        (_statement("{who}", (12, "teachers")), "en", "12 teachers"),
        (_statement("{who}", (12, "teachers"), spelled=True), "en", "Twelve teachers"),
        (_statement("{who}", (13, "teachers"), spelled=True), "en", "13 teachers"),
        (_statement("{who}", (8, "women"), (5, "men")), "en", "8 women and 5 men"),
        (_statement("{who}", (8, "women"), (5, "children")), "de", "8 Frauen und 5 Kinder"),
        (_statement("{who_dat}", (8, "women"), (5, "children")), "de", "8 Frauen und 5 Kindern"),
        (_statement("{who}", (5, "miners"), spelled=True), "de", "Fünf Bergleute"),
        (_statement("{who}", (12, "teachers")), "zh", "12 名教师"),
        (_statement("{who}", (2, "teachers"), spelled=True), "zh", "两名教师"),
        (_statement("{who}", (2, "people"), spelled=True), "zh", "两人"),
        (_statement("{who}", (12, "guests"), spelled=True), "zh", "十二位客人"),
        (_statement("{place}有{who}罢工，", (3, "people")), "zh", "Zelburn 有 3 人罢工，"),
    ],
)
def test_counts_follow_the_grammar_of_their_language(
    statement: Statement, language: str, expected: str
) -> None:
    assert sentence(statement, language) == expected


def test_records_are_read_as_any_corpus(tmp_path: Path) -> None:
    path = tmp_path / "train.jsonl"
    made = list(_records("easy", "train", 5, seed=1))
    assert write_records(path, made) == 5
    read = list(read_corpus([path], source_lang="en", target_langs=["de", "zh"]))
    for record, wanted in zip(read, made, strict=True):
        assert record.document["en"] == tuple(wanted["document"]["en"])
        assert record.summary["zh"] == tuple(wanted["summary"]["zh"])
        assert record.translation["de"] == tuple(wanted["translation"]["de"])


def test_sentence_pairs_are_the_sentences_of_the_documents() -> None:
    records = list(_records("easy", "train", 3, seed=1))
    pairs: list[Any] = list(sentence_pairs(iter(records)))
    assert [pair["document"]["en"] for pair in pairs] == [
        line for record in records for line in record["document"]["en"]
    ]
    assert pairs[1]["id"] == "easy-train-0.1"
    assert pairs[1]["translation"]["zh"] == records[0]["translation"]["zh"][1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("medium", "train", 1), "setting must be one of easy, hard, but is 'medium'; .*--setting"),
        (("easy", "dev", 1), "split must be one of train, valid, test, but is 'dev'"),
        (("easy", "test", -1), "test size must not be negative, but is -1; give --test"),
    ],
)
def test_wrong_requests_are_refused_at_once(arguments: tuple[str, str, int], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        generate(*arguments, seed=1)
