"""Writing a bundle: all of its files beside their place, then renamed.

The same model and the same words give the same bytes: nothing in a bundle knows the time, the
machine or the folder it was made in.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from mclas_fairseq.bundles.card import CardDetails, ScoreRow, model_card
from mclas_fairseq.bundles.config import BundleConfig
from mclas_fairseq.bundles.format import (
    CARD_FILE,
    INDEX_FILE,
    FileEntry,
    write_index,
)
from mclas_fairseq.bundles.tokenizer import save_tokenizer
from mclas_fairseq.corpus.unfinished import SUFFIX, unfinished_folder
from mclas_fairseq.data.data_bin import (
    DICTIONARY_FILE,
    TOKENIZER_FOLDER,
    DataBin,
    vocabulary_file,
)
from mclas_fairseq.data.language_vocabulary import LanguageVocabulary
from mclas_fairseq.errors import CheckpointError, ConfigError


@dataclass(frozen=True)
class BundleContents:
    """What goes into a bundle.

    Attributes:
        write_model: writes the model's files into a folder.
        parameters: how many numbers it has.
        config: settings.
        data_bin: where dictionary and tokenizer are taken from.
        vocabularies: of the summary languages, those that the checkpoint carries.
        details: what the maker says, for the model card.
        scores: for the model card.
        card: the model card itself, where there is one already.
    """

    write_model: Callable[[Path], None]
    parameters: int
    config: BundleConfig
    data_bin: DataBin
    vocabularies: Sequence[LanguageVocabulary]
    details: CardDetails
    scores: Sequence[ScoreRow] = ()
    card: Optional[str] = None


def write_bundle(out: Path, contents: BundleContents, *, overwrite: bool) -> dict[str, FileEntry]:
    """Write a bundle; returns its files by name.

    Raises:
        ConfigError: `out` exists and may not be replaced.
        CheckpointError: writing failed.
    """
    with _staged(out, overwrite=overwrite) as folder:
        contents.write_model(folder)
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        contents.config.save(folder)
        shutil.copyfile(contents.data_bin.folder / DICTIONARY_FILE, folder / DICTIONARY_FILE)
        save_tokenizer(contents.data_bin.tokenizer, folder / TOKENIZER_FOLDER)
        for vocabulary in contents.vocabularies:
            vocabulary.save(folder / vocabulary_file(vocabulary.language))
        sizes = {"parameters": contents.parameters, "bytes": size}
        manifest = contents.data_bin.manifest
        card = contents.card or model_card(
            contents.details, contents.config, manifest, contents.scores, sizes
        )
        (folder / CARD_FILE).write_text(card, encoding="utf-8")
        return write_index(folder, contents.config.versions["mclas-fairseq"])


def check_free(out: Path, *, overwrite: bool) -> None:
    """Check that a bundle may be put at `out`.

    Raises:
        ConfigError: it exists and `overwrite` was not asked for, or is something other than a
            bundle, which is never removed.
    """
    if not out.exists() and not out.is_symlink():
        return
    if not overwrite:
        raise ConfigError(
            f"--out: must not exist yet, but {out} does; choose another name, or give --overwrite"
            " to replace it"
        )
    replaceable = out.is_dir() and ((out / INDEX_FILE).is_file() or not any(out.iterdir()))
    if out.is_symlink() or not replaceable:
        raise ConfigError(
            f"--out: --overwrite replaces a bundle (a folder with {INDEX_FILE}) or an empty folder"
            f" only, but {out} is neither; remove it yourself or choose another name"
        )


@contextmanager
def _staged(out: Path, *, overwrite: bool) -> Iterator[Path]:
    """Yield a new folder beside `out` that takes its place when the block ends well."""
    check_free(out, overwrite=overwrite)
    try:
        with unfinished_folder(out) as staging:
            yield staging
            old = staging.with_name(staging.name.removesuffix(SUFFIX) + ".replaced")
            if out.exists():
                out.rename(old)
            staging.rename(out)
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise CheckpointError(
            f"bundle {out}: must be writable, but writing failed ({error}); nothing was left there:"
            " make room or choose another --out"
        ) from error
