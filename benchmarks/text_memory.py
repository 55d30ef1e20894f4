"""Memory of raw text: does it grow with the text, in `mclas prepare-text` and in training?

    python -m benchmarks.text_memory --text en.txt --work DIR --prepare 10 100 --stream 10 100 2000

`prepare`: the file is repeated, by paragraphs, up to so many MB, `mclas prepare-text` makes a
data-bin of it in a process of its own, and the most memory that this process ever had is said.
`stream`: the smallest of these data-bins is stretched to the tokens of so many MB by repeating its
documents, and a process makes 2,000 samples of pretraining from it, drawn from all of it. Its own
memory (RssAnon) is said apart from the pages of the mapped file that it looked at (RssFile), which
the system takes back when it needs them. Sizes are MB (10^6 bytes) of text, memory is MiB.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

_SAMPLES = 2000
_PREPARE = "--vocab-size 2000 --tokenizer-bytes 1000000".split()


def repeated(text: Path, size: int, out: Path) -> None:
    """Write the paragraphs of a file again and again until they are `size` bytes."""
    content = text.read_bytes().rstrip() + b"\n\n"
    with out.open("wb") as stream:
        written = 0
        while written < size:
            piece = content[: max(1, size - written)]
            if len(piece) < len(content):  # whole paragraphs
                piece = piece[: piece.rfind(b"\n") + 1] or content
            written += stream.write(piece)


def prepare(text: Path, out: Path) -> dict[str, float]:
    """Make a data-bin; what it took."""
    words = ["prepare-text", "--text", f"en={text}", *_PREPARE, "--out", str(out), "--overwrite"]
    process = subprocess.Popen([sys.executable, "-m", "mclas_fairseq", *words])
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit("mclas prepare-text failed; what it said stands above")
    return {
        "peak_mib": round(used.ru_maxrss / 1024, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
    }


def stretch(data_bin: Path, times: float, out: Path) -> int:
    """Write a data-bin with the training documents of another one so many times; its tokens."""
    from mclas_fairseq.data.data_bin import DataBin
    from mclas_fairseq.data.integrity import describe_files
    from mclas_fairseq.data.text_sides import TextWriter, open_text, text_side

    shutil.rmtree(out, ignore_errors=True)
    shutil.copytree(data_bin, out)
    opened = DataBin.open(data_bin)
    side = open_text(opened, "train", "en")
    ids = np.asarray(side.ids)
    places = np.append(np.asarray(side.begins) // ids.itemsize, len(ids))
    sizes = np.diff(places).astype(np.int32)
    dictionary = opened.dictionary
    with TextWriter(
        out, "train", text_side("en"), entries=len(dictionary), eos=dictionary.eos()
    ) as writer:
        for _ in range(max(1, round(times))):
            writer.add_rows(ids, sizes)
        documents, tokens = writer.documents, writer.tokens
    manifest = opened.manifest
    counts = {split: dict(found) for split, found in manifest.counts.items()}
    counts["train"]["text-en"] = documents
    replace(manifest, counts=counts, files=describe_files(out)).save(out)
    return tokens


def stream(data_bin: Path) -> dict[str, float]:
    """Make samples in a process of its own; its memory at the end."""
    words = [sys.executable, "-m", "benchmarks.text_memory", "--samples-of", str(data_bin)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def make_samples(data_bin: Path) -> None:
    """Make samples as `glm_pretraining` does, and print this process's memory."""
    from mclas_fairseq.data.data_bin import DataBin
    from mclas_fairseq.data.text_sides import open_text
    from mclas_fairseq.mglm.infilling_dataset import InfillingDataset, Making
    from mclas_fairseq.mglm.packing import find_sentence_ends
    from mclas_fairseq.mglm.symbols import find_symbols

    opened = DataBin.open(data_bin)
    dictionary = opened.dictionary
    making = Making(find_symbols(dictionary), find_sentence_ends(dictionary.symbols), 512, 1)
    dataset = InfillingDataset([open_text(opened, "train", "en")], [1.0], _SAMPLES, making)
    for number in range(_SAMPLES):
        dataset[number]
    status = Path("/proc/self/status").read_text(encoding="ascii")
    values = {line.split(":")[0]: line.split()[1] for line in status.splitlines() if "kB" in line}
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "own_mib": round(int(values["RssAnon"]) / 1024, 1),
        "mapped_mib": round(int(values["RssFile"]) / 1024, 1),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 1),
    }
    print(json.dumps(found))


def measure(args: argparse.Namespace) -> dict[str, Any]:
    """Both series."""
    args.work.mkdir(parents=True, exist_ok=True)
    result: dict[str, Any] = {"prepare": {}, "stream": {}}
    smallest = args.work / f"bin-{min(args.prepare)}"
    for size in sorted(args.prepare):
        text = args.work / "text.txt"
        repeated(args.text, size * 10**6, text)
        result["prepare"][size] = prepare(text, args.work / f"bin-{size}")
        text.unlink()
        print(f"prepare {size} MB: {result['prepare'][size]}", flush=True)
    for size in sorted(args.stream):
        stretched = args.work / "stretched"
        tokens = stretch(smallest, size / min(args.prepare), stretched)
        result["stream"][size] = {"tokens": tokens, **stream(stretched)}
        shutil.rmtree(stretched)
        print(f"stream {size} MB: {result['stream'][size]}", flush=True)
    return result


def main() -> None:
    """Measure, or make samples for a measurement."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--text", type=Path, metavar="FILE", help="plain text in English")
    parser.add_argument("--work", type=Path, metavar="DIR", help="for texts and data-bins")
    parser.add_argument("--prepare", type=int, nargs="+", default=[10, 100], metavar="MB")
    parser.add_argument("--stream", type=int, nargs="+", default=[10, 100, 2000], metavar="MB")
    parser.add_argument("--json", type=Path, help="write the result there")
    parser.add_argument("--samples-of", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.samples_of is not None:
        make_samples(args.samples_of)
        return
    if args.text is None or args.work is None:
        parser.error("--text and --work are needed")
    result = measure(args)
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
