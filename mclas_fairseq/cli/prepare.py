"""`mclas prepare`: turns records into a data-bin (see `mclas_fairseq.binarize.prepare`)."""

import argparse
from pathlib import Path

from mclas_fairseq.errors import ConfigError

NAME = "prepare"
HELP = "turn records or parallel text into a data-bin for fairseq-train"

_DESCRIPTION = """\
Turn a corpus into a data-bin: learn a tokenizer, count one dictionary for all languages and a
vocabulary for each summary language, and binarise every side with fairseq-preprocess.

A corpus is a file of records, one JSON object a line (.jsonl or .jsonl.gz):

  {"id": "17", "document": {"en": "..."}, "summary": {"en": ["..."], "de": ["...", "..."]}}

A document is a string or a list of sentences, a summary a string or a list of references: training
uses the first one, scoring all. Records with a summary in one of the languages only, and
translation pairs {"id", "document": {"en": ...}, "translation": {"de": ...}}, are welcome beside
complete ones. Parallel plain text is given by its prefix: "text" for text.en and text.de (or
text.en.gz and text.de.gz).

The same data-bin serves every target layout and every low-resource size; the same input gives the
same bytes for any number of workers. The data-bin appears at --out only when it is complete.
"""

_EXAMPLE = """\
example:
  mclas prepare --source-lang en --target-lang de \\
      --train news/train.jsonl.gz titles.jsonl.gz --valid news/valid.jsonl.gz \\
      --test news/test.jsonl.gz --vocab-size 8000 --workers 4 --out data-bin/news

  another corpus with the tokenizer and dictionary of that one:
  mclas prepare --source-lang en --target-lang de --like data-bin/news \\
      --test talks.jsonl --out data-bin/talks
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of the subcommand."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    _add_corpus_arguments(parser.add_argument_group("corpus"))
    _add_tokenizer_arguments(parser.add_argument_group("tokenizer and dictionary"))
    output = parser.add_argument_group("output")
    output.add_argument("--out", type=Path, required=True, metavar="DIR", help="data-bin to make")
    output.add_argument(
        "--overwrite",
        action="store_true",
        help="replace a data-bin that is already there, once the new one is complete",
    )
    output.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes to use (default: 1)"
    )


def _add_corpus_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--source-lang", required=True, metavar="LANG", help="language of the documents, as in en"
    )
    group.add_argument(
        "--target-lang",
        required=True,
        metavar="LANG[,LANG...]",
        help="languages of the cross-lingual summaries, as in de or de,zh",
    )
    for split, role in (
        ("train", "training"),
        ("valid", "validation"),
        ("test", "test"),
    ):
        group.add_argument(
            f"--{split}",
            type=Path,
            nargs="+",
            action="extend",
            default=[],
            metavar="FILE",
            help=f"{role} records, or prefixes of parallel text; several are joined in this order",
        )
    group.add_argument(
        "--translation-key",
        default="translation",
        metavar="NAME",
        help="key of the records that holds translations of the document (default: translation)",
    )
    group.add_argument(
        "--exclude-ids",
        type=Path,
        metavar="FILE",
        help="ids, one a line, to leave out of training: documents that are also in another split",
    )


def _add_tokenizer_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--tokenizer",
        choices=("sentencepiece", "bpe", "words"),
        help="sentencepiece (default); bpe: subword-nmt after sacremoses; words: plain words",
    )
    group.add_argument(
        "--vocab-size",
        type=int,
        metavar="N",
        help="pieces of sentencepiece, merges of bpe, most frequent words of words (default: 8000)",
    )
    group.add_argument(
        "--lowercase", action="store_true", help="lower-case all text, except kept references"
    )
    group.add_argument(
        "--tokenizer-subset",
        type=int,
        metavar="N",
        help="learn the tokenizer from N random complete triples only (and from all records that"
        " are not complete), as a low-resource system would have to",
    )
    group.add_argument(
        "--subset-seed",
        type=int,
        metavar="S",
        help="which random triples these are (default: 1)",
    )
    group.add_argument(
        "--like",
        type=Path,
        metavar="DATA_BIN",
        help="take tokenizer and dictionary from this data-bin instead of learning them",
    )


def run(args: argparse.Namespace) -> int:
    """Make the data-bin and print the report."""
    from mclas_fairseq.binarize.options import PrepareOptions, TokenizerOptions
    from mclas_fairseq.binarize.prepare import prepare

    _check_flags(args)
    defaults = TokenizerOptions()
    options = PrepareOptions(
        source_lang=args.source_lang,
        target_langs=tuple(part.strip() for part in args.target_lang.split(",")),
        out=args.out,
        inputs={"train": tuple(args.train), "valid": tuple(args.valid), "test": tuple(args.test)},
        tokenizer=TokenizerOptions(
            name=defaults.name if args.tokenizer is None else args.tokenizer,
            vocab_size=defaults.vocab_size if args.vocab_size is None else args.vocab_size,
            lowercase=args.lowercase,
            subset_size=args.tokenizer_subset,
            subset_seed=defaults.subset_seed if args.subset_seed is None else args.subset_seed,
        ),
        like=args.like,
        workers=args.workers,
        overwrite=args.overwrite,
        translation_key=args.translation_key,
        exclude_ids=args.exclude_ids,
    )
    for line in prepare(options).lines():
        print(line)
    return 0


def _check_flags(args: argparse.Namespace) -> None:
    """Refuse flags that would have no effect beside one another."""
    learning = {
        "--tokenizer": args.tokenizer,
        "--vocab-size": args.vocab_size,
        "--lowercase": args.lowercase or None,
        "--tokenizer-subset": args.tokenizer_subset,
        "--subset-seed": args.subset_seed,
    }
    given = [flag for flag, value in learning.items() if value is not None]
    if args.like is not None and given:
        raise ConfigError(
            f"--like: takes tokenizer and dictionary from {args.like}, so nothing about learning"
            f" them may be given, but {' and '.join(given)} is; leave out one or the other"
        )
    if args.subset_seed is not None and args.tokenizer_subset is None:
        raise ConfigError(
            "--subset-seed: has an effect with --tokenizer-subset only, which is not given; add it"
        )
    if args.exclude_ids is not None and not args.train:
        raise ConfigError(
            "--exclude-ids: leaves records out of training, but there is none; give --train"
        )
