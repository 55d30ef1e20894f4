"""Which dictionary entries a data-bin needs, and the data-bin without the others.

Kept are: the special symbols and separators; every entry that a text of the data-bin holds, in any
split and side; the language vocabularies of its languages and of the checkpoint; digits,
punctuation and symbols; and the single characters of the scripts that these texts are written in,
so that other text in these languages can still be spelt.
The order stays, so that an entry has the number of kept entries before it.

A tokenizer is not changed. Text from elsewhere may hold a piece that was dropped; it is then
unknown, like a word that no tokenizer has seen. `keep_from` names data-bins with such text.

Place in the pipeline: `mclas trim`, after the training.
"""

import dataclasses
import shutil
import unicodedata
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq.data import Dictionary, indexed_dataset

from mclas_fairseq.binarize.dictionary import write_dictionary
from mclas_fairseq.corpus.tokenizers.base import is_byte_piece, is_reserved
from mclas_fairseq.corpus.tokenizers.extended import split_mark
from mclas_fairseq.data.data_bin import (
    DICTIONARY_FILE,
    DOCUMENT_SIDE,
    TOKENIZER_FOLDER,
    DataBin,
    dictionary_fingerprint,
    ids_file,
    left_out_file,
    question_side,
    references_file,
    side_prefix,
    summary_side,
    translation_side,
    vocabulary_file,
)
from mclas_fairseq.data.indexed_dictionary import IndexedDictionary
from mclas_fairseq.data.integrity import describe_files
from mclas_fairseq.data.language_ids import LanguageIds
from mclas_fairseq.data.language_vocabulary import language_neutral
from mclas_fairseq.data.manifest import FORMAT_VERSION
from mclas_fairseq.data.trimming import Mask, Trimming
from mclas_fairseq.errors import DataError

_MARKS = "▁"
_COMMON = 0.01  # share of letters; a stray one does not make a script that texts are written in
_OF_BERT = ("[CLS]", "[SEP]")  # what a pretrained encoder reads around a document


def choose_entries(
    data_bin: DataBin,
    vocabularies: Mapping[str, Sequence[int]],
    keep_from: Sequence[DataBin] = (),
    *,
    prompted: Collection[int] = (),
) -> Trimming:
    """Choose what stays of a data-bin's dictionary.

    Args:
        data_bin: that is trimmed.
        vocabularies: language vocabularies of the checkpoint, ids by language.
        keep_from: data-bins with the same dictionary, whose texts say what is needed in place of
            those of `data_bin`.
        prompted: ids that prompts and their search need, see `mglm.prompts.needed_ids`.

    Raises:
        DataError: one of `keep_from` has another dictionary, a text of `data_bin` would lose
            entries, or there is nothing to drop.
    """
    dictionary = data_bin.dictionary
    kept = _always(dictionary)
    kept[list(prompted)] = True
    for language in languages_at_hand(data_bin, vocabularies):
        kept[list(vocabularies.get(language, ()))] = True
        if (data_bin.folder / vocabulary_file(language)).is_file():
            kept[data_bin.vocabulary(language).indices(dictionary)] = True
    own = entries_in_use(data_bin)
    if not keep_from:
        kept |= own
    for other in keep_from:
        if other.manifest.dictionary_sha256 != data_bin.manifest.dictionary_sha256:
            raise DataError(
                f"--keep-from {other.folder}: its dictionary must be that of {data_bin.folder}, but"
                " is another; make it with mclas prepare --like"
            )
        kept |= entries_in_use(other)
    _check_covered(data_bin, own & ~kept, keep_from)
    kept |= _single_characters(dictionary, kept)
    if kept.all():
        raise DataError(
            f"data-bin {data_bin.folder}: all {len(dictionary):,} entries of its dictionary are"
            " needed, so that there is nothing to trim; use it as it is"
        )
    return Trimming.of(kept)


def _check_covered(data_bin: DataBin, lost: Mask, keep_from: Sequence[DataBin]) -> None:
    if not lost.any():
        return
    examples = ", ".join(repr(data_bin.dictionary[int(n)]) for n in np.flatnonzero(lost)[:5])
    listed = ", ".join(str(other.folder) for other in keep_from)
    raise DataError(
        f"--keep-from {listed}: everything that {data_bin.folder} holds must be kept, but"
        f" {int(lost.sum()):,} entries that its texts need are not in use there ({examples}); add"
        f" {data_bin.folder} to --keep-from, or leave the flag out"
    )


def languages_at_hand(data_bin: DataBin, vocabularies: Collection[str]) -> list[str]:
    """Languages whose vocabularies are kept: the data-bin's own and the checkpoint's."""
    manifest = data_bin.manifest
    own = (manifest.source_lang, *manifest.target_langs, *vocabularies)
    return list(dict.fromkeys(own))


def entries_in_use(data_bin: DataBin) -> Mask:
    """Which entries the texts of a data-bin hold, whatever split and side, shape (V,)."""
    used = np.zeros(len(data_bin.dictionary), dtype=bool)
    for split in data_bin.splits:
        for side in sides_of(data_bin):
            texts: Any = data_bin.side(split, side)
            for row in range(0 if texts is None else len(texts)):
                used[texts[row].numpy()] = True
    return used


def sides_of(data_bin: DataBin) -> list[str]:
    """Names of all sides that a data-bin can have."""
    manifest = data_bin.manifest
    summaries = [summary_side(code) for code in (manifest.source_lang, *manifest.target_langs)]
    translations = [translation_side(code) for code in manifest.target_langs]
    questions = [question_side(code) for code in (manifest.source_lang, *manifest.target_langs)]
    return [DOCUMENT_SIDE, *summaries, *translations, *questions]


def _always(dictionary: Dictionary) -> Mask:
    kept = np.zeros(len(dictionary), dtype=bool)
    kept[: dictionary.nspecial] = True
    kept[[dictionary.bos(), dictionary.pad(), dictionary.eos(), dictionary.unk()]] = True
    kept[language_neutral(dictionary)] = True
    for number, symbol in enumerate(dictionary.symbols):
        kept[number] |= not _text(symbol) or is_reserved(symbol) or symbol in _OF_BERT
        kept[number] |= is_byte_piece(symbol)  # it spells what no other piece does
    ids = LanguageIds.find(dictionary)
    if ids is not None:  # no text holds them, batches do
        kept[[*ids.numbers.values(), ids.pieces - 1]] = True
    return kept


def _text(symbol: str) -> str:
    """What an entry spells, without the marks of tokenizers."""
    return split_mark(symbol)[1].removesuffix("@@").removeprefix("##").strip(_MARKS)


def _single_characters(dictionary: Dictionary, kept: Mask) -> Mask:
    """Entries of one character in the scripts that the kept entries are written in."""
    scripts: Counter[str] = Counter()
    for number in np.flatnonzero(kept):
        scripts.update({_script(char) for char in _text(dictionary.symbols[number])} - {""})
    common = {name for name, count in scripts.items() if count >= _COMMON * scripts.total()}
    texts = [_text(symbol) for symbol in dictionary.symbols]
    return np.array([len(text) == 1 and _script(text) in common for text in texts])


def _script(char: str) -> str:
    """The first word of a letter's Unicode name, as LATIN or CJK; empty for what is no letter."""
    return unicodedata.name(char, "").split(" ")[0] if unicodedata.category(char)[0] == "L" else ""


def write_trimmed(
    data_bin: DataBin, trimming: Trimming, vocabularies: Collection[str], folder: Path
) -> DataBin:
    """Write a data-bin with the entries that stay; texts, ids and references are the same.

    Args:
        data_bin: the earlier one.
        trimming: what stays.
        vocabularies: further languages whose vocabularies are kept.
        folder: an empty folder.
    """
    dictionary = trimmed_dictionary(data_bin.dictionary, trimming)
    write_dictionary(dictionary, folder / DICTIONARY_FILE)
    for split in data_bin.splits:
        for side in sides_of(data_bin):
            _write_side(data_bin, split, side, trimming, folder)
        for name in (ids_file(split), references_file(split), left_out_file(split)):
            _copy(data_bin.folder / name, folder)
    for language in languages_at_hand(data_bin, vocabularies):
        _copy(data_bin.folder / vocabulary_file(language), folder)
    shutil.copytree(data_bin.folder / TOKENIZER_FOLDER, folder / TOKENIZER_FOLDER)
    dataclasses.replace(
        data_bin.manifest,
        files=describe_files(folder),
        format_version=FORMAT_VERSION,
        pretrained=None,
        dictionary_sha256=dictionary_fingerprint(dictionary),
        trimming={
            "entries": len(data_bin.dictionary),
            "dictionary_sha256": data_bin.manifest.dictionary_sha256,
        },
    ).save(folder)
    return DataBin.open(folder)


def trimmed_dictionary(dictionary: Dictionary, trimming: Trimming) -> Dictionary:
    """The entries that stay, in their order and with their counts."""
    indexed = isinstance(dictionary, IndexedDictionary)
    trimmed: Any = IndexedDictionary() if indexed else Dictionary()
    for number in trimming.kept[trimmed.nspecial :]:
        trimmed.add_symbol(dictionary.symbols[number], n=dictionary.count[number])
    if indexed:
        trimmed.find_roles()
    moved: Dictionary = trimmed
    return moved


def _write_side(data_bin: DataBin, split: str, side: str, trimming: Trimming, folder: Path) -> None:
    texts: Any = data_bin.side(split, side)
    if texts is None:
        return
    prefix = folder / side_prefix(split, side)
    builder = indexed_dataset.make_builder(
        f"{prefix}.bin", impl="mmap", vocab_size=len(trimming.kept)
    )
    places = torch.from_numpy(trimming.places)
    for row in range(len(texts)):
        builder.add_item(places[texts[row].long()])
    builder.finalize(f"{prefix}.idx")


def _copy(file: Path, folder: Path) -> None:
    if file.is_file():
        shutil.copyfile(file, folder / file.name)
