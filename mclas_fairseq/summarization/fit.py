"""Whether the weights of a checkpoint fit a model: what does not is named, with the flags.

fairseq's own message, "please ensure that the architectures match", leaves it to the user to find
out which of their parts do not. Place in the pipeline: models load checkpoints through it.
"""

from collections.abc import Mapping

from torch import Tensor

from mclas_fairseq.errors import CheckpointError


def check_fit(own: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Refuse weights of other names or shapes; an odd one is named, without its prefix `ms_`.

    Args:
        own: weights of the model, by name.
        found: those of the checkpoint.

    Raises:
        CheckpointError: the model has a weight that the checkpoint has not, one has another shape,
            or the checkpoint has more.
    """
    for name in sorted({*own, *found}):
        here, there = own.get(name), found.get(name)
        if here is not None and there is not None and here.shape == there.shape:
            continue
        plain = name.removeprefix("ms_")
        problem = (
            f"has no {plain}"
            if there is None
            else f"has {plain}, which this model has not"
            if here is None
            else f"has {plain} of shape {tuple(there.shape)}, not {tuple(here.shape)}"
        )
        raise CheckpointError(
            f"checkpoint: its encoder and its decoder must fit this model's, but it {problem}; "
            "give --arch and sizes (--decoder-layers, --copy-attention and the like) as it was "
            "trained with"
        )
