"""Options of the search on fairseq's command lines: its configurations made from `options.py`."""

import argparse
from collections.abc import Callable
from dataclasses import field
from typing import Any, TypeVar

from fairseq.dataclass import ChoiceEnum

from mclas_fairseq.generation.options import Owner, SearchOption, search_options

Config = TypeVar("Config")


def with_search_options(owner: Owner) -> Callable[[type[Config]], type[Config]]:
    """Give a configuration of a task the options that it declares; to stand below `@dataclass`."""

    def add_fields(config: type[Config]) -> type[Config]:
        for option in search_options(owner):
            config.__annotations__[option.name] = _type(option)
            metadata = {"help": option.declared.help}
            setattr(config, option.name, field(default=option.default, metadata=metadata))
        return config

    return add_fields


def _type(option: SearchOption) -> Any:
    """The type that fairseq makes a flag, and hydra a check, of."""
    return ChoiceEnum(list(option.declared.choices)) if option.kind is str else option.kind


def set_search_defaults(parser: argparse.ArgumentParser) -> None:
    """Give fairseq's own options of the search the defaults of the table.

    Only where the command has them: a training searches by --eval-rouge-args.
    """
    ours = {option.name: option.default for option in search_options(Owner.FAIRSEQ)}
    there = {action.dest for action in parser._actions}
    parser.set_defaults(**{name: value for name, value in ours.items() if name in there})
