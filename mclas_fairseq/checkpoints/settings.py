"""What the settings of a model may be that somebody else hands on: names, types, ranges.

fairseq builds a model from the settings that a checkpoint carries, and trusts them: it hands texts
to Python's `eval` (`adaptive_softmax_cutoff`, `*_xformers_att_config`, all layers of `fconv`),
opens files (`encoder_embed_path`), and makes as many layers as it is told. So only architectures of
this package and fairseq's plain Transformer are built, from settings that the architecture itself
declares, each of its own type and within its range. Sizes must be those of the weights that come
with them: what is built is never larger than what was read.

Place in the pipeline: checkpoints (`loaded.py`) and bundles (`bundles/config.py`) pass here before
anything is made of their settings.
"""

import argparse
import json
import math
import re
from collections.abc import Mapping
from typing import Any

from fairseq.models import ARCH_MODEL_REGISTRY
from fairseq.models.transformer import TransformerModel

from mclas_fairseq.modules.fingerprint import Fingerprinted
from mclas_fairseq.modules.head_options import OPTIONS as HEAD_OPTIONS

Settings = dict[str, Any]
Shapes = Mapping[str, tuple[int, ...]]

MAX_POSITIONS = 1_000_000
_MAX_NUMBER = 2**63 - 1
_MAX_LISTED = 64
# What makes the model open a file: its weights are in the checkpoint, they have no use there.
FILE_SETTINGS = frozenset(
    {"encoder_embed_path", "decoder_embed_path", "init_from_mbart", "lexicon", "pretrained_encoder"}
)
# Evaluated by fairseq, and of use only with a library that this package does not support.
_NEVER = frozenset({"encoder_xformers_att_config", "decoder_xformers_att_config"})
_NUMBER_LISTS = frozenset(
    {"adaptive_softmax_cutoff", "encoder_layers_to_keep", "decoder_layers_to_keep"}
)
# Read by architectures beside what they declare.
_UNDECLARED = {"decoder_input_dim": int, "model_tasks": str}
_RANGES: dict[str, tuple[float, float]] = {
    "adaptive_softmax_factor": (1, 64),
    "base_layers": (0, 0),  # spread over processes of a training
    "base_sublayers": (0, 64),
    "extend_positions": (1, MAX_POSITIONS),
    "max_source_positions": (1, MAX_POSITIONS),
    "max_target_positions": (1, MAX_POSITIONS),
    "encoder_layers": (0, _MAX_NUMBER),
    "decoder_layers": (0, _MAX_NUMBER),
    "stack_layers": (1, _MAX_NUMBER),
    "stack_positions": (1, MAX_POSITIONS),
}
_PROBABILITY = re.compile(r".*(dropout|layerdrop)|quant_noise_(pq|scalar)")
_SIZE = re.compile(r".*_(dim|heads)|quant_noise_pq_block_size")
_NO_SIZES = frozenset({"quant_noise_pq_block_size", *HEAD_OPTIONS})  # though so called
# Names and lists of names. No text of this kind is a program.
_WORDS = re.compile(r"[A-Za-z0-9_]*(,[A-Za-z0-9_]+)*")
_HEADS = re.compile(r"[A-Za-z0-9_]+(\.[A-Za-z0-9_]+){2,6}")
_MAX_HEADS = 10_000
_NUMBERS = re.compile(r"\d{1,9}(, ?\d{1,9})*")


class UnfitSetting(Exception):
    """A setting that may not be; the message says which and why, without the file's name."""


def is_known(architecture: object) -> bool:
    """Tell whether models of this architecture are built from what somebody else hands on."""
    model = ARCH_MODEL_REGISTRY.get(architecture) if isinstance(architecture, str) else None
    return model is not None and (issubclass(model, Fingerprinted) or model is TransformerModel)


def is_ours(architecture: object) -> bool:
    """Tell whether an architecture is of this package."""
    return is_known(architecture) and issubclass(ARCH_MODEL_REGISTRY[architecture], Fingerprinted)


def declared_options(architecture: str) -> dict[str, argparse.Action]:
    """Options that an architecture declares on the command line, by their names."""
    parser = argparse.ArgumentParser(add_help=False)
    ARCH_MODEL_REGISTRY[architecture].add_args(parser)
    return {action.dest: action for action in parser._actions if action.dest != "help"}


def settle(architecture: str, given: Mapping[str, Any]) -> Settings:
    """The settings of `given` that an architecture declares, each checked and of its own type.

    Those that name files are left out, and so is what the architecture does not declare: the
    command line of a training has much that is none of the model's.

    Raises:
        UnfitSetting: one is of another type than its option, or out of its range.
    """
    options = declared_options(architecture)
    settled: Settings = {}
    for name, value in given.items():
        if name in FILE_SETTINGS or not isinstance(name, str):
            continue
        if name in _UNDECLARED:
            settled[name] = _typed(name, value, _UNDECLARED[name])
        elif name in options:
            settled[name] = _value(name, value, options[name])
    return settled


def _value(name: str, value: object, option: argparse.Action) -> object:
    if value is None:
        return None
    if name in _NEVER:
        raise UnfitSetting(f"{name} must not be set, but is {_shown(value)}")
    if name == "pretrained_config":
        return _encoder(value)
    if name in HEAD_OPTIONS:
        return _heads(name, value)
    if name in _NUMBER_LISTS:
        return _numbers(name, value)
    if option.choices is not None:
        if not isinstance(value, str) or value not in option.choices:
            raise UnfitSetting(
                f"{name} must be one of {', '.join(map(str, option.choices))}, but is"
                f" {_shown(value)}"
            )
        return value
    if option.nargs == 0:  # a switch
        kind: Any = bool
    elif option.type in (int, float):
        kind = option.type
    else:
        kind = int if _SIZE.fullmatch(name) else str
    return _typed(name, value, kind)


def _typed(name: str, value: object, kind: type) -> object:
    if value is None:
        return None
    if kind is bool and isinstance(value, int) and value in (0, 1):
        return bool(value)
    if kind is str and isinstance(value, str) and len(value) < 1000 and _WORDS.fullmatch(value):
        return value
    if kind is int and isinstance(value, str) and re.fullmatch(r"\d{1,18}", value):
        value = int(value)  # a flag without a type
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if number and kind in (int, float) and (kind is float or isinstance(value, int)):
        _check_range(name, value)
        return value
    known = {bool: "true or false", int: "a whole number", float: "a number", str: "names"}[kind]
    raise UnfitSetting(f"{name} must be {known}, but is {_shown(value)}")


def _check_range(name: str, value: Any) -> None:
    low, high = _RANGES.get(name, (0, _MAX_NUMBER))
    if _PROBABILITY.fullmatch(name):
        low, high = 0, 1
    elif _SIZE.fullmatch(name):
        low = 1
    if not math.isfinite(value) or not low <= value <= high:
        raise UnfitSetting(f"{name} must be from {low} to {high}, but is {_shown(value)}")


def _numbers(name: str, value: object) -> object:
    """A list of numbers; as fairseq wants it, layers to keep are a text of them."""
    if isinstance(value, str) and _NUMBERS.fullmatch(value):
        value = [int(number) for number in value.split(",")]
    plain = isinstance(value, (list, tuple)) and all(type(item) is int for item in value)
    if not plain or not 1 <= len(list(value)) <= _MAX_LISTED:  # type: ignore[call-overload]
        raise UnfitSetting(f"{name} must be a few whole numbers, but is {_shown(value)}")
    numbers: list[int] = list(value)  # type: ignore[call-overload]
    if min(numbers) < 0 or numbers != sorted(set(numbers)):
        raise UnfitSetting(f"{name} must be numbers that rise, but is {_shown(value)}")
    return numbers if name.endswith("cutoff") else ",".join(map(str, numbers))


def _encoder(value: object) -> str:
    """`pretrained_config`: JSON of plain values; which ones there are, the encoder checks."""
    try:
        content = json.loads(value) if isinstance(value, str) else None
    except (ValueError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise UnfitSetting(f"pretrained_config must be a JSON object, but is {_shown(value)}")
    for name, item in content.items():
        if isinstance(item, str) and _WORDS.fullmatch(item.replace("-", "_")):
            continue
        if not isinstance(item, (int, float)) or isinstance(item, bool) or not item >= 0:
            raise UnfitSetting(f"pretrained_config: {name} must be a number, but is {_shown(item)}")
    assert isinstance(value, str)
    return value


def _heads(name: str, value: object) -> str:
    """Names of heads with commas between; whether there are such, the model checks."""
    names = value.split(",", _MAX_HEADS) if isinstance(value, str) else []
    if not names or not all(len(one) < 100 and _HEADS.fullmatch(one) for one in names):
        raise UnfitSetting(f"{name} must be names of heads, but is {_shown(value)}")
    return ",".join(names)


def check_heads(stored: object) -> str:
    """The heads that a stored model does without (`pruned_heads`).

    Raises:
        UnfitSetting: they are no names of heads.
    """
    return _heads("pruned_heads", stored)


def check_encoder(stored: object, shapes: Shapes) -> str:
    """The settings of a pretrained encoder (`pretrained_config`), checked as those of a model are.

    Raises:
        UnfitSetting: they are none, or not those of these weights.
    """
    settings = _encoder(stored)
    check_sizes({"pretrained_config": settings}, shapes)
    return settings


# -- sizes ------------------------------------------------------------------------------------

# Setting -> weights of which it is a dimension.
_DIMENSIONS = {
    "encoder_embed_dim": (r"encoder\.embed_tokens\.weight", 1),
    "encoder_ffn_embed_dim": (r"encoder\.layers\.\d+\.fc1\.weight", 0),
    "decoder_embed_dim": (r"decoder\.embed_tokens\.weight", 1),
    "decoder_ffn_embed_dim": (r"decoder\.layers\.\d+\.fc1\.weight", 0),
    "stack_embed_dim": (r"stack\.embed_tokens\.weight", 1),
    "stack_ffn_embed_dim": (r"stack\.layers\.\d+\.fc1\.weight", 0),
}
_POSITIONS = {"stack_positions": (r"stack\.embed_(span_)?positions\.weight", 0)}
_DIMENSIONS_OF_PRETRAINED = {
    "hidden_size": (r"encoder\.model\.embeddings\.word_embeddings\.weight", 1),
    "intermediate_size": (
        r"encoder\.model\.encoder\.layer\.\d+\.intermediate\.dense\.weight",
        0,
    ),
}


def check_sizes(settings: Mapping[str, Any], shapes: Shapes) -> None:
    """Compare sizes with the weights that came with them, before anything of that size is made.

    Args:
        settings: as `settle` gives them.
        shapes: name of a weight -> its shape.

    Raises:
        UnfitSetting: a model of these settings would be larger than its weights.
    """
    largest = max((size for shape in shapes.values() for size in shape), default=0)
    encoder = settings.get("pretrained_config")
    for name, where in _POSITIONS.items():
        _check_dimension(name, settings.get(name), where, shapes)
    for side in ("encoder", "decoder", "stack"):
        if side == "encoder" and encoder:
            continue  # what it says of itself counts
        layers = settings.get(f"{side}_layers")
        _check_layers(f"{side}_layers", layers, rf"{side}\.layers\.(\d+)\..*", shapes)
        for name in (f"{side}_embed_dim", f"{side}_ffn_embed_dim"):
            if layers != 0 or not name.endswith("ffn_embed_dim"):
                _check_dimension(name, settings.get(name), _DIMENSIONS[name], shapes)
    if encoder:
        _check_pretrained(json.loads(encoder), shapes, largest)
    for name, value in settings.items():
        bounded = _SIZE.fullmatch(name) and name not in _NO_SIZES
        of_pretrained = encoder and name.startswith("encoder_")
        if (bounded or name == "extend_positions") and value is not None and not of_pretrained:
            _check_bound(name, value, largest)
    for number in settings.get("adaptive_softmax_cutoff") or []:
        _check_bound("adaptive_softmax_cutoff", number, largest)


def _check_pretrained(content: Mapping[str, Any], shapes: Shapes, largest: int) -> None:
    name = "num_hidden_layers"
    _check_layers(name, content.get(name), r"encoder\.model\.encoder\.layer\.(\d+)\..*", shapes)
    for name, where in _DIMENSIONS_OF_PRETRAINED.items():
        _check_dimension(name, content.get(name), where, shapes)
    for name, value in content.items():
        # Rows of words are those of the dictionary, whatever the encoder had once.
        if isinstance(value, int) and name != "vocab_size":
            _check_bound(name, value, largest)


def _check_layers(name: str, value: Any, pattern: str, shapes: Shapes) -> None:
    found = {match[1] for weight in shapes if (match := re.fullmatch(pattern, weight))}
    if value is not None and value > len(found):
        raise UnfitSetting(f"{name} is {value:,}, but its weights are those of {len(found)} layers")


def _check_dimension(name: str, value: Any, where: tuple[str, int], shapes: Shapes) -> None:
    pattern, axis = where
    if value is None:
        return
    for weight, shape in shapes.items():
        if re.fullmatch(pattern, weight) and (len(shape) <= axis or shape[axis] != value):
            raise UnfitSetting(f"{name} is {value:,}, but {weight} has the shape {shape}")
    if not any(re.fullmatch(pattern, weight) for weight in shapes):
        raise UnfitSetting(f"{name} is {value:,}, but it has no weights of that kind")


def _check_bound(name: str, value: int, largest: int) -> None:
    if value > largest:
        raise UnfitSetting(f"{name} is {value:,}, but no weight of it has more than {largest:,}")


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, (str, int, float)) else f"a {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:60]}..."
