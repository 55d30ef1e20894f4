"""Versions of a document are found, whatever their number, language and order."""

import gzip
import json
import random
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from mclas_fairseq.corpus.conversion import near_duplicates
from mclas_fairseq.corpus.conversion.near_duplicates import NearDuplicates, jaccard
from mclas_fairseq.corpus.conversion.shingles import digest, hash_sequences, sequences, words


def groups(folder: Path, texts: Sequence[str], similarity: float = 0.2) -> list[int]:
    folder.mkdir(parents=True, exist_ok=True)
    found = NearDuplicates(folder, similarity)
    for text in texts:
        found.add(text)
    return [int(label) for label in found.groups()]


def naive_groups(texts: Sequence[str], similarity: float) -> list[int]:
    """All pairs, one by one; labels spread until nothing changes."""
    labels = list(range(len(texts)))
    sets = [set(sequences(text)) for text in texts]
    alike = [
        (i, j)
        for i, j in combinations(range(len(texts)), 2)
        if len(sets[i] & sets[j]) / len(sets[i] | sets[j]) >= similarity
    ]
    for _ in texts:
        for i, j in alike:
            labels[i] = labels[j] = min(labels[i], labels[j])
    return labels


def random_text(chosen: random.Random, size: int) -> list[str]:
    return [f"w{chosen.randrange(3000)}" for _ in range(size)]


def varied_corpus(size: int) -> list[str]:
    """Documents and versions of them with ever more words exchanged."""
    chosen = random.Random(5)
    texts = []
    for _ in range(size):
        text = random_text(chosen, 120)
        texts.append(" ".join(text))
        for changed in (1, 3, 8, 20):
            version = text[:]
            for place in chosen.sample(range(len(text)), changed):
                version[place] = f"v{chosen.randrange(3000)}"
            texts.append(" ".join(version))
    chosen.shuffle(texts)
    return texts


def test_words_have_no_case_and_letters_of_unspaced_scripts_stand_alone() -> None:
    assert words("The CAFÉ—it's 3.5%") == ["the", "café", "it", "s", "3", "5"]
    assert words("GPU模型が速い") == ["gpu", "模", "型", "が", "速", "い"]
    assert words("?!") == ["?!"]
    assert sequences("a b c d e f") == ["a b c d e", "b c d e f"]
    assert sequences("a b") == ["a b"]
    assert sequences("") == [""]


def test_the_digest_ignores_case_blanks_and_punctuation_only() -> None:
    assert digest("A man, a plan.") == digest("a MAN a  plan")
    assert digest("A man, a plan.") != digest("A plan, a man.")


def test_sets_are_sorted_distinct_and_never_empty() -> None:
    hashes, starts = hash_sequences(["a b c d e a b c d e f", "", "x"])
    sets = [hashes[start:end] for start, end in zip(starts, starts[1:], strict=False)]
    assert [item.size for item in sets] == [6, 1, 1]
    assert np.all(np.diff(sets[0].astype(np.int64)) > 0)
    assert jaccard(sets[0], sets[0]) == 1
    assert jaccard(sets[0], sets[1]) == 0


@pytest.mark.parametrize("similarity", [0.2, 0.5, 0.9])
def test_groups_are_those_of_comparing_all_pairs(tmp_path: Path, similarity: float) -> None:
    texts = varied_corpus(25)
    expected = naive_groups(texts, similarity)
    assert len(set(expected)) < len(texts)
    assert groups(tmp_path, texts, similarity) == expected


def test_at_similarity_1_only_the_same_words_belong_together(tmp_path: Path) -> None:
    texts = ["One two three four five six.", "one TWO three four five six", "One two three"]
    assert groups(tmp_path, texts, 1.0) == [0, 0, 2]


def test_chinese_versions_are_found(tmp_path: Path) -> None:
    text = "市政府昨天宣布，新的地铁线路将于明年春天开通，预计每天运送十万名乘客，票价两元。"
    other = "科学家在深海里发现了三种从未见过的鱼，它们在完全黑暗的地方靠身体发出的光寻找食物。"
    assert groups(tmp_path, [text, other, text.replace("春天", "秋天")]) == [0, 1, 0]


def test_a_great_many_copies_make_one_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_duplicates, "_BLOCK", 64)
    text = " ".join(random_text(random.Random(1), 80))
    texts = [f"{text} {number}" for number in range(200)]
    assert groups(tmp_path, texts) == [0] * 200


def test_nothing_in_nothing_out(tmp_path: Path) -> None:
    assert groups(tmp_path, []) == []


# data/README.md, "Known noise": the same abstract, other versions of a paper (0.5 to 0.8), and
# duplicates inside a split.
KNOWN = [
    ("HyxaHGcij7", "S1xzyhR9Y7"),
    ("rylLud_moQ", "SkGMOi05FQ"),
    ("S1EERs09YQ", "BJec2Mfosm"),
    ("S1M7wGssim", "H1z-PsR5KX"),
    ("SJf_XhCqKm", "HyBbjW-RW"),
    ("HyGxNg9SiQ", "HyzMyhCcK7"),
    ("HyesB2RqFQ", "rJxEso0osm"),
    ("HJxjSR5so7", "B1G9doA9F7"),
    ("SkxwBgpmDE", "B1X0mzZCW"),
    ("BJxDNxSFDH", "r1ldYi9rOV"),
    ("Hye-LiR5Y7", "r1lqA-OSvV"),
    ("r1ez_K1wPH", "rygw7aNYDS"),
    ("rJl2E3AcF7", "BJGMMlGKj7"),
    ("H1lqSC4YvB", "BJlrlm8NsH"),
]


def test_known_versions_among_the_papers_of_xscitldr_are_found(
    tmp_path: Path, data_dir: Path
) -> None:
    texts: dict[str, str] = {}
    for split in ("train", "valid", "test"):
        with gzip.open(data_dir / "xscitldr" / f"{split}.jsonl.gz", "rt", encoding="utf-8") as file:
            for line in file:
                record = json.loads(line)
                texts[record["id"]] = " ".join(record["document"]["en"])
    labels = dict(zip(texts, groups(tmp_path, list(texts.values())), strict=True))
    assert [pair for pair in KNOWN if labels[pair[0]] != labels[pair[1]]] == []
    # All 32 pairs that comparing every two abstracts finds at 0.2, and no chains of them.
    sizes = np.unique(list(labels.values()), return_counts=True)[1]
    assert np.bincount(sizes).tolist() == [0, len(texts) - 64, 32]
