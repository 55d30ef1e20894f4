"""Scores that the literature prints for the outputs of TNCLS and CLSMS on Zh2EnSum and En2ZhSum.

Zhu et al., "NCLS: Neural Cross-Lingual Summarization" (2019); their outputs were released with
ATSum. The files stay outside the project: the hashes of the decompressed text say which were meant.
"""

import gzip
import hashlib
from pathlib import Path

import pytest

from mclas_fairseq.evaluation.rouge import RougeScores, score_rouge

# Decompressed file -> SHA-256.
HASHES = {
    "en2zh.clsms": "a716c16569d2abd5886d81b4ef919bee19cbf50fbc8de0ba9403dc5964400df4",
    "en2zh.reference": "3ef5f2176ea75911b6b557682ad0a608b771cc31fd88d07a0f9a02b69c524009",
    "en2zh.tncls": "3524525926cb118a1bd3d6a9b9c3af134599b3e80cd6eadd27a83a63f76f66e5",
    "zh2en.clsms": "9c9a79401516af97d1f21bf0068309f5af35d84c75caee7965cab485cd968797",
    "zh2en.reference": "5bf5b7902de9a07a2b77774a1a09c8fa1df5188e0f20e8383bbfb6d683090165",
    "zh2en.tncls": "315289210781b748a5ae7b5e121576965ae17e047224e28e2e971ad6ef23dad4",
}

# Direction, system -> printed ROUGE-1, ROUGE-2, ROUGE-L, and what this package gives them.
PUBLISHED = {
    ("zh2en", "tncls"): ((38.85, 21.93, 35.05), (38.856, 21.934, 35.060)),
    ("zh2en", "clsms"): ((40.34, 22.65, 36.39), (40.354, 22.646, 36.408)),
    ("en2zh", "tncls"): ((36.82, 18.72, 33.20), (36.808, 18.721, 33.068)),
    ("en2zh", "clsms"): ((38.25, 20.20, 34.76), (38.251, 20.211, 34.662)),
}


def read(folder: Path, name: str) -> list[str]:
    data = gzip.decompress((folder / f"{name}.gz").read_bytes())
    assert hashlib.sha256(data).hexdigest() == HASHES[name], f"{name} is another file"
    return data.decode("utf-8").removesuffix("\n").split("\n")


def score(folder: Path, direction: str, system: str) -> RougeScores:
    hypotheses = read(folder, f"{direction}.{system}")
    if (direction, system) == ("zh2en", "clsms"):  # in SentencePiece pieces
        hypotheses = [line.replace(" ", "").replace("▁", " ") for line in hypotheses]
    references = [[line] for line in read(folder, f"{direction}.reference")]
    return score_rouge(hypotheses, references, language=direction[-2:], protocol="ncls")


@pytest.mark.parametrize(("direction", "system"), PUBLISHED)
def test_published_scores_are_reproduced(data_dir: Path, direction: str, system: str) -> None:
    scores = score(data_dir / "published_outputs", direction, system)
    printed, recorded = PUBLISHED[direction, system]
    got = [scores.mean(metric) for metric in ("rouge1", "rouge2", "rougeLsum")]
    assert got == pytest.approx(recorded, abs=0.001)
    assert got[:2] == pytest.approx(printed[:2], abs=0.05)
    assert got[2] == pytest.approx(printed[2], abs=0.15)
