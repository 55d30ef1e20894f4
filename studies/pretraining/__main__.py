"""Pretrain mGLM twice on one text: languages balanced, and drawn by their sizes.

    python -m studies.pretraining run OUT --data TEXT
    python -m studies.pretraining report

TEXT is a data-bin of `mclas prepare-text`, OUT gets checkpoints and logs. Both arms take turns by
stages of 100 updates, so that they stand at equal updates whenever the run is ended; each goes on
from its last checkpoint. After a stage the perplexities of the validation samples, the same for
both arms, become a row of studies/results/pretraining.json, which a rerun does not make again.

`report` prints perplexities by language at the last update that both arms reached, and how far
each is.
"""

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path

from mclas_fairseq.corpus.training_log import read_validations
from studies.harness.json_rows import FOLDER, JsonRow, read_rows, write_rows
from studies.harness.processes import PLUGIN, call, say

RESULTS = FOLDER / "pretraining.json"
STAGE = 100
UPDATES = 6000
ARMS = {"balanced": "--balance semilog --alpha 0.3", "unbalanced": "--balance none --alpha 1"}
# No dropout: hardly a text comes twice, and its random numbers cost a third of the time on a CPU.
SETTINGS = (
    "--task glm_pretraining --arch glm_small --criterion glm_cross_entropy --optimizer adam"
    " --adam-eps 1e-6 --weight-decay 0.01 --clip-norm 1.0 --dropout 0 --attention-dropout 0"
    " --lr 1e-3 --lr-scheduler polynomial_decay --warmup-updates 300"
    f" --total-num-update {UPDATES} --tokens-per-sample 256 --batch-size 16 --valid-samples 4"
    " --save-interval-updates 50 --keep-interval-updates 1 --no-epoch-checkpoints --num-workers 0"
    f" --validate-interval-updates {STAGE} --seed 1 --log-format simple --log-interval 10"
)


def stages() -> Iterator[tuple[str, int]]:
    """Arm and update of each stage's end, in the order in which they are trained."""
    for update in range(STAGE, UPDATES + 1, STAGE):
        for arm in ARMS:
            yield arm, update


def perplexities(log: Path, update: int) -> dict[str, float]:
    """Perplexities of the validation at an update, from a log: all, by kind, by language.

    Raises:
        ValueError: the log has no validation at that update.
    """
    for values in read_validations(log):
        if values["num_updates"] == update:
            return {name: value for name, value in values.items() if name.startswith("ppl")}
    raise ValueError(f"{log}: must have a validation at update {update}, but has none")


def train(arm: str, update: int, out: Path, data: Path, more: Sequence[str]) -> JsonRow:
    """Train an arm up to an update and return its row."""
    folder = out / arm
    log = folder / "train.log"
    words = ["fairseq-train", str(data), "--user-dir", PLUGIN, *SETTINGS.split()]
    words += ["--adam-betas", "(0.9, 0.98)", *ARMS[arm].split(), *more]
    cost = call([*words, "--max-update", str(update), "--save-dir", str(folder)], log)
    return {"arm": arm, "update": update, **cost, **perplexities(log, update)}


def run(out: Path, data: Path, results: Path, more: Sequence[str]) -> None:
    """Train the stages that have no row yet."""
    rows = read_rows(results)
    done = {(row["arm"], row["update"]) for row in rows}
    for arm, update in stages():
        if (arm, update) in done:
            continue
        say(f"{arm}: to update {update} of {UPDATES}")
        rows.append(train(arm, update, out, data, more))
        write_rows(results, rows)


def report(rows: Sequence[JsonRow]) -> Iterator[str]:
    """Lines of the report: perplexities by language at the last update that both arms reached."""
    by_arm = {arm: {row["update"]: row for row in rows if row["arm"] == arm} for arm in ARMS}
    common = set.intersection(*map(set, by_arm.values()))
    for arm, found in by_arm.items():
        last = max(found, default=0)
        seconds = sum(row["cpu_seconds"] for row in found.values())
        yield f"{arm}: {last} of {UPDATES} updates, {seconds:,} processor seconds"
    if not common:
        yield "no update that both arms reached"
        return
    first, second = (by_arm[arm][max(common)] for arm in ARMS)
    yield ""
    yield f"| perplexity, update {max(common)} | {' | '.join(ARMS)} | ratio |"
    yield "|---|---|---|---|"
    for name in first:
        if name.startswith("ppl") and name.count("_") < 2:
            label = name.removeprefix("ppl").removeprefix("_") or "all"
            ratio = first[name] / second[name]
            yield f"| {label} | {first[name]:.1f} | {second[name]:.1f} | {ratio:.2f} |"


def parser() -> argparse.ArgumentParser:
    """What the command can be told."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("what", choices=["run", "report"])
    made.add_argument("out", type=Path, nargs="?", metavar="OUT")
    made.add_argument("--data", type=Path, metavar="TEXT", help="data-bin of plain text")
    made.add_argument("--results", type=Path, default=RESULTS, metavar="FILE")
    return made


def main() -> None:
    """Run or report."""
    made = parser()
    args, more = made.parse_known_args()
    if args.what == "report":
        for line in report(read_rows(args.results)):
            print(line)
        return
    if args.out is None or args.data is None:
        made.error("run: OUT and --data are needed")
    run(args.out, args.data, args.results, more)


if __name__ == "__main__":
    main()
