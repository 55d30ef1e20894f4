"""Published files to records: what the shell pipelines of this folder call for their first step.

    python records.py FORMAT FILES... --out records.jsonl.gz

Every document of the input becomes a record, or the run ends with an error that names the line:
what is left out for being too long or a duplicate is left out later, and counted.
"""

import argparse
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson

from mclas_fairseq.corpus.records import write_records
from mclas_fairseq.corpus.text_files import normalize_text, read_lines
from mclas_fairseq.errors import DataError, MclasError

Row = dict[str, Any]

_TAG = re.compile(r"<(/?)(doc|Article|EN-REF|ZH-REF)([^>]*)>$")
_CORRECTED = "human-corrected"
_LIKELY_SAME = 0.6  # share of words that two copies of an abstract must have in common


def rows_of(path: Path) -> Iterator[tuple[str, Row]]:
    """The objects of JSON lines, with where each stands."""
    for number, line in read_lines(path):
        origin = f"{path}:{number}"
        yield origin, row_of(line, origin)


def row_of(line: str, origin: str) -> Row:
    """The object of a line."""
    try:
        row = orjson.loads(line)
    except ValueError as error:
        raise DataError(f"{origin}: every line must be JSON, but is not ({error})") from error
    if not isinstance(row, dict):
        raise DataError(f"{origin}: every line must be a JSON object, but is {line[:40]}")
    return row


def field(row: Row, key: str, origin: str) -> Any:
    """A field that must be there and not empty."""
    value = row.get(key)
    if not value:
        raise DataError(
            f"{origin}: must have {key!r}, but has {', '.join(row) or 'nothing'}"
            f"{' and it is empty' if key in row else ''}; is this the right file?"
        )
    return value


def text_of(row: Row, key: str, origin: str) -> str:
    """A field that must be a text with something in it."""
    value = field(row, key, origin)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{origin}: {key!r} must be a text, but is {str(value)[:40]!r}")
    return value


def parallel(args: argparse.Namespace) -> Iterator[Row]:
    """Two files, line n of one the translation of line n of the other."""
    both = zip(read_lines(args.files[0]), read_lines(args.files[1]), strict=True)
    for (number, source), (_, target) in both:
        if not source.strip() or not target.strip():
            side = args.files[0] if not source.strip() else args.files[1]
            raise DataError(f"{side}:{number}: a translation pair must have two texts, but one is"
                            " empty; remove the line from both files")  # fmt: skip
        yield {
            "id": f"{args.split}-{number}",
            "document": {args.source_lang: normalise_punctuation(source, args.source_lang)},
            "translation": {args.target_lang: normalise_punctuation(target, args.target_lang)},
        }


def rows(args: argparse.Namespace) -> Iterator[Row]:
    """JSON lines with one document and one summary each."""
    (language, key), (summary_language, summary_key) = args.document, args.summary[0]
    broken: list[DataError] = []
    for number, line in read_lines(args.files[0]):
        origin = f"{args.files[0]}:{number}"
        try:
            row = row_of(line, origin)
            texts = [text_of(row, name, origin) for name in (key, summary_key)]
        except DataError as error:
            if not args.skip_broken:
                raise
            broken.append(error)
            continue
        yield {
            "id": f"{args.split}-{number}",
            "document": {language: texts[0]},
            "summary": {summary_language: [texts[1]]},
            "source_url": row.get("source_url", ""),
        }
    if broken:
        print(f"{args.files[0]}: left out {len(broken):,} broken rows, such as {broken[0]}")


def wikilingua(args: argparse.Namespace) -> Iterator[Row]:
    """Rows of the wanted pair; S^A from the row of the same article in its own language."""
    own: dict[str, str] = {}
    for origin, row in rows_of(args.files[0]):
        if row.get("source_language") == row.get("target_language") == args.source_lang:
            own[field(row, "gem_parent_id", origin)] = field(row, "target", origin)
    found = 0
    for origin, row in rows_of(args.files[0]):
        pair = (row.get("source_language"), row.get("target_language"))
        if pair != (args.source_lang, args.target_lang):
            continue
        found += 1
        references = row.get("references") or [field(row, "target", origin)]
        summary = {args.target_lang: references}
        if row.get("gem_parent_id") in own:
            summary[args.source_lang] = [own[row["gem_parent_id"]]]
        yield {
            "id": field(row, "gem_id", origin),
            "document": {args.source_lang: field(row, "source", origin)},
            "summary": summary,
        }
    if not found:
        raise DataError(
            f"{args.files[0]}: must hold rows from {args.source_lang} to {args.target_lang}, but"
            " holds none; check --source-lang and --target-lang"
        )


def xscitldr(args: argparse.Namespace) -> Iterator[Row]:
    """SciTLDR's lines beside those of X-SCITLDR in the same order."""
    others = {code: rows_of(Path(path)) for code, path in args.summary}
    translated = {code: read_lines(Path(path)) for code, path in args.translation}
    for origin, row in rows_of(args.files[0]):
        sentences = field(row, "source", origin)
        summary = {"en": field(row, "target", origin)}
        for code, lines in others.items():
            place, other = next(lines)
            if not _same_text(" ".join(sentences), field(other, "source", place)):
                raise DataError(
                    f"{place}: must be the abstract of {origin}, line by line, but is another one;"
                    " a line was lost or added, or the files are of different splits"
                )
            summary[code] = field(other, "target", place)
        texts = {code: next(lines)[1] for code, lines in translated.items()}
        record = {"id": field(row, "paper_id", origin), "document": {"en": sentences}}
        title = {"en": row["title"]} if row.get("title") else {}
        translation = {code: text for code, text in texts.items() if text.strip()}
        yield {**record, "title": title, "summary": summary, "translation": translation}


def ncls(args: argparse.Namespace) -> Iterator[Row]:
    """The tagged files of Zh2EnSum and En2ZhSum."""
    source_lang = "zh" if args.target_lang == "en" else "en"
    corrected = args.split != "train"
    for number, (origin, parts) in enumerate(_tagged_documents(args.files[0]), 1):
        texts = {code: parts[code] for code in ("en", "zh")}
        wanted = parts[f"{args.target_lang}-{_CORRECTED}"]
        if corrected and wanted:
            texts[args.target_lang] = wanted
        for name, lines in (("Article", parts["article"]), *((c.upper(), texts[c]) for c in texts)):
            if not any(lines):
                raise DataError(f"{origin}: a <doc> must have a text under {name}, but has none")
        yield {
            "id": f"{args.split}-{number}",
            "document": {source_lang: _joined(parts["article"], source_lang, args.chinese)},
            "summary": {
                code: [_joined(lines, code, args.chinese)] for code, lines in texts.items()
            },
        }


def headlines(args: argparse.Namespace) -> Iterator[Row]:
    """Articles and their headlines, line by line."""
    both = zip(read_lines(args.files[0]), read_lines(args.files[1]), strict=True)
    for (number, article), (_, title) in both:
        if not article.strip() or not title.strip():
            side = args.files[0] if not article.strip() else args.files[1]
            raise DataError(f"{side}:{number}: must not be empty; remove the line from both files")
        yield {
            "id": f"{args.split}-{number}",
            "document": {args.lang: article},
            "summary": {args.lang: [title]},
        }


def normalise_punctuation(text: str, language: str) -> str:
    """Quotation marks, dashes and spaces as Moses' script has them; Chinese is left as it is."""
    return text if language == "zh" else str(_normaliser(language).normalize(text))


_normalisers: dict[str, Any] = {}


def _normaliser(language: str) -> Any:
    from sacremoses import MosesPunctNormalizer

    if language not in _normalisers:
        _normalisers[language] = MosesPunctNormalizer(lang=language)
    return _normalisers[language]


def _tagged_documents(path: Path) -> Iterator[tuple[str, dict[str, list[str]]]]:
    parts: dict[str, list[str]] | None = None
    open_part, origin = "", ""
    for number, line in read_lines(path):
        text = line.strip()
        tag = _TAG.match(text)
        place = f"{path}:{number}"
        if tag is None:
            if parts is not None and open_part and text:
                parts[open_part].append(text)
            elif text:
                raise DataError(
                    f"{place}: text must stand inside a tag, but {text[:40]!r} does not"
                )
            continue
        closing, kind, rest = tag.groups()
        if kind == "doc" and not closing:
            if parts is not None:
                raise DataError(f"{place}: <doc> must end before the next, but {origin} did not")
            parts, origin = defaultdict(list), place
        elif parts is None:
            raise DataError(f"{place}: a <doc> must begin first, but {text} stands before one")
        elif kind == "doc":
            yield origin, parts
            parts = None
        else:
            name = "article" if kind == "Article" else kind[:2].lower()
            open_part = "" if closing else name + (f"-{_CORRECTED}" if _CORRECTED in rest else "")
    if parts is not None:
        raise DataError(f"{path}: must end with </doc>, but the document at {origin} does not; it"
                        " was cut off: download it again")  # fmt: skip


def _joined(lines: list[str], language: str, unit: str) -> str:
    if language != "zh":
        return normalise_punctuation(" ".join(lines), language)
    text = normalize_text("".join(lines))
    if unit == "words":
        import jieba

        return " ".join(word for word in jieba.cut(text) if word.strip())
    return text


def _same_text(first: str, second: str) -> bool:
    """Compare by shared words: the copies differ in spaces and in damaged quotation marks."""
    letters = [
        re.findall(r"[a-z]{4,}", re.sub(r"\s+", " ", text.lower())) for text in (first, second)
    ]
    ours, theirs = (set(words) for words in letters)
    return len(ours & theirs) >= _LIKELY_SAME * min(len(ours), len(theirs))


def _key_value(text: str) -> tuple[str, str]:
    key, sign, value = text.partition("=")
    if not (key and sign and value):
        raise argparse.ArgumentTypeError(f"{text!r} is not LANG=NAME")
    return key, value


FORMATS: dict[str, Callable[[argparse.Namespace], Iterator[Row]]] = {
    function.__name__: function
    for function in (parallel, rows, wikilingua, xscitldr, ncls, headlines)
}


def main() -> int:
    """Write the records; exit code 2 where the files are not as described."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    formats = parser.add_subparsers(dest="format", required=True, metavar="FORMAT")
    for name, function in FORMATS.items():
        one = formats.add_parser(name, help=function.__doc__, description=function.__doc__)
        one.add_argument("files", type=Path, nargs=2 if name in ("parallel", "headlines") else 1)
        one.add_argument("--out", type=Path, required=True)
        for flag in ("--source-lang", "--target-lang", "--lang", "--split"):
            one.add_argument(flag, default="")
        one.add_argument("--skip-broken", action="store_true")
        one.add_argument("--chinese", choices=("characters", "words"), default="characters")
        one.add_argument("--document", type=_key_value, metavar="LANG=KEY")
        one.add_argument("--summary", type=_key_value, action="append", default=[])
        one.add_argument("--translation", type=_key_value, action="append", default=[])
    args = parser.parse_args()
    # The name that is renamed at the end tells whether to compress: OUT is FILE.new.
    final = args.out.with_suffix("") if args.out.suffix == ".new" else args.out
    written = final.with_name(f".{final.name}.part{''.join(final.suffixes[-2:])}")
    try:
        number = write_records(written, FORMATS[args.format](args))
    except MclasError as error:
        print(f"records.py {args.format}: error: {error}", file=sys.stderr)
        return 2
    written.rename(args.out)
    print(f"{final}: {number:,} records")
    return 0


if __name__ == "__main__":
    sys.exit(main())
