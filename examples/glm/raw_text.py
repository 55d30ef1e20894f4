"""Writes documents of records as raw text, a file a language: python raw_text.py RECORDS OUT."""

import json
import sys
from pathlib import Path


def main(records: Path, out: Path) -> None:
    """Write OUT/LANG.txt for each language: a sentence a line, an empty line behind a document."""
    files = {}
    with records.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            for language, sentences in {**record["document"], **record["translation"]}.items():
                if language not in files:
                    files[language] = (out / f"{language}.txt").open("w", encoding="utf-8")
                files[language].write("\n".join(sentences) + "\n\n")
    for file in files.values():
        file.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
