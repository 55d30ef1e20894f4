"""What `--preset` gives `mclas prepare`: the table `[prepare]` of `mclas_fairseq.presets`.

A flag of the command line wins. Files and languages are the corpus's own and never a preset's.
"""

import argparse
from collections.abc import Callable, Mapping

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.presets import Preset, Value, flags, load_preset

LEARNING = ("vocab-size", "tokenizer-subset", "subset-seed")
_KIND = ("tokenizer", "lowercase")
_SIEVE = ("max-document-words", "max-summary-words", "max-length-ratio", "dedup", "max-unknown")
KEYS = (*LEARNING, *_KIND, *_SIEVE)


def apply_preset(
    args: argparse.Namespace, add_flags: Callable[[argparse._ArgumentGroup], None]
) -> list[str]:
    """Fill in what the command line leaves open, from the preset that it names.

    Args:
        args: parsed flags of `mclas prepare`, changed in place.
        add_flags: declares the flags that a preset may hold.

    Returns:
        The lines to print: what was filled in, and what was left out and why.

    Raises:
        ConfigError: there is no such preset, or its table holds something else.
    """
    if args.preset is None:
        return []
    preset = load_preset(args.preset)
    idle, why = _without_effect(args)
    kept: dict[str, Value] = {}
    lines = []
    for key, value in preset.prepare.items():
        if key not in KEYS:
            raise ConfigError(
                f"--preset: {preset.path}, {key} in [prepare]: must be one of {', '.join(KEYS)};"
                " move it to the command line"
            )
        if key in idle:
            lines.append(f"preset {preset.name}: {key} {value} is left out: {why}")
        elif getattr(args, key.replace("-", "_")) in (None, False):
            kept[key] = value
    for name, value in vars(_parse(preset, kept, add_flags)).items():
        setattr(args, name, value)
    if kept:
        lines.insert(0, f"preset {preset.name}: {' '.join(flags(kept))}")
    return lines


def _without_effect(args: argparse.Namespace) -> tuple[tuple[str, ...], str]:
    """Keys of a preset that say nothing beside these flags, and why."""
    if args.like is not None:
        return (*LEARNING, *_KIND), f"the tokenizer is that of {args.like}"
    source = args.mbart if args.pretrained is None else args.pretrained
    if source is not None:
        return (*LEARNING, *_KIND), f"the tokenizer is that of {source}"
    if args.vocab is not None or args.sentencepiece_model is not None:
        return LEARNING, "a given tokenizer is not learned"
    return (), ""


def _parse(
    preset: Preset,
    values: Mapping[str, Value],
    add_flags: Callable[[argparse._ArgumentGroup], None],
) -> argparse.Namespace:
    """Values as the command line would read them; only those given."""
    parser = argparse.ArgumentParser(
        argument_default=argparse.SUPPRESS, exit_on_error=False, add_help=False
    )
    group = parser.add_argument_group()
    add_flags(group)
    for action in parser._actions:  # also those that declare a default of their own
        action.default = argparse.SUPPRESS
    try:
        found, rest = parser.parse_known_args(flags(values))
        if rest:  # a value after a switch
            raise argparse.ArgumentError(None, f"{rest[0]} stands where no value is taken")
    except argparse.ArgumentError as error:
        raise ConfigError(
            f"--preset: {preset.path}, [prepare] must be as on the command line, but is not:"
            f" {error}"
        ) from error
    return found
