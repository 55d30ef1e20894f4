"""Reading a pretrained encoder: its settings, its weights, its tokenizer's vocabulary.

A model is read by its name or its folder as all of this package are, see `transformers_loading`;
models that are no encoders are refused here.

Settings travel as JSON in the options of a checkpoint, so that it can be loaded where the
pretrained encoder is not.
"""

from collections.abc import Mapping
from typing import Any

import torch
from fairseq.data import Dictionary
from torch import Tensor

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.modules.pretrained_encoder import (
    EXTRA,
    KINDS,
    PURPOSE,
    STRUCTURE,
    PretrainedEncoder,
)
from mclas_fairseq.transformers_loading import PretrainedSource

# Never part of an encoder's output.
_UNUSED_WEIGHTS = "pooler."
_EXTENDED = "position_embeddings.weight"


def read_settings(name_or_path: str) -> dict[str, Any]:
    """Read what an encoder's config.json says of its structure, as plain values.

    Raises:
        ConfigError: there is no such folder, or it holds no BERT- or XLM-R-like encoder.
        SetupError: a named model is neither in the cache nor reachable.
    """
    config = _source(name_or_path).config
    kind = str(config.model_type)
    if getattr(config, "is_encoder_decoder", False):
        raise _no_encoder(name_or_path, f"is an encoder with a decoder ({kind})")
    if kind not in KINDS:
        raise _no_encoder(name_or_path, f"is of kind {kind}")
    if getattr(config, "is_decoder", False):
        raise _no_encoder(name_or_path, f"is a decoder ({kind} with is_decoder)")
    settings = config.to_dict()
    return {
        name: value
        for name, value in sorted(settings.items())
        if name in STRUCTURE and value is not None
    }


def read_vocabulary(name_or_path: str) -> dict[str, int]:
    """Read the vocabulary of an encoder's tokenizer, piece -> id.

    Raises:
        ConfigError: there is no such folder, or no tokenizer in it.
        SetupError: a named model is neither in the cache nor reachable.
    """
    vocabulary: dict[str, int] = _source(name_or_path).tokenizer().get_vocab()
    return vocabulary


def check_vocabulary(
    name_or_path: str, vocabulary: Mapping[str, int], dictionary: Dictionary
) -> None:
    """Compare a tokenizer's vocabulary with the dictionary: each piece stands at its own id.

    Entries that serve as BOS, padding, EOS, unknown or separator, and pieces that no dictionary can
    hold, have names of their own there.

    Raises:
        ConfigError: the data-bin was made with another tokenizer.
    """
    roles = {dictionary.bos(), dictionary.pad(), dictionary.eos(), dictionary.unk()}
    symbols = dictionary.symbols
    for piece, number in sorted(vocabulary.items(), key=lambda item: item[1]):
        found = symbols[number] if number < len(symbols) else "nothing"
        named = number in roles or found.startswith(("[LSEP", "[id:"))
        if found != piece and not (named and number < len(symbols)):
            raise ConfigError(
                f"--pretrained-encoder {name_or_path}: the data-bin must be made with its"
                f" tokenizer, but entry {number} of the dictionary is {found!r} and the"
                f" tokenizer's is {piece!r}; make the data-bin with mclas prepare --pretrained"
                f" {name_or_path}, or, with one made by mclas trim, start from its checkpoint.pt"
                " (--finetune-from-model)"
            )


def load_pretrained_weights(encoder: PretrainedEncoder, name_or_path: str) -> None:
    """Copy the weights of a pretrained encoder into one that was built for it, in place.

    Rows for positions that it has not repeat its last one, as BertSumExt does (Liu and Lapata 2019,
    EMNLP-IJCNLP, arXiv:1908.08345, section 4.1 and its code); rows for entries behind its
    vocabulary are drawn from a normal distribution with the mean and the standard deviation of its
    rows, one each a dimension.

    Raises:
        CheckpointError: the weights cannot be read, some are missing, or they have other shapes.
    """
    source = _source(name_or_path).model(
        "AutoModel", dtype=torch.float32, unused=(_UNUSED_WEIGHTS,)
    )
    weights = source.state_dict()
    own = encoder.model.state_dict()
    with torch.no_grad():
        for name, value in own.items():
            given = weights.get(name)
            if given is None:
                continue  # only what is never used
            value.copy_(_fitted(name_or_path, name, given.float(), value.shape))


def _fitted(name_or_path: str, name: str, given: Tensor, shape: torch.Size) -> Tensor:
    """A weight with as many rows as the model has: cut, or continued."""
    if given.shape == shape:
        return given
    if given.shape[1:] != shape[1:]:
        raise CheckpointError(
            f"--pretrained-encoder {name_or_path}: its weights must fit its config.json, but {name}"
            f" has the shape {tuple(given.shape)} instead of {tuple(shape)}; copy the model again"
        )
    missing = shape[0] - given.shape[0]
    if missing <= 0:
        return given[: shape[0]]  # rows behind the tokenizer's last piece
    if name.endswith(_EXTENDED):
        return torch.cat([given, given[-1:].expand(missing, -1)])
    noise = torch.randn(missing, given.shape[1])
    return torch.cat([given, given.mean(0) + given.std(0) * noise])


def _source(name_or_path: str) -> PretrainedSource:
    return PretrainedSource(
        name_or_path,
        subject=f"--pretrained-encoder {name_or_path}",
        given_as="--pretrained-encoder FOLDER",
        extra=EXTRA,
        purpose=PURPOSE,
    )


def _no_encoder(name_or_path: str, problem: str) -> ConfigError:
    return ConfigError(
        f"--pretrained-encoder {name_or_path}: must be an encoder like BERT or XLM-R"
        f" ({', '.join(KINDS)}), but {problem}; give the folder or the name of an encoder"
    )
