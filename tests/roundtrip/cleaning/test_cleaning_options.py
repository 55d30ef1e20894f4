"""Which steps a run gets, where they stand, and what is refused."""

from pathlib import Path

import pytest

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.roundtrip.cleaning import CleaningOptions, build_steps
from mclas_fairseq.roundtrip.cleaning.options import STEPS, Range, parse_range, parse_steps


def names(options: CleaningOptions, folder: Path) -> dict[str, list[object]]:
    described = build_steps(options, "en", "de", folder).describe()
    return {place: [step["step"] for step in steps] for place, steps in described.items()}


def test_all_steps_stand_where_they_work(tmp_path: Path) -> None:
    assert names(CleaningOptions(steps=parse_steps("all")), tmp_path) == {
        "corpus": ["normalise", "duplicates", "near-duplicates"],
        "before": ["length", "language"],
        "after": ["length", "language", "ratio", "copied"],
    }


@pytest.mark.parametrize("left_out", STEPS)
def test_each_step_can_be_left_out(left_out: str, tmp_path: Path) -> None:
    steps = tuple(name for name in STEPS if name != left_out)
    found = [name for place in names(CleaningOptions(steps), tmp_path).values() for name in place]
    assert set(found) == set(steps)


def test_none_is_no_step(tmp_path: Path) -> None:
    assert not any(names(CleaningOptions(parse_steps("none")), tmp_path).values())


def test_limits_belong_to_the_settings_of_a_run(tmp_path: Path) -> None:
    options = CleaningOptions(("length",), summary_words=Range(2, 9))
    (step,) = build_steps(options, "en", "de", tmp_path).describe()["before"]
    assert step == {"step": "length", "document": [1, 10_000], "summary": [2, 9]}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"steps": ("length", "lenght")}, r"--clean: must be none, all, or some of .* 'lenght'"),
        ({"ratio": 0.5}, "--max-ratio: must be at least 1, but is 0.5"),
        ({"copied": 1.5}, "--max-copied: must be a share from 0 to 1, but is 1.5"),
        ({"similarity": 2.0}, "--similarity: must be from 0.2 to 1, but is 2"),
        ({"steps": ("length",), "held_out": (Path("x"),)}, "--held-out: is looked at by"),
    ],
)
def test_bad_options_are_refused(given: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        CleaningOptions(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize("text", ["3", "9-3", "a-b", "-3", "3-"])
def test_ranges_are_two_numbers(text: str) -> None:
    with pytest.raises(ConfigError, match="--summary-words .* must be two numbers of words"):
        parse_range(text, "--summary-words")


def test_a_range_holds_both_ends() -> None:
    limits = parse_range("3-5", "--summary-words")
    assert [limits.holds(count) for count in (2, 3, 5, 6)] == [False, True, True, False]
