"""`mclas pipeline`: summaries in another language by a summarizer and a translator in turn."""

import argparse
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Union

from mclas_fairseq.cli.parts.search_flags import add_search_flags
from mclas_fairseq.cli.parts.summarizer import (
    InputDocument,
    add_model_flags,
    add_stream_flags,
    load_summarizer,
    read_documents,
)
from mclas_fairseq.errors import ConfigError, MclasError, TranslatorError

if TYPE_CHECKING:
    from mclas_fairseq.inference.pipeline import PipelineSummary
    from mclas_fairseq.inference.summarizer import Summarizer
    from mclas_fairseq.translators import Translator

NAME = "pipeline"
HELP = "the two pipelines with a translator: summarise then translate, translate then summarise"
OUTPUTS = ("output",)

_DESCRIPTION = """\
Summaries in another language without a cross-lingual model: the baselines of the field.

  mclas pipeline tltran   summarise the document, then translate the summary
  mclas pipeline tetran   translate the document, then summarise the translation
"""

_TLTRAN = """\
TLTran: a monolingual summarizer writes a summary in the document's language, and a translator
turns it into the target language.

The summarizer is a checkpoint or bundle trained with --target-layout ms on documents in the source
language (any model that writes summaries in the language of its documents will do).
"""

_TETRAN = """\
TETran: a translator turns the document into the target language, sentence by sentence, and a
monolingual summarizer of that language writes the summary.

The summarizer is a checkpoint or bundle trained with --target-layout ms on documents in the TARGET
language: for German summaries of English documents, on German documents with German summaries.
Documents of records given as lists of sentences are translated in these, others are cut into
sentences first.
"""

_BOTH = """\
Input is records or plain lines. Records give what mclas summarize gives (id, summary by language,
the summarizer's score in bits); plain lines give the summary in the target language, line for line.
The output file appears once it is complete.

The translator is one of those of mclas roundtrip: fairseq:CHECKPOINT, ct2:FOLDER,
hf:NAME_OR_FOLDER, or command:PROGRAM ARGUMENTS, which reads lines and writes a line for each.
"""

_TLTRAN_EXAMPLE = """\
example:
  mclas pipeline tltran --model news-en --translator hf:Helsinki-NLP/opus-mt-en-de \\
      --target-lang de -i test.jsonl -o tltran.jsonl
"""

_TETRAN_EXAMPLE = """\
example:
  mclas pipeline tetran --model news-de --translator hf:Helsinki-NLP/opus-mt-en-de \\
      --source-lang en -i test.jsonl -o tetran.jsonl
"""

_TRANSLATOR_NUMBERS = (
    ("beam", 5, "hypotheses kept at each step"),
    ("batch_tokens", 4096, "tokens of a batch"),
    ("max_source_tokens", 512, "tokens of the longest line; a longer one is cut, and counted"),
    ("max_target_tokens", 200, "tokens of the longest translation of a line"),
    ("threads", 1, "of the translator, on a CPU"),
)
_TRANSLATOR_OPTIONS = (
    *(name for name, *_ in _TRANSLATOR_NUMBERS),
    *("device", "precision", "time_limit"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the two subcommands of `mclas pipeline`."""
    parser.description = _DESCRIPTION
    parser.epilog = _TLTRAN_EXAMPLE
    actions = parser.add_subparsers(dest="action", metavar="PIPELINE", required=True)
    raw = argparse.RawDescriptionHelpFormatter
    tltran = actions.add_parser(
        "tltran", help="summarise, then translate the summary", formatter_class=raw
    )
    tltran.description, tltran.epilog = f"{_TLTRAN}\n{_BOTH}", _TLTRAN_EXAMPLE
    tltran.add_argument(
        "--target-lang", required=True, metavar="CODE", help="language of the summaries"
    )
    tltran.add_argument(
        "--unit", choices=("summary", "sentence"), default="summary",
        help="what is translated at once (default: summary)",
    )  # fmt: skip
    tetran = actions.add_parser(
        "tetran", help="translate the document, then summarise it", formatter_class=raw
    )
    tetran.description, tetran.epilog = f"{_TETRAN}\n{_BOTH}", _TETRAN_EXAMPLE
    tetran.add_argument(
        "--source-lang", required=True, metavar="CODE", help="language of the documents"
    )
    for each in (tltran, tetran):
        _add_common(each)


def _add_common(parser: argparse.ArgumentParser) -> None:
    add_model_flags(parser)
    add_stream_flags(parser)
    parser.add_argument("--batch-size", type=int, default=16, metavar="N", help="default: 16")
    parser.add_argument("--cpu", action="store_true", help="do not use a GPU for the summarizer")
    translator = parser.add_argument_group("translator")
    translator.add_argument("--translator", required=True, metavar="SPEC", help="see above")
    for name, default, text in _TRANSLATOR_NUMBERS:
        translator.add_argument(
            f"--translator-{name.replace('_', '-')}", type=int, default=default, metavar="N",
            help=f"{text} (default: {default})",
        )  # fmt: skip
    translator.add_argument(
        "--translator-device", default="cpu", metavar="DEVICE", help="cpu (default), cuda, cuda:1"
    )
    translator.add_argument(
        "--translator-precision", metavar="TYPE",
        help="number format of its weights, as in float16 or int8 (default: that of its kind)",
    )  # fmt: skip
    translator.add_argument(
        "--translator-time-limit", type=float, metavar="SECONDS",
        help="that a program of command: may take for one call (default: any time)",
    )  # fmt: skip
    add_search_flags(parser.add_argument_group("search of the summarizer, as fairseq-generate"))


def run(args: argparse.Namespace) -> int:
    """Load both, summarize the input."""
    from tqdm import tqdm

    from mclas_fairseq.corpus.output import open_output

    if args.batch_size < 1:
        raise ConfigError(f"--batch-size {args.batch_size}: it must be at least 1")
    if (args.nbest or 1) > 1:
        raise ConfigError(
            f"--nbest {args.nbest}: a pipeline goes on with the best hypothesis alone; leave it out"
        )
    summarizer = load_summarizer(args, f"{NAME} {args.action}")
    source, target = _languages(args, summarizer)
    documents = list(read_documents(args.input, args.format, source, f"the {args.action} pipeline"))
    translator = _open_translator(args, source, target)
    try:
        written = _summaries(args, summarizer, translator, documents)
        with open_output(args.output) as stream, _flags_of_translator(TranslatorError):
            progress = tqdm(written, total=len(documents), unit="document", disable=None)
            for document, summary in zip(documents, progress, strict=True):
                stream.write(_line(document, summary, target) + "\n")
    finally:
        translator.close()
    return 0


def _languages(args: argparse.Namespace, summarizer: "Summarizer") -> tuple[str, str]:
    """Of documents and of summaries, checked before a translator is loaded."""
    from mclas_fairseq.corpus.languages import check_language
    from mclas_fairseq.inference.pipeline import PipelineLanguages, monolingual

    own = monolingual(summarizer, args.action)
    if args.action == "tltran":
        languages = PipelineLanguages(own, check_language(args.target_lang, "--target-lang"))
    else:
        languages = PipelineLanguages(check_language(args.source_lang, "--source-lang"), own)
    return languages.source, languages.target


def _open_translator(args: argparse.Namespace, source: str, target: str) -> "Translator":
    from mclas_fairseq.translators import TranslatorOptions, open_translator

    given = {name: getattr(args, f"translator_{name}") for name in _TRANSLATOR_OPTIONS}
    with _flags_of_translator(ConfigError):
        options = TranslatorOptions(source_lang=source, target_lang=target, **given)
        return open_translator(args.translator, options)


@contextmanager
def _flags_of_translator(*kinds: type[MclasError]) -> Iterator[None]:
    """Let errors of these kinds name the translator's flags as they are called here.

    They have names of their own, as the summarizer has some of the same.
    """
    try:
        yield
    except kinds as error:
        names = "|".join(name.replace("_", "-") for name in _TRANSLATOR_OPTIONS)
        message = re.sub(rf"(?<![\w-])--({names})(?![\w-])", r"--translator-\1", str(error))
        raise type(error)(message) from error


def _summaries(
    args: argparse.Namespace,
    summarizer: "Summarizer",
    translator: "Translator",
    documents: list[InputDocument],
) -> Iterator["PipelineSummary"]:
    from mclas_fairseq.corpus.sentences import split_sentences
    from mclas_fairseq.inference.pipeline import SummariseThenTranslate, TranslateThenSummarise

    pipeline: Union[SummariseThenTranslate, TranslateThenSummarise]
    if args.action == "tltran":
        split = split_sentences if args.unit == "sentence" else None
        pipeline = SummariseThenTranslate(summarizer, translator, args.target_lang, split)
        return pipeline.stream((one.text for one in documents), batch_size=args.batch_size)
    pipeline = TranslateThenSummarise(summarizer, translator, args.source_lang, split_sentences)
    return pipeline.stream((one.sentences for one in documents), batch_size=args.batch_size)


def _line(document: InputDocument, found: "PipelineSummary", target: str) -> str:
    if document.id is None:
        return found.summary[target]
    record: dict[str, Any] = {"id": document.id, "summary": found.summary, "score": found.score}
    return json.dumps(record, ensure_ascii=False)
