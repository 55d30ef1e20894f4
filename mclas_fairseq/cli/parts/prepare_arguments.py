"""Flags of `mclas prepare`: what a preset may hold, and the output, as of `mclas prepare-text`."""

import argparse
from pathlib import Path


def add_filter_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare what leaves records out of training."""
    group.add_argument(
        "--exclude-ids",
        type=Path,
        metavar="FILE",
        help="ids, one a line, to leave out of training: documents that are also in another split",
    )
    group.add_argument(
        "--max-document-words",
        type=int,
        metavar="N",
        help="leave out longer documents (where words are not spaced, two characters count as one);"
        " documents longer than the model reads need not go: --max-source-positions of"
        " fairseq-train cuts them",
    )
    group.add_argument(
        "--max-summary-words", type=int, metavar="N", help="leave out longer summaries"
    )
    group.add_argument(
        "--max-length-ratio",
        type=float,
        metavar="R",
        help="leave out records one of whose two summaries is over R times as long as the other, in"
        " bytes; of a translation pair likewise",
    )
    group.add_argument(
        "--dedup",
        action="store_true",
        help="leave out repeated documents, and those that are in validation or test (compared"
        " without regard to case and spacing)",
    )


def add_tokenizer_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare which tokenizer and dictionary there are to be."""
    group.add_argument(
        "--tokenizer",
        choices=("sentencepiece", "bpe", "words", "wordpiece"),
        help="sentencepiece (default); bpe: subword-nmt after sacremoses; words: plain words;"
        " wordpiece: BERT's, with --vocab",
    )
    group.add_argument(
        "--pretrained",
        metavar="NAME|DIR",
        help="take tokenizer and ids of a BERT- or XLM-R-like checkpoint, for training with"
        " --pretrained-encoder: a folder, or a name on the Hugging Face hub",
    )
    group.add_argument(
        "--mbart",
        type=Path,
        metavar="DIR",
        help="take sentencepiece model, dictionary and language ids of fairseq's mBART, for"
        " training with --init-from-mbart: the folder with its dict.txt and sentence.bpe.model",
    )
    group.add_argument(
        "--mbart-langs",
        metavar="CODE[,CODE...]",
        help="languages of that mBART in the order of their ids, as in en_XX,de_DE (default: the 25"
        " of cc25)",
    )
    group.add_argument(
        "--vocab",
        type=Path,
        metavar="FILE",
        help="vocab.txt of a BERT model, for --tokenizer wordpiece; with --lowercase if uncased",
    )
    group.add_argument(
        "--sentencepiece-model",
        type=Path,
        metavar="FILE",
        help="a sentencepiece model made elsewhere: its pieces become the dictionary",
    )
    _add_learning_arguments(group)


def _add_learning_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare what a tokenizer learns from, and what the dictionary holds beside its pieces."""
    group.add_argument(
        "--vocab-size",
        type=int,
        metavar="N",
        help="pieces of sentencepiece, merges of bpe, most frequent words of words (default: 8000);"
        " with --extend the pieces learned for the added languages (default: 4000)",
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
        "--task-tags",
        action="store_true",
        help="add <MT>, <MS> and <CLS> to the dictionary, which --task multitask_summarization puts"
        " before documents; --like takes them over",
    )
    group.add_argument(
        "--max-unknown",
        type=float,
        metavar="SHARE",
        help="largest share of a language's pieces that the dictionary may not know (default:"
        " 0.005): of the training summaries, with --like of all text",
    )


def add_output_arguments(group: argparse._ArgumentGroup) -> None:
    """Declare where the data-bin goes, and how many processes make it."""
    group.add_argument("--out", type=Path, required=True, metavar="DIR", help="data-bin to make")
    group.add_argument(
        "--overwrite",
        action="store_true",
        help="replace a data-bin that is already there, once the new one is complete",
    )
    group.add_argument(
        "--workers", type=int, default=1, metavar="N", help="processes to use (default: 1)"
    )
