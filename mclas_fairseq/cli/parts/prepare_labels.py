"""`mclas prepare --labels`: flags of labelled sentences, and the call that they become."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Optional

from mclas_fairseq.errors import ConfigError

if TYPE_CHECKING:
    from mclas_fairseq.corpus.labelled import LabelKind, LabelledFile

KINDS = ("pos", "spans")
_SPLITS = ("train", "valid", "test")
# Flags of records that mean nothing for labelled sentences, and the value that they have when not
# given.
_OF_RECORDS: dict[str, Any] = {
    "source_lang": None,
    "target_lang": None,
    "translation_key": "translation",
    "preset": None,
    "mbart": None,
    "mbart_langs": None,
    "extend": None,
    "exclude_ids": None,
    "max_document_words": None,
    "max_summary_words": None,
    "max_length_ratio": None,
    "dedup": False,
    "tokenizer_subset": None,
    "subset_seed": None,
    "task_tags": False,
    "max_unknown": None,
}


def add_label_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare what turns `mclas prepare` to labelled sentences."""
    group.add_argument(
        "--labels",
        choices=KINDS,
        help="the files are labelled sentences, given as LANG=FILE: pos, CoNLL-U with parts of"
        " speech; spans, a word and an IOB tag a line (or LANG=WORDS,TAGS, two files of a sentence"
        " a line)",
    )
    add_column_argument(group)
    group.add_argument(
        "--tags",
        metavar="TAG[,TAG...]",
        help="with --labels spans: all tags, where training has not all of them (default: those of"
        " the training files)",
    )


def add_column_argument(group: argparse._ArgumentGroup) -> None:
    """Declare where tags are in the files."""
    group.add_argument(
        "--label-column",
        type=int,
        metavar="N",
        help="column of the tags, from 1 (default: 4 in CoNLL-U; with spans the third where the"
        " first is a number, else the last)",
    )


def run_labels(args: argparse.Namespace) -> int:
    """Make a data-bin of labelled sentences and print what is in it."""
    from mclas_fairseq.binarize.options import TokenizerOptions
    from mclas_fairseq.binarize.prepare_labels import LabelOptions, prepare_labels
    from mclas_fairseq.corpus.labelled import LabelKind

    _check(args)
    kind, defaults = LabelKind(args.labels), TokenizerOptions()
    options = LabelOptions(
        kind=kind,
        inputs={split: _files(split, getattr(args, split), kind, args) for split in _SPLITS},
        out=args.out,
        tokenizer=TokenizerOptions(
            name=defaults.name if args.tokenizer is None else args.tokenizer,
            pretrained=args.pretrained,
            given=args.sentencepiece_model if args.vocab is None else args.vocab,
            vocab_size=defaults.vocab_size if args.vocab_size is None else args.vocab_size,
            lowercase=args.lowercase,
        ),
        like=args.like,
        tags=tuple(args.tags.split(",")) if args.tags is not None else (),
        overwrite=args.overwrite,
    )
    labels, reports = prepare_labels(options)
    for report in reports:
        print(report.line())
    print(f"tags ({len(labels.tags)}): {' '.join(labels.tags)}")
    print(
        f"next: fairseq-train {args.out} --user-dir mclas_fairseq --task sequence_labelling"
        " --arch token_classifier_small --criterion label_cross_entropy, see docs/labelling.md"
    )
    return 0


def labelled_file(text: str, flag: str, kind: "LabelKind", column: Optional[int]) -> "LabelledFile":
    """The file, or the two, that FILE or WORDS,TAGS name.

    Raises:
        ConfigError: it is more than two, or the column is none.
    """
    from mclas_fairseq.corpus.labelled import LabelKind, LabelledFile

    whole = Path(text).exists()  # a name may hold a comma
    words, comma, tags = (text, "", "") if whole else text.partition(",")
    if "," in tags or (comma and not tags) or (comma and kind is LabelKind.POS):
        raise ConfigError(
            f"{flag} {text}: must be a file, or with spans two with a comma between, words and"
            " tags; correct it"
        )
    if column is not None and column < 1:
        raise ConfigError(
            f"--label-column {column}: must be 1 or more, the columns' numbers; correct it"
        )
    return LabelledFile(Path(words), kind, Path(tags) if tags else None, column)


def _files(
    split: str, given: list[Path], kind: "LabelKind", args: argparse.Namespace
) -> dict[str, tuple["LabelledFile", ...]]:
    found: dict[str, tuple[LabelledFile, ...]] = {}
    for one in given:
        language, equals, text = str(one).partition("=")
        if not (language and equals and text):
            raise ConfigError(
                f"--{split} {one}: with --labels it must name a language and a file of it, as in"
                " de=train.conllu; correct it"
            )
        file = labelled_file(text, f"--{split}", kind, args.label_column)
        found[language] = (*found.get(language, ()), file)
    return found


def check_labels(args: argparse.Namespace) -> None:
    """Refuse flags of labels without --labels, and a corpus of records without its languages.

    Raises:
        ConfigError: naming the flags.
    """
    for name in ("label_column", "tags"):
        if getattr(args, name) is not None:
            raise ConfigError(
                f"--{name.replace('_', '-')}: is for labelled sentences, but --labels is not given;"
                " add it"
            )
    for name in ("source_lang", "target_lang"):
        if getattr(args, name) is None:
            raise ConfigError(
                f"--{name.replace('_', '-')}: must be given for a corpus of records, but is not;"
                " add it (or --labels, for labelled sentences)"
            )


def _check(args: argparse.Namespace) -> None:
    given = [name for name, unset in _OF_RECORDS.items() if getattr(args, name) != unset]
    if given:
        raise ConfigError(
            f"--{given[0].replace('_', '-')}: is for records, but --labels asks for labelled"
            " sentences; leave it out"
        )
    if args.tags is not None and args.labels != "spans":
        raise ConfigError(f"--tags: with --labels {args.labels} all tags are known; leave it out")
    sources = {
        "--like": args.like,
        "--pretrained": args.pretrained,
        "--vocab": args.vocab,
        "--sentencepiece-model": args.sentencepiece_model,
    }
    named = [flag for flag, value in sources.items() if value is not None]
    learning = [
        flag
        for flag, value in (("--vocab-size", args.vocab_size), ("--tokenizer", args.tokenizer))
        if value is not None and not (flag == "--tokenizer" and named == ["--vocab"])
    ]
    if len(named) > 1 or (named and learning):
        raise ConfigError(
            f"{named[0]}: says where the tokenizer comes from, but so does"
            f" {(named[1:] + learning)[0]}; leave out one or the other"
        )
