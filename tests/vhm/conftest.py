"""A small VHM, and batches of its three tasks made by hand."""

from argparse import Namespace
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.data.data_utils import collate_tokens
from fairseq.models import ARCH_CONFIG_REGISTRY
from torch import Tensor

import mclas_fairseq
from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.vhm.elbo import VhmElbo, VhmElboConfig
from mclas_fairseq.vhm.model import VhmModel

mclas_fairseq.register()  # its names stand in fairseq's registries

WORDS = 20
SIZES = {"embed_dim": 16, "ffn_embed_dim": 32, "layers": 1, "attention_heads": 2}
Batch = dict[str, Any]


@dataclass
class VhmWorld:
    """Dictionary, task, models, criterions and batches."""

    dictionary: Dictionary = field(default_factory=Dictionary)

    def __post_init__(self) -> None:
        for number in range(WORDS):
            self.dictionary.add_symbol(f"w{number}")
        for tag in ("<MT>", "<MS>", "<CLS>"):
            self.dictionary.add_symbol(tag)

    def task(self, *train_tasks: str) -> Any:
        return SimpleNamespace(
            source_dictionary=self.dictionary,
            target_dictionary=self.dictionary,
            dictionary_sha256=dictionary_fingerprint(self.dictionary),
            max_positions=lambda: (1024, 1024),
            train_tasks=train_tasks or ("mt", "ms", "cls"),
        )

    def arguments(self, arch: str = "vhm_tiny", **options: Any) -> Namespace:
        args = Namespace(dropout=0.0, **options)
        for side in ("encoder", "decoder"):
            for name, value in SIZES.items():
                if not hasattr(args, f"{side}_{name}"):
                    setattr(args, f"{side}_{name}", value)
        ARCH_CONFIG_REGISTRY[arch](args)
        return args

    def model(
        self, arch: str = "vhm_tiny", *, tasks: Sequence[str] = (), seed: int = 7, **options: Any
    ) -> Any:
        """A random model in evaluation mode; latent variables have 4 dimensions."""
        torch.manual_seed(seed)
        args = self.arguments(arch, latent_dim=4, **options)
        return VhmModel.build_model(args, self.task(*tasks)).eval()

    def criterion(self, **options: Any) -> VhmElbo:
        defaults = {"seed": 1, "max_update": 200, "sentence_avg": False}
        return VhmElbo(VhmElboConfig(**{**defaults, **options}), self.task())

    def texts(self, seed: int, lengths: Sequence[int], *, left: bool, pads: int = 0) -> Tensor:
        """Random texts closed by EOS, padded on one side, and `pads` positions more than needed."""
        numbers = torch.Generator().manual_seed(seed)
        rows = [
            torch.cat(
                [torch.randint(4, 4 + WORDS, (length,), generator=numbers), torch.tensor([2])]
            )
            for length in lengths
        ]
        width = max(map(len, rows)) + pads
        padded: Tensor = collate_tokens(
            rows, self.dictionary.pad(), left_pad=left, pad_to_length=width
        )
        return padded

    def batch(self, seed: int = 1, lengths: Sequence[int] = (5, 3, 7), pads: int = 0) -> Batch:
        """A batch as task `multitask_summarization` makes it, with `S^A` of its documents."""
        source = self.texts(seed, lengths, left=True, pads=pads)
        target = self.texts(seed + 50, [length // 2 + 1 for length in lengths], left=False)
        as_source = self.texts(
            seed + 50, [length // 2 + 1 for length in lengths], left=True, pads=pads
        )
        previous = torch.cat([torch.zeros(len(lengths), 1, dtype=torch.long), target[:, :-1]], 1)
        previous[previous == 2] = 1
        return {
            "id": torch.arange(len(lengths)) + 10 * seed,
            "ntokens": int(target.ne(1).sum()),
            "nsentences": len(lengths),
            "net_input": {
                "src_tokens": source,
                "src_lengths": source.ne(1).sum(1),
                "prev_output_tokens": previous,
            },
            "target": target,
            "tgt_src_tokens": as_source,
            "ms_tgt_src_tokens": self.texts(seed + 90, [2] * len(lengths), left=True),
        }

    def sample(self, tasks: Sequence[str] = ("mt", "ms", "cls")) -> dict[str, Batch]:
        return {task: self.batch(seed=number + 1) for number, task in enumerate(tasks)}

    def rows(self, batch: Batch, chosen: Sequence[int]) -> Batch:
        """Some rows of a batch."""
        index = torch.tensor(list(chosen))

        def cut(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: cut(one) for key, one in value.items()}
            return value[index] if isinstance(value, Tensor) else value

        part: Batch = cut(batch)
        part["ntokens"] = int(part["target"].ne(1).sum())
        part["nsentences"] = len(index)
        return part


@pytest.fixture(scope="session")
def vhm() -> VhmWorld:
    return VhmWorld()
