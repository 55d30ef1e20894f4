"""mGLM on people's texts: from and into languages that fine-tuning did not have.

    python -m studies.glm_transfer run OUT --data DATA --text TEXT --pretrained PRETRAINED
    python -m studies.glm_transfer list
    python -m studies.glm_transfer report
    python -m studies.glm_transfer run TRIAL ... --smoke 20 --results TRIAL/rows.json  # a try

DATA is the folder of train.jsonl.gz, valid.jsonl.gz and test.jsonl.gz of package descriptions with
documents and summaries in nine languages, TEXT the data-bin of raw text that was pretrained on, and
PRETRAINED the OUT of `python -m studies.pretraining`. A cell (cells.py) is a training of
`glm_seq2seq` and a matrix of `mclas transfer` on validation; finished, it is a row of
studies/results/glm_transfer.json, which a rerun skips; a training that was stopped goes on.
rules.md has the rules of the verdicts.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from studies.glm_transfer.cells import LANGUAGES, SOURCES, TARGETS, Cell, cells
from studies.glm_transfer.report import report
from studies.harness.json_rows import FOLDER, JsonRow, read_rows, write_rows
from studies.harness.processes import PLUGIN, call, quietly, say

RESULTS = FOLDER / "glm_transfer.json"
UPDATES = {0: 4000, 2500: 1500, 500: 600}
SETTINGS = (
    "--task glm_seq2seq --criterion glm_cross_entropy --label-smoothing 0.1 --optimizer adam"
    " --lr-scheduler polynomial_decay --clip-norm 1.0 --batch-size 32 --dropout 0.1"
    " --attention-dropout 0 --max-source-positions 160 --max-target-positions 40 --num-workers 0"
    " --no-epoch-checkpoints --log-format simple --log-interval 50"
)
RATES = {"scratch": "1e-3", "balanced": "5e-4", "unbalanced": "5e-4"}
SEARCH = "--beam 5 --max-len-b 30 --no-repeat-ngram-size 3"


@dataclass(frozen=True)
class Given:
    """Where things are.

    Attributes:
        out: gets the data-bin, checkpoints, logs and matrices.
        data: records of package descriptions.
        text: data-bin of raw text.
        pretrained: folder with a folder of checkpoints for each start.
        smoke: updates of each training, and documents of each cell of a matrix; 0: all.
        more: words for fairseq-train.
    """

    out: Path
    data: Path
    text: Path
    pretrained: Path
    smoke: int
    more: Sequence[str]


def prepare(given: Given) -> Path:
    """The data-bin, made when it is missing."""
    made = given.out / "records"
    if not (made / "manifest.json").exists():
        say("data-bin of the descriptions")
        files = [f"--{split}={given.data / split}.jsonl.gz" for split in ("train", "valid", "test")]
        languages = ("--source-lang", "en", "--target-lang", ",".join(LANGUAGES))
        like = ("--like", given.text, "--max-unknown", "1")
        quietly("mclas", "prepare", *languages, *like, *files, "--out", made)
    return made


def training(cell: Cell, given: Given, data: Path) -> list[str]:
    """The command that trains a cell."""
    updates = given.smoke or UPDATES[cell.size]
    words = ["fairseq-train", str(data), "--user-dir", PLUGIN, *SETTINGS.split()]
    words += ["--arch", "glm_small", "--source-langs", cell.sources, "--target-langs", cell.targets]
    words += ["--lr", RATES[cell.start], "--warmup-updates", str(updates // 20)]
    words += ["--total-num-update", str(updates), "--max-update", str(updates)]
    words += ["--validate-interval-updates", str(max(1, updates // 8)), "--seed", str(cell.seed)]
    if cell.size:
        words += ["--train-subset-size", str(cell.size), "--subset-seed", str(cell.seed)]
    if cell.start != "scratch":
        checkpoint = given.pretrained / cell.start / "checkpoint_last.pt"
        words += ["--finetune-from-model", str(checkpoint)]
    return [*words, *given.more, "--save-dir", str(given.out / cell.name)]


def make(cell: Cell, given: Given, data: Path) -> JsonRow:
    """Train a cell, fill its matrix, and return its row."""
    folder = given.out / cell.name
    cost = call(training(cell, given, data), given.out / f"{cell.name}.log")
    matrix = folder / "transfer.json"
    words = ["mclas", "transfer", "--checkpoint", str(folder / "checkpoint_best.pt")]
    words += ["--data", str(data), "--source-langs", ",".join(SOURCES)]
    words += ["--target-langs", ",".join(TARGETS), "--split", "valid", *SEARCH.split()]
    words += ["--json", str(matrix), "--summaries", str(folder / "summaries.jsonl")]
    words += ["--documents", str(given.smoke)] if given.smoke else []
    call(words, given.out / f"{cell.name}.log")
    found = json.loads(matrix.read_text(encoding="utf-8"))["cells"]
    return {"cell": cell.name, "training": cost, "matrix": found}


def run(given: Given, results: Path, wanted: Sequence[Cell]) -> None:
    """Make the rows that are missing."""
    given.out.mkdir(parents=True, exist_ok=True)
    rows = read_rows(results)
    data = prepare(given)
    for cell in wanted:
        if cell.name not in {row["cell"] for row in rows}:
            say(cell.name)
            rows.append(make(cell, given, data))
            write_rows(results, rows)


def listed(rows: Sequence[JsonRow]) -> Iterator[str]:
    """All cells, and whether they are there."""
    done = {row["cell"] for row in rows}
    for cell in cells():
        yield f"{'done   ' if cell.name in done else 'missing'} {cell.name}"


def parser() -> argparse.ArgumentParser:
    """What the command can be told."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("what", choices=["run", "list", "report"])
    made.add_argument("out", type=Path, nargs="?", metavar="OUT")
    for flag in ("--data", "--text", "--pretrained"):
        made.add_argument(flag, type=Path, metavar="DIR")
    made.add_argument("--only", default="", metavar="TEXT", help="cells whose names have it")
    made.add_argument("--smoke", type=int, default=0, metavar="N", help="updates, documents")
    made.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    return made


def main() -> None:
    """Run, list or report."""
    made = parser()
    args, more = made.parse_known_args()
    if args.what != "run":
        make_lines = listed if args.what == "list" else report
        for line in make_lines(read_rows(args.results)):
            print(line)
        return
    if None in (args.out, args.data, args.text, args.pretrained):
        made.error("run: OUT, --data, --text and --pretrained are needed")
    given = Given(args.out, args.data, args.text, args.pretrained, args.smoke, more)
    run(given, args.results, [cell for cell in cells() if args.only in cell.name])


if __name__ == "__main__":
    main()
