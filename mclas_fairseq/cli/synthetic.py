"""`mclas synthetic`: write the built-in corpus of synthetic news reports."""

import argparse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

NAME = "synthetic"
HELP = "write the built-in corpus: synthetic news with summaries in en, de and zh"
OUTPUTS = ("out",)
NEEDS_FAIRSEQ = False

_DESCRIPTION = """\
Writes train.jsonl, valid.jsonl and test.jsonl: short news-like reports in English with summaries
in English, German and Chinese and the translation of every sentence. All of it is synthetic, made
of word lists and patterns that belong to this project. The same setting, seed and number give the
same corpus, and a longer one begins with a shorter one. No fact of test occurs in training.

easy: three or four short sentences; what happened today matters. For demos and tests.
hard: three or four events, one of which affects most people; numbers must be added up and
      summaries are worded in several ways. For studies.
"""

_EPILOG = """\
example:
  mclas synthetic --setting easy --train 3000 --valid 200 --test 200 --seed 1 --out news
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas synthetic`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EPILOG
    parser.add_argument("--setting", required=True, metavar="NAME", help="easy or hard (see above)")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder to write")
    for split, size in (("train", 3000), ("valid", 200), ("test", 200)):
        parser.add_argument(
            f"--{split}",
            type=int,
            default=size,
            metavar="N",
            help=f"number of {split} documents (default: %(default)s)",
        )
    parser.add_argument(
        "--seed", type=int, default=1, metavar="N", help="which corpus (default: %(default)s)"
    )
    parser.add_argument(
        "--pairs",
        action="store_true",
        help="write pairs-train.jsonl etc. as well: the sentences with their translations",
    )
    parser.add_argument(
        "--links",
        metavar="LANG",
        help="write links-LANG-train.jsonl etc. as well: which words of the English summaries and"
        " of those in LANG (de, zh) are the same names, numbers and people (for mclas heads probe)",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="replace files that exist in the folder"
    )


def run(args: argparse.Namespace) -> int:
    """Write the files, each complete or not at all, and say what they hold."""
    from mclas_fairseq.corpus.records import write_records
    from mclas_fairseq.corpus.synthetic_news import SPLITS, generate
    from mclas_fairseq.corpus.synthetic_news.generator import sentence_pairs
    from mclas_fairseq.corpus.synthetic_news.links import generate_links

    sizes = {"train": args.train, "valid": args.valid, "test": args.test}

    def records(split: str) -> Iterator[dict[str, object]]:
        return generate(args.setting, split, sizes[split], args.seed)

    files: dict[Path, Iterable[Mapping[str, object]]] = {
        args.out / f"{split}.jsonl": records(split) for split in SPLITS
    }
    if args.pairs:
        files |= {
            args.out / f"pairs-{split}.jsonl": sentence_pairs(records(split)) for split in SPLITS
        }
    if args.links is not None:
        files |= {
            args.out / f"links-{args.links}-{split}.jsonl": generate_links(
                args.setting, split, sizes[split], args.seed, args.links
            )
            for split in SPLITS
        }
    _check_free(files, args.overwrite)
    for file, content in files.items():
        print(f"{file}: {write_records(file, content)} synthetic records ({args.setting})")
    return 0


def _check_free(files: Iterable[Path], overwrite: bool) -> None:
    from mclas_fairseq.errors import ConfigError

    existing = [file for file in files if file.exists()]
    if existing and not overwrite:
        raise ConfigError(
            f"{existing[0]}: the file must not exist yet, but does; choose another --out,"
            " or give --overwrite to replace it"
        )
