"""Load an encoder by the name of a model or the path of its folder, and say what is wrong with it.

A named model is looked up in the local cache first: only what is not there is asked of the network,
which otherwise costs half a minute of retries for each file on a machine without one. Two things
that the library transformers (5.23) accepts are errors here, because the scores would mean nothing:
weights that a checkpoint lacks, which it draws at random, and a tokenizer whose files are missing,
which it replaces by one that knows special pieces only.
"""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import torch

from mclas_fairseq.errors import CheckpointError, ConfigError, MclasError, SetupError
from mclas_fairseq.evaluation.similarity.encoder import Encoder
from mclas_fairseq.evaluation.similarity.layers import choose_layer, drop_layers, read_limit
from mclas_fairseq.extras import require

EXTRA = "metrics"
_PURPOSE = "BERTScore and MoverScore"
# Made for texts in which a space stands before every word: the first word needs one as well.
_SPACE_MARKING = ("RobertaTokenizer", "GPT2Tokenizer")
# Never part of the vectors: a checkpoint without it is complete.
_UNUSED_WEIGHTS = "pooler."


@dataclass(frozen=True)
class _Parts:
    """What the library loads of a model."""

    config: Any
    tokenizer: Any
    model: Any


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
    transformers = require("transformers", extra=EXTRA, purpose=_PURPOSE)
    _check_device(device)
    folder = Path(name_or_path).expanduser()
    with _quiet(transformers):
        if folder.is_dir():
            name = folder.resolve().name
            parts = _load(transformers, str(folder), name_or_path, local=True)
        else:
            name = name_or_path
            parts = _load_named(transformers, name)
    layers = int(parts.config.num_hidden_layers)
    chosen = choose_layer(name, layer, layers)
    model = parts.model
    if hasattr(model, "encoder") and hasattr(model, "decoder"):
        model = model.get_encoder()  # of a sequence-to-sequence model
    limit = read_limit(parts.tokenizer, parts.config, model)
    drop_layers(model, chosen, layers)
    return Encoder(
        name=name,
        layer=chosen,
        layers=layers,
        max_tokens=limit,
        device=device,
        tokenizer=parts.tokenizer,
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


def _load_named(transformers: Any, name: str) -> _Parts:
    """A model by its name: from the local cache, else from the network."""
    if name.startswith((".", "/", "~")) or name.count("/") > 1 or not name:
        raise ConfigError(
            f"encoder {name!r}: must be a folder or the name of a model, but there is no such"
            " folder; change --model"
        )
    with contextlib.suppress(MclasError):
        return _load(transformers, name, name, local=True)
    try:
        return _load(transformers, name, name, local=False)
    except MclasError as error:
        cause = str(error.__cause__ or error).splitlines()[0]
        raise SetupError(
            f"encoder {name!r}: a named model must be in the local cache or be downloaded, but"
            f" neither worked ({cause[:120]}); on a machine with a network run 'hf download {name}"
            " --local-dir FOLDER', copy the folder here and give --model FOLDER"
        ) from error


def _load(transformers: Any, source: str, shown: str, *, local: bool) -> _Parts:
    options = _options(local=local)
    try:
        config = transformers.AutoConfig.from_pretrained(source, **options)
    except (OSError, ValueError, KeyError) as error:
        raise ConfigError(
            f"encoder {shown!r}: must be an encoder as the library transformers saves one"
            " (config.json, weights, tokenizer files), but its config.json is missing or names no"
            " known kind of model; give --model the folder of an encoder"
        ) from error
    if not isinstance(getattr(config, "num_hidden_layers", None), int):
        raise ConfigError(
            f"encoder {shown!r}: must be an encoder of texts, but is a {config.model_type!r} model"
            " without layers to choose from; give --model the folder of an encoder"
        )
    tokenizer = _load_tokenizer(transformers, source, shown, options)
    model = _load_model(transformers, source, shown, options)
    rows = model.get_input_embeddings().weight.shape[0]
    if max(tokenizer.get_vocab().values()) >= rows:
        raise CheckpointError(
            f"encoder {shown!r}: must have a vector for each piece of its tokenizer, but has {rows}"
            f" for {len(tokenizer)} pieces; the tokenizer is another model's, copy the right one"
        )
    return _Parts(config, tokenizer, model)


def _options(*, local: bool) -> dict[str, bool]:
    # Where nothing is said of remote code, the library may ask whether to run it.
    return {"local_files_only": local, "trust_remote_code": False}


def _load_tokenizer(transformers: Any, source: str, shown: str, options: Mapping[str, bool]) -> Any:
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source, **options)
        if type(tokenizer).__name__ in _SPACE_MARKING:
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                source, **options, add_prefix_space=True
            )
    except (OSError, ValueError, KeyError, ImportError) as error:
        raise _no_tokenizer(shown) from error
    if set(tokenizer.get_vocab()) <= set(tokenizer.all_special_tokens):
        raise _no_tokenizer(shown)
    return tokenizer


def _no_tokenizer(shown: str) -> ConfigError:
    return ConfigError(
        f"encoder {shown!r}: must come with its tokenizer (tokenizer.json, vocab.txt or a"
        " SentencePiece model), but none can be read; save the tokenizer into the same folder"
    )


def _load_model(transformers: Any, source: str, shown: str, options: Mapping[str, bool]) -> Any:
    try:
        model, found = transformers.AutoModel.from_pretrained(
            source, **options, dtype=torch.float32, output_loading_info=True
        )
    except Exception as error:  # every file format has its own errors, without a common base
        raise CheckpointError(
            f"encoder {shown!r}: must have readable weights that fit its config.json, but has not"
            f" ({str(error).splitlines()[0][:120]}); copy or download the model again"
        ) from error
    missing = sorted(name for name in found["missing_keys"] if _UNUSED_WEIGHTS not in name)
    if missing:
        raise CheckpointError(
            f"encoder {shown!r}: must have all weights of the encoder, but {len(missing)} are"
            f" missing, such as {missing[0]}; the weights are of another model, copy the right ones"
        )
    return model


@contextlib.contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without the library's progress bars and load reports: what matters is raised by us."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
