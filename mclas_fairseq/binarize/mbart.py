"""What `mclas prepare --mbart DIR` takes from mBART: its sentencepiece model and its dictionary.

DIR is what fairseq publishes as cc25: `dict.txt`, `sentence.bpe.model` and `model.pt`, of which
the last is not read here. The dictionary keeps mBART's numbers: its pieces in the order of the
file, then a language id for each of its languages, then `<mask>`; what a data-bin needs besides
follows behind (`mclas_fairseq.data.language_ids`).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairseq.data import Dictionary

from mclas_fairseq.corpus.tokenizers import SEPARATOR
from mclas_fairseq.data.data_bin import fingerprint_of
from mclas_fairseq.data.language_ids import (
    MASK,
    LanguageIds,
    find_code,
    is_mbart_code,
    language_symbol,
)
from mclas_fairseq.errors import ConfigError, DataError

DICTIONARY_FILE = "dict.txt"
MODEL_FILES = ("sentence.bpe.model", "sentencepiece.bpe.model")


def mbart_tokenizer(folder: Path) -> Path:
    """The sentencepiece model in an mBART folder.

    Raises:
        ConfigError: the folder lacks it, or the dictionary.
    """
    there = [folder / name for name in MODEL_FILES if (folder / name).is_file()]
    if not there or not (folder / DICTIONARY_FILE).is_file():
        raise ConfigError(
            f"--mbart: must name a folder with {DICTIONARY_FILE} and {MODEL_FILES[0]}, as fairseq's"
            f" mBART (cc25) is published, but {folder} lacks one of them; unpack it there"
        )
    return there[0]


def check_languages(codes: Sequence[str], languages: Sequence[str]) -> None:
    """Check mBART's languages against those of a corpus.

    Raises:
        ConfigError: a code is none, comes twice, or mBART has none for a language of the corpus.
    """
    odd = [code for code in codes if not is_mbart_code(code)]
    if odd or len(set(codes)) < len(codes):
        raise ConfigError(
            "--mbart-langs: must be mBART's languages in the order of their ids, each once, as in"
            f" en_XX,de_DE, but is {','.join(codes)}; give them as mBART was trained (--langs)"
        )
    unknown = [language for language in languages if find_code(language, codes) is None]
    if unknown:
        raise ConfigError(
            f"--mbart: must know the languages of the corpus, but has no id for"
            f" {', '.join(unknown)} (it has {', '.join(codes)}); leave out --mbart or the language"
        )


def build_mbart_dictionary(folder: Path, codes: Sequence[str]) -> Dictionary:
    """Build the dictionary: mBART's pieces, language ids, `<mask>`, and behind them `[LSEP]`.

    Args:
        folder: with mBART's `dict.txt`.
        codes: mBART's languages in the order of their ids.

    Raises:
        DataError: the file is no dictionary, or holds a language id or `<mask>` already.
    """
    path = folder / DICTIONARY_FILE
    try:
        dictionary = Dictionary.load(str(path))
    except (OSError, UnicodeError, ValueError, RuntimeError) as error:
        raise DataError(
            f"{path}: must be a dictionary as fairseq writes it, but {error}; get it again"
        ) from error
    for symbol in (*map(language_symbol, codes), MASK, SEPARATOR):
        if symbol in dictionary:
            raise DataError(
                f"{path}: must hold mBART's pieces alone, but holds {symbol}, which is added behind"
                " them; give the dict.txt that came with mBART"
            )
        dictionary.add_symbol(symbol, n=0)
    return dictionary


def describe_mbart(folder: Path, dictionary: Dictionary) -> dict[str, Any]:
    """What the manifest says of the mBART that a dictionary begins with."""
    ids = LanguageIds.find(dictionary)
    assert ids is not None, "built above"
    return {
        "name": folder.name,
        "kind": "mbart",
        "pieces": ids.pieces,
        "dictionary_sha256": fingerprint_of(dictionary.symbols[: ids.pieces]),
    }
