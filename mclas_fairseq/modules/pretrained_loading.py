"""Reading a pretrained encoder: its settings, its weights, its tokenizer's vocabulary.

A name is looked up in the local cache of the library transformers first; only what is not there is
asked of the network, which otherwise costs half a minute of retries on a machine without one. What
the library accepts but means another model is refused here: weights that are missing, which it
draws at random, and models that are no encoders.

Settings travel as JSON in the options of a checkpoint, so that it can be loaded where the
pretrained encoder is not.
"""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from fairseq.data import Dictionary
from torch import Tensor, nn

from mclas_fairseq.errors import CheckpointError, ConfigError, MclasError, SetupError
from mclas_fairseq.extras import require
from mclas_fairseq.modules.pretrained_encoder import (
    EXTRA,
    KINDS,
    PURPOSE,
    STRUCTURE,
    PretrainedEncoder,
)

# Never part of an encoder's output.
_UNUSED_WEIGHTS = "pooler."
_EXTENDED = "position_embeddings.weight"


def read_settings(name_or_path: str) -> dict[str, Any]:
    """Read what an encoder's config.json says of its structure, as plain values.

    Raises:
        ConfigError: there is no such folder, or it holds no BERT- or XLM-R-like encoder.
        SetupError: a named model is neither in the cache nor reachable.
    """
    with _quiet():
        config = _load("AutoConfig", name_or_path)
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
        ConfigError: the tokenizer is not there.
    """
    try:
        with _quiet():
            tokenizer = _load("AutoTokenizer", name_or_path)
    except ConfigError as error:
        raise _no_tokenizer(name_or_path) from error
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    if set(vocabulary) <= set(tokenizer.all_special_tokens):
        raise _no_tokenizer(name_or_path)  # which the library makes up when its files are missing
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
    source = _load_model(name_or_path).state_dict()
    own = encoder.model.state_dict()
    with torch.no_grad():
        for name, value in own.items():
            given = source.get(name)
            if given is None:
                continue  # only what is never used, see _load_model
            value.copy_(_fitted(name_or_path, name, given.float(), value.shape))


def _fitted(name_or_path: str, name: str, given: Tensor, shape: torch.Size) -> Tensor:
    """A weight with as many rows as the model has: cut, or continued."""
    if given.shape == shape:
        return given
    if given.shape[1:] != shape[1:]:
        raise CheckpointError(
            f"encoder {name_or_path!r}: its weights must fit its config.json, but {name} has the"
            f" shape {tuple(given.shape)} instead of {tuple(shape)}; copy the model again"
        )
    missing = shape[0] - given.shape[0]
    if missing <= 0:
        return given[: shape[0]]  # rows behind the tokenizer's last piece
    if name.endswith(_EXTENDED):
        return torch.cat([given, given[-1:].expand(missing, -1)])
    noise = torch.randn(missing, given.shape[1])
    return torch.cat([given, given.mean(0) + given.std(0) * noise])


def _load_model(name_or_path: str) -> nn.Module:
    with _quiet():
        try:
            model, found = _from_pretrained(
                "AutoModel", name_or_path, dtype=torch.float32, output_loading_info=True
            )
        except Exception as error:  # every file format has its own errors, without a common base
            raise CheckpointError(
                f"encoder {name_or_path!r}: must have readable weights that fit its config.json,"
                f" but has not ({str(error).splitlines()[0][:120]}); copy or download it again"
            ) from error
    missing = sorted(name for name in found["missing_keys"] if _UNUSED_WEIGHTS not in name)
    if missing:
        raise CheckpointError(
            f"encoder {name_or_path!r}: must have all weights of the encoder, but {len(missing)}"
            f" are missing, such as {missing[0]}; the weights are of another model, copy the right"
            " ones"
        )
    loaded: nn.Module = model
    return loaded


def _load(auto_class: str, name_or_path: str) -> Any:
    _check_name(name_or_path)
    try:
        return _from_pretrained(auto_class, name_or_path)
    except MclasError:
        raise
    except Exception as error:  # each part of the library has its own errors, without a common base
        if Path(name_or_path).expanduser().is_dir():
            raise _no_encoder(
                name_or_path, "has no config.json that names a known kind of model"
            ) from error
        raise SetupError(
            f"--pretrained-encoder {name_or_path}: a named model must be in the local cache or be"
            f" downloaded, but neither worked ({str(error).splitlines()[0][:120]}); on a machine"
            f" with a network run 'hf download {name_or_path} --local-dir FOLDER', copy the folder"
            " here and give --pretrained-encoder FOLDER"
        ) from error


def _check_name(name_or_path: str) -> None:
    if Path(name_or_path).expanduser().is_dir():
        return
    if name_or_path.startswith((".", "/", "~")) or name_or_path.count("/") > 1:
        raise ConfigError(
            f"--pretrained-encoder {name_or_path}: must be a folder or the name of a model, but"
            " there is no such folder; give the folder of an encoder"
        )


def _from_pretrained(auto_class: str, name_or_path: str, **options: Any) -> Any:
    transformers = require("transformers", extra=EXTRA, purpose=PURPOSE)
    loader = getattr(transformers, auto_class)
    options["trust_remote_code"] = False  # where it is not said, the library may ask, and run it
    folder = Path(name_or_path).expanduser()
    if folder.is_dir():
        return loader.from_pretrained(str(folder), local_files_only=True, **options)
    with contextlib.suppress(OSError, ValueError, KeyError, ImportError):
        return loader.from_pretrained(name_or_path, local_files_only=True, **options)
    return loader.from_pretrained(name_or_path, **options)


def _no_encoder(name_or_path: str, problem: str) -> ConfigError:
    return ConfigError(
        f"--pretrained-encoder {name_or_path}: must be an encoder like BERT or XLM-R"
        f" ({', '.join(KINDS)}), but {problem}; give the folder or the name of an encoder"
    )


def _no_tokenizer(name_or_path: str) -> ConfigError:
    return ConfigError(
        f"--pretrained-encoder {name_or_path}: must come with its tokenizer, to be compared with"
        " the data-bin's, but none can be read; save the tokenizer into the same folder"
    )


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without the library's progress bars and load reports: what matters is raised by us."""
    log = require("transformers", extra=EXTRA, purpose=PURPOSE).utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity(log.CRITICAL)
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
