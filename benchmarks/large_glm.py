"""mGLM of a billion weights in 8 bits: memory of its export and of summarizing, and seconds.

    python -m benchmarks.large_glm --work DIR

Random weights of `mglm_large` (1,067,280,384 with its dictionary of 250,112 entries, most of which
stand for nothing here) in fp16, as the released ones are. `mclas export --format int8` makes a
bundle of the checkpoint, and `mclas summarize` writes 200 tokens with beam 4 of a document that is
cut to 768. Each runs in a process of its own, whose peak is the kernel's: `resident`, with the
pages of files that it has mapped, and `anonymous`, without them (looked at every 20 ms).
"""

import argparse
import dataclasses
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

import mclas_fairseq
from benchmarks.common import mclas_command, report
from mclas_fairseq.checkpoints.averaging import write_checkpoint
from mclas_fairseq.checkpoints.loaded import load_mapped
from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.data.data_bin import DICTIONARY_FILE, DataBin, dictionary_fingerprint
from mclas_fairseq.data.manifest import Manifest
from mclas_fairseq.inference.int8 import build_model
from mclas_fairseq.mglm.model import mglm_large
from mclas_fairseq.mglm.seq2seq import GlmSeq2SeqTask

ENTRIES = 250_112
SIZES = {"large": {}, "tiny": {"layers": 2, "embed_dim": 64, "attention_heads": 4}}
TRAINING = (
    "--task glm_seq2seq --arch glm_tiny --stack-layers 1 --stack-embed-dim 16"
    " --stack-ffn-embed-dim 16 --stack-attention-heads 1 --criterion glm_cross_entropy"
    " --optimizer sgd --lr 0 --batch-size 1 --max-update 1 --cpu --target-lang de"
    " --max-source-positions 768 --max-target-positions 256 --seed 1 --num-workers 0"
)
SEARCH = "--beam 4 --min-len 199 --max-len-b 199 --lenpen 0.7 --no-repeat-ngram-size 3"
STEPS = 200  # with what ends the summary
WORDS = 2000  # of the document: more than 768 tokens in any case


def arguments() -> argparse.Namespace:
    """Options of this benchmark."""
    made = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    made.add_argument("--work", type=Path, required=True, help="folder; needs 5 GB with 'large'")
    made.add_argument("--size", choices=sorted(SIZES), default="large")
    made.add_argument("--entries", type=int, default=ENTRIES, help="of the dictionary")
    made.add_argument("--threads", type=int, default=1)
    made.add_argument("--json", type=Path, help="write the result there as well")
    made.add_argument("--make", action="store_true", help=argparse.SUPPRESS)
    return made.parse_args()


def data_bin(work: Path, entries: int) -> Path:
    """A data-bin of synthetic news whose dictionary has so many entries; made on the first call."""
    out = work / "records"
    if (out / "enlarged").exists():
        return out
    flags = f"--setting easy --train 200 --valid 4 --test 4 --overwrite --out {work}/news"
    mclas_command(["synthetic", *flags.split()])
    files = {split: work / "news" / f"{split}.jsonl" for split in ("train", "valid", "test")}
    texts = []
    for language in ("en", "de"):
        lines = [" ".join(one.summary[language]) for one in read_records(files["train"])]
        path = work / f"{language}.txt"
        path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")
        texts.append(f"{language}={path}")
    flags = f"--vocab-size 600 --valid-share 0.2 --overwrite --out {work}/text"
    mclas_command(["prepare-text", "--text", *texts, *flags.split()])
    given = [word for split, path in files.items() for word in (f"--{split}", str(path))]
    flags = f"--source-lang en --target-lang de --max-unknown 1 --like {work}/text --overwrite"
    mclas_command(["prepare", *flags.split(), *given, "--out", str(out)])
    _enlarge(out, entries)
    return out


def _enlarge(folder: Path, entries: int) -> None:
    """Fill a dictionary up with entries that no text has."""
    known = len(DataBin.open(folder).dictionary)
    with (folder / DICTIONARY_FILE).open("a", encoding="utf-8") as stream:
        stream.writelines(f"filler{number} 0\n" for number in range(entries - known))
    manifest = Manifest.load(folder)
    sha256 = dictionary_fingerprint(DataBin(folder, manifest).dictionary)
    dataclasses.replace(manifest, dictionary_sha256=sha256, files={}).save(folder)
    (folder / "enlarged").touch()


def make_checkpoint(data: Path, out: Path, sizes: dict[str, int]) -> None:
    """A checkpoint as fairseq-train writes it, with random weights of the large model in fp16."""
    state = load_checkpoint(out.parent / "start" / "checkpoint_last.pt")
    args = state["cfg"]["model"]
    for name in ("layers", "embed_dim", "ffn_embed_dim", "attention_heads"):
        setattr(args, f"stack_{name}", sizes.get(name))
    args.arch = args._name = "mglm_large"
    mglm_large(args)
    cfg = load_mapped(out.parent / "start" / "checkpoint_last.pt", {"data": str(data)})["cfg"]
    task = GlmSeq2SeqTask.setup_task(cfg.task)
    model = build_model(task, args)
    torch.manual_seed(1)
    fingerprint = state["model"]["dictionary_fingerprint"]
    state["model"] = {"dictionary_fingerprint": fingerprint}
    for name, shape in model.state_dict().items():
        if shape.is_meta and name != "stack.output_projection.weight":
            norm = name.endswith("norm.weight")
            plain = name.endswith("bias")
            value = torch.full(shape.shape, float(norm), dtype=torch.float16)
            state["model"][name] = value if norm or plain else value.normal_(std=0.02)
    embedding = state["model"]["stack.embed_tokens.weight"]
    state["model"]["stack.output_projection.weight"] = embedding
    state["last_optimizer_state"] = None
    write_checkpoint(out, state)


def watched(command: Sequence[str], stdin: str = "") -> dict[str, Any]:
    """Run a program of this package; its peaks in MiB and its seconds.

    Raises:
        subprocess.CalledProcessError: it failed.
    """
    begun, anonymous, resident = time.monotonic(), 0.0, 0.0
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        process.stdin.write(stdin)
        process.stdin.close()
        while process.poll() is None:
            now = _memory(process.pid)
            anonymous = max(anonymous, now.get("RssAnon", 0.0))
            resident = max(resident, now.get("VmHWM", 0.0))
            time.sleep(0.02)
        assert process.stdout is not None
        output = process.stdout.read()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {
        "peak_resident_mib": round(resident),
        "peak_anonymous_mib": round(anonymous),
        "seconds": round(time.monotonic() - begun, 1),
        "output": output,
    }


def _memory(pid: int) -> dict[str, float]:
    """What the kernel says of a process's memory, MiB; nothing once it has ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except OSError:
        return {}
    pairs = (line.split(":", 1) for line in lines if line.startswith(("VmHWM", "RssAnon")))
    return {name: int(value.split()[0]) / 1024 for name, value in pairs}


def main() -> None:
    """Make what is missing, then export and summarize, and report."""
    args = arguments()
    torch.set_num_threads(args.threads)
    args.work.mkdir(parents=True, exist_ok=True)
    data, checkpoint = args.work / "records", args.work / f"{args.size}.pt"
    mclas_fairseq.register()
    if args.make:
        make_checkpoint(data, checkpoint, SIZES[args.size])
        return
    data_bin(args.work, args.entries)
    if not checkpoint.exists():
        words = f"{data} --user-dir {mclas_fairseq.__path__[0]} {TRAINING}".split()
        watched(["fairseq_cli.train", *words, "--save-dir", str(args.work / "start")])
        watched(["benchmarks.large_glm", *sys.argv[1:], "--make"])
    bundle = args.work / f"{args.size}-int8"
    words = ["--checkpoint", str(checkpoint), "--data", str(data), "--format", "int8"]
    export = watched(["mclas_fairseq", "export", *words, "--overwrite", "--out", str(bundle)])
    (record, *_) = read_records(args.work / "news" / "test.jsonl")
    document = (" ".join(record.document["en"]).split() * WORDS)[:WORDS]
    row = {"id": "0", "document": {"en": [" ".join(document)]}}
    words = ["--model", str(bundle), "--cpu", *SEARCH.split(), "--format", "records"]
    summary = watched(["mclas_fairseq", "summarize", *words], json.dumps(row) + "\n")
    written = json.loads(summary.pop("output"))
    export.pop("output")
    report(
        args,
        {
            "checkpoint_mib": round(checkpoint.stat().st_size / 2**20),
            "bundle_mib": round(sum(p.stat().st_size for p in bundle.iterdir()) / 2**20),
            "export": export,
            "summarize": summary,
            "read_and_written": {key: value for key, value in written.items() if "tokens" in key},
        },
    )


if __name__ == "__main__":
    main()
