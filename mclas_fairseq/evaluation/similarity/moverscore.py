"""MoverScore: how far the n-grams of a summary must be moved to become those of its reference.

Zhao et al., "MoverScore: Text Generation Evaluating with Contextualized Embeddings and Earth Mover
Distance" (2019), section 3. An n-gram's vector is the mean of its pieces' vectors, weighted by
inverse document frequency (idf); its mass is the sum of these weights; moving costs the Euclidean
distance of two vectors of length 1. The score is 1 minus the smallest cost of moving all mass of
one text onto the other, each with mass 1, as in the released code: 1 for identical texts, -1 at
worst. Earth mover's distances are computed by POT. Part of `mclas score`, beside ROUGE.

As in the released code, special pieces, punctuation and all but the first piece of a word ("##ing")
are left out, and idf is ln((M + 1) / (count + 1)). Different:

- idf is counted over the references, for both texts; the released code counts it over hypotheses
  and references apart. So a piece weighs the same in both, identical texts score 1 (there they need
  not), and a system's scores do not depend on what its other summaries are.
- Any encoder and layer, by default one layer (the released fast variant: the last of DistilBERT).
  With `power_means` vectors are minimum, mean and maximum over the last five layers up to it, each
  layer's vectors brought to length 1 before, as in the released slow variant and the paper.
- The distance is Euclidean (the paper and the fast variant); the slow variant squares it.
- Special pieces are left out by name, not for their idf of 0; punctuation is any of Unicode's, not
  ASCII's only. Only WordPiece marks the later pieces of a word with "##": with other tokenizers all
  pieces are moved, and the signature says `pieces:all`.
- An empty hypothesis scores 0; the released code moves nothing then, and gives 1.
"""

import unicodedata
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.similarity.documents import (
    Embedded,
    Job,
    Tokenised,
    count_unusable,
    score_documents,
    tokenise_documents,
)
from mclas_fairseq.evaluation.similarity.encoder import Encoder, Pieces
from mclas_fairseq.evaluation.similarity.scores import MoverScores
from mclas_fairseq.evaluation.similarity.transport import Mass, movers_distance, n_grams
from mclas_fairseq.evaluation.similarity.weights import (
    InverseDocumentFrequency,
    Uniform,
    Weights,
    warn_unweighted,
)
from mclas_fairseq.extras import require

_POWER_MEAN_LAYERS = 5
_LATER_PIECE = "##"
_SPACE_MARKS = "▁Ġ"  # how SentencePiece and byte-level BPE write the space before a word


def mover_scores(
    hypotheses: Sequence[str],
    references: Sequence[Sequence[str]],
    encoder: Encoder,
    *,
    n_gram: int = 1,
    multi_reference: str = "max",
    batch_size: int = 32,
    idf: bool = True,
    power_means: bool = False,
) -> MoverScores:
    """MoverScore of one hypothesis per document against its references.

    Args:
        hypotheses: N texts; one with nothing to move (empty, or punctuation only) scores 0.
        references: for each document at least one text.
        encoder: from `load_encoder`.
        n_gram: what is moved: 1 for pieces, 2 for pairs of neighbours, and so on; a text with fewer
            pieces is one n-gram.
        multi_reference: "max" or "mean" of a document's scores over its references.
        batch_size: texts encoded at once; the scores do not depend on it.
        idf: weigh pieces by inverse document frequency in the references, or all the same.
        power_means: vectors from the last five layers up to the encoder's, see the module.

    Raises:
        SetupError: the package POT is not installed.
        ConfigError: `n_gram` is below 1.
        DataError: different numbers of hypotheses and documents, nothing to score, or a document
            without references or with one that has nothing to move.
    """
    transport = require("ot", extra="metrics", purpose="MoverScore (package POT)")
    if n_gram < 1:
        raise ConfigError(f"MoverScore: n-grams must be of 1 piece or more, but are of {n_gram}")
    texts = tokenise_documents("MoverScore", hypotheses, references, encoder)
    match = partial(
        _match,
        solve=transport.emd2,
        n_gram=n_gram,
        weights=_weights(texts) if idf else Uniform(),
    )
    job = Job(
        "MoverScore",
        1,
        match,
        _has_moved_pieces,
        multi_reference,
        batch_size,
        combine=_power_means if power_means else None,
    )
    values = score_documents(texts, encoder, job)
    return MoverScores(
        scores=values[:, 0],
        signature=_signature(encoder, texts.refs(multi_reference), n_gram, idf, power_means),
        empty=count_unusable(texts, _has_moved_pieces),
        truncated=texts.truncated,
    )


def _match(
    hypothesis: Embedded,
    reference: Embedded,
    *,
    solve: Callable[..., Any],
    n_gram: int,
    weights: Weights,
) -> tuple[float]:
    """MoverScore of one pair."""
    first = _mass(hypothesis, weights, n_gram)
    second = _mass(reference, weights, n_gram)
    return (1.0 - movers_distance(first, second, solve),)


def _mass(text: Embedded, weights: Weights, n_gram: int) -> Mass:
    places = _moved_places(text.pieces)
    values = np.array([weights.weight(text.pieces.ids[place]) for place in places])
    if not values.any():
        values = np.ones(len(places))
    return n_grams(text.vectors[places].double().numpy(), values, n_gram)


def _weights(texts: Tokenised) -> Weights:
    """Inverse document frequencies, counted over the references."""
    weights = InverseDocumentFrequency.count(texts.pieces[text] for text in texts.all_references)
    moved = [[text.ids[place] for place in _moved_places(text)] for text in texts.pieces.values()]
    warn_unweighted("MoverScore", [ids for ids in moved if ids], weights)
    return weights


def _moved_places(text: Pieces) -> list[int]:
    """Places of the pieces that are moved: no special ones, punctuation or later parts of words."""
    return [
        place
        for place, (token, special) in enumerate(zip(text.tokens, text.special, strict=True))
        if not special and not token.startswith(_LATER_PIECE) and not _is_punctuation(token)
    ]


def _has_moved_pieces(text: Pieces) -> bool:
    return bool(_moved_places(text))


def _is_punctuation(token: str) -> bool:
    """Whether a piece holds punctuation and symbols only (or only the mark of a space)."""
    return all(unicodedata.category(sign)[0] in "PS" for sign in token.strip(_SPACE_MARKS))


def _power_means(states: Sequence[Tensor]) -> Tensor:
    """Minimum, mean and maximum over the last layers, each vector brought to length 1 before.

    Args:
        states: of layers 0 (left out unless it is the only one) to N, each (B, T, C).

    Returns:
        (B, T, 3 C): the p-means with p of minus infinity, 1 and infinity side by side.
    """
    last = torch.stack(list(states[1:] or states)[-_POWER_MEAN_LAYERS:])  # (layers, B, T, C)
    last = torch.nn.functional.normalize(last.float(), dim=-1)
    return torch.cat([last.amin(dim=0), last.mean(dim=0), last.amax(dim=0)], dim=-1)


def _signature(encoder: Encoder, refs: str, n_gram: int, idf: bool, power_means: bool) -> str:
    # Imported late: the package itself imports its scorer when it registers it.
    from mclas_fairseq.version import __version__

    suffix = f"-pmeans{_POWER_MEAN_LAYERS}" if power_means else ""
    marks_later = any(token.startswith(_LATER_PIECE) for token in encoder.tokenizer.get_vocab())
    fields = [
        f"moverscore{n_gram}",
        f"model:{encoder.name}",
        f"layer:{encoder.layer}{suffix}",
        f"idf:{'yes' if idf else 'no'}",
        f"pieces:{'first' if marks_later else 'all'}",
        f"refs:{refs}",
        f"v:{__version__}",
    ]
    return "|".join(fields)
