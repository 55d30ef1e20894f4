"""What our own programs leave out of fairseq: it costs them nothing, and others miss nothing."""

import importlib.util
import json
import sys
from pathlib import Path

import mclas_fairseq
from mclas_fairseq.host.unneeded_parts import UNNEEDED, UNUSED, USED, unneeded_in_a_program
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


ALONE = """
import gc, importlib, json, logging, sys
import mclas_fairseq
from mclas_fairseq.host.unneeded_parts import UNUSED, USED

def say(when):
    from fairseq.criterions import CRITERION_REGISTRY
    from fairseq.models import ARCH_MODEL_REGISTRY, MODEL_REGISTRY
    from fairseq.tasks import TASK_REGISTRY
    print(json.dumps(["ANSWER", when, {
        "parts": {
            package: sorted(name.rpartition(".")[2] for name in sys.modules
                            if name.rpartition(".")[0] == package)
            for package in USED
        },
        "unused": [name in sys.modules for name in UNUSED],
        "tasks": [name in TASK_REGISTRY for name in ("hubert_pretraining", "translation")],
        "models": [
            name in MODEL_REGISTRY for name in ("wav2vec2", "roberta", "transformer", "vhm")
        ],
        "arch": "transformer_wmt_en_de_big" in ARCH_MODEL_REGISTRY,
        "criterion": ["ctc" in CRITERION_REGISTRY, "vhm_elbo" in CRITERION_REGISTRY],
        "libraries": sorted({"sklearn", "scipy", "pandas"} & set(sys.modules)),
        "collects": gc.isenabled(),
        "frozen": gc.get_freeze_count() > 100_000,
        "handlers": len(logging.getLogger().handlers),
    }]), flush=True)

mclas_fairseq.register_for_program()
say("program")
import fairseq.models
assert not hasattr(fairseq.models, "wav2vec")
from fairseq.models.wav2vec import Wav2Vec2Model
frozen = gc.get_freeze_count()
mclas_fairseq.register_for_program()
assert gc.get_freeze_count() <= frozen  # what was made since is somebody else's
gc.disable()
mclas_fairseq.register()
say("register")
"""


def test_a_program_imports_what_it_uses_and_register_brings_the_rest(tmp_path: Path) -> None:
    printed = output_of([sys.executable, "-c", ALONE], tmp_path)
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith('["ANSWER"')]
    found = {when: state for _, when, state in lines}
    assert found["program"] == {
        "parts": {package: sorted(parts) for package, parts in USED.items()},
        "unused": [False, False],
        "tasks": [False, True],
        "models": [False, False, True, True],
        "arch": True,
        "criterion": [False, True],
        "libraries": [],
        "collects": True,
        "frozen": True,
        "handlers": 0,
    }
    whole = found["register"]
    assert whole["tasks"] == [True, True]
    assert whole["models"] == [True] * 4
    assert whole["criterion"] == [True, True]
    assert whole["unused"] == [True, True]
    assert not whole["collects"]  # as it was


def test_they_are_parts_of_fairseq() -> None:
    mclas_fairseq.register()
    used = tuple(f"{package}.{part}" for package, parts in USED.items() for part in parts)
    for name in (*UNNEEDED, *UNUSED, *used):
        assert importlib.util.find_spec(name) is not None
        assert name in sys.modules
    assert all(unneeded_in_a_program(name) for name in UNNEEDED)
