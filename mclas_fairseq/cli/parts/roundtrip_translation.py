"""The flags of `mclas roundtrip` that say what is translated and how; a run keeps them for good."""

import argparse
from typing import TYPE_CHECKING, Optional

if TYPE_CHECKING:
    from mclas_fairseq.roundtrip.options import RunOptions


def add_translation_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare the flags."""
    group.add_argument(
        "--forward", metavar="SPEC",
        help="translator from A into B: fairseq:CHECKPOINT[:CHECKPOINT...], ct2:FOLDER,"
        " hf:NAME_OR_FOLDER or command:PROGRAM ARGUMENTS",
    )  # fmt: skip
    group.add_argument("--backward", metavar="SPEC", help="translator from B into A")
    group.add_argument(
        "--unit", choices=("summary", "sentence"), default="summary",
        help="what is translated and judged at once (default: summary)",
    )  # fmt: skip
    numbers = (
        ("--beam", 5, "hypotheses kept at each step"),
        ("--batch-tokens", 4096, "tokens of a batch"),
        ("--max-source-tokens", 512, "tokens of the longest text; a longer one is rejected"),
        ("--max-target-tokens", 200, "tokens of the longest translation"),
        ("--threads", 1, "of each translator, on a CPU"),
    )
    for flag, default, text in numbers:
        group.add_argument(
            flag, type=int, default=default, metavar="N", help=f"{text} (default: {default})"
        )
    group.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:1, ...")
    group.add_argument(
        "--precision", metavar="TYPE",
        help="number format of the weights of both, as in float16 or int8 (default: float32;"
        " for ct2: int8 on a CPU, float16 on a GPU)",
    )  # fmt: skip
    for name in ("forward", "backward"):
        group.add_argument(
            f"--{name}-precision", metavar="TYPE",
            help=f"number format for --{name} alone (default: --precision)",
        )  # fmt: skip


def run_options(args: argparse.Namespace) -> "RunOptions":
    """What the flags say about what is translated, and how.

    Raises:
        ConfigError: a flag is wrong.
    """
    from mclas_fairseq.roundtrip.options import Direction, RunOptions, Translators
    from mclas_fairseq.translators import TranslatorOptions

    def translator(source: str, target: str, precision: Optional[str]) -> TranslatorOptions:
        return TranslatorOptions(
            source_lang=source,
            target_lang=target,
            beam=args.beam,
            batch_tokens=args.batch_tokens,
            max_source_tokens=args.max_source_tokens,
            max_target_tokens=args.max_target_tokens,
            device=args.device,
            precision=precision or args.precision,
            threads=args.threads,
        )

    source, target = args.source_lang, args.target_lang
    return RunOptions(
        inputs=tuple(args.inputs),
        direction=Direction(source, target, made=args.fill or target),
        translators=Translators(
            forward=args.forward,
            backward=args.backward,
            forward_options=translator(source, target, args.forward_precision),
            backward_options=translator(target, source, args.backward_precision),
        ),
        unit=args.unit,
        shard_lines=args.shard_lines,
    )
