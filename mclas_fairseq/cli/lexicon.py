"""`mclas lexicon`: a probabilistic bilingual lexicon of a data-bin's pieces."""

import argparse
from pathlib import Path

NAME = "lexicon"
HELP = "learn from parallel text which pieces translate one another"
OUTPUTS = ("out",)

_DESCRIPTION = """\
Learn a probabilistic lexicon from texts and their translations: for each piece of the documents'
language the likeliest pieces of the target language, with probabilities. The data-bin's tokenizer
cuts both sides, IBM model 1 and an HMM align them in both directions, and the probabilities of the
two are averaged. The same texts give the same lexicon.

FILE is a file of records, whose documents have translations, or the prefix of parallel plain text:
FILE.en beside FILE.it, line by line (.gz or not). Give texts of training only.
"""

_EXAMPLE = """\
example:
  mclas lexicon --data data-bin/news --parallel news/train.jsonl --target-lang it --summaries \\
      --out lexicon.en-it.jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas lexicon`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    add = parser.add_argument
    add("--data", type=Path, required=True, metavar="DIR", help="data-bin with the tokenizer")
    add(
        "--parallel",
        type=Path,
        required=True,
        nargs="+",
        action="extend",
        default=[],
        metavar="FILE",
        help="records (.jsonl, .gz or not) or prefixes of parallel plain text",
    )
    add("--out", type=Path, required=True, metavar="FILE", help="lexicon to write, .gz or not")
    add(
        "--target-lang",
        metavar="LANG",
        help="language of the translations (default: the data-bin's, where it has one)",
    )
    add(
        "--translation-key",
        default="translation",
        metavar="NAME",
        help="key of the records that holds translations of the document (default: translation)",
    )
    add(
        "--summaries",
        action="store_true",
        help="take the summaries of a record in both languages as translations of one another too",
    )
    _add_limits(parser)


def _add_limits(parser: argparse.ArgumentParser) -> None:
    """Add the options of what is aligned, how, and which translations are kept."""
    add = parser.add_argument
    add(
        "--candidates",
        type=int,
        default=10,
        metavar="N",
        help="translations that a piece may have (default: 10)",
    )
    add(
        "--min-prob",
        type=float,
        default=0.05,
        metavar="P",
        help="smallest probability of a translation; those kept are brought to a sum of 1"
        " (default: 0.05)",
    )
    add(
        "--max-pieces",
        type=int,
        default=200,
        metavar="N",
        help="leave out pairs with a longer text (default: 200)",
    )
    add(
        "--aligner",
        choices=("hmm", "ibm1"),
        default="hmm",
        help="hmm (default), or ibm1: model 1 alone, faster",
    )


def run(args: argparse.Namespace) -> int:
    """Build the lexicon and say what is in it."""
    from mclas_fairseq.data.data_bin import DataBin
    from mclas_fairseq.errors import ConfigError
    from mclas_fairseq.lexicon.alignment import AlignerOptions
    from mclas_fairseq.lexicon.building import LexiconOptions, build_lexicon

    data_bin = DataBin.open(args.data)
    languages = data_bin.manifest.target_langs
    if args.target_lang is None and len(languages) != 1:
        raise ConfigError(
            f"--target-lang: a lexicon is of one language, but the data-bin {args.data} has"
            f" {', '.join(languages) or 'none'}; give one"
        )
    options = LexiconOptions(
        target_lang=args.target_lang or languages[0],
        translation_key=args.translation_key,
        summaries=args.summaries,
        candidates=args.candidates,
        min_prob=args.min_prob,
        max_pieces=args.max_pieces,
        aligner=AlignerOptions(hmm_iterations=5 if args.aligner == "hmm" else 0),
    )
    lexicon = build_lexicon(data_bin, args.parallel, options)
    lexicon.save(args.out)
    sizes = [len(translations) for translations in lexicon.entries.values()]
    mean = sum(sizes) / max(1, len(sizes))
    print(
        f"{args.out}: {len(sizes):,} pieces in {lexicon.source_lang} with {mean:.1f} translations"
        f" each in {lexicon.target_lang}, from {lexicon.made_from['pairs']:,} pairs of texts"
    )
    return 0
