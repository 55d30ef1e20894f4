"""Which flags of `mclas prepare` have no effect beside one another, and are refused."""

import argparse
from collections.abc import Mapping

from mclas_fairseq.errors import ConfigError


def check_flags(args: argparse.Namespace) -> None:
    """Refuse flags that would have no effect beside one another.

    Raises:
        ConfigError: naming the flags.
    """
    kind = {
        "--pretrained": args.pretrained,
        "--mbart": args.mbart,
        "--mbart-langs": args.mbart_langs,
        "--tokenizer": args.tokenizer,
        "--vocab": args.vocab,
        "--sentencepiece-model": args.sentencepiece_model,
        "--lowercase": args.lowercase or None,
    }
    learning = {
        "--vocab-size": args.vocab_size,
        "--tokenizer-subset": args.tokenizer_subset,
        "--subset-seed": args.subset_seed,
    }
    tags = {"--task-tags": args.task_tags or None}
    if args.like is not None:
        given = [] if args.extend is not None else _given(learning | tags)
        given += _given(kind)
        if given:
            raise ConfigError(
                f"--like: takes tokenizer and dictionary from {args.like}, so nothing about"
                f" learning them may be given, but {' and '.join(given)} is; leave out one or the"
                " other"
            )
    _check_given_model(args, _given(learning))
    _check_pretrained("--pretrained", args.pretrained, _given(learning | kind))
    _check_pretrained("--mbart", args.mbart, _given(learning | kind))
    if args.mbart_langs is not None and args.mbart is None:
        raise ConfigError(
            "--mbart-langs: has an effect with --mbart only, which is not given; add it"
        )
    if args.subset_seed is not None and args.tokenizer_subset is None:
        raise ConfigError(
            "--subset-seed: has an effect with --tokenizer-subset only, which is not given; add it"
        )
    _check_filters(args)


def _check_filters(args: argparse.Namespace) -> None:
    """Refuse filters of training records where there are none."""
    filters = {
        "--exclude-ids": args.exclude_ids,
        "--max-document-words": args.max_document_words,
        "--max-summary-words": args.max_summary_words,
        "--max-length-ratio": args.max_length_ratio,
        "--dedup": args.dedup or None,
    }
    if _given(filters) and not args.train:
        raise ConfigError(
            f"{' and '.join(_given(filters))}: leaves records out of training, but there is none;"
            " give --train"
        )


def _check_pretrained(flag: str, source: object, given: list[str]) -> None:
    """Refuse another tokenizer, or flags of learning one, beside a checkpoint's."""
    others = [other for other in given if other != flag and other != f"{flag}-langs"]
    if source is not None and others:
        raise ConfigError(
            f"{flag}: takes tokenizer and dictionary from {source}, so nothing about"
            f" them may be given, but {' and '.join(others)} is; leave out one or the other"
        )


def _check_given_model(args: argparse.Namespace, learning: list[str]) -> None:
    """Refuse a model made elsewhere beside another tokenizer, or beside flags of learning."""
    wordpiece = args.tokenizer == "wordpiece"
    if wordpiece != (args.vocab is not None):
        raise ConfigError(
            "--tokenizer wordpiece and --vocab: belong together, but only"
            f" {'--tokenizer wordpiece' if wordpiece else '--vocab'} is given; give both: wordpiece"
            " takes a given vocab.txt"
        )
    if args.sentencepiece_model is not None and args.tokenizer not in (None, "sentencepiece"):
        raise ConfigError(
            "--sentencepiece-model: is a tokenizer of its own, but --tokenizer"
            f" {args.tokenizer} is given; leave out one or the other"
        )
    flag = "--vocab" if wordpiece else "--sentencepiece-model"
    if learning and (wordpiece or args.sentencepiece_model is not None):
        raise ConfigError(
            f"{flag}: nothing is learned beside a given model, but {' and '.join(learning)} is"
            " given; leave out one or the other"
        )


def _given(flags: Mapping[str, object]) -> list[str]:
    return [flag for flag, value in flags.items() if value is not None]
