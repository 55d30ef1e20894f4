"""The plugin is registered by `--user-dir`, in each order of imports, and by nothing that is free.

Each order runs in a process of its own. Those that begin with fairseq are forked from one that has
imported nothing else, as its import costs as much as all the rest.
"""

import json
import sys
from pathlib import Path

import mclas_fairseq
from tests.processes import output_of

PLUGIN = mclas_fairseq.__path__[0]

LOOK = """
import json, os, sys
from argparse import Namespace

def user_dir():
    from fairseq import utils
    utils.import_user_module(Namespace(user_dir=sys.argv[1]))

def registered():
    from fairseq import criterions, models, optim, scoring, tasks
    found = (
        tasks.TASK_REGISTRY.get("cross_lingual_summarization"),
        tasks.TASK_REGISTRY.get("multitask_summarization"),
        models.ARCH_MODEL_REGISTRY.get("mclas_tiny"), models.ARCH_MODEL_REGISTRY.get("vhm_tiny"),
        criterions.CRITERION_REGISTRY.get("summary_cross_entropy"),
        optim.OPTIMIZER_REGISTRY.get("grouped_adam"), scoring.SCORER_REGISTRY.get("rouge"),
    )
    changed = hasattr(tasks.setup_task, "__wrapped__")
    return [one is not None and one.__module__.split(".")[0] for one in found] + [changed]

def say(order):
    print(json.dumps(["ANSWER", order, registered()]), flush=True)
"""

FAIRSEQ_FIRST = """
import fairseq.tasks
assert "mclas_fairseq" not in sys.modules

def in_a_child(order, steps):
    child = os.fork()
    if child == 0:
        try:
            for step in steps:
                step()
            say(order)
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(child, 0)[1] == 0, order

def package():
    import mclas_fairseq

def register():
    import mclas_fairseq
    mclas_fairseq.register()

def one_of_its_files():
    import mclas_fairseq.vhm.model

in_a_child("user-dir", [user_dir])
in_a_child("package", [package])
in_a_child("package, user-dir", [package, user_dir])
in_a_child("a file of it, user-dir", [one_of_its_files, user_dir])
in_a_child("register", [register])
in_a_child("register, user-dir", [register, user_dir])
in_a_child("user-dir, register", [user_dir, register])
in_a_child("user-dir twice", [user_dir, user_dir])
"""

PACKAGE_FIRST = """
import mclas_fairseq
assert not {"torch", "fairseq"} & set(sys.modules)
import fairseq.tasks
say("package, fairseq")
user_dir()
say("package, fairseq, user-dir")
"""

ITS_FILE_FIRST = """
import mclas_fairseq.vhm.model
user_dir()
say("a file of it, with fairseq")
"""

ALL = ["mclas_fairseq"] * 7 + [True]
NOTHING = [False] * 8


def answers(program: str, folder: Path) -> dict[str, list[object]]:
    """What each order registered: the package of each class, and whether fairseq was changed."""
    printed = output_of([sys.executable, "-c", LOOK + program, PLUGIN], folder)
    lines = [json.loads(line) for line in printed.splitlines() if line.startswith('["ANSWER"')]
    return {order: found for _, order, found in lines}


def test_with_fairseq_imported_first_user_dir_and_register_register_and_import_does_not(
    tmp_path: Path,
) -> None:
    assert answers(FAIRSEQ_FIRST, tmp_path) == {
        "user-dir": ALL,
        "package": NOTHING,
        "package, user-dir": ALL,
        "a file of it, user-dir": ALL,
        "register": ALL,
        "register, user-dir": ALL,
        "user-dir, register": ALL,
        "user-dir twice": ALL,
    }


def test_user_dir_registers_a_package_that_was_imported_before_fairseq(tmp_path: Path) -> None:
    assert answers(PACKAGE_FIRST, tmp_path) == {
        "package, fairseq": NOTHING,
        "package, fairseq, user-dir": ALL,
    }


def test_user_dir_registers_after_a_file_of_the_package_that_imports_fairseq(
    tmp_path: Path,
) -> None:
    assert answers(ITS_FILE_FIRST, tmp_path) == {"a file of it, with fairseq": ALL}
