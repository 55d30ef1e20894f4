"""`fairseq:CHECKPOINT[:CHECKPOINT...]`: a model of fairseq's, or several that vote.

Text is cut into pieces as fairseq's hub does it (`pieces`), and fairseq's own search translates.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from fairseq import utils
from fairseq.dataclass.configs import GenerationConfig

from mclas_fairseq.translators.base import Translation, Translator
from mclas_fairseq.translators.batching import Batches
from mclas_fairseq.translators.fairseq_models import (
    checkpoint_paths,
    load_model,
    model_files,
)
from mclas_fairseq.translators.fingerprints import describe, hash_files
from mclas_fairseq.translators.options import TranslatorOptions, TranslatorSpec
from mclas_fairseq.translators.pieces import Pieces, find_subwords

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_DEFAULT_PRECISION = "float32"


class _Line(NamedTuple):
    """A line as tokens (T_src,), end of sentence last, and whether it was cut."""

    tokens: torch.Tensor
    cut: bool


class FairseqTranslator(Translator):
    """Translates with fairseq's models and search.

    Sets the number of threads of torch for the whole process.

    Raises:
        CheckpointError, ConfigError: see `load_model`; codes or dictionaries are missing or broken.
    """

    def __init__(self, spec: TranslatorSpec, options: TranslatorOptions) -> None:
        super().__init__(spec, options)
        self._precision = self._choose_precision(PRECISIONS, _DEFAULT_PRECISION)
        torch.set_num_threads(options.threads)
        self._paths = checkpoint_paths(spec)
        subwords = find_subwords(self._paths[0].parent)
        self._pieces = Pieces.load(subwords, options.source_lang, options.target_lang)
        loaded = load_model(self._paths, options)
        self._max_source = min(options.max_source_tokens, loaded.max_source_positions)
        self._max_target = min(options.max_target_tokens, loaded.max_target_positions - 1)
        self._task = loaded.task
        self._models = list(loaded.models)
        for model in self._models:
            model.prepare_for_inference_(loaded.cfg)  # type: ignore[operator]
            model.to(device=options.device, dtype=PRECISIONS[self._precision])
        search = GenerationConfig(beam=options.beam, max_len_b=self._max_target)
        self._generator = self._task.build_generator(self._models, search)

    def _translate(self, lines: Sequence[str]) -> list[Translation]:
        batches = Batches[_Line](
            name=self.name,
            tokens=self.options.batch_tokens,
            length=lambda line: len(line.tokens),
            run=self._run,
        )
        return batches.translate([self._encode(line) for line in lines])

    def _encode(self, line: str) -> _Line:
        pieces = self._pieces.encode(line)
        kept = pieces[: self._max_source - 1]  # and the end of sentence
        tokens = self._task.source_dictionary.encode_line(
            " ".join(kept), add_if_not_exist=False, append_eos=True
        )
        return _Line(tokens.long(), cut=len(kept) < len(pieces))

    def _run(self, batch: Sequence[_Line]) -> list[Translation]:
        tokens = [line.tokens for line in batch]
        dataset = self._task.build_dataset_for_inference(tokens, [len(line) for line in tokens])
        sample = dataset.collater([dataset[place] for place in range(len(batch))])
        order = sample["id"].tolist()  # sorted by length
        if self.options.device != "cpu":
            sample = utils.move_to_cuda(sample, torch.device(self.options.device))
        found = self._task.inference_step(self._generator, self._models, sample)
        best = {place: hypotheses[0] for place, hypotheses in zip(order, found, strict=True)}
        return [self._decode(best[place], line.cut) for place, line in enumerate(batch)]

    def _decode(self, hypothesis: dict[str, Any], cut: bool) -> Translation:
        symbols = self._task.target_dictionary.symbols
        pieces = [symbols[token] for token in hypothesis["tokens"].tolist()]
        # fairseq divides by the length already: a mean over tokens, end of sentence included.
        return Translation(self._pieces.decode(pieces), float(hypothesis["score"]), cut)

    def _fingerprint(self) -> str:
        settings = {
            "beam": self.options.beam,
            "precision": self._precision,
            "max_source_tokens": self._max_source,
            "max_target_tokens": self._max_target,
        }
        return describe("fairseq", hash_files(model_files(self._paths)), settings)
