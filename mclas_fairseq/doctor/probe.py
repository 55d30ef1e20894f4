"""What `mclas doctor` tries, in a process of its own: a broken package may end it, not the doctor.

Run as a program with the names of checks; prints one JSON object a line as each is done. Nothing
but the standard library is imported before a check asks for it.
"""

import contextlib
import importlib
import io
import json
import os
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

PLUGIN_NAMES: Mapping[str, tuple[str, ...]] = {
    "task": ("cross_lingual_summarization", "multitask_summarization"),
    "criterion": ("summary_cross_entropy", "vhm_elbo"),
    "architecture": ("mclas_base", "mclas_mbert", "mclas_mbart", "ncls_ms_base", "vhm_base"),
    "optimizer": ("grouped_adam",),
    "scorer": ("rouge",),
}


def check_torch() -> str:
    """Import torch and describe its build."""
    import torch

    if tuple(int(part) for part in torch.__version__.split(".")[:2]) < (2, 6):
        raise RuntimeError(f"{torch.__version__} does not read checkpoints safely by default")
    device = "no GPU"
    if torch.cuda.is_available():
        device = f"{torch.cuda.device_count()} x {torch.cuda.get_device_name(0)}"
    build = f"CUDA {torch.version.cuda}" if torch.version.cuda else "CPU build"
    # As modules/emulated_bf16.py has it, which cannot be imported before torch is known to work.
    mkldnn = torch.backends.mkldnn.is_available()
    has_bf16 = mkldnn and torch.ops.mkldnn._is_mkldnn_bf16_supported()
    emulated = not (has_bf16 or torch.cuda.is_available())
    bf16 = ", bf16 emulated: leave out --bf16, decode with --precision float32" if emulated else ""
    return f"{build}, {device}, threads {torch.get_num_threads()}{bf16}"


def check_fairseq() -> str:
    """Import fairseq and the parts of it that were compiled."""
    import fairseq
    import fairseq.data.data_utils_fast
    import fairseq.data.token_block_utils_fast
    import fairseq.libbleu

    return f"in {Path(fairseq.__file__).parent}"


def check_plugin() -> str:
    """Load the plugin as `--user-dir` does, and find its classes under their names."""
    from fairseq import criterions, models, optim, scoring, tasks, utils

    import mclas_fairseq

    utils.import_user_module(Namespace(user_dir=next(iter(mclas_fairseq.__path__))))
    registries: dict[str, Mapping[str, Any]] = {
        "task": tasks.TASK_REGISTRY,
        "criterion": criterions.CRITERION_REGISTRY,
        "architecture": models.ARCH_MODEL_REGISTRY,
        "optimizer": optim.OPTIMIZER_REGISTRY,
        "scorer": scoring.SCORER_REGISTRY,
    }
    for kind, names in PLUGIN_NAMES.items():
        for name in names:
            found = registries[kind].get(name)
            # fairseq silently keeps the first class that took a task's or model's name.
            if found is None or not found.__module__.startswith("mclas_fairseq."):
                where = "nowhere" if found is None else f"in {found.__module__}"
                raise LookupError(f"{kind} {name} should be the plugin's, but was found {where}")
    return ", ".join(" ".join((kind, *names)) for kind, names in PLUGIN_NAMES.items())


class _Attack:
    """Pickles as a call of `os.system`, a harmless one."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, ("true",)


def check_checkpoints() -> str:
    """Write and read a checkpoint in the way of fairseq's, and see a hostile one refused."""
    import torch

    from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
    from mclas_fairseq.errors import CheckpointError

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "checkpoint.pt"
        torch.save({"args": Namespace(arch="mclas_tiny"), "model": {"w": torch.ones(2)}}, path)
        state = load_checkpoint(path)
        if state["args"].arch != "mclas_tiny" or state["model"]["w"].sum().item() != 2:
            raise RuntimeError("a checkpoint came back changed")
        torch.save({"args": _Attack()}, path)
        with contextlib.suppress(CheckpointError):
            load_checkpoint(path)
            raise RuntimeError("a checkpoint that runs a program was not refused")
    return "read safely, a hostile one is refused"


CHECKS: Mapping[str, Callable[[], str]] = {
    "torch": check_torch,
    "fairseq": check_fairseq,
    "plugin": check_plugin,
    "checkpoints": check_checkpoints,
}


def run_check(name: str) -> dict[str, str]:
    """Run one check, or import the module of that name; return what it said or why it failed."""
    said = io.StringIO()
    try:
        with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
            if name in CHECKS:
                return {"name": name, "detail": CHECKS[name]()}
            importlib.import_module(name)
            return {"name": name, "detail": ""}
    except BaseException as error:  # whatever it is, the doctor's work is to report it
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        words = lines[0][:200] if lines else "no message"
        return {"name": name, "error": f"{type(error).__name__}: {words}"}


def main(names: list[str]) -> None:
    """Run the checks in this order; each line of the answer is written as soon as it is known."""
    for name in names:
        sys.stdout.write(json.dumps(run_check(name)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
