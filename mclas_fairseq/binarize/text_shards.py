"""`mclas prepare-text --executor`: raw text to a data-bin in shards, on one machine or many.

    learn the tokenizer, cut the texts into shards  ->  tokenise each shard  ->  join

Shards are tasks of `datatrove` (`roundtrip/executors.py`: this machine, Slurm, Ray), each in a
watched process. They lie in OUT.work, beside the data-bin, until that is finished: a run that was
ended goes on there. A shard holds documents of one language in their order, so that the data-bin
has the same bytes as one made without shards, whatever their size and their number at a time.
"""

import json
import logging
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Optional

import numpy as np
from datatrove.data import Document
from datatrove.pipeline.base import PipelineStep
from fairseq.data import Dictionary
from tqdm import tqdm

from mclas_fairseq.binarize.encode import block_encoder, encode_texts
from mclas_fairseq.binarize.prepare_text import (
    TRAIN,
    VALID,
    LanguageReport,
    TextOptions,
    digest_inputs,
    learn,
    split_of,
    text_dictionary,
    write_data_bin,
)
from mclas_fairseq.binarize.raw_text import read_documents
from mclas_fairseq.binarize.staging import check_free, staged_folder
from mclas_fairseq.corpus.json_text import parse_json
from mclas_fairseq.corpus.tokenizers import SentencepieceTokenizer
from mclas_fairseq.data.data_bin import TOKENIZER_FOLDER
from mclas_fairseq.data.text_sides import TextWriter, closed, id_type
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.roundtrip.executors import check_execution, make_executor
from mclas_fairseq.roundtrip.options import Execution
from mclas_fairseq.roundtrip.run_folder import RunFolder, locked, room_needed, write_whole
from mclas_fairseq.roundtrip.settings import check_new
from mclas_fairseq.roundtrip.watching import Failure, Observer

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Sharding:
    """How the texts are cut into shards, and where these are tokenised.

    Attributes:
        execution: where, and how many at once.
        documents: of a shard.
    """

    execution: Execution
    documents: int

    def __post_init__(self) -> None:
        """Check the size."""
        if self.documents < 1:
            raise ConfigError(
                f"--shard-documents {self.documents}: must be at least 1; give 20000, say"
            )


@dataclass(frozen=True)
class TextRun(RunFolder):
    """Paths of a run: `work/shards/00000.txt`, a document a line, `work/tokens/00000.npz`."""

    def shard(self, number: int) -> Path:
        """The documents of a shard."""
        return self.shards / f"{number:05d}.txt"

    def translated(self, number: int) -> Path:
        """What the work on a shard gives: its documents as ids."""
        return self.work / "tokens" / f"{number:05d}.npz"

    @property
    def tokenizer(self) -> Path:
        """Folder of the tokenizer, for all shards."""
        return self.work / TOKENIZER_FOLDER


@dataclass(frozen=True)
class TextCut:
    """How the texts were cut.

    Attributes:
        shards: documents of each shard, by language.
    """

    shards: Mapping[str, Sequence[int]]

    @property
    def count(self) -> int:
        """Shards of all languages."""
        return sum(map(len, self.shards.values()))

    def numbers(self, language: str) -> range:
        """Shards of a language."""
        before = 0
        for code, sizes in self.shards.items():
            if code == language:
                return range(before, before + len(sizes))
            before += len(sizes)
        raise KeyError(language)

    def language(self, shard: int) -> str:
        """The language of a shard."""
        return next(code for code in self.shards if shard in self.numbers(code))

    def size(self, shard: int) -> int:
        """Documents of a shard."""
        return [size for sizes in self.shards.values() for size in sizes][shard]


def prepare_text_in_shards(options: TextOptions, sharding: Sharding) -> list[LanguageReport]:
    """Make a data-bin of plain text in shards, or go on with one that was begun.

    Raises:
        ConfigError: the options contradict one another, or the executor has not the ones given.
        DataError: a file is not as it must be, another run uses the folder of shards, it is of
            other texts, or shards were given up (with their logs).
        SetupError: the executor lacks a package or a program.
    """
    options.check()
    check_execution(sharding.execution)
    check_free(options.out, overwrite=options.overwrite)
    inputs = digest_inputs(options)
    # A job on another machine may have another working directory.
    run = TextRun(options.out.with_name(f"{options.out.name}.work").resolve())
    with room_needed(run.path), locked(run):
        run.remove_unfinished()
        cut = _settle(options, sharding, run, inputs)
        run.forget_lost()
        _tokenise(options, sharding, run, cut)
        with staged_folder(options.out, overwrite=options.overwrite) as folder:
            shutil.copytree(run.tokenizer, folder / TOKENIZER_FOLDER)
            dictionary = _dictionary(run, options)
            reports = write_data_bin(options, folder, dictionary, inputs, _joiner(run, cut))
        shutil.rmtree(run.path)
    return reports


def _settle(
    options: TextOptions, sharding: Sharding, run: TextRun, inputs: dict[str, str]
) -> TextCut:
    """How the texts were cut by this run before, or are now, after the tokenizer was learned."""
    asked = {
        "inputs": inputs,
        "documents": options.documents.value,
        "valid_share": options.valid_share,
        "vocab_size": options.vocab_size,
        "tokenizer_bytes": options.tokenizer_bytes,
        "shard_documents": sharding.documents,
    }
    if run.settings.exists():
        saved = _read_settings(run)
        differing = [name for name in asked if saved["asked"].get(name) != asked[name]]
        if differing:
            raise DataError(
                f"{run.path}: a run that was begun must go on with the same texts and options, but"
                f" {', '.join(differing)} differ; give those of before, or remove the folder"
            )
        logger.info("going on with the shards in %s", run.path)
        return TextCut(saved["shards"])
    check_new(run)
    shutil.rmtree(run.work, ignore_errors=True)
    run.work.mkdir()
    learn(options, run.work)
    cut = TextCut(_write_shards(options, sharding.documents, run))
    with write_whole(run.settings) as stream:
        stream.write(json.dumps({"asked": asked, "shards": cut.shards}, indent=2).encode("utf-8"))
    return cut


def _read_settings(run: TextRun) -> dict[str, Any]:
    try:
        saved: dict[str, Any] = parse_json(run.settings.read_text(encoding="utf-8"))
        return {"asked": dict(saved["asked"]), "shards": dict(saved["shards"])}
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{run.settings}: must be as prepare-text wrote it, but is not ({error}); remove"
            f" {run.path}"
        ) from error


def _write_shards(options: TextOptions, size: int, run: TextRun) -> dict[str, list[int]]:
    """Write the shards of all languages; returns the documents of each."""
    found: dict[str, list[int]] = {}
    number = 0
    for language, files in options.texts.items():
        documents = read_documents(files, options.documents)
        found[language] = []
        while block := list(islice(documents, size)):
            with write_whole(run.shard(number)) as stream:
                stream.writelines(f"{text}\n".encode() for text in block)
            found[language].append(len(block))
            number += 1
    return found


def _tokenise(options: TextOptions, sharding: Sharding, run: TextRun, cut: TextCut) -> None:
    step = TokeniseStep(run, cut, options)
    executor = make_executor([step], cut.count, run, sharding.execution)
    todo = executor.get_incomplete_ranks()
    with _Bar(cut, todo) as bar:
        failures = executor.translate(bar)
    if failures:
        listed = "\n".join(
            f"  shard {failure.shard}: {failure.reason}; log: {failure.log}"
            for failure in sorted(failures, key=lambda failure: failure.shard)
        )
        raise DataError(
            f"{len(failures):,} of {cut.count:,} shards could not be tokenised; the others are"
            f" done: mend the cause and start the same command again\n{listed}"
        )


class TokeniseStep(PipelineStep):
    """Cuts the documents of a task's shard to pieces and writes their ids.

    Args:
        run: the run.
        cut: how the texts were cut.
        options: of the call.

    Attributes:
        progress: told how many documents of the shard are done; set in the process that works.
    """

    type = "mclas"
    name = "tokenise raw text"

    def __init__(self, run: TextRun, cut: TextCut, options: TextOptions) -> None:
        super().__init__()
        self._run = run
        self._cut = cut
        self._options = options
        self.progress: Optional[Callable[[int], None]] = None

    def run(
        self, data: Optional[Iterable[Document]] = None, rank: int = 0, world_size: int = 1
    ) -> Iterator[Document]:
        """Tokenise shard `rank`; nothing is handed on.

        Raises:
            DataError: the shard is not as it was written.
        """
        dictionary = _dictionary(self._run, self._options)
        kind = id_type(len(dictionary))
        rows: dict[str, list[Any]] = {TRAIN: [], VALID: []}
        count = 0
        with (
            self._run.shard(rank).open(encoding="utf-8", newline="\n") as lines,
            block_encoder(self._run.tokenizer, 1) as encode,
        ):
            texts = (line.removesuffix("\n") for line in lines)
            for text, pieces in encode_texts(encode, texts, self._cut.language(rank)):
                if pieces:
                    ids = (dictionary.indices[piece] for piece in pieces)
                    split = split_of(text, self._options.valid_share)
                    rows[split].append(closed(ids, dictionary.eos(), kind))
                count += 1
                if self.progress is not None:
                    self.progress(count)
        if count != self._cut.size(rank):
            raise DataError(
                f"{self._run.shard(rank)}: must hold {self._cut.size(rank):,} documents, but holds"
                f" {count:,}; remove {self._run.path} and start again"
            )
        with write_whole(self._run.translated(rank)) as stream:
            np.savez(stream, **_packed(rows, kind))
        yield from ()


def _packed(rows: Mapping[str, list[Any]], kind: Any) -> dict[str, Any]:
    """Ids and sizes of the rows of each split, as arrays."""
    found: dict[str, Any] = {}
    for split, parts in rows.items():
        found[f"{split}_ids"] = np.concatenate([np.zeros(0, kind), *parts])
        found[f"{split}_sizes"] = np.array([len(part) for part in parts], dtype=np.int32)
    return found


def _dictionary(run: TextRun, options: TextOptions) -> Dictionary:
    entries = SentencepieceTokenizer.load(run.tokenizer).entries()
    return text_dictionary(entries, tuple(options.texts), options.commands)


def _joiner(run: TextRun, cut: TextCut) -> Callable[[str, Mapping[str, TextWriter]], None]:
    def fill(language: str, sides: Mapping[str, TextWriter]) -> None:
        for shard in cut.numbers(language):
            with np.load(run.translated(shard)) as arrays:
                for split, side in sides.items():
                    side.add_rows(arrays[f"{split}_ids"], arrays[f"{split}_sizes"])

    return fill


class _Bar(Observer):
    """Documents that are done, as a bar."""

    def __init__(self, cut: TextCut, todo: Sequence[int]) -> None:
        total = sum(map(sum, cut.shards.values()))
        before = total - sum(cut.size(shard) for shard in todo)
        self._cut = cut
        self._bar = tqdm(
            desc="tokenise", total=total, initial=before, unit=" documents", disable=None
        )

    def __enter__(self) -> "_Bar":
        return self

    def __exit__(self, *ending: object) -> None:
        self._bar.close()

    def done(self, shard: int) -> None:
        self._bar.update(self._cut.size(shard))

    def retried(self, failure: Failure) -> None:
        logger.warning(
            "shard %d is tried again: %s (%s)", failure.shard, failure.reason, failure.log
        )

    def failed(self, failure: Failure) -> None:
        logger.error("shard %d is given up: %s (%s)", failure.shard, failure.reason, failure.log)
