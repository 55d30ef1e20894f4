r"""What the heads of MCLAS do, beside controls, judged by studies/heads/rules.md.

    python -m studies.heads OUT --name news --checkpoint demo/mclas/checkpoint_best.pt \
        --data demo/data-bin --links demo/news/links-de-valid.jsonl
    python -m studies.heads OUT --name ddtp --checkpoint mclas.pt --data bins/triples \
        --shuffled shuffled.pt

Probes a model with ablations, with a random decoder, with `S^A` of other documents, and, where
word links are learned, with both symmetrisations; a model trained on shuffled triples is one more
control, probed on the same data-bin, as links are learned from true pairs. What is there is not
made again. OUT gets a folder a probe; verdicts are printed, and written to OUT/NAME/verdicts.json.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from studies.harness.processes import call, say
from studies.heads.verdicts import judge


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m studies.heads`."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = made.add_argument
    add("out", type=Path, metavar="OUT", help="folder for the probes")
    add("--name", required=True, help="of the model, a folder in OUT")
    add("--checkpoint", type=Path, required=True, help="MCLAS")
    add("--data", type=Path, required=True, help="its data-bin")
    add("--links", type=Path, help="word links (default: learned)")
    add("--shuffled", type=Path, metavar="CHECKPOINT", help="MCLAS trained on shuffled triples")
    return made


def main() -> None:
    """Probe what is missing, and judge."""
    args = parser().parse_args()
    out = args.out / args.name
    model = ["--checkpoint", args.checkpoint, "--data", args.data]
    links = [] if args.links is None else ["--links", args.links]
    whole = _probe(out / "whole", [*model, *links, "--ablate"])
    controls = {
        control: _probe(out / control, [*model, *links, "--control", control])
        for control in ("random-decoder", "other-summaries")
    }
    if args.shuffled:
        words = ["--checkpoint", args.shuffled, "--data", args.data, *links]
        controls["shuffled"] = _probe(out / "shuffled", words)
    verdicts = [_told(*one) for one in judge(whole, controls)]
    if args.links is None:
        fewer = ["--symmetrisation", "intersection", "--ablate"]
        other = _probe(out / "intersection", [*model, *fewer])
        for claim, verdict, reasons in judge(other, controls):
            verdicts.append(_told(f"{claim} (intersection)", verdict, reasons))
    (out / "verdicts.json").write_text(json.dumps(verdicts, indent=1) + "\n", encoding="utf-8")


def _told(claim: str, verdict: str, reasons: list[str]) -> dict[str, Any]:
    print(f"{claim}: {verdict}")
    for reason in reasons:
        print(f"  {reason}")
    return {"claim": claim, "verdict": verdict, "reasons": reasons}


def _probe(out: Path, words: list[object]) -> dict[str, Any]:
    """The report of a probe of all documents, made when it is missing."""
    path = out / "heads.json"
    if not path.exists():
        say(f"probe {out.name}")
        flags = ["--documents", "0", "--out", out, "--overwrite"]
        command = ["mclas", "heads", "probe", *words, *flags]
        call([str(word) for word in command], out.parent / f"{out.name}.log")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


if __name__ == "__main__":
    main()
