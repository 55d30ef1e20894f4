"""BLEU and ROUGE of Apertium's Italian against the post-edited one: first summaries of a file.

    python quality.py xscitldr/test.jsonl.gz --json quality.json

The summaries are those that authors wrote of their papers, a sentence each, in English;
post-editors made their Italian references from another translator's output.
"""

import argparse
import json
import sys
from pathlib import Path

import sacrebleu

from mclas_fairseq.corpus.records import read_records
from mclas_fairseq.corpus.text_files import write_beside
from mclas_fairseq.evaluation.rouge import score_rouge
from mclas_fairseq.translators import TranslatorOptions, open_translator

_PROGRAM = Path(__file__).with_name("apertium_lines.py")


def main() -> None:
    """Translate, score, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("records", type=Path, help="with summaries in English and Italian")
    parser.add_argument("--json", type=Path, required=True)
    args = parser.parse_args()
    records = list(read_records(args.records))
    english = [record.summary["en"][0] for record in records]
    italian = [record.summary["it"][0] for record in records]
    spec = f"command:{sys.executable} {_PROGRAM} eng-spa spa-ita"
    translator = open_translator(spec, TranslatorOptions("en", "it"))
    found = [one.text for one in translator.translate(english)]
    translator.close()
    metric = sacrebleu.BLEU()
    scores = score_rouge(found, [[one] for one in italian], language="it")
    report: dict[str, object] = {
        "summaries": len(records),
        "bleu": round(metric.corpus_score(found, [italian]).score, 2),
        "bleu_signature": str(metric.get_signature()),
        "rouge1_f": round(scores.mean("rouge1"), 2),
        "rouge2_f": round(scores.mean("rouge2"), 2),
        "rouge_signature": scores.signature("rouge1"),
    }
    for name, value in report.items():
        print(f"{name}: {value}")
    with write_beside(args.json) as stream:
        json.dump(report, stream, indent=2)
        stream.write("\n")


if __name__ == "__main__":
    main()
