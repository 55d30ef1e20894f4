"""Growing a checkpoint to a dictionary that `mclas prepare --extend` extended.

Such a dictionary begins with the earlier one, entry for entry, so the rows that a checkpoint has
keep their place and are copied bit for bit; rows for the added entries follow. A new row is the
mean of the rows of the pieces that the earlier tokenizer cut its text into; where that tokenizer
did not know them, it is drawn from a normal distribution with the mean and the standard deviation
of the earlier rows, one each a dimension. (Their mean alone would give all characters of a new
script one and the same row.)

Which tensors have a row an entry is found by building the model for the new dictionary, so that it
holds for tied and untied embeddings and for any architecture; the grown weights are then loaded
into that model before they are written.

Under the restriction to language vocabularies (`--restrict-vocab both`) a grown model gives the
earlier languages what the checkpoint gave: probabilities are taken over the entries that a summary
may hold, and those are the earlier ones. A model that copies from the document (`--copy-attention`,
`--translated-copying`) mixes probabilities over the whole dictionary before the restriction: new
entries take mass from what is generated and none from what is copied, so that copies weigh more
until it is trained on.

Place in the pipeline: between `mclas prepare --like ... --extend` and `fairseq-train
--finetune-from-model`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fairseq import checkpoint_utils, tasks
from torch import Tensor

from mclas_fairseq.checkpoints.safe_loading import load_checkpoint
from mclas_fairseq.corpus.tokenizers import ExtendedTokenizer, Tokenizer, split_at_target
from mclas_fairseq.corpus.tokenizers.extended import split_mark
from mclas_fairseq.data.data_bin import DataBin, fingerprint_of
from mclas_fairseq.data.indexed_dictionary import special_indices
from mclas_fairseq.errors import CheckpointError
from mclas_fairseq.modules.fingerprint import BUFFER
from mclas_fairseq.modules.lexicon_weights import extend_lexicons, is_lexicon

PROVENANCE = "extended_from"  # in extra_state: what was extended
_KEPT_EXTRA = ("train_iterator",)  # all that fairseq needs to load a checkpoint
_DROPPED = ("last_optimizer_state", "fsdp_metadata")
_WORD_START = "▁"


@dataclass(frozen=True)
class ExtendedCheckpoint:
    """A grown checkpoint and what was done to it.

    Attributes:
        state: as fairseq stores it.
        earlier: rows that it had.
        averaged: new rows that are means of earlier ones.
        drawn: new rows that were drawn at random.
        tensors: names of the tensors that grew.
    """

    state: dict[str, Any]
    earlier: int
    averaged: int
    drawn: int
    tensors: tuple[str, ...]


def extend_checkpoint(path: Path, data_bin: DataBin, *, seed: int = 1) -> ExtendedCheckpoint:
    """Grow a checkpoint to the dictionary of a data-bin.

    Args:
        path: the checkpoint, trained with the dictionary that was extended, at once or in steps.
        data_bin: made with `mclas prepare --extend`.
        seed: of the rows that are drawn.

    Raises:
        CheckpointError: it cannot be read, was trained with another dictionary or another task, or
            does not fit the architecture that it names.
    """
    state = load_checkpoint(path)
    tokenizer, earlier = _find_earlier(path, state, data_bin)
    model = build_model_for(path, data_bin)
    symbols = data_bin.dictionary.symbols
    cuts = [_cut(symbol, tokenizer, data_bin, earlier) for symbol in symbols[earlier:]]
    names = tensors_with_rows(path, state["model"], model.state_dict(), earlier, len(symbols))
    weights = _grow(state["model"], names, cuts, data_bin, seed)
    weights.update(extend_lexicons(state["model"], len(symbols)))
    sha256 = data_bin.manifest.dictionary_sha256
    stamp(path, model, weights, sha256)
    return ExtendedCheckpoint(
        state={
            **without_training(state, {PROVENANCE: {"file": path.name, "entries": earlier}}),
            "model": weights,
            "task_state": {**state["task_state"], "dictionary_sha256": sha256},
        },
        earlier=earlier,
        averaged=sum(map(bool, cuts)),
        drawn=sum(not cut for cut in cuts),
        tensors=tuple(names),
    )


def _find_earlier(path: Path, state: Mapping[str, Any], data_bin: DataBin) -> tuple[Tokenizer, int]:
    """The tokenizer that the checkpoint was trained with, and its number of dictionary entries."""
    task_state = state.get("task_state") or {}
    weights = state.get("model") or {}
    sha256 = task_state.get("dictionary_sha256")
    if BUFFER not in weights or sha256 != bytes(weights[BUFFER].tolist()).hex():
        raise CheckpointError(
            f"checkpoint {path}: must carry the fingerprint of its dictionary, in its weights and"
            " in its task's state, but does not; give one that fairseq-train wrote with a task and"
            " an architecture of this plugin"
        )
    if sha256 == data_bin.manifest.dictionary_sha256:
        raise CheckpointError(
            f"checkpoint {path}: was trained with the dictionary of {data_bin.folder} itself, so"
            " there is nothing to extend; use it as it is"
        )
    tokenizer, size = data_bin.tokenizer, len(data_bin.dictionary)
    if not isinstance(tokenizer, ExtendedTokenizer):
        raise CheckpointError(
            f"data-bin {data_bin.folder}: its dictionary must extend that of the checkpoint, but"
            " extends none; make it with mclas prepare --like DATA_BIN --extend LANG, where"
            f" DATA_BIN is what {path} was trained on"
        )
    while isinstance(tokenizer, ExtendedTokenizer):
        size = _size_before(data_bin.dictionary.symbols[:size], tokenizer)
        tokenizer = tokenizer.base
        if fingerprint_of(data_bin.dictionary.symbols[:size]) == sha256:
            return tokenizer, size
    raise CheckpointError(
        f"checkpoint {path}: its dictionary ({sha256[:12]}) must be the one that {data_bin.folder}"
        f" extends ({fingerprint_of(data_bin.dictionary.symbols[:size])[:12]}), but is another;"
        " give a checkpoint that was trained on the data-bin given with --like, or extend that of"
        " this checkpoint"
    )


def _size_before(symbols: Sequence[str], tokenizer: ExtendedTokenizer) -> int:
    """How many of these entries were there before this extension, which added the last of them.

    What it added are its pieces and, behind them, separators and other symbols.
    """
    if tokenizer.added:
        return symbols.index(tokenizer.added[0])
    return 1 + max(n for n, symbol in enumerate(symbols) if split_at_target(symbol)[1] is None)


def build_model_for(path: Path, data_bin: DataBin) -> torch.nn.Module:
    """Build the checkpoint's architecture for the dictionary of a data-bin, with new weights."""
    manifest = data_bin.manifest
    overrides = {
        "data": str(data_bin.folder),
        "source_lang": manifest.source_lang,
        "target_lang": manifest.target_langs[0],  # which one has no bearing on the weights
        "target_langs": None,
        "source_langs": None,
        "templates": None,  # the checkpoint carries its own
    }
    config = checkpoint_utils.load_checkpoint_to_cpu(str(path), overrides)["cfg"]
    task = tasks.setup_task(config.task, from_checkpoint=True)
    model: torch.nn.Module = task.build_model(config.model, from_checkpoint=True)
    return model


def stamp(path: Path, model: torch.nn.Module, weights: dict[str, Tensor], sha256: str) -> None:
    """Put the fingerprint of their dictionary among weights, and load all into the model.

    Raises:
        CheckpointError: they do not fit its architecture.
    """
    weights[BUFFER] = torch.tensor(list(bytes.fromhex(sha256)), dtype=torch.uint8)
    try:
        model.load_state_dict(weights, strict=True)
    except (RuntimeError, CheckpointError) as error:  # of torch, of our models
        raise CheckpointError(
            f"checkpoint {path}: its weights must fit its architecture, but do not"
            f" ({str(error).splitlines()[-1].strip()}); give a checkpoint as fairseq-train wrote it"
        ) from error


def without_training(state: Mapping[str, Any], provenance: Mapping[str, Any]) -> dict[str, Any]:
    """A checkpoint's state without that of its optimizer and, but for what is needed to load it,
    of its training; `provenance` is kept there instead.
    """
    extra = state["extra_state"]
    return {
        **{name: value for name, value in state.items() if name not in _DROPPED},
        "extra_state": {
            **{name: extra[name] for name in _KEPT_EXTRA if name in extra},
            **provenance,
        },
    }


def _cut(symbol: str, tokenizer: Tokenizer, data_bin: DataBin, earlier: int) -> list[int]:
    """Numbers of the entries that the earlier tokenizer cut an added one's text into.

    None when it did not know one of them: a mean over the rest would be of other text. The
    separator of a target language starts as the one separator that there was.
    """
    if split_at_target(symbol)[1] is not None:
        return [data_bin.separator]
    languages, piece = split_mark(symbol)
    text = piece.replace(_WORD_START, " ").strip()
    language = languages[0] if languages else data_bin.manifest.source_lang
    pieces = tokenizer.encode(text, language)
    if len(pieces) > 1 and pieces[0] == _WORD_START:
        pieces = pieces[1:]
    dictionary = data_bin.dictionary
    numbers = [int(dictionary.index(piece)) for piece in pieces]
    special = {dictionary.bos(), dictionary.pad(), dictionary.eos(), dictionary.unk()}
    known = all(number < earlier and number not in special for number in numbers)
    return numbers if known else []


def tensors_with_rows(
    path: Path,
    weights: Mapping[str, Tensor],
    fresh: Mapping[str, Tensor],
    earlier: int,
    entries: int,
) -> list[str]:
    """Names of the tensors that have a row (or a number) for each entry of the dictionary."""
    names = []
    for name, value in weights.items():
        if name not in fresh or fresh[name].shape == value.shape or is_lexicon(name):
            continue
        if (earlier, *value.shape[1:]) != value.shape or fresh[name].shape != (
            entries,
            *value.shape[1:],
        ):
            raise CheckpointError(
                f"checkpoint {path}: weights {name} must have the shape of its architecture"
                f" ({tuple(fresh[name].shape)}, dictionary of {entries}), but have"
                f" {tuple(value.shape)} with a dictionary of {earlier}; give a checkpoint as"
                " fairseq-train wrote it"
            )
        names.append(name)
    return names


def _grow(
    weights: Mapping[str, Tensor],
    names: Sequence[str],
    cuts: Sequence[Sequence[int]],
    data_bin: DataBin,
    seed: int,
) -> dict[str, Tensor]:
    """Add rows to the named tensors; tensors that are one (tied) are one afterwards."""
    special = special_indices(data_bin.dictionary)
    grown: dict[str, Tensor] = {}
    by_storage: dict[tuple[int, tuple[int, ...]], Tensor] = {}
    for name, value in weights.items():
        if name in names:
            storage = (value.data_ptr(), tuple(value.shape))
            if storage not in by_storage:
                ordinary = [row for row in range(len(value)) if row not in special]
                rows = _new_rows(value[ordinary].float(), value, cuts, seed)
                by_storage[storage] = torch.cat([value, rows.to(value.dtype)])
            grown[name] = by_storage[storage]
        else:
            grown[name] = value
    return grown


def _new_rows(ordinary: Tensor, value: Tensor, cuts: Sequence[Sequence[int]], seed: int) -> Tensor:
    """Rows (N, ...) for N added entries, fp32, from the rows (V, ...) of the earlier ones."""
    generator = torch.Generator().manual_seed(seed)
    noise = torch.randn((len(cuts), *value.shape[1:]), generator=generator)
    rows = ordinary.mean(0) + ordinary.std(0) * noise
    for number, cut in enumerate(cuts):
        if cut:
            rows[number] = value[list(cut)].float().mean(0)
    return rows
