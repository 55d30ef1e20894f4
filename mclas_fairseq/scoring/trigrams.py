"""What a trigram model of a data-bin's training summaries reaches on its other splits.

See `evaluation/trigrams.py`: a model that reads no document, beside the NLL of those that do.
"""

from pathlib import Path

from mclas_fairseq.data.data_bin import DataBin, summary_side
from mclas_fairseq.evaluation.trigrams import TrigramModel


def trigram_bits(folder: Path, language: str) -> dict[str, float]:
    """Split -> bits a piece of its summaries by a trigram model of the training summaries.

    Args:
        folder: the data-bin.
        language: of the summaries.

    Raises:
        DataError: there is no data-bin, or it has no training summary in the language.
    """
    data = DataBin.open(folder)
    sides = {split: data.side(split, summary_side(language)) for split in data.splits}
    # A document without a summary has an end and nothing before it.
    texts = {
        split: [pieces for row in range(len(side)) if len(pieces := side[row].tolist()) > 1]
        for split, side in sides.items()
        if side is not None
    }
    model = TrigramModel(texts.pop("train", []), len(data.dictionary))
    return {split: model.bits_per_piece(found) for split, found in texts.items() if found}
