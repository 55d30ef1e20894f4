"""Flags of the search for summaries, of every command that takes them: names as fairseq's."""

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mclas_fairseq.inference.options import DecodingOptions

_NUMBERS = (
    ("beam", int, "hypotheses kept at each step"),
    ("nbest", int, "hypotheses returned for each document (records only)"),
    ("max_len_a", float, "longest summary per token of the document"),
    ("max_len_b", int, "longest summary in tokens, each summary"),
    ("min_len", int, "shortest summary in tokens, each summary"),
    ("lenpen", float, "exponent of the length penalty"),
    ("no_repeat_ngram_size", int, "no n-gram twice in a summary; 0: no blocking"),
    ("sample_latent", int, "draws of the latent variables of a document; 0: their prior means"),
)
_CHOICES = (
    ("length_penalty", ("fairseq", "gnmt")),
    ("ngram_block_scope", ("summary", "sequence")),
    ("restrict_vocab", ("both", "target", "none")),
    ("summary_decoder", ("cls", "ms", "both")),
    ("generate_task", ("cls", "ms", "mt")),
    ("latent_reranking", ("none", "score", "joint")),
)


def add_search_flags(group: Any) -> None:
    """Add the flags; each is None unless it is given, so that a bundle's own options can stay."""
    from mclas_fairseq.inference.options import DecodingOptions

    defaults = DecodingOptions()
    for name, kind, text in _NUMBERS:
        value = getattr(defaults, name)
        group.add_argument(
            _flag(name), type=kind, metavar="N", help=f"{text} (default: {value})"
        )  # fmt: skip
    for name, choices in _CHOICES:
        value = getattr(defaults, name)
        group.add_argument(_flag(name), choices=choices, help=f"(default: {value})")


def given_search_flags(args: argparse.Namespace) -> dict[str, Any]:
    """The options that were given, by their names in `DecodingOptions`."""
    names = [name for name, *_ in (*_NUMBERS, *_CHOICES)]
    return {name: getattr(args, name) for name in names if getattr(args, name) is not None}


def search_options(args: argparse.Namespace) -> "DecodingOptions":
    """The options that were given, and the defaults of the others."""
    from mclas_fairseq.inference.options import DecodingOptions

    return DecodingOptions(**given_search_flags(args))


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")
