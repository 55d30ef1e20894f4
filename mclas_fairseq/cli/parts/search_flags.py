"""Flags of the search for summaries, of every command that takes them: names as fairseq's."""

import argparse
from typing import Any

from mclas_fairseq.generation.options import DecodingOptions, search_options


def add_search_flags(group: Any) -> None:
    """Add the flags; each is None unless it is given, so that a bundle's own options can stay."""
    for option in search_options():
        choices = option.declared.choices
        shape: dict[str, Any] = (
            {"choices": choices} if choices else {"type": option.kind, "metavar": "N"}
        )
        text = f"{option.declared.help} (default: {option.default})"
        group.add_argument(option.flag, help=text, **shape)


def given_search_flags(args: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, by their names in `DecodingOptions`."""
    names = [option.name for option in search_options()]
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def chosen_options(args: argparse.Namespace) -> DecodingOptions:
    """The options that were given, and the defaults of the others."""
    return DecodingOptions(**given_search_flags(args))
