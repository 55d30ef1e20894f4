"""Random texts as long as those of Liang et al. (2022), for what only lengths and sizes decide.

Zh2EnSum (Tables 1 and 2): documents of 104 tokens, summaries of 18 in the document's language and
of 14 in the other one. LDC's sentences, about 28 tokens a side, are the MT data. The vocabulary of
50,000 is a cautious one: the sizes of the paper's models (114.90 M) leave room for 138,000 rows.
"""

import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

VOCABULARY = 50_000
DOCUMENT, SUMMARY, CROSS_LINGUAL_SUMMARY, SENTENCE = 104, 18, 14, 28


def prepare(
    folder: Path, call: Callable[[Sequence[str]], None], vocabulary: int = VOCABULARY
) -> tuple[Path, Path]:
    """Data-bins of CLS (with MS) and of MT, made on the first call.

    Args:
        folder: for both.
        call: runs a command of `mclas`.
        vocabulary: how many words there are.
    """
    cls, mt = folder / "cls", folder / "mt"
    if (cls / "manifest.json").exists():
        return cls, mt
    folder.mkdir(parents=True, exist_ok=True)
    draw = random.Random(1)
    files = {name: folder / f"{name}.jsonl" for name in ("cls", "mt", "valid", "test")}
    _write(files["cls"], _triples(draw, 4000, vocabulary))
    _write(files["mt"], _pairs(draw, 8000, vocabulary))
    _write(files["valid"], _triples(draw, 10, vocabulary))
    _write(files["test"], _triples(draw, 300, vocabulary))
    learned = f"--tokenizer words --vocab-size {vocabulary} --task-tags"
    splits = f"--valid {files['valid']} --test {files['test']}"
    common = "--source-lang en --target-lang de --overwrite"
    call(f"prepare {common} --train {files['cls']} {splits} --out {cls} {learned}".split())
    call(f"prepare {common} --train {files['mt']} --out {mt} --like {cls}".split())
    return cls, mt


def _text(draw: random.Random, mean: int, vocabulary: int) -> str:
    # Half of the mean to one and a half of it; every word is as frequent as any other.
    length = draw.randint(mean - mean // 2, mean + mean // 2)
    return " ".join(f"w{draw.randrange(vocabulary)}" for _ in range(length))


def _triples(draw: random.Random, count: int, vocabulary: int) -> Iterator[dict[str, object]]:
    for _ in range(count):
        english, german = (
            _text(draw, mean, vocabulary) for mean in (SUMMARY, CROSS_LINGUAL_SUMMARY)
        )
        document = _text(draw, DOCUMENT, vocabulary)
        yield {"document": {"en": document}, "summary": {"en": english, "de": german}}


def _pairs(draw: random.Random, count: int, vocabulary: int) -> Iterator[dict[str, object]]:
    for _ in range(count):
        translation = {"de": _text(draw, SENTENCE, vocabulary)}
        document = _text(draw, SENTENCE, vocabulary)
        yield {"document": {"en": document}, "translation": translation}


def _write(file: Path, records: Iterator[dict[str, object]]) -> None:
    lines = (
        json.dumps({"id": f"{file.stem}-{number}", **row}) for number, row in enumerate(records)
    )
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
