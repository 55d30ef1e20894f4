"""Raw text of three languages from records: documents and their translations.

    python examples/glm/raw_text.py news/train.jsonl FOLDER

Writes FOLDER/en.txt, de.txt and zh.txt: a document is one line, an empty line ends it.
"""

import sys
from pathlib import Path

from mclas_fairseq.corpus.records import read_records


def main(records: Path, folder: Path) -> None:
    """Write the texts of a file of records."""
    folder.mkdir(parents=True, exist_ok=True)
    texts: dict[str, list[str]] = {"en": [], "de": [], "zh": []}
    for record in read_records(records):
        for language, found in texts.items():
            sentences = {**record.document, **record.translation}[language]
            found.append(("" if language == "zh" else " ").join(sentences))
    for language, found in texts.items():
        path = folder / f"{language}.txt"
        path.write_text("".join(f"{text}\n\n" for text in found), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
