"""The study on prompts that carry over: its toy languages, its measures, its verdicts."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from studies.harness.json_rows import read_rows, write_rows
from studies.pretraining import __main__ as pretraining
from studies.prompt_transfer import __main__ as study
from studies.prompt_transfer import training
from studies.prompt_transfer.languages import (
    DOCUMENT,
    SUMMARY,
    World,
    pretraining_batch,
    tuning_batch,
)

WORLD = World.of(1)


def spelled(ids: Any) -> list[str]:
    return [WORLD.dictionary[int(one)] for one in ids]


def test_languages_have_a_word_each_for_a_thing() -> None:
    things = np.array([0, 7, 23])
    assert spelled(WORLD.words(things, "A")) == ["A0", "A7", "A23"]
    assert spelled(WORLD.words(things, "D")) == ["D0", "D7", "D23"]


def test_a_prompted_text_is_document_prompt_and_summary_in_the_prompts_language() -> None:
    batch = tuning_batch(WORLD, np.random.default_rng(1), "A", "BD")
    for row, target in ((0, "B"), (1, "D")):
        read = spelled(batch["net_input"]["src_tokens"][row])
        assert read[0] == "[CLS]"
        assert read[-2:] == [f"to-{target}:", "[sMASK]"]
        document = read[1 : 1 + DOCUMENT]
        wanted = [word.replace("A", target) for word in document[::3]]
        assert spelled(batch["target"][row]) == [*wanted, "<eop>"]


def test_raw_text_shows_no_prompt() -> None:
    batch = pretraining_batch(WORLD, np.random.default_rng(1), 0.0)
    words = set(spelled(batch["net_input"]["src_tokens"].flatten()))
    assert not any(word.startswith("to-") for word in words)
    assert any(word.startswith("to-") for word in spelled(
        pretraining_batch(WORLD, np.random.default_rng(1), 1.0)["net_input"]["src_tokens"].flatten()
    ))  # fmt: skip


class Parrot:
    """Writes the summary of each document in one language, whatever the prompt."""

    def __init__(self, language: str):
        self.language = language

    def eval(self) -> None: ...

    def __call__(self, rows: Any, _: Any, written: Any) -> Any:
        things = (rows[:, 1 : 1 + DOCUMENT].numpy() - WORLD.first_word("A"))[:, ::3]
        place = written.size(1) - 1
        if place < SUMMARY:
            words = torch.from_numpy(WORLD.words(things[:, place], self.language))
        else:
            words = torch.full((len(rows),), WORLD.symbols.eop)
        logits = torch.nn.functional.one_hot(words, len(WORLD.dictionary)).float()
        return logits[:, None], None


def test_a_summary_in_the_wrong_language_has_its_things_alone() -> None:
    right = training.ask(WORLD, Parrot("C"), "A", "C")
    assert right == {"rouge1": 100.0, "things": 100.0, "language": 100.0}
    wrong = training.ask(WORLD, Parrot("B"), "A", "C")
    assert wrong == {"rouge1": 0.0, "things": 100.0, "language": 0.0}


def test_frozen_layers_stay_and_the_others_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training, "TUNING", 2)
    before = training.new_model(WORLD, 1)
    after = training.tune(WORLD, before, training.REMEDIES["frozen"], 1)
    moved = training.relative_updates(before, after)
    assert moved["layer 3"] == moved["layer 4"] == 0.0
    assert moved["layer 1"] > 0
    assert moved["layer 2"] > 0
    assert moved["embedding"] > 0


def rows(language: dict[str, float]) -> Iterator[dict[str, Any]]:
    """Rows of three seeds; the share in the right language from A to C is given by system."""
    for seed in (1, 2, 3):
        for system in training.SYSTEMS:
            same = {"rouge1": 90.0, "things": 90.0, "language": 99.0}
            target = {**same, "language": language.get(system, 5.0) + seed}
            updates = {f"layer {layer}": 0.1 * layer + seed / 100 for layer in range(1, 5)}
            yield {
                "seed": seed, "system": system, "trained": same, "source": same, "target": target,
                "updates": {"embedding": 0.1, **updates},
            }  # fmt: skip


def test_verdicts_follow_the_rules() -> None:
    given = list(rows({"untuned": 80.0, "second prompt": 60.0, "frozen": 5.0, "mixed": 1.0}))
    for row in given:  # differences that are all alike have no interval
        row["target"]["language"] += (row["seed"] * len(row["system"])) % 7 / 100
    said = "\n".join(study.report(given))
    assert "1. Sources carry over (C to B, ROUGE-1, tuned - untuned): +0.00" in said
    lines = {line.split(" (")[0]: line for line in said.splitlines() if "language," in line}
    assert lines["2. Prompts do not"].endswith("holds")
    assert lines["4. second prompt helps"].endswith("holds")
    assert lines["4. frozen helps"].endswith("undecided")
    assert lines["4. mixed helps"].endswith("refuted")


def test_a_seed_without_all_systems_is_left_out() -> None:
    given = [row for row in rows({}) if (row["seed"], row["system"]) != (2, "plain")]
    assert study.Results(given).seeds == [1, 3]


def test_a_rerun_makes_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "rows.json"
    given = list(rows({}))
    write_rows(path, [row for row in given if row["seed"] < 3])
    monkeypatch.setattr(study, "pretrain", lambda world, seed: training.new_model(world, seed))
    monkeypatch.setattr(study, "tune", lambda world, model, remedy, seed: model)
    monkeypatch.setattr(study, "SYSTEMS", ("untuned", "plain"))
    study.run(path, [1, 2, 3])
    found = read_rows(path)
    assert found[: 2 * len(training.SYSTEMS)] == [row for row in given if row["seed"] < 3]
    assert [(row["seed"], row["system"]) for row in found[-2:]] == [(3, "untuned"), (3, "plain")]


LINE = "2026-01-01 00:00:00 | INFO | valid | epoch 001 | valid on 'valid' subset | ppl {ppl} |"
LINE += " ppl_token 7 | ppl_de 8 | ppl_token_de 9 | num_updates {update}\n"


def test_arms_of_pretraining_take_turns_and_rows_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = []

    def call(words: list[str], log: Path) -> dict[str, int]:
        update = words[words.index("--max-update") + 1]
        trained.append((words[words.index("--balance") + 1], update))
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as stream:
            stream.write(LINE.format(ppl=1000 - int(update), update=update))
        return {"cpu_seconds": 5}

    monkeypatch.setattr(pretraining, "call", call)
    monkeypatch.setattr(pretraining, "UPDATES", 200)
    results = tmp_path / "rows.json"
    row = {"arm": "balanced", "update": 100, "cpu_seconds": 7, "ppl": 50.0, "ppl_de": 4.0}
    write_rows(results, [row])
    pretraining.run(tmp_path, tmp_path, results, [])
    assert trained == [("none", "100"), ("semilog", "200"), ("none", "200")]
    assert read_rows(results)[0] == row
    said = "\n".join(pretraining.report(read_rows(results)))
    assert "balanced: 200 of 200 updates, 12 processor seconds" in said
    assert "| de | 8.0 | 8.0 | 1.00 |" in said
    assert "token_de" not in said


def test_a_log_without_the_validation_is_refused(tmp_path: Path) -> None:
    log = tmp_path / "train.log"
    log.write_text(LINE.format(ppl=1, update=50), encoding="utf-8")
    with pytest.raises(ValueError, match="must have a validation at update 100"):
        pretraining.perplexities(log, 100)
