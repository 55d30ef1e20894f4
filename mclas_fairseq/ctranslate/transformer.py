"""A Transformer of fairseq's as CTranslate2's description of a model, and what it cannot hold."""

import copy
from collections.abc import Container
from typing import Any

import torch
from fairseq.models.transformer import TransformerDecoderBase, TransformerEncoderBase

from mclas_fairseq.ctranslate.library import ctranslate2


def unsupported(model: Any) -> str:
    """Say what CTranslate2 cannot do of a Transformer of fairseq's; nothing where it can do all."""
    parts = (model.encoder, TransformerEncoderBase), (model.decoder, TransformerDecoderBase)
    for part, kind in parts:
        if not isinstance(part, kind):
            return f"it has a {type(part).__name__}"
    cfg = model.cfg
    unusual = {
        f"its activation is {cfg.activation_fn}": cfg.activation_fn not in _activations(),
        "its encoder and decoder normalise at different places": (
            cfg.encoder.normalize_before != cfg.decoder.normalize_before
        ),
        "its encoder and decoder have different numbers of attention heads": (
            cfg.encoder.attention_heads != cfg.decoder.attention_heads
        ),
        "it has no positions": cfg.no_token_positional_embeddings,
        "it has an adaptive softmax": model.decoder.adaptive_softmax is not None,
        "it attends to itself and the source at once": cfg.cross_self_attention,
        "it has no cross-attention": cfg.no_cross_attention,
        "it has BASE layers": cfg.base_layers,
        "it reads characters": cfg.char_inputs,
        "its embeddings have another size than its decoder": (
            model.decoder.project_in_dim is not None or model.decoder.project_out_dim is not None
        ),
        "its decoder ends without normalisation": (
            cfg.decoder.normalize_before and cfg.no_decoder_final_norm
        ),
    }
    return ", ".join(reason for reason, applies in unusual.items() if applies)


def _activations() -> Container[str]:
    found: Container[str] = ctranslate2("converters.fairseq")._SUPPORTED_ACTIVATIONS
    return found


def transformer_spec(model: Any) -> Any:
    """CTranslate2's description of a model that it supports, with its weights; no vocabularies.

    The weights are copies: CTranslate2 changes arrays in place when it makes 8 bits of them.
    """
    model = copy.deepcopy(model)
    converter, specs = ctranslate2("converters.fairseq"), ctranslate2("specs")
    spec = specs.TransformerSpec.from_config(
        (len(model.encoder.layers), len(model.decoder.layers)),
        model.cfg.encoder.attention_heads,
        pre_norm=model.cfg.encoder.normalize_before,
        activation=converter._SUPPORTED_ACTIVATIONS[model.cfg.activation_fn],
        layernorm_embedding=model.cfg.layernorm_embedding,
    )
    with torch.no_grad():
        converter.set_transformer_encoder(spec.encoder, model.encoder)
        converter.set_transformer_decoder(spec.decoder, model.decoder)
    return spec
