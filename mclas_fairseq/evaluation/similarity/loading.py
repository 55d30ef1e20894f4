"""Load an encoder by the name of a model or the path of its folder, and say what is wrong with it.

It is read as all models of transformers are, see `transformers_loading`.
"""

from typing import Any, Optional

import torch

from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.evaluation.similarity.encoder import Encoder
from mclas_fairseq.evaluation.similarity.layers import choose_layer, drop_layers, read_limit
from mclas_fairseq.transformers_loading import PretrainedSource

EXTRA = "metrics"
_PURPOSE = "BERTScore and MoverScore"
# Made for texts in which a space stands before every word: the first word needs one as well.
_SPACE_MARKING = ("RobertaTokenizer", "GPT2Tokenizer")
# Never part of the vectors: a checkpoint without it is complete.
_UNUSED_WEIGHTS = "pooler."


def load_encoder(name_or_path: str, *, layer: Optional[int] = None, device: str = "cpu") -> Encoder:
    """Load an encoder and its tokenizer.

    Args:
        name_or_path: name of a model of the library transformers, or a folder that holds one.
        layer: whose vectors are used, from 0 (the embeddings) to the number of layers. None: the
            one that bert-score's authors tuned for a model of this name, else the last.
        device: where it runs, as torch calls it: "cpu", "cuda", "cuda:1".

    Raises:
        SetupError: a package is missing, or the named model is neither in the cache nor reachable.
        ConfigError: the folder holds no encoder, there is no such layer or no such device.
        CheckpointError: the weights cannot be read, or some of the encoder's are missing.
    """
    _check_device(device)
    source = PretrainedSource(
        name_or_path,
        subject=f"encoder {name_or_path!r}",
        given_as="--model FOLDER",
        extra=EXTRA,
        purpose=_PURPOSE,
    )
    layers = _count_layers(source)
    tokenizer = _load_tokenizer(source)
    model = source.model("AutoModel", dtype=torch.float32, unused=(_UNUSED_WEIGHTS,))
    rows = model.get_input_embeddings().weight.shape[0]
    if max(tokenizer.get_vocab().values()) >= rows:
        raise CheckpointError(
            f"{source.subject}: must have a vector for each piece of its tokenizer, but has {rows}"
            f" for {len(tokenizer)} pieces; the tokenizer is another model's, copy the right one"
        )
    chosen = choose_layer(source.name, layer, layers)
    if hasattr(model, "encoder") and hasattr(model, "decoder"):
        model = model.get_encoder()  # of a sequence-to-sequence model
    limit = read_limit(tokenizer, source.config, model)
    drop_layers(model, chosen, layers)
    return Encoder(
        name=source.name,
        layer=chosen,
        layers=layers,
        max_tokens=limit,
        device=device,
        tokenizer=tokenizer,
        model=model.to(device).eval(),
    )


def _check_device(device: str) -> None:
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ConfigError(
            f"device {device!r}: must be one that torch knows, such as cpu or cuda; change --device"
        ) from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            f"device {device!r}: must be in this machine, but torch finds no GPU; give --device cpu"
        )


def _count_layers(source: PretrainedSource) -> int:
    layers = getattr(source.config, "num_hidden_layers", None)
    if not isinstance(layers, int):
        raise ConfigError(
            f"{source.subject}: must be an encoder of texts, but is a"
            f" {source.config.model_type!r} model without layers to choose from; give --model the"
            " folder of an encoder"
        )
    return layers


def _load_tokenizer(source: PretrainedSource) -> Any:
    tokenizer = source.tokenizer()
    if type(tokenizer).__name__ in _SPACE_MARKING:
        return source.tokenizer(add_prefix_space=True)
    return tokenizer
