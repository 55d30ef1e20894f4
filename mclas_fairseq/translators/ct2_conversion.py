"""Translation models of fairseq's, converted for CTranslate2 in this process.

CTranslate2's own command for it reads checkpoints in its own way, and only some; here a checkpoint
is read as `fairseq:` reads it, whatever wrote it, and the weights are handed over. The result lies
in a folder beside the checkpoint, with what is needed to translate with it, under a name that holds
the hash of the model's files: another model is converted anew. Several processes may want it at
once; one converts, the others wait.
"""

import fcntl
import json
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from fairseq.models.transformer import TransformerModel, TransformerModelBase

from mclas_fairseq.corpus.unfinished import unfinished_folder
from mclas_fairseq.ctranslate.library import ctranslate2
from mclas_fairseq.ctranslate.transformer import transformer_spec, unsupported
from mclas_fairseq.errors import CheckpointError, ConfigError
from mclas_fairseq.translators.fairseq_models import LoadedModel, load_model, model_files
from mclas_fairseq.translators.fingerprints import hash_files
from mclas_fairseq.translators.options import TranslatorOptions
from mclas_fairseq.translators.pieces import find_subwords

logger = logging.getLogger(__name__)

MODEL_FILE = "model.bin"
LIMITS_FILE = "limits.json"
_HASH_DIGITS = 12
_CHECKED_TOKENS = 16
# Largest difference of two scores of a token, in nats; tokens at random score -10 and less.
_TOLERANCE = 1e-2


def converted_folder(checkpoint: Path, options: TranslatorOptions) -> Path:
    """Return the folder with `checkpoint` converted, converting it if that was not done yet.

    Raises:
        CheckpointError: it cannot be read, or CTranslate2 has no such model.
        ConfigError: codes or dictionaries are missing, or the folder cannot be written.
    """
    digits = hash_files(model_files([checkpoint]))[:_HASH_DIGITS]
    folder = checkpoint.with_name(f"{checkpoint.stem}.ct2-{digits}")
    if folder.is_dir():
        return folder
    try:
        with _locked(folder.with_name(f".{folder.name}.lock")):
            if not folder.is_dir():
                _convert(checkpoint, folder, options)
    except OSError as error:
        raise ConfigError(
            f"{folder}: the converted model must be written there, but that failed "
            f"({error.strerror}); free space, or copy the model's folder to where you may write"
        ) from error
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold a lock that ends with the process."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _convert(checkpoint: Path, folder: Path, options: TranslatorOptions) -> None:
    logger.info("converting %s for CTranslate2, once: %s", checkpoint, folder)
    loaded = load_model([checkpoint], options)
    with unfinished_folder(folder) as unfinished:
        _save(checkpoint, loaded, unfinished)
        _check_scores(checkpoint, loaded, unfinished)
        (unfinished / LIMITS_FILE).write_text(json.dumps(_limits(loaded)) + "\n", encoding="utf-8")
        shutil.copy(find_subwords(checkpoint.parent), unfinished)
        unfinished.rename(folder)


def _limits(loaded: LoadedModel) -> dict[str, object]:
    """What the converted model does not say of itself."""
    return {
        "source_lang": loaded.cfg.task.source_lang,
        "target_lang": loaded.cfg.task.target_lang,
        "max_source_positions": loaded.max_source_positions,
        "max_target_positions": loaded.max_target_positions,
    }


def _save(checkpoint: Path, loaded: LoadedModel, folder: Path) -> None:
    """Write the weights and vocabularies of a model into an empty folder."""
    converter = ctranslate2("converters.fairseq")
    model: Any = loaded.models[0]
    stock = type(model) in (TransformerModel, TransformerModelBase)
    reason = unsupported(model) if stock else f"it is a {type(model).__name__}"
    if reason:
        raise CheckpointError(
            f"checkpoint {checkpoint}: must be a Transformer that CTranslate2 knows, but {reason}; "
            "translate with fairseq: instead"
        )
    spec = transformer_spec(model)
    spec.register_source_vocabulary(converter._get_vocab(loaded.task.source_dictionary))
    spec.register_target_vocabulary(converter._get_vocab(loaded.task.target_dictionary))
    # As fairseq trains: both sides end in the end of sentence, and the target begins with it.
    spec.config.decoder_start_token = spec.config.eos_token
    spec.config.add_source_eos = True
    spec.validate()
    spec.optimize()
    spec.save(str(folder))


def _check_scores(checkpoint: Path, loaded: LoadedModel, folder: Path) -> None:
    """Refuse a conversion that scores words differently from the model itself."""
    converted = ctranslate2().Translator(str(folder), compute_type="float32", intra_threads=1)
    dictionaries = (loaded.task.source_dictionary, loaded.task.target_dictionary)
    source, target = (_some_symbols(dictionary) for dictionary in dictionaries)
    found = converted.score_batch(
        [[dictionaries[0][token] for token in source]],
        [[dictionaries[1][token] for token in target]],
    )[0].log_probs
    expected = _forced_scores(loaded, source, target)
    difference = max(abs(a - b) for a, b in zip(found, expected, strict=True))
    if not difference <= _TOLERANCE:
        raise CheckpointError(
            f"checkpoint {checkpoint}: must give the same scores converted, but they differ by "
            f"{difference:.3g} nats; translate with fairseq: instead"
        )


def _some_symbols(dictionary: Any) -> list[int]:
    """Tokens from all over a dictionary, special ones apart."""
    step = max(1, (len(dictionary) - dictionary.nspecial) // _CHECKED_TOKENS)
    return list(range(dictionary.nspecial, len(dictionary), step))[:_CHECKED_TOKENS]


def _forced_scores(loaded: LoadedModel, source: list[int], target: list[int]) -> list[float]:
    """Log-probabilities (T_tgt + 1) of target tokens and end of sentence, in nats."""
    end = loaded.task.source_dictionary.eos()
    with torch.no_grad():
        logits, _ = loaded.models[0](
            torch.tensor([[*source, end]]),
            torch.tensor([len(source) + 1]),
            torch.tensor([[end, *target]]),
        )
    # (1, T_tgt + 1, vocabulary)
    scores = logits.float().log_softmax(-1)[0]
    return [float(row[token]) for row, token in zip(scores, [*target, end], strict=True)]
