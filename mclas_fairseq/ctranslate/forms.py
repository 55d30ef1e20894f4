"""A model in CTranslate2's form, in one number format or several: written, and checked at once."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

import numpy as np
import torch

from mclas_fairseq.ctranslate.files import MAP_FILE
from mclas_fairseq.ctranslate.library import ctranslate2
from mclas_fairseq.ctranslate.symbols import Symbols
from mclas_fairseq.ctranslate.transformer import transformer_spec
from mclas_fairseq.errors import CheckpointError

# Largest mean difference of the scores of a token, in nats; tokens at random score -10 and less.
_TOLERANCES = {"int8": 1.0, "bfloat16": 0.2, "float32": 1e-2}
_CHECKED_TOKENS = 16


def save_form(model: Any, symbols: Symbols, folder: Path, form: str) -> None:
    """Write a model into a new folder.

    Args:
        model: a Transformer that CTranslate2 can hold (`unsupported`), in fp32, on the CPU.
        symbols: what its rows are to be.
        folder: must not exist.
        form: one of `files.FORMS`: int8 keeps 8 bits and a scale for each row of a matrix,
            bfloat16 half of what float32 takes.

    Raises:
        CheckpointError: what was written scores otherwise than the model does.
    """
    spec = transformer_spec(model)
    embeddings = [*spec.encoder.embeddings, spec.decoder.embeddings, spec.decoder.projection]
    for part in embeddings:
        part.weight = _with_copies(part.weight, symbols.copied)
        if isinstance(getattr(part, "bias", None), np.ndarray):
            part.bias = _with_copies(part.bias, symbols.copied)
    spec.register_source_vocabulary(symbols.names)
    spec.register_target_vocabulary(symbols.names)
    special = symbols.special
    spec.config.bos_token = str(special.bos)
    spec.config.eos_token = str(special.eos)
    spec.config.unk_token = str(special.unk)
    # Both are given with every document: what closes it says what may be written.
    spec.config.add_source_eos = False
    spec.config.decoder_start_token = None
    spec.validate()
    spec.optimize(None if form == "float32" else form)
    folder.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        mapping = Path(scratch) / MAP_FILE
        mapping.write_text(symbols.vocabulary_map(), encoding="utf-8")
        spec.register_vocabulary_mapping(str(mapping))
        spec.save(str(folder))
    _check_scores(model, symbols, folder, form)


def _with_copies(weight: Any, rows: Sequence[int]) -> Any:
    # V x C, or V -> with K + L rows more
    return np.concatenate([weight, weight[list(rows)]])


def _check_scores(model: Any, symbols: Symbols, folder: Path, form: str) -> None:
    translator = open_form(folder, threads=1, form=form)
    ids = list(range(symbols.size))
    document = _some([token for token in ids if token not in vars(symbols.special).values()])
    target = _some(symbols.lists[symbols.list_of[-1][-1]])
    start, end = symbols.special.bos, symbols.special.eos
    scored = translator.score_batch(
        [[*map(str, document), symbols.marker(0)]],
        [[str(start), *symbols.given(target, apart=True)]],
        max_input_length=0,
    )
    found = scored[0].log_probs[: len(target)]
    expected = _forced_scores(model, symbols, document, [start, *target], end)
    difference = float(np.mean(np.abs(np.array(found) - np.array(expected))))
    if not difference <= _TOLERANCES[form]:
        raise CheckpointError(
            f"CTranslate2's form {form}: must give the scores of the model, but they differ by"
            f" {difference:.3g} nats a token; export it for torch: leave out --format ct2"
        )


def _some(entries: Sequence[int]) -> list[int]:
    step = max(1, len(entries) // _CHECKED_TOKENS)
    return list(entries[::step][:_CHECKED_TOKENS])


@torch.no_grad()
def _forced_scores(
    model: Any, symbols: Symbols, document: list[int], read: list[int], end: int
) -> list[float]:
    """Log-probabilities (T_tgt,) of what follows `read[0]`, over all rows, in nats."""
    logits, _ = model(
        torch.tensor([[*document, end]]),
        torch.tensor([len(document) + 1]),
        torch.tensor([read[:-1]]),
    )
    # (1, T_tgt, V) -> (T_tgt, V + K + L): copies have the logits of what they copy
    whole = torch.cat([logits[0], logits[0][:, symbols.copied]], dim=-1).float()
    scores = whole.log_softmax(-1)
    return [float(row[token]) for row, token in zip(scores, read[1:], strict=True)]


def open_form(
    folder: Path, *, threads: int, device: str = "cpu", form: Optional[str] = None
) -> Any:
    """CTranslate2's translator of a model that `save_form` wrote.

    Args:
        folder: where it is.
        threads: of the processor.
        device: cpu, or cuda with a number as in cuda:0.
        form: that it is in. On a processor, bfloat16 is a form of the file only: it is computed in
            float32, as CTranslate2 knows no other way there.

    Raises:
        CheckpointError: CTranslate2 cannot open it.
    """
    name, _, index = device.partition(":")
    compute = form or "default"
    if name == "cpu" and form == "bfloat16":
        compute = "float32"
    try:
        return ctranslate2().Translator(
            str(folder),
            device=name,
            device_index=int(index or 0),
            compute_type=compute,
            inter_threads=1,
            intra_threads=threads,
        )
    except (RuntimeError, ValueError) as error:
        raise CheckpointError(
            f"{folder}: must be a model that CTranslate2 can open on {device}, but it says:"
            f" {error}; export it again with mclas export --format ct2"
        ) from error
