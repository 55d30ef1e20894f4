"""The study of eight languages in one decoder: its cells, what they are trained with, its rules."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from mclas_fairseq.evaluation.content import MATCHED
from studies.harness.study import Work
from studies.harness.summaries import CONTENT
from studies.harness.table import Table
from studies.joint_languages import corpora, verdicts
from studies.joint_languages.__main__ import JointLanguages
from studies.joint_languages.cells import JOINT, LANGUAGES, SEEDS, SINGLE, Cell

STUDY = JointLanguages()


def test_every_comparison_has_both_cells_with_each_seed() -> None:
    names = [cell.name for cell in STUDY.cells("descriptions")]
    wanted = {Cell(system, seed).name for system in (JOINT, *SINGLE) for seed in SEEDS}
    assert (len(names), set(names)) == (18, wanted)


def test_cells_differ_in_languages_and_seed_alone(tmp_path: Path) -> None:
    material = corpora.Material(tmp_path / "bin", tmp_path / "english", {})
    work = Work("descriptions", tmp_path, Table(STUDY.name, tmp_path), material)
    joint, single = (STUDY.command(work, Cell(system, 2), "") for system in (JOINT, "ja"))
    assert joint[: joint.index("--target-langs")] == single[: single.index("--target-langs")]
    assert joint[-1] == ",".join(LANGUAGES)
    assert single[-1] == "ja"
    assert "--target-layout mclas" in " ".join(single)
    assert f"--finetune-from-model {tmp_path}/ms/checkpoint_best.pt" in " ".join(single)


def test_documents_without_any_of_the_languages_are_for_the_start_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    called: list[tuple[Any, ...]] = []

    def data_bin(*words: Any, languages: tuple[str, str]) -> Any:
        called.append(words)
        return words[0]

    monkeypatch.setattr(corpora, "data_bin", data_bin)
    with pytest.raises(SystemExit, match="--data: the folder of the descriptions"):
        corpora.build(None, tmp_path / "out")
    texts = [{"en": "A"}, {"en": "B", "zh": "乙"}, {"en": "C", "pl": "C", "it": "C", "de": "C"}]
    for split in corpora.SPLITS:
        rows = [
            {"id": str(number), "document": {"en": ["x"]}, "summary": text, "translation": {}}
            for number, text in enumerate(texts)
        ]
        with gzip.open(tmp_path / f"{split}.jsonl.gz", "wt", encoding="utf-8") as stream:
            stream.writelines(json.dumps(row) + "\n" for row in rows)
    material = corpora.build(tmp_path, tmp_path / "out")
    kept = [json.loads(line) for line in material.records["train"].read_text().splitlines()]
    assert [row["summary"] for row in kept] == [texts[1], {"en": "C", "it": "C", "de": "C"}]
    rest = (tmp_path / "out" / "records" / "train.en.jsonl").read_text().splitlines()
    assert [json.loads(line)["id"] for line in rest] == ["0"]
    english, triples = called
    assert str(english[0]).endswith("english")
    assert "train.en.jsonl" not in " ".join(map(str, triples))
    assert triples[-2:] == ("--like", material.english)


def measured(value: int, documents: int, **others: int) -> dict[str, Any]:
    """Scores of a language, all documents alike but for a little."""
    values = {
        name: " ".join(str(others.get(name, value) + one % 7) for one in range(documents))
        for name in (CONTENT, MATCHED, "rouge1")
    }
    return {"documents": documents, "by_document": {**values, "length": "1 " * documents}}


def judged(tmp_path: Path, joint: dict[str, Any], single: dict[str, Any]) -> list[str]:
    table = Table(STUDY.name, tmp_path)
    for seed in SEEDS:
        table.add(Cell(JOINT, seed).name, {"test": {"pt": joint, "de": joint}})
        for language in ("pt", "de"):
            table.add(Cell(language, seed).name, {"test": {language: single}})
    return list(verdicts.verdicts(table, "test"))


@pytest.mark.parametrize(
    ("joint", "single", "word", "aims"),
    [
        (measured(3000, 120), measured(2500, 120), "better", ("reached", "reached")),
        (measured(2500, 120), measured(3000, 120), "worse", ("not reached", "not reached")),
        (measured(3000, 120), measured(3000, 120), "not worse", ("not reached", "reached")),
        (
            measured(3000, 120, rouge1=1000), measured(2500, 120),
            "better, measures disagree", ("reached", "reached"),
        ),
    ],
)  # fmt: skip
def test_a_language_is_judged_by_content_rouge(
    tmp_path: Path, joint: Any, single: Any, word: str, aims: tuple[str, str]
) -> None:
    lines = judged(tmp_path, joint, single)
    (portuguese,) = (line for line in lines if line.startswith("pt:"))
    assert portuguese.startswith(f"pt: {word}: content R-1")
    assert f"Aim, pt better: {aims[0]}" in lines
    assert f"Aim, de better or not worse: {aims[1]}" in lines
    assert "ja: not judged: cells are missing" in lines


def test_a_language_with_few_documents_has_no_verdict(tmp_path: Path) -> None:
    lines = judged(tmp_path, measured(3000, 99), measured(2500, 99))
    (portuguese,) = (line for line in lines if line.startswith("pt:"))
    assert portuguese.startswith("pt: no verdict, too few documents: content R-1")
    assert "Aim, pt better: not judged: too few documents" in lines
    assert "Aim, ja better: not judged: cells are missing" in lines
