"""Hugging Face's EncoderDecoderModel with the sizes of ours, for benchmarks side by side.

A BERT encoder and a BERT decoder with cross-attention, random weights, one embedding for encoder,
decoder and output as in ours. Its decoder has one dense layer more before the output projection.
"""

import warnings
from typing import Any

import torch
from torch import Tensor
from transformers import BertConfig, EncoderDecoderConfig, EncoderDecoderModel
from transformers.modeling_outputs import BaseModelOutput

from benchmarks.paper_size import World


def build(world: World) -> Any:
    """The model in evaluation mode."""
    # A warning about checkpoints of older versions; there is no checkpoint here.
    warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
    sizes = world.sizes
    shared = {"vocab_size": sizes.vocabulary, "hidden_size": sizes.dim}
    encoder = BertConfig(
        **shared,
        num_hidden_layers=sizes.encoder_layers,
        num_attention_heads=sizes.encoder_heads,
        intermediate_size=sizes.encoder_ffn,
    )
    decoder = BertConfig(
        **shared,
        num_hidden_layers=sizes.decoder_layers,
        num_attention_heads=sizes.decoder_heads,
        intermediate_size=sizes.decoder_ffn,
        is_decoder=True,
        add_cross_attention=True,
    )
    torch.manual_seed(1)
    model: Any = EncoderDecoderModel(
        config=EncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    )
    words = model.encoder.get_input_embeddings()
    model.decoder.set_input_embeddings(words)
    model.decoder.get_output_embeddings().weight = words.weight
    model.config.pad_token_id = world.dictionary.pad()
    model.config.decoder_start_token_id = world.dictionary.bos()
    return model.eval()


def source(world: World, sample: dict[str, Any]) -> dict[str, Tensor]:
    """The documents of a batch as this model takes them: padded on the right."""
    tokens = sample["net_input"]["src_tokens"]
    attended = tokens.ne(world.dictionary.pad())
    order = (~attended).int().argsort(dim=1, stable=True)
    return {
        "input_ids": tokens.gather(1, order),
        "attention_mask": attended.gather(1, order).long(),
    }


def generate(world: World, model: Any, inputs: dict[str, Any]) -> Tensor:
    """Beam search with `generate` for exactly `sizes.steps` steps; (B, 1 + steps)."""
    sizes, dictionary = world.sizes, world.dictionary
    with torch.no_grad():
        found: Tensor = model.generate(
            **inputs,
            num_beams=sizes.beam,
            do_sample=False,
            early_stopping=True,
            min_new_tokens=sizes.steps,
            max_new_tokens=sizes.steps,
            decoder_start_token_id=dictionary.bos(),
            bos_token_id=dictionary.bos(),
            eos_token_id=dictionary.eos(),
            pad_token_id=dictionary.pad(),
        )
    assert found.size(1) == sizes.steps + 1, found.shape
    return found


def stored_output(world: World, model: Any) -> BaseModelOutput:
    """A random output of the encoder, so that decoding alone is measured."""
    sizes = world.sizes
    shape = (sizes.batch, sizes.source, sizes.dim)
    hidden = torch.randn(shape, generator=torch.manual_seed(3))
    return BaseModelOutput(last_hidden_state=hidden.to(next(model.parameters())))
