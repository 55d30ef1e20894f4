"""Translation models of transformers: read safely and whole, and told which languages to use."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.transformers_loading import PretrainedSource
from mclas_fairseq.translators.fairseq_models import check_languages
from mclas_fairseq.translators.fingerprints import hash_files
from mclas_fairseq.translators.hf_languages import (
    MODEL_TYPES,
    find_token,
    language_tokens,
    two_letters,
)
from mclas_fairseq.translators.options import TranslatorOptions


@dataclass(frozen=True)
class HfModel:
    """A model and its tokenizer.

    Attributes:
        model: in evaluation mode, on its device.
        tokenizer: set to the source language.
        prefix: what stands before each line: Marian's sign for the target language.
        forced: how `generate` is told the target language, by its own arguments.
        content: what the weights are: the commit of a hub's repository, or a hash of the files.
    """

    model: Any
    tokenizer: Any
    prefix: str
    forced: Mapping[str, int] = field(default_factory=dict)
    content: str = ""

    @property
    def reserved(self) -> set[str]:
        """Texts that the tokenizer takes for marks: ends of sentences, names of languages."""
        languages = language_tokens(self.model.config.model_type, self.tokenizer.get_vocab())
        return {*self.tokenizer.all_special_tokens, *languages.values()}

    @property
    def positions(self) -> int:
        """Tokens that the longest line and translation may have."""
        return int(self.model.config.max_position_embeddings)


def load_hf_model(path: str, dtype: torch.dtype, options: TranslatorOptions) -> HfModel:
    """Load a folder, or a model of the hub by its name.

    Raises:
        CheckpointError: weights are missing or unsafe.
        ConfigError: there is no such folder, the model is of another kind, it comes without its
            tokenizer, or it does not know a language.
        SetupError: transformers is not installed, or a named model is neither in its cache nor
            reachable.
    """
    name = f"hf:{path}"
    source = PretrainedSource(
        path,
        subject=f"translator {name}",
        given_as="hf:FOLDER",
        extra="roundtrip",
        purpose="hf:",
    )
    if source.config.model_type not in MODEL_TYPES:
        raise ConfigError(
            f"translator {name}: must be a model of type {', '.join(MODEL_TYPES)}, but is of "
            f"type {source.config.model_type}; give a translation model of these types"
        )
    tokenizer = source.tokenizer()
    model = source.model("AutoModelForSeq2SeqLM", dtype=dtype)
    content = source.commit if source.folder is None else _hash_folder(source.folder)
    model = model.eval().to(options.device)
    prefix, forced = _set_languages(name, model, tokenizer, options)
    return HfModel(model, tokenizer, prefix, forced, str(content))


def _set_languages(
    name: str, model: Any, tokenizer: Any, options: TranslatorOptions
) -> tuple[str, dict[str, int]]:
    """Set the source language; return the prefix of lines and what tells the target language."""
    model_type = model.config.model_type
    tokens = language_tokens(model_type, tokenizer.get_vocab())
    if model_type == "marian":
        found = [
            two_letters(getattr(tokenizer, side, "")) for side in ("source_lang", "target_lang")
        ]
        if tokens:
            return find_token(options.target_lang, tokens, name) + " ", {}
        check_languages(name, (found[0], found[1]), options)
        return "", {}
    source = find_token(options.source_lang, tokens, name)
    target = tokenizer.convert_tokens_to_ids(find_token(options.target_lang, tokens, name))
    tokenizer.src_lang = source.strip("_")
    # Models that begin a translation with its language (mBART's first) say so in their settings.
    start = getattr(model.generation_config, "decoder_start_token_id", None)
    languages = {tokenizer.convert_tokens_to_ids(token) for token in tokens.values()}
    begins = start is None or start in languages
    return "", {"decoder_start_token_id" if begins else "forced_bos_token_id": int(target)}


def _hash_folder(folder: Path) -> str:
    return hash_files(sorted(path for path in folder.iterdir() if path.is_file()))
