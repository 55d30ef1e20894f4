"""Starting a model from mBART: `--init-from-mbart PATH`.

Liu et al. (2020), "Multilingual Denoising Pre-training for Neural Machine Translation"
(arXiv:2001.08210), in the format of fairseq's cc25: a checkpoint of architecture `mbart_large`.
Encoder, decoder and their one embedding are copied; a second decoder (`ncls_ms`) starts from the
same one. Entries that mBART's dictionary does not have stand behind its own and get new rows:

- `[LSEP:de]`, which announces a language, that language's id `[de_DE]`;
- `[LSEP]`, which ends one text before another, the row of `</s>`, which mBART saw so too;
- others are drawn, with the mean and the standard deviation of mBART's rows, one each a dimension.

Place in the pipeline: called by the tasks when they have built a model. What is trained afterwards
carries all weights itself, so PATH is not needed to load it.
"""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import torch
from fairseq.data import Dictionary
from omegaconf import OmegaConf, open_dict
from torch import Tensor, nn

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.corpus.tokenizers import SEPARATOR, split_at_target
from mclas_fairseq.data.language_ids import LanguageIds
from mclas_fairseq.errors import CheckpointError, ConfigError

logger = logging.getLogger(__name__)

FLAG = "--init-from-mbart"
_OPTION = "init_from_mbart"
_SEED = 1  # of rows that are drawn
_EMBEDDING = "encoder.embed_tokens.weight"
_ONE_EMBEDDING = (".embed_tokens.weight", ".output_projection.weight")
_POSITIONS = ".embed_positions.weight"
# Further decoders of a model, which start from the same one.
_NEW_DECODERS = re.compile(r"(ms_decoder|other_decoders\.\w+)\.")
_LAYER_NORM_VERSION = 3.0
# Parts of ours that mBART does not have and that start as they were built; a model can name others
# in its attribute `new_beside_mbart`.
_NEW_PARTS = ("dictionary_fingerprint", "decoder.copy_gate.", "decoder.translations.")


@dataclass(frozen=True)
class MbartState:
    """What is read of an mBART checkpoint.

    Attributes:
        path: where from.
        weights: by name, as stored.
        languages: its languages in the order of their ids, as in `en_XX`; None if it does not say.
    """

    path: Path
    weights: dict[str, Tensor]
    languages: Optional[tuple[str, ...]]

    @property
    def rows(self) -> int:
        """Number of dictionary entries that it has."""
        return int(self.weights[_EMBEDDING].size(0))


def load_mbart_state(path: Path) -> MbartState:
    """Read a checkpoint of fairseq's mBART, in the present or the old format, safely.

    Raises:
        CheckpointError: it cannot be read, or is no checkpoint of such a model.
    """
    state = load_checkpoint(path, mmap=True)
    weights = state.get("model")
    if not isinstance(weights, dict) or _EMBEDDING not in weights:
        raise CheckpointError(
            f"checkpoint {path}: {FLAG} needs weights of fairseq's mBART, with an entry"
            f" {_EMBEDDING} in 'model', it has none; give the model.pt of mBART"
        )
    return MbartState(path, dict(weights), _languages(state))


def start_from_mbart(model: nn.Module, args: Any, dictionary: Dictionary) -> None:
    """Copy mBART into a freshly built model if the model's options ask for it.

    The option is emptied afterwards: what is saved with a checkpoint must not name the file.

    Raises:
        CheckpointError: the file cannot be read or does not fit model or dictionary.
        ConfigError: the dictionary is not mBART's.
    """
    path = getattr(args, _OPTION, None)
    if not path:
        return
    new_parts = tuple(getattr(model, "new_beside_mbart", ()))
    copy_into(model, load_mbart_state(Path(path)), dictionary, new_parts=new_parts)
    if OmegaConf.is_config(args):
        with open_dict(args):
            setattr(args, _OPTION, None)
    else:
        setattr(args, _OPTION, None)


def copy_into(
    model: Any,
    state: MbartState,
    dictionary: Dictionary,
    *,
    new_parts: Sequence[str] = (),
) -> None:
    """Copy mBART's weights into a model that was built for a dictionary, in place.

    Args:
        model: a Transformer with `encoder` and `decoder`, one embedding for both and the output;
            `ms_decoder` if it has a second decoder.
        state: mBART.
        dictionary: mBART's own, what it lacks behind it.
        new_parts: beginnings of further names that the model may have and mBART not; those of
            `decoder` hold for further decoders as well.

    Raises:
        CheckpointError: a size or a name differs, or the languages are others.
        ConfigError: the dictionary is not mBART's.
    """
    _check_dictionary(state, dictionary)
    weights = dict(state.weights)
    for side in ("encoder", "decoder"):
        # Without it fairseq takes a checkpoint for one of 2018 and drops the last LayerNorm.
        weights.setdefault(f"{side}.version", torch.tensor([_LAYER_NORM_VERSION]))
    own: dict[str, Tensor] = model.state_dict()
    for prefix in {found[0] for name in own if (found := _NEW_DECODERS.match(name))}:
        for name, value in list(weights.items()):
            if name.startswith("decoder."):
                weights[prefix + name.removeprefix("decoder.")] = value
    model.upgrade_state_dict(weights)
    embedding = _grow(weights[_EMBEDDING].float(), dictionary)
    weights.update({name: embedding for name in own if name.endswith(_ONE_EMBEDDING)})
    fitted = _fit(state, weights, own, new_parts)
    with torch.no_grad():
        for name, value in fitted.items():
            own[name].copy_(value)
    logger.info(
        "model from mBART %s: %d of %d dictionary entries, %d languages",
        *(state.path, state.rows, len(dictionary)),
        len(LanguageIds.find(dictionary).codes),  # type: ignore[union-attr]  # checked above
    )


def _languages(state: Mapping[str, Any]) -> Optional[tuple[str, ...]]:
    """Languages named by the options that a checkpoint was trained with."""
    found: Any = state.get("args")
    if found is None:
        found = (state.get("cfg") or {}).get("task")
    langs = found.get("langs") if hasattr(found, "get") else getattr(found, "langs", None)
    return tuple(langs.split(",")) if isinstance(langs, str) and langs else None


def _check_dictionary(state: MbartState, dictionary: Dictionary) -> None:
    ids = LanguageIds.find(dictionary)
    if ids is None:
        raise ConfigError(
            f"{FLAG} {state.path}: it needs a data-bin with mBART's dictionary and language ids,"
            " this one has others; make it with mclas prepare --mbart"
        )
    if state.rows != ids.pieces:
        raise CheckpointError(
            f"checkpoint {state.path}: it must have the {ids.pieces} dictionary entries that the"
            f" data-bin has of mBART (languages and <mask> included), it has {state.rows}; prepare"
            " the data with the dict.txt and the languages (--mbart-langs) of this checkpoint"
        )
    if state.languages is not None and state.languages != ids.codes:
        raise CheckpointError(
            f"checkpoint {state.path}: its languages must be those of the data-bin in the same"
            f" order ({','.join(ids.codes)}), they are {','.join(state.languages)}; prepare the"
            " data with mclas prepare --mbart-langs as it has them"
        )


def _grow(rows: Tensor, dictionary: Dictionary) -> Tensor:
    """Put mBART's rows (R, C) first and behind them those of the other entries: (V, C), fp32."""
    ids = LanguageIds.find(dictionary)
    assert ids is not None, "checked before"
    first = dictionary.nspecial
    ordinary = rows[first:]
    generator = torch.Generator().manual_seed(_SEED)
    mean, std = ordinary.mean(0), ordinary.std(0)
    grown = [rows]
    for symbol in dictionary.symbols[len(rows) :]:
        drawn = mean + std * torch.randn(rows.size(1), generator=generator)
        _, language, _ = split_at_target(symbol)
        if symbol == SEPARATOR:
            drawn = rows[dictionary.eos()]
        elif language is not None:
            drawn = rows[ids.number(language)]
        grown.append(drawn.unsqueeze(0))
    return torch.cat(grown)


def _fit(
    state: MbartState,
    weights: Mapping[str, Tensor],
    own: Mapping[str, Tensor],
    new_parts: Sequence[str],
) -> dict[str, Tensor]:
    """The weights under the model's names, each of the model's size."""
    fitted: dict[str, Tensor] = {}
    for name, here in own.items():
        there = weights.get(name)
        if there is None:
            if _NEW_DECODERS.sub("decoder.", name).startswith((*_NEW_PARTS, *new_parts)):
                continue
            raise _misfit(state, f"it has no {name}, which the model has")
        if name.endswith(_POSITIONS) and len(here) < len(there):
            there = there[: len(here)]  # --max-source-positions, --max-target-positions
        if there.shape != here.shape:
            raise _misfit(
                state, f"{name} is {tuple(there.shape)} there and {tuple(here.shape)} in the model"
            )
        fitted[name] = there
    further = sorted(name for name in weights if name not in own and not _is_idle(name))
    if further:
        raise _misfit(state, f"it has {further[0]}, which the model has not")
    return fitted


def _is_idle(name: str) -> bool:
    """Whether a weight serves mBART's other uses: heads of classification, a tied projection."""
    return name.startswith("classification_heads.") or name == "encoder.output_projection.weight"


def _misfit(state: MbartState, what: str) -> CheckpointError:
    return CheckpointError(
        f"checkpoint {state.path}: {FLAG} needs a model of mBART's sizes, but {what}; give --arch"
        " mclas_mbart (ncls_ms_mbart with --target-layout ncls_ms) without flags of sizes, at most"
        " mBART's --max-source-positions and --max-target-positions (1024), or for another mBART"
        " its own sizes"
    )
