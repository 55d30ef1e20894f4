"""`mclas score --labels`: labels of words against gold ones."""

import argparse
import json

from mclas_fairseq.cli.parts.prepare_labels import KINDS, add_column_argument, labelled_file
from mclas_fairseq.errors import ConfigError

# Flags that mean something for summaries alone, and their values when not given.
_OF_SUMMARIES = {
    "lang": None, "half": None, "marks": False, "data": None, "documents": None,
    "source_lang": None, "protocol": "default", "tokenizer": None, "multi_reference": "max",
    "rouge_only": False, "precision_recall": False, "holm": False, "workers": 1,
    "bertscore": False, "moverscore": False, "model": None, "layer": None, "device": "cpu",
    "statistics": False, "markdown": None, "per_document": None, "plot": None, "html": None,
    "html_documents": 10,
}  # fmt: skip


def add_label_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare what turns `mclas score` to labels."""
    group.add_argument(
        "--labels",
        choices=KINDS,
        help="the files are labelled sentences (mclas label), scored word by word: pos, CoNLL-U or"
        " two columns, token accuracy and seqeval's chunk F1; spans, IOB tags, F1 by conlleval's"
        " rules",
    )
    add_column_argument(group)


def check_labels(args: argparse.Namespace) -> None:
    """Refuse summaries without their language.

    Raises:
        ConfigError: naming the flag.
    """
    if args.lang is None:
        raise ConfigError(
            "--lang: must be given for summaries, but is not; add it (or --labels, for labels of"
            " words)"
        )
    if args.label_column is not None:
        raise ConfigError("--label-column: is for labels, but --labels is not given; add it")


def run_labels(args: argparse.Namespace) -> int:
    """Score labels, write the JSON, print the table."""
    from mclas_fairseq.corpus.labelled import LabelKind
    from mclas_fairseq.corpus.text_files import write_beside
    from mclas_fairseq.evaluation.label_run import score_labels

    given = [name for name, unset in _OF_SUMMARIES.items() if getattr(args, name) != unset]
    if given:
        raise ConfigError(
            f"--{given[0].replace('_', '-')}: is for summaries, but --labels asks for labels of"
            " words; leave it out"
        )
    if len(args.ref) > 1:
        raise ConfigError(
            f"--ref: must be one file with --labels, but {len(args.ref)} are given; leave out the"
            " others"
        )
    if args.name and len(args.name) != 1 + len(args.compare):
        raise ConfigError(
            f"--name: must be given once for each of the {1 + len(args.compare)} systems, but is"
            f" given {len(args.name)} times; correct it"
        )
    if args.resamples < 1:
        raise ConfigError(f"--resamples {args.resamples}: must be 1 or more; give more")
    kind = LabelKind(args.labels)
    groups = [args.hyp, *args.compare]
    systems = [
        [labelled_file(str(path), "--hyp, --compare", kind, None) for path in files]
        for files in groups
    ]
    names = args.name or [files[0].name for files in groups]
    reference = labelled_file(str(args.ref[0]), "--ref", kind, args.label_column)
    scoring = score_labels(systems, names, reference, resamples=args.resamples, seed=args.seed)
    if args.json is not None:
        with write_beside(args.json) as stream:
            json.dump(scoring.content(), stream, indent=1)
            stream.write("\n")
    print("\n".join(scoring.lines()))
    return 0
