"""Third pass: drives `fairseq-preprocess`, once for each side, all with the same dictionary.

A document and its summary share a language, so fairseq's pair of source and target language cannot
name them; sides are therefore binarised one at a time with `--only-source`, the side's name
standing where fairseq expects a language. fairseq's own log and its copies of the dictionary are
removed: the log holds absolute paths, and one dictionary is enough.
"""

import logging
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from fairseq import options, utils
from fairseq.data import Dictionary, data_utils

from mclas_fairseq.data.data_bin import DICTIONARY_FILE, side_prefix
from mclas_fairseq.errors import DataError

_PREPROCESS_LOGGER = "fairseq_cli.preprocess"
_LOADING_LOGGER = "fairseq.data.data_utils"


def binarize_side(
    side: str, prefixes: Mapping[str, Path], destination: Path, *, workers: int
) -> None:
    """Binarise one side of all splits into a folder that holds `dict.txt`.

    Args:
        side: its name.
        prefixes: split -> path whose name plus ".<side>" is the file of pieces.
        destination: folder of the data-bin.
        workers: number of processes.
    """
    from fairseq_cli import preprocess

    flags = [
        *("--only-source", "--source-lang", side),
        *("--srcdict", str(destination / DICTIONARY_FILE)),
        *("--destdir", str(destination)),
        *("--workers", str(workers)),
    ]
    # Our task reads every dict.txt, also one that fairseq's own tasks would refuse, and its
    # dictionary takes a fifth of the time.
    plugin = str(Path(__file__).parents[1])
    utils.import_user_module(Namespace(user_dir=plugin))  # the parser must know the task already
    flags += ["--task", "cross_lingual_summarization", "--user-dir", plugin]
    for split, prefix in prefixes.items():
        flags += [f"--{split}pref", str(prefix)]
    arguments = options.get_preprocessing_parser().parse_args(flags)
    with _only_warnings(_PREPROCESS_LOGGER):
        preprocess.main(arguments)
    (destination / f"dict.{side}.txt").unlink()
    (destination / "preprocess.log").unlink()


def check_side(
    destination: Path, split: str, side: str, dictionary: Dictionary, *, rows: int, pieces: int
) -> None:
    """Check a binarised side against what was counted before.

    Raises:
        DataError: it has another number of rows or tokens.
    """
    prefix = str(destination / side_prefix(split, side))
    with _only_warnings(_LOADING_LOGGER):
        dataset = data_utils.load_indexed_dataset(prefix, dictionary)
    found = (len(dataset), int(dataset.sizes.sum()))
    if found != (rows, pieces + rows):
        raise DataError(
            f"{split}.{side}: must hold {rows} rows and {pieces + rows} tokens, but"
            f" fairseq-preprocess wrote {found[0]} and {found[1]}; try --workers 1"
        )


@contextmanager
def _only_warnings(name: str) -> Iterator[None]:
    """Keep one of fairseq's logs to warnings, and close the log files opened meanwhile."""
    logger = logging.getLogger(name)
    level, handlers = logger.level, list(logger.handlers)
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
        for handler in logger.handlers[:]:
            if handler not in handlers:
                logger.removeHandler(handler)
                handler.close()
