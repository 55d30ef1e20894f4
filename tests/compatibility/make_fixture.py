"""Make `v0_1/`: what version 0.1.0 wrote, which every later version must read.

Run once, with 0.1.0 installed; kept to show where the files beside it come from:

    python tests/compatibility/make_fixture.py tests/compatibility/v0_1

The weights are random: one update gives a checkpoint its form, and then every weight is drawn anew,
large enough for documents to be told apart. Checkpoints are kept compressed. `expected/` holds what
0.1.0's own `mclas summarize` wrote for the six documents of `news/test.jsonl`.
"""

import gzip
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

import mclas_fairseq

VERSION = "0.1.0"
SIZES = (
    "--encoder-layers 1 --decoder-layers 1 --encoder-embed-dim 8 --decoder-embed-dim 8 "
    "--encoder-ffn-embed-dim 16 --decoder-ffn-embed-dim 16 --encoder-attention-heads 2 "
    "--decoder-attention-heads 2"
).split()
TRAINING = (
    "--max-update 1 --batch-size 4 --lr 0.01 --optimizer adam --seed 1 --num-workers 0 --cpu "
    "--max-source-positions 64 --max-target-positions 64 --no-epoch-checkpoints "
    "--no-save-optimizer-state --disable-validation"
).split()
ONE = "--task cross_lingual_summarization --criterion summary_cross_entropy".split()
SYSTEMS = {
    "ms": [*ONE, "--arch", "mclas_tiny", "--target-layout", "ms", "--target-lang", "de"],
    "ncls": [*ONE, "--arch", "mclas_tiny", "--target-layout", "ncls", "--target-lang", "de"],
    "ncls_ms": [
        *ONE,
        "--arch",
        "ncls_ms_tiny",
        "--target-layout",
        "ncls_ms",
        "--target-lang",
        "de",
    ],
    "mclas": [*ONE, "--arch", "mclas_tiny", "--target-layout", "mclas", "--target-lang", "de"],
    "many": [*ONE, "--arch", "mclas_tiny", "--target-layout", "mclas", "--target-langs", "de,zh"],
    "vhm": (
        "--task multitask_summarization --arch vhm_tiny --criterion vhm_elbo --target-lang de "
        "--latent-dim 4 --kl-annealing-updates 6"
    ).split(),
}
# The bundle has these as its own defaults.
SEARCH = "--beam 2 --max-len-b 12".split()


def run(*words: object) -> None:
    """Run a command of the installed version in the present folder."""
    subprocess.run([str(word) for word in words], check=True, env={**os.environ, "TZ": "UTC"})


def draw_weights(path: Path, seed: int) -> None:
    """Draw every weight of a checkpoint anew; what names the machine that it was made on goes."""
    state: dict[str, Any] = torch.load(path, weights_only=True)
    numbers = torch.Generator().manual_seed(seed)
    drawn: dict[str, torch.Tensor] = {}
    shared: dict[int, torch.Tensor] = {}  # tied weights stay one
    for name, value in state["model"].items():
        if value.is_floating_point() and value.numel() > 1:
            place = value.untyped_storage().data_ptr()
            if place not in shared:
                shared[place] = torch.randn(value.shape, generator=numbers) * 0.7
            value = shared[place].view_as(value)
        drawn[name] = value
    state["model"] = drawn
    state["cfg"]["common"]["user_dir"] = "mclas_fairseq"
    state["cfg"]["model"].user_dir = "mclas_fairseq"
    torch.save(state, path)


def main(out: Path) -> None:
    """Write the folder `out`, which must not exist yet."""
    if mclas_fairseq.__version__ != VERSION:
        raise SystemExit(f"installed is {mclas_fairseq.__version__}, this is made with {VERSION}")
    plugin = mclas_fairseq.__path__[0]
    out.mkdir(parents=True)
    os.chdir(out)  # so that no path of this machine is written into what is kept
    sizes = "--train 10 --valid 4 --test 6 --seed 3".split()
    run("mclas", "synthetic", "--setting", "easy", *sizes, "--out", "news")
    files = [word for s in ("train", "valid", "test") for word in (f"--{s}", f"news/{s}.jsonl")]
    vocabulary = "--tokenizer bpe --vocab-size 60 --task-tags --max-unknown 1".split()
    languages = "--source-lang en --target-lang de,zh".split()
    run("mclas", "prepare", *languages, *files, *vocabulary, "--out", "data-bin")
    for seed, (name, flags) in enumerate(SYSTEMS.items()):
        words = ["data-bin", "--user-dir", plugin, *flags, *SIZES, *TRAINING]
        run("fairseq-train", *words, "--save-dir", "training")
        Path("checkpoints").mkdir(exist_ok=True)
        checkpoint = Path("checkpoints", f"{name}.pt")
        os.replace("training/checkpoint_last.pt", checkpoint)
        shutil.rmtree("training")
        draw_weights(checkpoint, seed)
    given = ["--data", "data-bin", *SEARCH]
    card = ["--name", "made with 0.1.0", "--licence", "Apache-2.0"]
    run("mclas", "export", "--checkpoint", "checkpoints/mclas.pt", *given, "--out", "bundle", *card)
    Path("expected").mkdir()
    summarize = ["mclas", "summarize", "-i", "news/test.jsonl", "--cpu", "-o"]
    for name in SYSTEMS:
        result = f"expected/{name}.jsonl"
        run(*summarize, result, "--checkpoint", f"checkpoints/{name}.pt", *given)
    run(*summarize, "expected/bundle.jsonl", "--model", "bundle")
    for checkpoint in sorted(Path("checkpoints").iterdir()):
        Path(f"{checkpoint}.gz").write_bytes(gzip.compress(checkpoint.read_bytes(), 9, mtime=0))
        checkpoint.unlink()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
