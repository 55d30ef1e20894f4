"""The plugin registers from every kind of start, and with its own classes."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from fairseq.criterions import CRITERION_REGISTRY
from fairseq.models import ARCH_MODEL_REGISTRY, MODEL_REGISTRY
from fairseq.scoring import SCORER_REGISTRY
from fairseq.tasks import TASK_REGISTRY

import mclas_fairseq
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.scoring.rouge import SummaryRougeScorer
from mclas_fairseq.summarization.cross_entropy import SummaryCrossEntropy
from mclas_fairseq.summarization.model import MclasModel
from mclas_fairseq.summarization.task import CrossLingualSummarizationTask
from tests.processes import output_of

if TYPE_CHECKING:
    from tests.system.conftest import Toy

ROOT = Path(mclas_fairseq.__path__[0]).parent

# fairseq-train, and then what it registered: nothing of ours is imported before.
PROGRAM = """
import sys
from fairseq_cli.train import cli_main

assert "mclas_fairseq" not in sys.modules
cli_main()
from fairseq.criterions import CRITERION_REGISTRY
from fairseq.models import ARCH_MODEL_REGISTRY
from fairseq.scoring import SCORER_REGISTRY
from fairseq.tasks import TASK_REGISTRY

print("FILE", sys.modules["mclas_fairseq"].__file__)
for one in (
    TASK_REGISTRY["cross_lingual_summarization"], ARCH_MODEL_REGISTRY["mclas_tiny"],
    CRITERION_REGISTRY["summary_cross_entropy"], SCORER_REGISTRY["rouge"],
):
    print("CLASS", one.__module__)
"""


def run(command: list[object], folder: Path) -> str:
    """Run a program in another folder and process; returns its output."""
    return output_of(command, folder, HYDRA_FULL_ERROR="1")


def test_registries_hold_our_classes() -> None:
    assert TASK_REGISTRY["cross_lingual_summarization"] is CrossLingualSummarizationTask
    assert MODEL_REGISTRY["mclas"] is MclasModel
    for size in ("tiny", "small", "base"):
        assert ARCH_MODEL_REGISTRY[f"mclas_{size}"] is MclasModel
    assert CRITERION_REGISTRY["summary_cross_entropy"] is SummaryCrossEntropy
    assert SCORER_REGISTRY["rouge"] is SummaryRougeScorer


def test_user_dir_after_a_prior_import_trains_with_the_same_classes(toy: "Toy") -> None:
    toy.trained("ms")  # in this process, which imported the package long ago
    assert "mclas_fairseq" in sys.modules
    assert "task: CrossLingualSummarizationTask" in toy.logs["ms"]
    assert "model: MclasModel" in toy.logs["ms"]
    assert TASK_REGISTRY["cross_lingual_summarization"] is CrossLingualSummarizationTask


@pytest.mark.parametrize(
    ("flag", "name"), [("--arch", "mclas_huge"), ("--criterion", "summary_crossentropy")]
)
def test_unknown_name_is_answered_with_the_names_that_there_are(
    toy: "Toy", flag: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        toy.fairseq("train", toy.data_bin, *toy.recipe, flag, name)
    assert stopped.value.code == 2
    message = capsys.readouterr().err
    assert f"argument {flag}" in message
    assert f"invalid choice: '{name}'" in message
    assert ("mclas_tiny" if flag == "--arch" else "summary_cross_entropy") in message


def test_built_copy_given_by_its_path_registers_in_a_fresh_process(
    toy: "Toy", tmp_path: Path
) -> None:
    built = tmp_path / "site-packages"
    build = ["setup.py", "-q", "build", "--build-base", tmp_path / "build", "--build-lib", built]
    run([sys.executable, *build], ROOT)
    words = [toy.data_bin, *toy.recipe, *toy.flags()[:-1], built / "mclas_fairseq"]
    printed = run(
        [sys.executable, "-c", PROGRAM, *words, "--save-dir", tmp_path / "save"], tmp_path
    )
    assert f"FILE {built / 'mclas_fairseq' / '__init__.py'}" in printed
    classes = [line.split()[1] for line in printed.splitlines() if line.startswith("CLASS ")]
    assert [name.partition(".")[0] for name in classes] == ["mclas_fairseq"] * 4
    state = load_checkpoint(tmp_path / "save" / "checkpoint_last.pt")
    assert state["optimizer_history"][-1]["num_updates"] == 2


HYDRA = """
common: {{user_dir: {plugin}, cpu: true, log_format: simple, log_interval: 1}}
task:
  _name: cross_lingual_summarization
  data: {data}
  target_lang: de
  max_source_positions: 2000
  max_target_positions: 200
model:
  _name: mclas_tiny
  copy_attention: false
  encoder_layers: 1
  decoder_layers: 1
  encoder_embed_dim: 16
  decoder_embed_dim: 16
  encoder_attention_heads: 2
  decoder_attention_heads: 2
criterion: {{_name: summary_cross_entropy, label_smoothing: 0.1}}
optimizer: {{_name: adam}}
lr_scheduler: {{_name: inverse_sqrt, warmup_updates: 10}}
optimization: {{max_update: 2, lr: [0.03]}}
dataset: {{batch_size: 8, num_workers: 0}}
distributed_training: {{distributed_world_size: 1}}
checkpoint: {{no_epoch_checkpoints: true}}
"""


# Two trainings in one process, as the second's imports would cost as much as all else.
HYDRA_PROGRAM = """
import sys
from fairseq_cli.hydra_train import cli_main

flags = sys.argv[1:]
two_rates = [
    "optimizer._name=grouped_adam",
    "lr_scheduler._name=grouped_inverse_sqrt",
    "+lr_scheduler.encoder_lr=0.001",
    "+lr_scheduler.encoder_warmup_updates=4",
]
for copy, rates in (("false", []), ("true", two_rates)):
    overrides = [f"model.copy_attention={copy}", f"checkpoint.save_dir=SAVE/{copy}", *rates]
    sys.argv = ["fairseq-hydra-train", *flags, *overrides]
    cli_main()
"""


@pytest.fixture(scope="module")
def hydra(toy: "Toy", tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trainings by fairseq-hydra-train: without copying, and with it at two rates."""
    folder = tmp_path_factory.mktemp("hydra")
    config = HYDRA.format(plugin=mclas_fairseq.__path__[0], data=toy.data_bin)
    (folder / "toy.yaml").write_text(config)
    program = HYDRA_PROGRAM.replace("SAVE", str(folder))
    run([sys.executable, "-c", program, "--config-dir", folder, "--config-name", "toy"], folder)
    return folder


@pytest.mark.parametrize("copy", [False, True])
def test_hydra_with_absolute_paths_trains_a_model_that_decodes(
    toy: "Toy", hydra: Path, copy: bool
) -> None:
    checkpoint = hydra / str(copy).lower() / "checkpoint_last.pt"
    state = load_checkpoint(checkpoint)
    assert state["optimizer_history"][-1]["num_updates"] == 2
    assert any("copy_gate" in name for name in state["model"]) is copy
    # The decoder's sizes are those of the file, the rest is the architecture's.
    assert state["model"]["decoder.layers.0.fc1.weight"].shape == (512, 16)
    printed = toy.generate(checkpoint)
    assert printed.count("\nD-") == 14
    groups = state["last_optimizer_state"]["param_groups"]
    expected = {"rest": 0.006, "encoder": 0.0005} if copy else {None: 0.006}
    assert {group.get("name"): group["lr"] for group in groups} == pytest.approx(expected)
    # No longer document was refused, either: fairseq's own limit is 1024.
    assert "test: 0 of 14 documents are cut to 2000 tokens" in printed
