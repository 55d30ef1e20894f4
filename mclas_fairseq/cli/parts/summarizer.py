"""What every command that summarizes takes: which model, and documents, plain or in records."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Optional

from mclas_fairseq.cli.parts.search_flags import chosen_options, given_search_flags
from mclas_fairseq.errors import ConfigError

if TYPE_CHECKING:
    from mclas_fairseq.inference.summarizer import Summarizer


@dataclass(frozen=True)
class InputDocument:
    """A document of the input.

    Attributes:
        id: of its record; None for a plain line.
        sentences: of its record, as they are given; a plain line is one item.
    """

    id: Optional[str]
    sentences: tuple[str, ...]

    @property
    def text(self) -> str:
        """The whole document."""
        return " ".join(self.sentences)


def add_model_flags(parser: argparse.ArgumentParser) -> None:
    """Declare which model summarizes."""
    parser.add_argument(
        "--model", type=Path, metavar="DIR", help="bundle, a folder that mclas export wrote"
    )
    parser.add_argument(
        "--checkpoint", type=Path, nargs="+", metavar="FILE",
        help="or a checkpoint; several of them are decoded as an ensemble",
    )  # fmt: skip
    parser.add_argument("--data", type=Path, metavar="DIR", help="the checkpoint's data-bin")
    parser.add_argument(
        "--precision",
        choices=("float32", "bfloat16", "int8"),
        help="number format in which the model decodes (default: that of its training, or the first"
        " form of a bundle for CTranslate2)",
    )
    parser.add_argument(
        "--int8", action="store_true",
        help="the same as --precision int8: linear layers in 8 bits, for models on a processor",
    )  # fmt: skip


def add_stream_flags(parser: argparse.ArgumentParser) -> None:
    """Declare where documents come from and summaries go to."""
    parser.add_argument("-i", "--input", default="-", metavar="FILE", help="default: -, stdin")
    parser.add_argument("-o", "--output", default="-", metavar="FILE", help="default: -, stdout")
    parser.add_argument(
        "--format", choices=("auto", "text", "records"), default="auto",
        help="what the input is; auto: records when the first line starts with a brace",
    )  # fmt: skip


def load_summarizer(
    args: argparse.Namespace, command: str, targets: Optional[Sequence[str]] = None
) -> "Summarizer":
    """Load the model that the flags name.

    Args:
        args: with the flags above, `--cpu` and those of the search.
        command: name of the command, for messages.
        targets: of a model with several target languages those to write; None: all.

    Raises:
        ConfigError: neither a bundle nor a checkpoint with its data-bin is given, or both.
    """
    from mclas_fairseq.inference.summarizer import Summarizer

    device = "cpu" if args.cpu else None
    precision = _precision(args)
    if args.model is not None:
        given = [f"--{name}" for name in ("checkpoint", "data") if getattr(args, name)]
        if given:
            raise ConfigError(
                f"--model: a bundle brings all it needs, but {' and '.join(given)}"
                f" {'is' if len(given) == 1 else 'are'} given as well; leave out one or the other"
            )
        changes = given_search_flags(args)
        return Summarizer.from_bundle(
            args.model,
            changes=changes,
            device=device,
            precision=precision,
            target_langs=targets,
        )
    if args.checkpoint is None or args.data is None:
        found = " and ".join(
            f"{'has no' if getattr(args, name) is None else 'has'} --{name}"
            for name in ("checkpoint", "data")
        )
        raise ConfigError(
            f"mclas {command}: needs a bundle (--model) or a checkpoint and its data-bin"
            f" (--checkpoint, --data), but {found}; give one or the other"
        )
    options = chosen_options(args)
    return Summarizer.load(
        args.checkpoint,
        args.data,
        options,
        device=device,
        precision=precision,
        target_langs=targets,
    )


def _precision(args: argparse.Namespace) -> Optional[str]:
    if args.int8 and args.precision not in (None, "int8"):
        raise ConfigError(
            f"--int8 and --precision {args.precision}: both say in which format the model decodes;"
            " give one of them"
        )
    given: Optional[str] = "int8" if args.int8 else args.precision
    return given


def read_documents(
    name: str, kind: str, language: str, reader: str = "the checkpoint"
) -> Iterator[InputDocument]:
    """Yield the documents of the input.

    Args:
        name: of the file; `-` is standard input.
        kind: "auto", "text" or "records".
        language: of the documents.
        reader: who reads it, for messages.

    Raises:
        DataError: a line has no document; it is named.
    """
    from mclas_fairseq.corpus.record import parse_record
    from mclas_fairseq.corpus.text_files import normalize_text
    from mclas_fairseq.errors import DataError

    label = "standard input" if name == "-" else name
    for number, line in _lines(name):
        if kind == "auto":
            kind = "records" if line.lstrip().startswith("{") else "text"
        if kind == "records":
            record = parse_record(line, f"{label}:{number}", "translation")
            if language not in record.document:
                raise DataError(
                    f"{label}:{number}: {reader} reads documents in {language!r}, this "
                    f"record has {', '.join(record.document) or 'none'}; add document.{language}"
                )
            yield InputDocument(record.id, record.document[language])
        else:
            text = normalize_text(line)
            if not text:
                raise DataError(f"{label}:{number}: a document must have text, the line is empty")
            yield InputDocument(None, (text,))


def _lines(name: str) -> Iterable[tuple[int, str]]:
    from mclas_fairseq.corpus.text_files import read_lines

    return read_lines(Path(name))
