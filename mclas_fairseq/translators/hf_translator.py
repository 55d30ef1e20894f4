"""`hf:NAME_OR_FOLDER`: Marian, NLLB, M2M-100 and mBART through transformers.

A name is looked up on transformers' hub and downloaded, unless it is in the local cache already.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from mclas_fairseq.translators.base import Translation, Translator
from mclas_fairseq.translators.batching import Batches
from mclas_fairseq.translators.fingerprints import describe
from mclas_fairseq.translators.hf_models import load_hf_model
from mclas_fairseq.translators.options import TranslatorOptions, TranslatorSpec

PRECISIONS = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_DEFAULT_PRECISION = "float32"


class _Line(NamedTuple):
    """A line as tokens, special ones included, and whether it was cut."""

    tokens: list[int]
    cut: bool


class HfTranslator(Translator):
    """Translates with a model of transformers.

    Sets the number of threads of torch for the whole process.

    Raises:
        CheckpointError, ConfigError, SetupError: see `load_hf_model`.
    """

    def __init__(self, spec: TranslatorSpec, options: TranslatorOptions) -> None:
        super().__init__(spec, options)
        self._precision = self._choose_precision(PRECISIONS, _DEFAULT_PRECISION)
        torch.set_num_threads(options.threads)
        self._loaded = load_hf_model(spec.target, PRECISIONS[self._precision], options)
        words = sorted(map(re.escape, self._loaded.reserved), key=len, reverse=True)
        self._reserved = re.compile("(?=" + "|".join(words) + r")(\S)(\S)")
        self._max_source = min(options.max_source_tokens, self._loaded.positions)
        # The decoder's first token and the end of sentence need positions of their own.
        self._max_target = min(options.max_target_tokens, self._loaded.positions - 3)

    def _translate(self, lines: Sequence[str]) -> list[Translation]:
        batches = Batches[_Line](
            name=self.name,
            tokens=self.options.batch_tokens,
            length=lambda line: len(line.tokens),
            run=self._run,
        )
        return batches.translate(self._encode(lines))

    def _encode(self, lines: Sequence[str]) -> list[_Line]:
        tokenizer = self._loaded.tokenizer
        # A line that speaks of `</s>` must not end there.
        texts = [self._reserved.sub(r"\1 \2", line) for line in lines]
        texts = [self._loaded.prefix + line for line in texts]
        whole = tokenizer(texts, truncation=False)["input_ids"]
        cut = tokenizer(texts, truncation=True, max_length=self._max_source)["input_ids"]
        return [_Line(a, len(a) < len(b)) for a, b in zip(cut, whole, strict=True)]

    @torch.inference_mode()
    def _run(self, batch: Sequence[_Line]) -> list[Translation]:
        inputs = self._loaded.tokenizer.pad(
            {"input_ids": [line.tokens for line in batch]}, return_tensors="pt"
        ).to(self.options.device)
        forced = dict(self._loaded.forced)
        # (B, T_tgt + 2): the decoder's first token, (the language's,) the translation, its end
        tokens = self._loaded.model.generate(
            **inputs,
            **forced,
            num_beams=self.options.beam,
            do_sample=False,
            length_penalty=1.0,
            early_stopping=self.options.beam > 1,
            max_new_tokens=self._max_target + 1 + ("forced_bos_token_id" in forced),
        )
        scores = self._score(inputs, tokens)
        texts = self._loaded.tokenizer.batch_decode(
            tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return [
            Translation(text, score, line.cut)
            for text, score, line in zip(texts, scores, batch, strict=True)
        ]

    def _score(self, inputs: Any, tokens: torch.Tensor) -> list[float]:
        """Mean log-probabilities (B,) of translations, by one pass over them, in nats."""
        # What `generate` calls a score differs from model to model, and greedy search has none.
        logits = self._loaded.model(**inputs, decoder_input_ids=tokens[:, :-1]).logits
        # (B, T_tgt + 1)
        scores = logits.float().log_softmax(-1).gather(-1, tokens[:, 1:, None]).squeeze(-1)
        counted = tokens[:, 1:] != self._loaded.model.config.pad_token_id
        if "forced_bos_token_id" in self._loaded.forced:
            counted[:, 0] = False
        scores = scores.masked_fill(~counted, 0.0)
        mean: list[float] = (scores.sum(1) / counted.sum(1)).tolist()
        return mean

    def _fingerprint(self) -> str:
        settings = {
            "beam": self.options.beam,
            "precision": self._precision,
            "max_source_tokens": self._max_source,
            "max_target_tokens": self._max_target,
        }
        return describe("hf", self._loaded.content, settings)
