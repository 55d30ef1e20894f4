"""mGLM beside what one would do without it: decoding, and tokens a second in training.

    python -m benchmarks.glm decoding --pairs 5 --json glm_decoding.json
    python -m benchmarks.glm training --pairs 5 --json glm_training.json

Decoding: a document of 200 tokens, 40 tokens written, beam 4. Ours keeps keys and values of the
document once and of what is written; `again` reads document and text anew for each token, as many
rows as the beam has, and does no beam search, which is left out in its favour; `t5` is Hugging
Face's T5 with as many parameters, its own beam search and cache.

Training: forward, backward, clipping and Adam on samples of 512 tokens. `lm` is fairseq's
`transformer_lm` with as many layers of the same width, on the same text. Tokens are those of the
text; of ours a part is written, of the other all.

All in one process, in turn; seconds are of processor time, ratios pair by pair.
"""

import argparse
import json
import time
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from fairseq.data import Dictionary
from fairseq.models.transformer_lm import TransformerLanguageModel, base_lm_architecture
from fairseq.sequence_generator import SequenceGenerator
from torch.nn import functional

from benchmarks.common import Ratio
from mclas_fairseq.data.data_bin import dictionary_fingerprint
from mclas_fairseq.mglm.corruption import Text, corrupt, generator_of
from mclas_fairseq.mglm.infilling_dataset import as_example, collate
from mclas_fairseq.mglm.model import GlmModel, glm_small
from mclas_fairseq.mglm.symbols import ENTRIES, Symbols, find_symbols

_ENTRIES = 16_000
_DOCUMENT, _WRITTEN, _BEAM, _BATCH = 200, 40, 4, 1
_SAMPLE, _SAMPLES = 512, 4

Run = Callable[[], Any]


def make_model() -> tuple[Any, Dictionary, Symbols]:
    """Architecture glm_small with random weights."""
    dictionary = Dictionary()
    for number in range(_ENTRIES - 16):
        dictionary.add_symbol(f"w{number}")
    for entry in ENTRIES.values():
        dictionary.add_symbol(entry)
    dictionary.pad_to_multiple_(8)
    symbols = find_symbols(dictionary)
    args = Namespace()
    glm_small(args)
    task = SimpleNamespace(
        source_dictionary=dictionary,
        target_dictionary=dictionary,
        dictionary_sha256=dictionary_fingerprint(dictionary),
    )
    return GlmModel.build_model(args, task), dictionary, symbols


def decoding_runs() -> dict[str, Run]:
    """What is measured of decoding."""
    from transformers import T5Config, T5ForConditionalGeneration

    model, dictionary, symbols = make_model()
    model.eval()
    text = torch.randint(10, _ENTRIES - 100, (_BATCH, _DOCUMENT))
    text[:, 0], text[:, -1] = symbols.cls, symbols.sentence_mask
    search = SequenceGenerator(
        [model],
        dictionary,
        beam_size=_BEAM,
        max_len_b=_WRITTEN,
        min_len=_WRITTEN,
        eos=symbols.eop,
    )
    t5 = T5ForConditionalGeneration(
        T5Config(
            vocab_size=len(dictionary), d_model=256, d_kv=64, d_ff=1024, num_heads=4,
            num_layers=3, num_decoder_layers=3, decoder_start_token_id=0,
        )
    ).eval()  # fmt: skip
    print(f"parameters: {_size(model):,} (ours), {_size(t5):,} (t5)")

    @torch.no_grad()
    def again() -> None:
        rows = text.repeat_interleave(_BEAM, 0)
        written = torch.full((len(rows), 1), symbols.sop)
        for _ in range(_WRITTEN):
            logits = model(rows, None, written)[0][:, -1]
            written = torch.cat([written, logits.argmax(-1, keepdim=True)], 1)

    @torch.no_grad()
    def generate() -> None:
        t5.generate(
            text, num_beams=_BEAM, min_new_tokens=_WRITTEN, max_new_tokens=_WRITTEN, do_sample=False
        )

    sample = {"net_input": {"src_tokens": text}}
    return {
        "ours": lambda: search.generate([model], sample, bos_token=symbols.sop),
        "again": again,
        "t5": generate,
    }


def training_runs() -> dict[str, Run]:
    """What is measured of training."""
    model, dictionary, symbols = make_model()
    args = Namespace(
        decoder_layers=6, decoder_embed_dim=256, decoder_ffn_embed_dim=1024,
        decoder_attention_heads=4, decoder_learned_pos=True, share_decoder_input_output_embed=True,
        activation_fn="gelu", dropout=0.1, attention_dropout=0.1, tokens_per_sample=_SAMPLE,
        max_target_positions=_SAMPLE, decoder_normalize_before=True,
    )  # fmt: skip
    base_lm_architecture(args)
    task = SimpleNamespace(source_dictionary=dictionary, target_dictionary=dictionary)
    lm = TransformerLanguageModel.build_model(args, task)
    print(f"parameters: {_size(model):,} (ours), {_size(lm):,} (lm)")
    text = np.random.default_rng(1).integers(10, _ENTRIES - 100, (_SAMPLES, _SAMPLE))
    ends = np.zeros(len(dictionary), dtype=bool)
    ends[10:900] = True
    number = iter(range(1_000_000))

    def infill() -> torch.Tensor:
        examples = []
        for row in text:
            row[0] = symbols.cls
            found = None
            while found is None:
                generator = generator_of(1, 1, next(number))
                found = corrupt(Text(row, ((1, _SAMPLE),)), symbols, ends, generator)
            examples.append(as_example(0, 0, found))
        batch = collate(examples, symbols.pad)
        mask = batch["target"].ne(symbols.pad)
        logits, _ = model(**batch["net_input"], target_mask=mask)
        return functional.cross_entropy(logits, batch["target"][mask])

    def predict() -> torch.Tensor:
        tokens = torch.from_numpy(text)
        logits, _ = lm(tokens)
        return functional.cross_entropy(
            logits[:, :-1].reshape(-1, logits.size(-1)), tokens[:, 1:].flatten()
        )

    return {"ours": _step(model, infill), "lm": _step(lm, predict)}


def _step(model: Any, loss: Callable[[], torch.Tensor]) -> Run:
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    return step


def _size(model: Any) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def main() -> None:
    """Measure in turn and report the ratios."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["decoding", "training"])
    parser.add_argument("--pairs", type=int, default=5, help="rounds that count (default: 5)")
    parser.add_argument("--json", type=Path, help="write the result there")
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    runs = decoding_runs() if args.what == "decoding" else training_runs()
    times: dict[str, list[float]] = {name: [] for name in runs}
    for number in range(args.pairs + 1):
        for name in list(runs)[:: 1 if number % 2 else -1]:
            begun = time.process_time()
            runs[name]()
            if number:  # the first round warms up
                times[name].append(time.process_time() - begun)
    result: dict[str, Any] = {"benchmark": f"glm {args.what}"}
    for name in list(runs)[1:]:
        result[f"beside {name}"] = Ratio(times["ours"], times[name]).to_json()
    result["seconds"] = {name: round(sum(one) / len(one), 3) for name, one in times.items()}
    print(json.dumps(result, indent=2))
    if args.json is not None:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
