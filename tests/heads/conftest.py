"""Small random models of every family, and batches for them."""

from argparse import Namespace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_REGISTRY
from fairseq.modules import multihead_attention

import mclas_fairseq
from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.data.indexed_dictionary import IndexedDictionary, storable_pieces
from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.modules.pretrained_loading import read_vocabulary

mclas_fairseq.register()  # its names stand in fairseq's registries

SIZES = {"embed_dim": 16, "ffn_embed_dim": 16, "layers": 2, "attention_heads": 4}
LAYOUTS = {"mclas_tiny": Layout.MCLAS, "ncls_ms_tiny": Layout.NCLS_MS}


class HeadsWorld:
    """Dictionary, models and batches."""

    def __init__(self, pretrained: Path):
        self.pretrained = str(pretrained)
        words = Dictionary()
        for number in range(20):
            words.add_symbol(f"w{number}")
        pieces = sorted(read_vocabulary(self.pretrained).items(), key=lambda item: item[1])
        ordered = IndexedDictionary.from_pieces(storable_pieces([piece for piece, _ in pieces]))
        self.dictionaries: dict[bool, Any] = {False: words, True: ordered}

    def task(self, arch: str, *, pretrained: bool = False) -> Any:
        dictionary = self.dictionaries[pretrained]
        return SimpleNamespace(
            source_dictionary=dictionary,
            target_dictionary=dictionary,
            dictionary_sha256=dictionary_fingerprint(dictionary),
            max_positions=lambda: (60, 60),
            layout=LAYOUTS.get(arch, Layout.NCLS),
            train_tasks=("mt", "ms", "cls"),
        )

    def arguments(self, arch: str, *, pretrained: bool = False, **options: Any) -> Namespace:
        args = Namespace(dropout=0.0, **options)
        args._name = args.arch = arch
        if pretrained:
            args.pretrained_encoder = self.pretrained
        for side in ("encoder", "decoder"):
            for name, value in SIZES.items():
                setattr(args, f"{side}_{name}", value)
        ARCH_CONFIG_REGISTRY[arch](args)
        return args

    def build(self, args: Namespace) -> Any:
        """The model of options, random but for a pretrained encoder, in evaluation mode."""
        torch.manual_seed(3)
        pretrained = bool(getattr(args, "pretrained_encoder", None) or args.pretrained_config)
        task = self.task(args.arch, pretrained=pretrained)
        model: Any = ARCH_MODEL_REGISTRY[args.arch].build_model(args, task).eval()
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                # so large that heads differ, biases that are not 0
                grown = torch.randn_like(parameter) * 0.3
                parameter.copy_(grown if name.endswith("bias") else parameter * 1.5)
        return model

    def model(self, arch: str = "mclas_tiny", **options: Any) -> tuple[Any, Namespace]:
        args = self.arguments(arch, **options)
        return self.build(args), args

    def batch(self, *, two: bool = False, pretrained: bool = False) -> dict[str, Any]:
        """Two documents, the first padded on the left, and what decoders read."""
        dictionary = self.dictionaries[pretrained]
        pad, eos, bos = dictionary.pad(), dictionary.eos(), dictionary.bos()
        net_input = {
            "src_tokens": torch.tensor([[pad, pad, 15, 16, 17, eos], [18, 19, 20, 11, 12, eos]]),
            "src_lengths": torch.tensor([4, 6]),
            "prev_output_tokens": torch.tensor([[bos, 15, 16, 17, 18], [bos, 18, 19, 20, pad]]),
        }
        if two:
            net_input["ms_prev_output_tokens"] = torch.tensor([[bos, 17, 17], [bos, 14, 19]])
        return net_input


@pytest.fixture(scope="session")
def heads_world(pretrained_bert: Path) -> HeadsWorld:
    return HeadsWorld(pretrained_bert)


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Attention in double precision; fairseq takes its softmax in single, whatever the model."""
    monkeypatch.setattr(
        multihead_attention.utils,
        "softmax",
        lambda scores, dim, onnx_trace=False: scores.double().softmax(dim),
    )
