"""Data-bins of the study, from corpora as they are published (sources: the study's page)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from mclas_fairseq.corpus.labelled import (
    LabelKind,
    LabelledFile,
    LabelledSentence,
    write_labelled,
)
from mclas_fairseq.corpus.text_files import read_lines, write_beside
from studies.harness.processes import quietly, say
from studies.labelling.cells import TARGETS

Sentences = Iterable[LabelledSentence]
SPLITS = ("train", "valid", "test")
_MOST = 3000  # training sentences of a language, of entities
_UTTERANCES = 2000
_FIXED = {"Orecurring_datetime": "O"}


def data_bin(task: str, data: Path, encoder: Path, out: Path) -> Path:
    """The data-bin of a task, made when it is missing.

    Args:
        task: of `TARGETS`.
        data: folder of pos/, ner/ and slots/.
        encoder: whose tokenizer cuts.
        out: folder of data-bins.
    """
    folder = out / task
    if not (folder / "manifest.json").exists():
        say(f"data-bin {task}")
        kind = "pos" if task in ("pos", "partut") else "spans"
        flags: list[object] = []
        for split in SPLITS:
            files = list(_written(task, data, split, out / f"{task}.files", kind))
            flags += [f"--{split}", *files] if files else []
        quietly(
            *("mclas", "prepare", "--labels", kind, "--pretrained", encoder, "--out", folder),
            *flags,
        )
    return folder


def _written(task: str, data: Path, split: str, folder: Path, kind: str) -> Iterator[str]:
    """The sentences of a split as files of ours, LANG=FILE."""
    makers: dict[str, Callable[[Path, str, str], Sentences | None]] = {
        "pos": _pos,
        "partut": _partut,
        "ner": _entities,
        "slots": _slots,
    }
    trainable, others = TARGETS[task]
    for language in ("en", *trainable, *others):
        sentences = makers[task](data, split, language)
        if sentences is None:
            continue
        path = folder / f"{split}.{language}.{kind}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        with write_beside(path) as stream:
            write_labelled(stream, sentences)
        yield f"{language}={path}"


def _read(path: Path, kind: LabelKind, column: int | None = None) -> Iterator[LabelledSentence]:
    plain = path if path.exists() else path.with_name(path.name + ".gz")
    if not plain.exists():
        raise SystemExit(f"--data: {path} is needed, but is not there; see the study's page")
    return LabelledFile(plain, kind, column=column).sentences()


def _treebank(data: Path, name: str, stem: str, split: str) -> Sentences:
    ending = {"valid": "dev"}.get(split, split)
    return _read(data / "pos" / name / f"{stem}-ud-{ending}.conllu", LabelKind.POS)


def _pos(data: Path, split: str, language: str) -> Sentences:
    if language == "en":
        return _treebank(data, "UD_English-EWT", "en_ewt", split)
    name = {"de": "German", "zh": "Chinese"}[language]
    if split == "train":
        return _treebank(data, f"UD_{name}-PUD", f"{language}_pud", "test")
    return _treebank(data, f"UD_{name}-GSD", f"{language}_gsd", split)


def _partut(data: Path, split: str, language: str) -> Sentences:
    name = {"en": "English", "fr": "French", "it": "Italian"}[language]
    return _treebank(data, f"UD_{name}-ParTUT", f"{language}_partut", split)


def _ner_file(data: Path, name: str, stem: str, split: str) -> Sentences:
    return _read(data / "ner" / f"UNER_{name}" / f"{stem}-ud-{split}.iob2", LabelKind.SPANS)


def _entities(data: Path, split: str, language: str) -> Sentences:
    """Named entities; what has no split of its own is dealt out by the number of the sentence."""
    if language == "de":
        shares = {"valid": (0,), "test": (1, 2), "train": (3, 4)}[split]
        return _dealt(_ner_file(data, "German-PUD", "de_pud", "test"), shares)
    if language == "en":
        if split == "test":
            return _ner_file(data, "English-EWT", "en_ewt", "test")
        shares = {"valid": (0,), "train": (1, 2, 3, 4)}[split]
        return _dealt(_ner_file(data, "English-EWT", "en_ewt", "dev"), shares)
    name, stem = {
        "da": ("Danish-DDT", "da_ddt"),
        "pt": ("Portuguese-Bosque", "pt_bosque"),
        "zh": ("Chinese-GSD", "zh_gsd"),
    }[language]
    found = _ner_file(data, name, stem, {"valid": "dev"}.get(split, split))
    return islice(found, _MOST) if split == "train" else found


def _dealt(sentences: Sentences, shares: Sequence[int]) -> Iterator[LabelledSentence]:
    return (one for number, one in enumerate(sentences) if number % 5 in shares)


def _slots(data: Path, split: str, language: str) -> Sentences | None:
    folder = data / "slots" / "xSID"
    if split == "train":
        return islice(_utterances(folder / "train"), _UTTERANCES) if language == "en" else None
    return _whole_words(folder / "xSID-0.7" / f"{language}.{split}.conll")


def _utterances(folder: Path) -> Iterator[LabelledSentence]:
    """English utterances, each once."""
    seen = set()
    files = (folder / "text.en.gz", folder / "label.en.gz")
    for (_, text), (_, labels) in zip(*map(read_lines, files), strict=True):
        if text not in seen:
            seen.add(text)
            tags = labels.partition("\t")[0].split()
            yield LabelledSentence(tuple(text.split()), tuple(_FIXED.get(t, t) for t in tags))


def _whole_words(path: Path) -> Iterator[LabelledSentence]:
    """Sentences of xSID without words of white space alone, which the reader refuses."""
    plain = path if path.exists() else path.with_name(path.name + ".gz")
    rows: list[tuple[str, str]] = []
    for _, line in [*read_lines(plain), (0, "")]:
        columns = line.split("\t")
        if len(columns) > 3 and columns[1].strip():
            rows.append((columns[1].strip(), _FIXED.get(columns[3], columns[3])))
        elif not line.strip() and rows:
            words, tags = zip(*rows, strict=True)
            yield LabelledSentence(words, tags)
            rows = []
