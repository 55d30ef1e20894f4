"""MCLAS learns the built-in synthetic news (easy) far beyond what needs no summarizer.

The threshold is the project's: 15 ROUGE-1 points above each baseline in both summaries, lower
against other documents' references, at least 80 % distinct summaries. The seed was not tuned.
"""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import mclas_fairseq
from mclas_fairseq.cli import main as mclas

UPDATES = 220
MARGIN = 15.0


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with news/, data-bin/, mclas/checkpoint_last.pt and summaries.jsonl."""
    folder = tmp_path_factory.mktemp("learning")
    news = ["--setting", "easy", "--train", "3000", "--valid", "20", "--test", "100"]
    assert mclas(["synthetic", *news, "--seed", "5", "--out", f"{folder}/news"]) == 0
    prepare = ["--source-lang", "en", "--target-lang", "de"]
    prepare += ["--tokenizer", "bpe", "--vocab-size", "800"]
    for split in ("train", "valid", "test"):
        prepare += [f"--{split}", f"{folder}/news/{split}.jsonl"]
    assert mclas(["prepare", *prepare, "--out", f"{folder}/data-bin"]) == 0
    train = (
        f"{folder}/data-bin --user-dir {mclas_fairseq.__path__[0]} --target-layout mclas "
        "--task cross_lingual_summarization --arch mclas_tiny --copy-attention --dropout 0.1 "
        "--criterion summary_cross_entropy --label-smoothing 0.1 --optimizer adam --clip-norm 1.0 "
        "--lr 4e-3 --lr-scheduler inverse_sqrt --warmup-updates 100 --max-tokens 1500 "
        f"--max-update {UPDATES} --seed 5 --num-workers 0 --cpu --disable-validation "
        f"--no-epoch-checkpoints --save-dir {folder}/mclas"
    )
    # In a process of its own, so that it leaves no state behind.
    _run([sys.executable, "-m", "fairseq_cli.train", *train.split()])
    search = "--beam 4 --max-len-b 60 --no-repeat-ngram-size 3 --batch-size 50 --cpu"
    files = f"--data {folder}/data-bin -i {folder}/news/test.jsonl -o {folder}/summaries.jsonl"
    checkpoint = f"--checkpoint {folder}/mclas/checkpoint_last.pt"
    assert mclas(["summarize", *checkpoint.split(), *files.split(), *search.split()]) == 0
    return folder


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("language", ["de", "en"])
def test_mclas_learns_synthetic_news_beyond_every_baseline(trained: Path, language: str) -> None:
    news, report = trained / "news", trained / f"report-{language}.json"
    arguments = ["--train", f"{news}/train.jsonl", "--ref", f"{news}/test.jsonl"]
    arguments += ["--source-lang", "en", "--lang", language, "--margin", str(MARGIN)]
    arguments += ["--system", f"MCLAS={trained}/summaries.jsonl", "--json", str(report)]
    assert mclas(["report", *arguments]) == 0

    check = json.loads(report.read_text(encoding="utf-8"))["checks"][0]
    assert check["learned"], check["failures"]
    shown = check["need_not_be_beaten"]
    asked = {name: one for name, one in check["minus_baselines"].items() if name not in shown}
    assert len(asked) >= 4
    assert all(one["difference"] >= MARGIN for one in asked.values())
    assert check["matched_minus_shuffled_rouge1"]["mean"] > MARGIN
    assert check["distinct"] >= 0.8
