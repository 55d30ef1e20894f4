"""What our own programs leave out of fairseq: it costs them nothing, and others miss nothing."""

import importlib.util
import json
import sys
from pathlib import Path

import mclas_fairseq
from mclas_fairseq.host.unneeded_parts import UNNEEDED
from tests.processes import output_of

PROGRAM = """
import json, sys

def say(when):
    from fairseq.criterions import CRITERION_REGISTRY
    from fairseq.tasks import TASK_REGISTRY
    parts = json.loads(sys.argv[1])
    print(json.dumps(["ANSWER", when, {
        "libraries": sorted({"sklearn", "scipy", "pandas"} & set(sys.modules)),
        "there": [part in sys.modules for part in parts],
        "tasks": [name in TASK_REGISTRY for name in ("audio_classification", "translation")],
        "criterion": "sentence_prediction" in CRITERION_REGISTRY,
        "ours": "cross_lingual_summarization" in TASK_REGISTRY,
        "finders": [type(one).__module__ for one in sys.meta_path].count(
            "mclas_fairseq.host.unneeded_parts"),
    }]), flush=True)

import mclas_fairseq
from mclas_fairseq.errors import CheckpointError
try:
    mclas_fairseq.load("nowhere")
except CheckpointError:
    say("load")
import fairseq.criterions
assert not hasattr(fairseq.criterions, "sentence_prediction")
from fairseq.criterions.sentence_prediction import SentencePredictionCriterion
say("import of a part")
mclas_fairseq.register()
assert fairseq.criterions.sentence_prediction.SentencePredictionCriterion
say("register")
"""


def test_load_leaves_them_out_and_register_brings_them_back(tmp_path: Path) -> None:
    printed = output_of([sys.executable, "-c", PROGRAM, json.dumps(UNNEEDED)], tmp_path)
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith('["ANSWER"')]
    found = {when: state for _, when, state in lines}
    assert found["load"] == {
        "libraries": [],
        "there": [False, False, False],
        "tasks": [False, True],
        "criterion": False,
        "ours": True,
        "finders": 0,
    }
    assert "sklearn" in found["import of a part"].pop("libraries")
    assert found["import of a part"]["criterion"]
    assert found["register"]["there"] == [True, True, True]
    assert found["register"]["tasks"] == [True, True]


def test_they_are_parts_of_fairseq() -> None:
    mclas_fairseq.register()
    assert all(importlib.util.find_spec(name) is not None for name in UNNEEDED)
    assert all(name in sys.modules for name in UNNEEDED)
