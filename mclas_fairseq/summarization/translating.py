"""Copies that are translated by a lexicon: its options, and what a model needs for them.

The strategies are ATS-N, ATS-E and ATS-A of Zhu et al. (2020), see `modules/translation_table.py`
and `modules/candidate_attention.py`. While the summary in the document's language is written
(layout mclas before the separator, the decoder `ms_decoder` of ncls_ms, task ms of vhm) source
tokens are copied as they are.
"""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.data.setting import Setting
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.lexicon.file import Lexicon
from mclas_fairseq.modules.candidate_attention import CandidateAttention
from mclas_fairseq.modules.translation_table import ALWAYS, TranslationTable

STRATEGIES = ("naive", "equal", "adaptive")
Pair = tuple[str, str]  # source and target language


def add_translation_args(parser: ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--translated-copying",
        choices=STRATEGIES,
        help="copy translations of the document's words, by --lexicon, where the summary in the "
        "target language is written (Zhu et al. 2020), and the words themselves where the one in "
        "the document's language is. naive: with the lexicon's probabilities; equal: all "
        "translations of a word alike; adaptive: as an attention of the encoder's state over the "
        "translations has it. Brings --copy-attention",
    )
    parser.add_argument(
        "--lexicon",
        metavar="FILE[,FILE...]",
        help="lexicons for --translated-copying, made with mclas lexicon: one for each target "
        "language. They travel with the checkpoint",
    )


def settle_translation(args: Any, task: Any) -> None:
    """Check the options before a model is built; translated copying brings copying.

    Raises:
        ConfigError: nothing is translated, or a lexicon is given that nothing uses.
    """
    chosen = getattr(args, "translated_copying", None)
    if chosen is None:
        if getattr(args, "lexicon", None):
            raise ConfigError(
                f"--lexicon {args.lexicon}: has an effect with --translated-copying only, which is"
                " not given; add it"
            )
        return
    if task.trained.layout is Layout.MS:
        raise ConfigError(
            f"--translated-copying {chosen}: is for summaries in another language, but"
            " --target-layout ms writes them in the document's; use --copy-attention"
        )
    args.copy_attention = True


def build_table(args: Any, setting: Setting, dictionary: Any) -> TranslationTable:
    """The table of a model's lexicons; empty, to be filled by a checkpoint, without --lexicon.

    Args:
        args: options of the model.
        setting: what it is trained to write.
        dictionary: the one dictionary.

    Raises:
        ConfigError: the lexicons are not one for each target language.
        DataError: one cannot be read, or is of another dictionary.
    """
    attention = None
    if args.translated_copying == "adaptive":
        sizes = args.encoder_embed_dim, args.decoder_embed_dim, args.decoder_attention_heads
        attention = CandidateAttention(*sizes)
    table = TranslationTable(len(dictionary), attention)
    wanted = [(setting.source_lang, language) for language in setting.targets.trained]
    names, announced = [">".join(pair) for pair in wanted], _announced(setting)
    table.expect(names, announced)
    if getattr(args, "lexicon", None):
        lexicons = _read(args.lexicon, setting.data_bin.manifest.dictionary_sha256, wanted)
        strategy = args.translated_copying
        table.fill(
            [_as_tensors(lexicons[pair], dictionary, strategy) for pair in wanted], names, announced
        )
    return table


def _read(files: str, fingerprint: str, wanted: list[Pair]) -> dict[Pair, Lexicon]:
    """The lexicons of files with commas between, one for each pair of languages."""
    found = []
    for name in (name.strip() for name in files.split(",")):
        lexicon = Lexicon.load(Path(name))
        lexicon.check_dictionary(fingerprint, f"--lexicon {name}")
        found.append(((lexicon.source_lang, lexicon.target_lang), lexicon))
    pairs = sorted(pair for pair, _ in found)
    if pairs != sorted(wanted):
        raise ConfigError(
            f"--lexicon {files}: must be one for each target language"
            f" ({_shown(wanted)}), but they are {_shown(pairs)}; make those missing with mclas"
            " lexicon"
        )
    return dict(found)


def _announced(setting: Setting) -> list[int]:
    """The token behind which each target language is written."""
    if setting.targets.several:
        return [setting.targets.symbols[language] for language in setting.targets.trained]
    return [setting.data_bin.separator if setting.layout is Layout.MCLAS else ALWAYS]


def _as_tensors(lexicon: Lexicon, dictionary: Any, strategy: str) -> tuple[Tensor, Tensor]:
    ids, weights = map(torch.from_numpy, lexicon.table(dictionary.symbols))
    if strategy == "equal":
        there = weights.gt(0).float()
        weights = there / there.sum(1, keepdim=True)
    return ids, weights


def _shown(pairs: list[Pair]) -> str:
    return ", ".join(f"{source} to {target}" for source, target in pairs)
