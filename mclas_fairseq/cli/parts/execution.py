"""Flags that say where shards are worked on, of `mclas roundtrip` and `mclas prepare-text`."""

import argparse
import json
from typing import TYPE_CHECKING, Any, Optional

from mclas_fairseq.errors import ConfigError

if TYPE_CHECKING:
    from mclas_fairseq.roundtrip.options import Execution

RETRIES = 2


def add_execution_arguments(
    group: argparse._ArgumentGroup, *, default: Optional[str], work: str
) -> None:
    """Declare the flags, but those for the size of a shard and --workers.

    Args:
        group: of the parser.
        default: the executor where none is given.
        work: what is done to shards, as in "translated".
    """
    group.add_argument(
        "--executor", choices=("local", "slurm", "ray"), default=default,
        help=f"where shards are {work} (default: {default or 'without shards'})",
    )  # fmt: skip
    group.add_argument(
        "--executor-options", nargs="+", action="extend", default=[], metavar="KEY=VALUE",
        help="of datatrove's executor, as in time=20:00:00 partition=gpu gpus_per_task=1",
    )  # fmt: skip
    group.add_argument(
        "--time-limit", type=float, metavar="S",
        help="seconds that a shard may take before it is ended and tried again (default: any)",
    )  # fmt: skip
    group.add_argument(
        "--retries", type=int, default=RETRIES, metavar="N",
        help="how often a shard that failed is tried again (default: %(default)s)",
    )  # fmt: skip


def execution_of(args: argparse.Namespace) -> "Execution":
    """What the flags say; --workers is one of them.

    Raises:
        ConfigError: one is out of range.
    """
    from mclas_fairseq.roundtrip.options import Execution

    return Execution(
        executor=args.executor,
        options=dict(_key_value(text) for text in args.executor_options),
        workers=args.workers,
        time_limit=args.time_limit,
        retries=args.retries,
    )


def _key_value(text: str) -> tuple[str, Any]:
    """KEY=VALUE; the value is read as JSON where it is JSON: 4, true, {"account": "x"}."""
    key, sign, value = text.partition("=")
    if not sign or not key:
        raise ConfigError(
            f"--executor-options {text!r}: must be KEY=VALUE, as in partition=gpu; write it so"
        )
    try:
        return key, json.loads(value)
    except ValueError:
        return key, value
