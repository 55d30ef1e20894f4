"""Which decoder of a model writes: a choice that models with two of them (`ncls_ms`) have."""

from collections.abc import Sequence
from typing import Any, cast

from torch import nn

from mclas_fairseq.data.layouts import DecoderChoice, Layout
from mclas_fairseq.errors import ConfigError


def check_decoder(layout: Layout, decoder: DecoderChoice) -> None:
    """Refuse a choice where there is none.

    Raises:
        ConfigError: the model has one decoder, and not the default was asked for.
    """
    if layout is not Layout.NCLS_MS and decoder is not DecoderChoice.CLS:
        raise ConfigError(
            f"--summary-decoder {decoder}: only models of layout ncls_ms have two decoders to "
            f"choose from, this one is of layout {layout}; leave it out"
        )


def decoding_models(
    models: Sequence[nn.Module], layout: Layout, decoder: DecoderChoice
) -> list[nn.Module]:
    """The models as decoding sees them: each with the one decoder that writes."""
    if layout is not Layout.NCLS_MS:
        return list(models)
    return [cast(Any, model).one_decoder(decoder.value) for model in models]
