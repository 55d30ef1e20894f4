"""`mclas label`: labels for the words of a file, by a trained token classifier."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from mclas_fairseq.cli.parts.prepare_labels import add_column_argument, labelled_file

NAME = "label"
HELP = "label the words of sentences: parts of speech, entities, slots"
OUTPUTS = ("output",)

_DESCRIPTION = """\
Label the words of a file with a checkpoint of --task sequence_labelling.

The input is of the format that mclas prepare --labels takes (CoNLL-U, or a word and an IOB tag a
line; what labels it has are not looked at), or plain text with --plain: a sentence a line, blanks
between words. The output has two columns, word and tag, and an empty line between sentences, as
mclas score --labels takes it. A sentence longer than the model reads is labelled in parts.
"""

_EXAMPLE = """\
example:
  mclas label --checkpoint run/checkpoint_best.pt --data data-bin/pos --lang de \\
      -i de_gsd-ud-test.conllu -o labels.tsv
  mclas score --labels pos --hyp labels.tsv --ref de_gsd-ud-test.conllu
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas label`."""
    parser.description, parser.epilog = _DESCRIPTION, _EXAMPLE
    add = parser.add_argument
    add("--checkpoint", type=Path, required=True, metavar="FILE", help="the checkpoint")
    add("--data", type=Path, required=True, metavar="DIR", help="data-bin of its training")
    add("--lang", required=True, metavar="CODE", help="language of the words")
    add("-i", "--input", required=True, metavar="FILE", help="sentences")
    add("-o", "--output", type=Path, required=True, metavar="FILE", help="file to write")
    add("--plain", action="store_true", help="the input is plain text, a sentence a line")
    add_column_argument(parser.add_argument_group("input"))
    add("--max-tokens", type=int, default=4096, metavar="N",
        help="pieces of a batch (default: 4096)")  # fmt: skip
    add("--cpu", action="store_true", help="label on the processor though there is a GPU")


def run(args: argparse.Namespace) -> int:
    """Label the sentences."""
    from mclas_fairseq.corpus.labelled import LabelledSentence, write_labelled
    from mclas_fairseq.corpus.languages import check_language
    from mclas_fairseq.corpus.text_files import write_beside
    from mclas_fairseq.inference.loading import choose_device
    from mclas_fairseq.labelling.loading import load_labeller
    from mclas_fairseq.labelling.predicting import predict

    check_language(args.lang, "--lang")
    labeller = load_labeller(args.checkpoint, args.data)
    labeller.model.to(choose_device("cpu" if args.cpu else None))
    file = labelled_file(args.input, "-i", labeller.task.labels.kind, args.label_column)
    words = file.plain() if args.plain else (one.words for one in file.sentences())
    kept: list[tuple[str, ...]] = []

    def remembered() -> Iterator[tuple[str, ...]]:
        for one in words:
            kept.append(one)
            yield one

    labelled = (
        LabelledSentence(kept.pop(0), tags)
        for tags in predict(labeller, remembered(), args.lang, max_tokens=args.max_tokens)
    )
    with write_beside(args.output) as stream:
        number = write_labelled(stream, labelled)
    print(f"{args.output}: {number:,} sentences")
    return 0
