"""`mclas prepare`: turns records into a data-bin (see `mclas_fairseq.binarize.prepare`)."""

import argparse
from pathlib import Path
from typing import Any

from mclas_fairseq.cli.parts.prepare_arguments import (
    add_filter_arguments,
    add_output_arguments,
    add_tokenizer_arguments,
)
from mclas_fairseq.cli.parts.prepare_flags import check_flags
from mclas_fairseq.cli.parts.prepare_labels import add_label_arguments, check_labels, run_labels
from mclas_fairseq.cli.parts.prepare_preset import apply_preset

NAME = "prepare"
HELP = "turn records or parallel text into a data-bin for fairseq-train"
OUTPUTS = ("out",)

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

With --labels the files are sentences whose words have labels, see docs/labelling.md.

The same data-bin serves every target layout and every low-resource size; the same input gives the
same bytes for any number of workers. The data-bin appears at --out only when it is complete.
"""

_EXAMPLE = """\
example:
  mclas prepare --source-lang en --target-lang de \\
      --train news/train.jsonl.gz titles.jsonl.gz --valid news/valid.jsonl.gz \\
      --test news/test.jsonl.gz --vocab-size 8000 --workers 4 --out data-bin/news

  with the settings for about 2,000 documents, as mclas train --preset small-data expects them:
  mclas prepare --preset small-data --source-lang en --target-lang de \\
      --train talks/train.jsonl --valid talks/valid.jsonl --test talks/test.jsonl \\
      --out data-bin/talks

  with the tokenizer and the ids of a pretrained encoder:
  mclas prepare --source-lang en --target-lang de --pretrained bert-base-multilingual-uncased \\
      --train news/train.jsonl --valid news/valid.jsonl --out data-bin/news-mbert

  another corpus with the tokenizer and dictionary of that one:
  mclas prepare --source-lang en --target-lang de --like data-bin/news \\
      --test talks.jsonl --out data-bin/talks

  a language that those do not know, added to them (then: mclas extend, for the checkpoint):
  mclas prepare --source-lang en --target-lang zh --like data-bin/news --extend zh \\
      --train zh/train.jsonl --valid zh/valid.jsonl --out data-bin/news-zh

  labelled sentences for --task sequence_labelling, see docs/labelling.md:
  mclas prepare --labels pos --pretrained bert-base-multilingual-cased \\
      --train en=en_ewt-ud-train.conllu --valid en=en_ewt-ud-dev.conllu de=de_gsd-ud-dev.conllu \\
      --test de=de_gsd-ud-test.conllu --out data-bin/pos
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the flags of the subcommand."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument(
        "--preset",
        metavar="NAME|FILE",
        help="settings for a corpus of about this size, as in mclas train: tiny-data, small-data,"
        " paper, or a .toml file of your own; a flag given here wins over it",
    )
    _add_corpus_arguments(parser.add_argument_group("corpus"))
    add_filter_arguments(parser.add_argument_group("training records left out, and reported"))
    add_tokenizer_arguments(parser.add_argument_group("tokenizer and dictionary"))
    _add_earlier_arguments(parser.add_argument_group("an earlier data-bin's tokenizer"))
    add_label_arguments(parser.add_argument_group("labelled sentences instead of records"))
    add_output_arguments(parser.add_argument_group("output"))


def _add_corpus_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument("--source-lang", metavar="LANG", help="language of the documents, as in en")
    group.add_argument(
        "--target-lang",
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


def _add_preset_arguments(group: argparse._ArgumentGroup) -> None:
    add_filter_arguments(group)
    add_tokenizer_arguments(group)


def _add_earlier_arguments(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--like",
        type=Path,
        metavar="DATA_BIN",
        help="take tokenizer and dictionary from this data-bin instead of learning them",
    )
    group.add_argument(
        "--extend",
        metavar="LANG[,LANG...]",
        help="add the pieces of these languages, which it does not have; its own languages are cut"
        " and numbered as before",
    )


def run(args: argparse.Namespace) -> int:
    """Make the data-bin and print the report."""
    from mclas_fairseq.binarize.next_step import next_command
    from mclas_fairseq.binarize.options import MAX_UNKNOWN_SHARE, PrepareOptions
    from mclas_fairseq.binarize.prepare import prepare
    from mclas_fairseq.binarize.sieve import FilterOptions

    if args.labels is not None:
        return run_labels(args)
    check_labels(args)
    lines = apply_preset(args, _add_preset_arguments)
    check_flags(args)
    for line in lines:
        print(line, flush=True)
    options = PrepareOptions(
        source_lang=args.source_lang,
        target_langs=_languages(args.target_lang),
        out=args.out,
        inputs={"train": tuple(args.train), "valid": tuple(args.valid), "test": tuple(args.test)},
        tokenizer=_tokenizer_options(args),
        like=args.like,
        workers=args.workers,
        overwrite=args.overwrite,
        translation_key=args.translation_key,
        exclude_ids=args.exclude_ids,
        filters=FilterOptions(
            max_document_words=args.max_document_words,
            max_summary_words=args.max_summary_words,
            max_length_ratio=args.max_length_ratio,
            dedup=args.dedup,
        ),
        extend=_languages(args.extend) if args.extend is not None else (),
        max_unknown=MAX_UNKNOWN_SHARE if args.max_unknown is None else args.max_unknown,
        task_tags=args.task_tags,
    )
    report = prepare(options)
    for line in report.lines():
        print(line)
    kinds = [split.kinds for split in report.splits if split.split == "train"]
    if kinds:
        print(f"next: {next_command(options, kinds[0], args.preset)}")
    return 0


def _languages(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))


def _tokenizer_options(args: argparse.Namespace) -> Any:
    from mclas_fairseq.binarize.mbart import mbart_tokenizer
    from mclas_fairseq.binarize.options import EXTENSION_VOCAB_SIZE, TokenizerOptions
    from mclas_fairseq.data.language_ids import CC25

    given = args.sentencepiece_model if args.vocab is None else args.vocab
    defaults = TokenizerOptions()
    size = defaults.vocab_size if args.extend is None else EXTENSION_VOCAB_SIZE
    return TokenizerOptions(
        name=defaults.name if args.tokenizer is None else args.tokenizer,
        pretrained=args.pretrained,
        given=given if args.mbart is None else mbart_tokenizer(args.mbart),
        mbart=args.mbart,
        mbart_langs=tuple(CC25) if args.mbart_langs is None else _languages(args.mbart_langs),
        vocab_size=size if args.vocab_size is None else args.vocab_size,
        lowercase=args.lowercase,
        subset_size=args.tokenizer_subset,
        subset_seed=defaults.subset_seed if args.subset_seed is None else args.subset_seed,
    )
