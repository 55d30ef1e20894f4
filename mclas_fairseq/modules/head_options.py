"""Options of models that do without heads, or mask some in training."""

from argparse import ArgumentParser, Namespace
from typing import Any

from torch import nn

from mclas_fairseq.modules.attention_heads import take_out
from mclas_fairseq.modules.training_masks import mask_in_training

OPTIONS = ("pruned_heads", "masked_heads")


def add_head_args(parser: ArgumentParser) -> None:
    """Add --pruned-heads and --masked-heads."""
    parser.add_argument(
        "--pruned-heads",
        metavar="NAMES",
        help="attention heads that the model does without, as encoder.0.self.3,decoder.1.cross."
        "0: taken out before training, also of a pretrained encoder; written into checkpoints by "
        "mclas heads prune, and taken over from the checkpoint that a training goes on from",
    )
    parser.add_argument(
        "--masked-heads",
        metavar="NAMES",
        help="attention heads that give nothing in training and all they have in evaluation, as in "
        "the released code of Ma et al. (2021): to compare with --pruned-heads, for nothing else",
    )


def settle_heads(model: nn.Module, args: Namespace) -> None:
    """Take out and mask the heads that options name, in place.

    Raises:
        ConfigError: the model has no such head, or one is named twice, or needed for copying.
    """
    pruned, masked = (getattr(args, name, None) for name in OPTIONS)
    if pruned:
        take_out(model, pruned.split(","))
    if masked:
        mask_in_training(model, masked.split(","))


def keep_head_options(options: Any, args: Namespace) -> None:
    """Write them into the options that are saved in checkpoints."""
    for name in OPTIONS:
        setattr(options, name, getattr(args, name, None))
