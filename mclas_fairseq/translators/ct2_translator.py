"""`ct2:FOLDER_OR_CHECKPOINT`: one model on CTranslate2's engine, with 8-bit weights on a CPU.

A folder holds a converted model and its codes or sentencepiece model; a checkpoint of fairseq's is
converted first (`ct2_conversion`). Text is cut into pieces exactly as for `fairseq:`, and the
search is set to be the same, so that with `float32` both find the same translations. They differ
where the limit of length strikes: fairseq ends the sentence there, CTranslate2 leaves it open.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mclas_fairseq.checkpoints.load_errors import check_file
from mclas_fairseq.corpus.json_text import parse_json
from mclas_fairseq.ctranslate.library import ctranslate2
from mclas_fairseq.errors import ConfigError, DataError, TranslatorError
from mclas_fairseq.translators.base import Translation, Translator
from mclas_fairseq.translators.batching import Batches, is_out_of_memory
from mclas_fairseq.translators.ct2_conversion import (
    LIMITS_FILE,
    MODEL_FILE,
    converted_folder,
)
from mclas_fairseq.translators.fairseq_models import check_languages
from mclas_fairseq.translators.fingerprints import describe, hash_files
from mclas_fairseq.translators.options import TranslatorOptions, TranslatorSpec
from mclas_fairseq.translators.pieces import Pieces, find_subwords

PRECISIONS = (
    "int8", "int8_float32", "int8_float16", "int8_bfloat16", "int16", "float16", "bfloat16",
    "float32",
)  # fmt: skip
_DEFAULT_PRECISION = {"cpu": "int8", "cuda": "float16"}


class _Line(NamedTuple):
    """A line's pieces, and whether it was cut."""

    pieces: list[str]
    cut: bool


class _Limits(NamedTuple):
    """Tokens of the longest line and translation, their ends included."""

    source: int
    target: int


class Ct2Translator(Translator):
    """Translates with CTranslate2.

    Raises:
        CheckpointError: the checkpoint cannot be converted.
        ConfigError: files are missing or broken, or device and precision do not go together.
        SetupError: ctranslate2 is not installed.
    """

    def __init__(self, spec: TranslatorSpec, options: TranslatorOptions) -> None:
        super().__init__(spec, options)
        library = ctranslate2()
        device, _, index = options.device.partition(":")
        self._precision = self._choose_precision(PRECISIONS, _DEFAULT_PRECISION.get(device, "int8"))
        self._folder = _find(spec, options)
        limits = _read_limits(spec, self._folder, options)
        self._max_source = min(options.max_source_tokens, limits.source)
        self._max_target = min(options.max_target_tokens, limits.target - 1)  # and its end
        subwords = find_subwords(self._folder)
        self._pieces = Pieces.load(subwords, options.source_lang, options.target_lang)
        try:
            self._model: Any = library.Translator(
                str(self._folder),
                device=device,
                device_index=int(index or 0),
                compute_type=self._precision,
                inter_threads=1,
                intra_threads=options.threads,
            )
        except (RuntimeError, ValueError) as error:
            raise ConfigError(
                f"translator {self.name}: its folder must hold a model that can be opened on "
                f"--device {options.device} with --precision {self._precision}, but CTranslate2 "
                f"says: {error}; convert the checkpoint again, or change these options"
            ) from error

    def _translate(self, lines: Sequence[str]) -> list[Translation]:
        batches = Batches[_Line](
            name=self.name,
            tokens=self.options.batch_tokens,
            length=lambda line: len(line.pieces) + 1,  # and the end of sentence
            run=self._run,
        )
        return batches.translate([self._encode(line) for line in lines])

    def _encode(self, line: str) -> _Line:
        pieces = self._pieces.encode(line)
        kept = pieces[: self._max_source - 1]
        return _Line(kept, cut=len(kept) < len(pieces))

    def _run(self, batch: Sequence[_Line]) -> list[Translation]:
        try:
            results = self._model.translate_batch(
                [line.pieces for line in batch],
                beam_size=self.options.beam,
                length_penalty=1,
                max_input_length=0,
                max_decoding_length=self._max_target,
                return_scores=True,
            )
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            raise TranslatorError(
                f"{self.name}: must translate every line, but CTranslate2 says: {error}; lower "
                "--max-source-tokens and --max-target-tokens if it speaks of positions"
            ) from error
        return [
            Translation(self._pieces.decode(result.hypotheses[0]), result.scores[0], line.cut)
            for line, result in zip(batch, results, strict=True)
        ]

    def _fingerprint(self) -> str:
        settings = {
            "beam": self.options.beam,
            "precision": self._precision,
            "max_source_tokens": self._max_source,
            "max_target_tokens": self._max_target,
        }
        files = sorted(path for path in self._folder.iterdir() if path.is_file())
        return describe("ct2", hash_files(files), settings)

    def close(self) -> None:
        """Free the model's memory."""
        self._model.unload_model()


def _find(spec: TranslatorSpec, options: TranslatorOptions) -> Path:
    """Return the folder of the converted model, converting a checkpoint first."""
    path = Path(spec.target).expanduser()
    if not path.is_dir():
        if not path.exists() and ":" in spec.target:
            raise ConfigError(
                f"translator {spec}: must be one model, but CTranslate2 has no ensembles; give one "
                "checkpoint, or translate with fairseq:"
            )
        check_file(path)
        path = converted_folder(path, options)
    elif not (path / MODEL_FILE).is_file():
        raise ConfigError(
            f"translator {spec}: its folder must hold a converted model, but has no {MODEL_FILE}; "
            "give a folder that CTranslate2 wrote, or a checkpoint of fairseq's"
        )
    return path


def _read_limits(spec: TranslatorSpec, folder: Path, options: TranslatorOptions) -> _Limits:
    """Read what `ct2_conversion` wrote beside the model; other folders have no such file."""
    path = folder / LIMITS_FILE
    if not path.is_file():
        return _Limits(options.max_source_tokens, options.max_target_tokens + 1)
    try:
        found = parse_json(path.read_text(encoding="utf-8"))
        limits = _Limits(int(found["max_source_positions"]), int(found["max_target_positions"]))
        languages = str(found["source_lang"]), str(found["target_lang"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: must be what was written when the model was converted, but is not"
            f" ({type(error).__name__}: {error}); convert the checkpoint again"
        ) from error
    check_languages(str(spec), languages, options)
    return limits
