"""A fingerprint of the dictionary that travels with a model's weights.

fairseq checks the size of a dictionary only: one of the same size in another order loads silently
and decodes rubbish. A buffer of 32 bytes is compared whenever weights are loaded: at resuming,
fine-tuning and generation.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from mclas_fairseq.errors import CheckpointError

BUFFER = "dictionary_fingerprint"


class Fingerprinted(nn.Module):
    """Mix-in for a model: keeps the dictionary's SHA-256 and refuses weights of another one."""

    dictionary_fingerprint: Tensor

    def set_fingerprint(self, sha256: str) -> None:
        """Register the fingerprint given as 64 hexadecimal digits."""
        # On the processor, also where a model is built without numbers (on the device "meta").
        digest = torch.tensor(list(bytes.fromhex(sha256)), dtype=torch.uint8, device="cpu")
        self.register_buffer(BUFFER, digest)

    def check_fingerprint(self, state_dict: Mapping[str, Tensor]) -> None:
        """Compare the fingerprint in a checkpoint's weights with this model's.

        Raises:
            CheckpointError: they differ, or the checkpoint has none.
        """
        found = state_dict.get(BUFFER)
        own = bytes(self.dictionary_fingerprint.tolist()).hex()
        if found is None:
            raise CheckpointError(
                f"checkpoint: its weights must carry the fingerprint of their dictionary "
                f"({BUFFER}), they have none; was it trained by another architecture? "
                "give --arch as it was trained"
            )
        other = bytes(found.tolist()).hex()
        if other != own:
            raise CheckpointError(
                f"checkpoint: it was trained with another dictionary ({other[:12]}) than that of "
                f"the data-bin ({own[:12]}); give the data-bin that it was trained on, or one made "
                "with mclas prepare --like"
            )
