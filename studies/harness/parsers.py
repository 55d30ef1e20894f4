"""The command line of a study: a parser for each thing that it does, told alike in help."""

import argparse
from collections.abc import Mapping


def commands(
    name: str, about: str | None, helps: Mapping[str, str]
) -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    """Make the parser of `python -m studies.NAME` and those of its commands.

    Args:
        name: of the study.
        about: help of the whole, the docstring of its module.
        helps: command -> what it does, a sentence without its capital and its stop.

    Returns:
        The whole, whose `command` says which was given; and the parsers by command.
    """
    whole = argparse.ArgumentParser(
        prog=f"python -m studies.{name}",
        description=about,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    found = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    return whole, {
        command: found.add_parser(command, help=text, description=f"{text[0].upper()}{text[1:]}.")
        for command, text in helps.items()
    }
