r"""What the heads of learned systems of five seeds do: the second part of studies/heads/rules.md.

    python -m studies.heads.learned OUT --ddtp DDTP/it

DDTP is the folder of `python -m studies.ddtp run DDTP --corpus it`, whose MCLAS and NCLS+MS on
2,500 triples are probed. Word links are learned once. A control is trained here: MCLAS as those
are, on triples whose `S^A` is another document's (--shuffled N: for so many seeds). What is there
is not made again; several commands may work side by side. At the end the verdicts are printed, and
every statistic of every head goes to OUT/heads_learned.json.
"""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mclas_fairseq.corpus.text_files import write_beside
from studies.ddtp.cells import COMMON, FINE_TUNING, ITALIAN, LAYOUTS, Cell
from studies.harness.processes import call, claimed, say, train_once
from studies.harness.table import Table
from studies.harness.training import part_of, program, validated_every
from studies.heads.links import links_file, write_links
from studies.heads.over_seeds import judge

SEEDS = range(1, 6)
SIZE = 2500
DOCUMENTS, ABLATED = 500, 200
SYMMETRISATIONS = ("grow-diag", "intersection")


@dataclass(frozen=True)
class Probe:
    """One run of `mclas heads probe`.

    Attributes:
        name: of its folder.
        system: whose model is probed.
        seed: of its training.
        more: flags.
        links: how they were symmetrised.
    """

    name: str
    system: str
    seed: int
    more: tuple[str, ...] = ()
    links: str = SYMMETRISATIONS[0]


def probes(shuffled: int) -> Iterator[Probe]:
    """All of them, those that verdicts need most first."""
    for seed in SEEDS:
        yield Probe(
            f"whole-{seed}", "mclas", seed, ("--ablate", "--ablate-documents", f"{ABLATED}")
        )
        yield Probe(f"other-summaries-{seed}", "mclas", seed, ("--control", "other-summaries"))
    yield Probe("random-decoder-1", "mclas", 1, ("--control", "random-decoder"))
    for seed in range(1, shuffled + 1):
        yield Probe(f"shuffled-{seed}", "mclas-shuffled", seed)
    for seed in SEEDS:
        yield Probe(f"ncls_ms-{seed}", "ncls_ms", seed)
    yield Probe("intersection-1", "mclas", 1, links=SYMMETRISATIONS[1])


def rate(cell: Cell) -> str:
    """What the trials of studies/ddtp decided."""
    row = Table("ddtp").row(cell.decided_by)
    if row is None:
        raise SystemExit(f"{cell.decided_by}: is not finished; run python -m studies.ddtp first")
    return str(row["rate"])


def training_name(system: str, seed: int) -> str:
    """As studies/ddtp calls the training of a system at its rate."""
    cell = Cell(ITALIAN, SIZE, system, "ms", seed)
    return f"{cell.name}_lr{rate(cell)}"


def train_shuffled(out: Path, ddtp: Path, seed: int) -> None:
    """Train the control as studies/ddtp trains MCLAS, on triples whose `S^A` is another's."""
    cell = Cell(ITALIAN, SIZE, "mclas-shuffled", "ms", seed)
    layout, arch, more = LAYOUTS[cell.system]
    words = [*program(ddtp / "bins" / "shuffled"), "--task", "cross_lingual_summarization"]
    words += [*COMMON.split(), "--target-layout", layout, "--arch", arch, *more.split()]
    words += [*FINE_TUNING.split(), "--lr", rate(cell), "--seed", str(seed)]
    words += validated_every(cell.validate)
    words += part_of("train", SIZE, ITALIAN.triples, seed)
    words += ["--finetune-from-model", str(ddtp / "ms" / "checkpoint_best.pt")]
    name = training_name(cell.system, seed)
    train_once(words, out / name, out / "log" / f"{name}.log")


def learn_links(out: Path, ddtp: Path) -> None:
    """Learn the word links of all probes, or wait for another process that is at it."""
    with claimed(out / "claims" / "links", wait_for="links"):
        first = ddtp / training_name("mclas", 1) / "checkpoint_best.pt"
        write_links(first, ddtp / "bins" / "triples", out, SYMMETRISATIONS)


def make(out: Path, ddtp: Path, probe: Probe) -> bool:
    """Probe, unless it is done; False: another process is at it."""
    folder = out / "probes" / probe.name
    with claimed(out / "claims" / probe.name) as mine:
        if not mine or (folder / "heads.json").exists():
            return mine
        trained = out if probe.system == "mclas-shuffled" else ddtp
        if probe.system == "mclas-shuffled":
            train_shuffled(out, ddtp, probe.seed)
        checkpoint = trained / training_name(probe.system, probe.seed) / "checkpoint_best.pt"
        say(f"probe {probe.name}")
        words = ["mclas", "heads", "probe", "--checkpoint", str(checkpoint), "--data"]
        words += [str(ddtp / "bins" / "triples"), "--documents", str(DOCUMENTS), "--out"]
        words += [str(folder), "--overwrite", *probe.more]
        if probe.system != "ncls_ms":
            words += ["--links", str(links_file(out, probe.links))]
        call(words, out / "log" / f"probe-{probe.name}.log")
    return True


def _kept(value: Any) -> Any:
    """A report without the places of its files, numbers to five digits behind the point."""
    if isinstance(value, dict):
        return {name: _kept(item) for name, item in value.items() if name != "about"}
    if isinstance(value, list):
        return [_kept(item) for item in value]
    return round(value, 5) if isinstance(value, float) else value


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m studies.heads.learned`."""
    made = argparse.ArgumentParser(
        prog="python -m studies.heads.learned",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = made.add_argument
    add("out", type=Path, metavar="OUT", help="folder for probes and the control's training")
    add("--ddtp", type=Path, required=True, metavar="DIR", help="folder of the Italian corpus")
    add("--shuffled", type=int, default=1, metavar="N",
        help="train the control with N seeds (default: 1)")  # fmt: skip
    return made


def main() -> None:
    """Probe what is missing, and judge."""
    args = parser().parse_args()
    learn_links(args.out, args.ddtp)
    wanted = list(probes(args.shuffled))
    waiting = [one.name for one in wanted if not make(args.out, args.ddtp, one)]
    if waiting:
        say(f"left to other commands: {', '.join(waiting)}; run this again when they are done")
        return
    found: dict[str, Any] = {}
    for one in wanted:
        path = args.out / "probes" / one.name / "heads.json"
        found[one.name] = json.loads(path.read_text(encoding="utf-8"))
    with write_beside(args.out / "heads_learned.json") as stream:
        lines = (f"{json.dumps(name)}: {json.dumps(_kept(one))}" for name, one in found.items())
        stream.write("{\n" + ",\n".join(lines) + "\n}\n")
    for claim, verdict, reasons in judge(found):
        print(f"{claim}: {verdict}", *(f"  {reason}" for reason in reasons), sep="\n")


if __name__ == "__main__":
    main()
