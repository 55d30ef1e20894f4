"""Loading weights that fit: those that do not are named, with the flags.

fairseq's own message, "please ensure that the architectures match", leaves it to the user to find
out which of their parts do not. Place in the pipeline: models load checkpoints through it.
"""

from argparse import Namespace
from collections.abc import Mapping
from typing import Any, Optional

import torch
from torch import Tensor

from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.modules.fingerprint import Fingerprinted


class CheckedModel(Fingerprinted):
    """A model that takes no weights of another dictionary or architecture.

    A mix-in that stands before fairseq's class among the bases.
    """

    def checked(self, state_dict: Mapping[str, Any]) -> Mapping[str, Any]:
        """Weights as this model takes them, after a look at what they are of.

        Raises:
            CheckpointError: they are of another dictionary; subclasses look for more.
        """
        self.check_fingerprint(state_dict)
        return state_dict

    def load_state_dict(
        self,
        state_dict: Mapping[str, Any],
        strict: bool = True,
        model_cfg: Any = None,
        args: Optional[Namespace] = None,
    ) -> Any:
        """Load weights, `checked`.

        Raises:
            CheckpointError: see `checked`; or their names and shapes are others.
        """
        state_dict = self.checked(state_dict)
        fairseq_model: Any = super()
        try:
            return fairseq_model.load_state_dict(state_dict, strict, model_cfg, args)
        except RuntimeError:  # torch's, for names and shapes that differ
            check_fit(self.state_dict(), state_dict)
            raise

    def prepare_for_inference_(self, cfg: Any) -> None:
        """Make the model ready for decoding; `--bf16` casts it (fairseq casts for fp16 only)."""
        fairseq_model: Any = super()
        fairseq_model.prepare_for_inference_(cfg)
        if getattr(cfg.common, "bf16", False):
            self.to(torch.bfloat16)


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
