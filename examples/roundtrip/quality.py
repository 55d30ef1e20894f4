"""BLEU of the two small translators on everyday sentences, image descriptions and paper summaries.

    python quality.py DATA TRANSLATORS --json quality.json

Of X-SCITLDR the validation split is taken, so that its test split stays unseen.
"""

import argparse
import gzip
import json
from pathlib import Path

import sacrebleu

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.translators import TranslatorOptions, open_translator

_MOST = 1000  # lines of each set


def _lines(path: Path) -> list[str]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        return file.read().splitlines()


def test_sets(data: Path) -> dict[str, dict[str, list[str]]]:
    """Name -> language -> lines."""
    records = list(read_records(data / "xscitldr" / "valid.jsonl.gz"))
    return {
        "Tatoeba test": {c: _lines(data / "tatoeba" / f"test.en-de.{c}.gz") for c in ("en", "de")},
        "Multi30k test2016": {
            c: _lines(data / "multi30k" / f"test2016.{c}.gz") for c in ("en", "de")
        },
        "X-SCITLDR valid, first summaries": {
            c: [record.summary[c][0] for record in records] for c in ("en", "de")
        },
    }


def main() -> None:
    """Translate, score, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("translators", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    sets = test_sets(args.data)
    metric = sacrebleu.BLEU()
    report: dict[str, dict[str, float]] = {}
    for source, target in (("en", "de"), ("de", "en")):
        model = f"ct2:{args.translators}/{source}-{target}/model.pt"
        translator = open_translator(model, TranslatorOptions(source, target))
        for name, texts in sets.items():
            found = translator.translate(texts[source][:_MOST])
            score = metric.corpus_score([one.text for one in found], [texts[target][:_MOST]])
            report.setdefault(name, {})[f"{source}-{target}"] = round(score.score, 2)
            print(f"{name}, {source}-{target}: {score.score:.2f}")
        translator.close()
    with write_beside(args.json) as stream:
        json.dump({"bleu": report, "signature": str(metric.get_signature())}, stream, indent=2)
        stream.write("\n")


if __name__ == "__main__":
    main()
