"""A training that is started where another one runs, or where it has ended itself."""

import subprocess
import sys
from pathlib import Path

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.host.training_start import LOCK_FILE
from tests.system.conftest import PLUGIN, TASK, fairseq, fairseq_error

DATA = Path(__file__).parents[1] / "compatibility" / "v0_1" / "data-bin"
FLAGS = (
    f"--user-dir {PLUGIN} --task {TASK} --target-layout ncls --target-lang de --arch mclas_tiny "
    "--encoder-layers 1 --decoder-layers 1 --encoder-embed-dim 8 --decoder-embed-dim 8 "
    "--encoder-ffn-embed-dim 16 --decoder-ffn-embed-dim 16 --encoder-attention-heads 2 "
    "--decoder-attention-heads 2 --criterion summary_cross_entropy --optimizer adam --lr 0.01 "
    "--batch-size 4 --max-source-positions 64 --num-workers 0 --cpu --distributed-world-size 1 "
    "--disable-validation --save-interval-updates 1 --log-format simple"
).split()
HOLDS = """
import sys
from pathlib import Path
from mclas_fairseq.corpus.locks import take_lock
lock = take_lock(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def train(folder: Path, *flags: object) -> str:
    return fairseq("train", DATA, *FLAGS, "--save-dir", folder, *flags)


def updates(folder: Path) -> int:
    state = load_checkpoint(folder / "checkpoint_last.pt")
    return int(state["optimizer_history"][-1]["num_updates"])


def test_a_training_that_has_had_its_updates_does_nothing(tmp_path: Path) -> None:
    train(tmp_path, "--max-update", 4)
    content = {path.name: path.read_bytes() for path in tmp_path.glob("*.pt")}
    assert updates(tmp_path) == 4
    for most in (4, 3):
        log = train(tmp_path, "--max-update", most)
        assert f"has had its 4 updates (--max-update {most}): nothing is done" in log
        assert {path.name: path.read_bytes() for path in tmp_path.glob("*.pt")} == content
    log = train(tmp_path, "--max-update", 5)
    assert "nothing is done" not in log
    assert updates(tmp_path) == 5


def test_a_second_training_into_a_folder_is_refused(tmp_path: Path) -> None:
    words = [sys.executable, "-c", HOLDS, str(tmp_path / LOCK_FILE)]
    other = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        flags = (*FLAGS, "--save-dir", tmp_path, "--max-update", 1)
        error = fairseq_error("train", DATA, *flags)
        assert f"--save-dir {tmp_path}: process {other.pid} on " in str(error)
        assert "give this training another --save-dir" in str(error)
        assert not list(tmp_path.glob("*.pt"))
        # What saves nothing is in nobody's way.
        train(tmp_path, "--max-update", 1, "--no-save")
    finally:
        other.communicate("")
    train(tmp_path, "--max-update", 1)
    assert updates(tmp_path) == 1
