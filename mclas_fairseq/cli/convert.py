"""`mclas convert`: own data to records (see `mclas_fairseq.corpus.conversion.convert`)."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mclas_fairseq.errors import ConfigError

if TYPE_CHECKING:
    from mclas_fairseq.corpus.conversion.mapping import FieldMap
    from mclas_fairseq.corpus.conversion.options import ConvertOptions

NAME = "convert"
HELP = "turn spreadsheets, JSON, Parquet, TMX or plain text of one's own into records"
OUTPUTS = ("out", "dropped")
NEEDS_FAIRSEQ = False

# What --delimiter takes: these names, or the signs themselves.
_DELIMITERS = ("comma", "semicolon", "tab", "bar")
_FORMATS = ("auto", "csv", "tsv", "xlsx", "json", "jsonl", "parquet", "story", "tmx")

_DESCRIPTION = """\
Turn files of your own into records, the input of mclas prepare.

A spreadsheet of English texts with Turkish summaries, say,

  | nr | text                 | summary             |
  |----|----------------------|---------------------|
  | 1  | The council met ...  | Meclis toplandı ... |

is converted by saying which column is what (.xlsx as it is, or saved as CSV: "CSV UTF-8"):

  mclas convert --in talks.csv --map document.en=text,summary.tr=summary \\
      --split 80/10/10 --out talks

which writes talks/train.jsonl, talks/valid.jsonl and talks/test.jsonl, one record a line:

  {"id": "8c1d...", "document": {"en": "The council met ..."}, "summary": {"tr": ["Meclis ..."]},
   "origin": "talks.csv row 2"}

Fields are document.LANG, summary.LANG and translation.LANG (of the document), LANG being en, tr,
zh, pt-BR and so on. Not every field must be filled in every row: a row with its document and one
summary is a record.

  document.en=title+text         a document made of two columns
  summary.tr=summary1+summary2   two reference summaries: training uses the first, scoring all
  document.en=article.body       in JSON and Parquet, an object inside an object; the element of a
                                 list is highlights.0, and a whole list is the sentences of a
                                 document or the references of a summary
  document.en=text\\, long        a comma, plus sign or backslash in a column's name

Columns of other kinds of file: of TMX the languages of its units (en-US, or en) and id; of
CNN/DailyMail's .story files article, summary (all highlights), highlights and name. A folder
stands for the .story files in it. A JSON file may be a list of objects, objects one after another,
one object with such a list ({"data": [...]}), or a table by columns, equally many values in each
({"text": [...], "summary": [...]}, or numbered as pandas writes them).

Every row that is read is either written or reported as dropped with the reason: a row without a
document or without any summary, with an id that was there before (or none), with more or fewer
cells than the header, or that is not JSON. --dropped FILE keeps these rows to look at. Rows are
numbered as the spreadsheet numbers them.

With --split a hash of the document decides where it goes: always to the same split, whatever is
added later, so the shares are met about, not exactly. Versions of the same document (from 20 % of
their sequences of five words in common, or other by --similarity) stay in one split: else a system
would be tested on what it has seen. Without --id, ids are made of the documents' texts, so that
they stay when rows are moved or a summary is corrected.

Files are read as a stream; memory grows by about 0.25 KB a row for ids, whatever the texts.
"""

_EXAMPLE = """\
example:
  mclas convert --in talks.csv --map document.en=text,summary.tr=summary --id nr \\
      --split 80/10/10 --dropped talks-dropped.jsonl --out talks
  mclas prepare --source-lang en --target-lang tr --train talks/train.jsonl \\
      --valid talks/valid.jsonl --test talks/test.jsonl --out data-bin/talks

  a semicolon-separated file of a Turkish Excel, not saved as UTF-8, as one file of records:
  mclas convert --in talks.csv --encoding cp1254 --map document.en=text \\
      --map summary.tr=summary1+summary2 --out talks.jsonl.gz

  files with one document or summary a line:
  mclas convert --text document.en=news.en summary.de=news.de.1+news.de.2 --out news.jsonl
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `mclas convert`."""
    parser.description = _DESCRIPTION
    parser.epilog = _EXAMPLE
    _add_input_arguments(parser.add_argument_group("input"))
    _add_output_arguments(parser.add_argument_group("output"))


def _add_input_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--in", dest="inputs", type=Path, nargs="+", action="extend", default=[], metavar="FILE",
        help=".csv, .tsv, .json, .jsonl, .tmx (also .gz), .xlsx, .parquet or .story, or a folder of"
        " .story files; several are joined in this order")  # fmt: skip
    add("--map", dest="columns", action="append", default=[], metavar="FIELD=COLUMN[,...]",
        help="which column is what, as in document.en=text,summary.tr=summary; may be"
        " repeated")  # fmt: skip
    add("--text", nargs="+", action="extend", default=[], metavar="FIELD=FILE",
        help="instead of --in and --map: plain text, one item a line, a file for each"
        " field")  # fmt: skip
    add("--id", metavar="COLUMN", help="column with unique ids (default: made)")
    add("--format", choices=_FORMATS, default="auto",
        help="what the files are, if their names do not say it (default: %(default)s)")  # fmt: skip
    add("--sheet", metavar="NAME", help="of a workbook (default: the only one that it has)")
    add("--encoding", default="utf-8", metavar="NAME",
        help="encoding of text, as in cp1254; a file in another one is not read but an error that"
        " says what it looks like (default: %(default)s)")  # fmt: skip
    add("--delimiter", metavar="SIGN",
        help="what stands between the cells of CSV: comma, semicolon, tab or bar (default: found"
        " out, and reported)")  # fmt: skip
    add("--no-header", action="store_true",
        help="CSV and TSV: the first row is a row like the others; columns are called 1, 2, 3,"
        " ...")  # fmt: skip
    add("--no-quotes", action="store_true",
        help="CSV and TSV: quotation marks are part of the text and do not enclose"
        " cells")  # fmt: skip


def _add_output_arguments(group: argparse._ArgumentGroup) -> None:
    add = group.add_argument
    add("--out", type=Path, required=True, metavar="PATH",
        help="file to write (.jsonl or .jsonl.gz), or with --split the folder")  # fmt: skip
    add("--split", metavar="TRAIN/VALID/TEST",
        help="write train.jsonl, valid.jsonl and test.jsonl with about these shares:"
        " 80/10/10")  # fmt: skip
    add("--split-seed", type=int, metavar="N", help="which split of that kind (default: 1)")
    add("--similarity", type=float, metavar="S",
        help="share of five-word sequences from which two documents stay in one split, 0.2 to 1"
        " (default: 0.2)")  # fmt: skip
    add("--dedup", action="store_true",
        help="drop rows with the same texts as an earlier one (default: keep and count"
        " them)")  # fmt: skip
    add("--dropped", type=Path, metavar="FILE",
        help="write dropped rows here (.jsonl), with reasons")  # fmt: skip
    add("--overwrite", action="store_true", help="replace files that exist")


def run(args: argparse.Namespace) -> int:
    """Convert the files, say what became of every row and what to run next."""
    from mclas_fairseq.corpus.conversion.convert import convert
    from mclas_fairseq.corpus.conversion.next_step import prepare_command

    options = _options(args)
    for line in convert(options).lines():
        print(line)
    print(f"next: {prepare_command(options)}")
    return 0


def _options(args: argparse.Namespace) -> "ConvertOptions":
    from mclas_fairseq.corpus.conversion.delimited import DELIMITERS, TableOptions
    from mclas_fairseq.corpus.conversion.encodings import check_encoding
    from mclas_fairseq.corpus.conversion.guessing import Encoding
    from mclas_fairseq.corpus.conversion.opening import ReadingOptions
    from mclas_fairseq.corpus.conversion.options import ConvertOptions
    from mclas_fairseq.corpus.conversion.splitting import SplitOptions, parse_shares

    fields = _fields(args)
    delimiter = DELIMITERS.get(args.delimiter, args.delimiter)
    if delimiter is not None and delimiter not in DELIMITERS.values():
        raise ConfigError(
            f"--delimiter: must be {', '.join(_DELIMITERS)} or the sign itself, but is"
            f" {args.delimiter!r}; correct it"
        )
    split = None
    if args.split is not None:
        defaults = SplitOptions((1.0, 0.0, 0.0))
        split = SplitOptions(
            shares=parse_shares(args.split),
            seed=defaults.seed if args.split_seed is None else args.split_seed,
            similarity=defaults.similarity if args.similarity is None else args.similarity,
        )
    elif args.split_seed is not None or args.similarity is not None:
        raise ConfigError(
            "--split-seed, --similarity: have an effect with --split only, which is not given;"
            " add --split 80/10/10"
        )
    languages = fields.languages("document", "summary", "translation")
    table = TableOptions(
        encoding=Encoding(check_encoding(args.encoding), tuple(languages)),
        delimiter=delimiter,
        has_header=not args.no_header,
        quoted=not args.no_quotes,
    )
    return ConvertOptions(
        inputs=args.inputs,
        fields=fields,
        out=args.out,
        reading=ReadingOptions(args.format, args.sheet, table),
        split=split,
        dropped=args.dropped,
        drop_repeated=args.dedup,
        overwrite=args.overwrite,
    )


def _fields(args: argparse.Namespace) -> "FieldMap":
    from mclas_fairseq.corpus.conversion.mapping import parse_map, parse_text_files

    if bool(args.inputs) == bool(args.text):
        raise ConfigError(
            "input: must be files with columns (--in and --map) or files of plain text (--text),"
            f" but {'both are' if args.text else 'none is'} given; give one of the two"
        )
    if not args.text:
        return parse_map(args.columns, args.id)
    table_flags = {
        "--map": bool(args.columns),
        "--id": args.id is not None,
        "--format": args.format != "auto",
        "--sheet": args.sheet is not None,
        "--delimiter": args.delimiter is not None,
        "--no-header": args.no_header,
        "--no-quotes": args.no_quotes,
    }
    for flag, given in table_flags.items():
        if given:
            raise ConfigError(f"{flag}: is about files with columns, but --text is given; drop it")
    return parse_text_files(args.text)
