"""What is known of a language's summaries without any system: people, and a trigram model."""

import json
from collections.abc import Iterable
from typing import Any

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.evaluation.content import MATCHED, content_rules
from mclas_fairseq.evaluation.people import leave_one_out, people_system
from mclas_fairseq.evaluation.protocols import get_protocol
from mclas_fairseq.scoring.trigrams import trigram_bits
from studies.abstracts.corpora import Material
from studies.harness.summaries import CONTENT

MEASURES = (CONTENT, MATCHED, "rouge1")


def facts(material: Material) -> dict[str, Any]:
    """Columns of a row; computed once, and kept beside the corpora.

    Returns:
        trigram_bits_per_piece: of the validation summaries, by a trigram model of the summaries
            and sentences of `mt` in the language; people: split -> measure -> points, each
            reference scored against the others.
    """
    path = material.out / "facts.json"
    if not path.exists():
        bits = trigram_bits(material.first(("mt",)), material.language)["valid"]
        people = {split: _people(material, split) for split in ("valid", "test")}
        with write_beside(path) as stream:
            json.dump({"trigram_bits_per_piece": round(bits, 4), "people": people}, stream)
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _people(material: Material, split: str) -> dict[str, float]:
    language = material.language
    records: Iterable[Any] = read_records(material.records(split))
    folds = leave_one_out([list(record.summary[language]) for record in records])
    system = people_system(folds, content_rules(get_protocol("default", language)))
    means = {name: 100 * float(system.measures[name].values.mean()) for name in MEASURES}
    return {name: round(value, 3) for name, value in means.items()}
