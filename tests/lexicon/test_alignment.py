"""Alignments and lexicons whose answer is known: by hand, and of the synthetic news."""

import itertools
import re
from collections.abc import Iterator

import pytest

from mclas_fairseq.corpus.synthetic_news import generate
from mclas_fairseq.corpus.synthetic_news.lexicon import load_lexicon
from mclas_fairseq.errors import ConfigError, DataError
from mclas_fairseq.lexicon.alignment import AlignerOptions, WordPairs, align, word_pairs
from mclas_fairseq.lexicon.symmetry import symmetrise

TOY = [
    ("the dog", "der Hund"),
    ("the cat", "die Katze"),
    ("a dog", "ein Hund"),
    ("a cat sleeps", "eine Katze schläft"),
    ("the dog sleeps", "der Hund schläft"),
]


def _split(pairs: list[tuple[str, str]]) -> tuple[list[list[str]], list[list[str]]]:
    return [a.split() for a, _ in pairs], [b.split() for _, b in pairs]


def _shares(pairs: WordPairs, word: str) -> dict[object, float]:
    return {
        pairs.targets[target]: share
        for source, target, share in zip(pairs.source, pairs.target, pairs.probability, strict=True)
        if pairs.sources[source] == word
    }


@pytest.mark.parametrize("hmm", [0, 5])
def test_toy_corpus_is_aligned_word_by_word(hmm: int) -> None:
    first = {"the": "le", "my": "mon", "this": "ce"}
    second = {"dog": "chien", "cat": "chat", "bird": "oiseau"}
    third = {"sleeps": "dort", "sings": "chante"}
    rows = itertools.product(first, second, third)
    pairs = [(f"{a} {b} {c}", f"{first[a]} {second[b]} {third[c]}") for a, b, c in rows]
    found = align(*_split(pairs), AlignerOptions(hmm_iterations=hmm))
    assert found == [[(0, 0), (1, 1), (2, 2)]] * len(pairs)


def test_words_that_move_are_found_where_they_are() -> None:
    who = {
        "I have": "ich habe",
        "we have": "wir haben",
        "we had": "wir hatten",
        "I had": "ich hatte",
    }
    verbs = {"read": "gelesen", "seen": "gesehen", "heard": "gehört"}
    things = {"it": "es", "books": "Bücher", "songs": "Lieder", "them": "sie"}
    pairs = [
        (f"{one} {verb} {thing}", f"{who[one]} {things[thing]} {verbs[verb]}")
        for one, verb, thing in itertools.product(who, verbs, things)
    ]
    assert align(*_split(pairs)) == [[(0, 0), (1, 1), (2, 3), (3, 2)]] * len(pairs)


def test_probabilities_of_a_toy_corpus() -> None:
    pairs = word_pairs(*_split(TOY))
    assert _shares(pairs, "dog")["Hund"] > 0.99
    the = _shares(pairs, "the")
    # Twice `der`, once `die`.
    assert the["der"] == pytest.approx(2 / 3, abs=0.02)
    assert the["die"] == pytest.approx(1 / 3, abs=0.02)
    for word in pairs.sources:
        assert sum(_shares(pairs, str(word)).values()) == pytest.approx(1.0)


def test_same_sentences_give_the_same_result() -> None:
    first, second = word_pairs(*_split(TOY)), word_pairs(*_split(TOY))
    assert first.probability.tolist() == second.probability.tolist()


def test_tokens_may_be_numbers_and_empty_sentences_have_no_links() -> None:
    sources, targets = [[7, 8], [], [8], [3]], [[70, 80], [70], [80], []]
    assert align(sources, targets) == [[(0, 0), (1, 1)], [], [(0, 0)], []]
    assert align([], []) == []


def test_unequal_numbers_of_sentences_are_refused() -> None:
    with pytest.raises(DataError, match=r"as many sources as targets, .* 1 and 2; give each"):
        align([["a"]], [["b"], ["c"]])


def test_options_out_of_range_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"found 0, 5, 0.2 and 0.01; correct"):
        AlignerOptions(ibm1_iterations=0)
    with pytest.raises(ConfigError, match=r"symmetrisation: must be one of .* found 'both'"):
        align([["a"]], [["b"]], symmetrisation="both")


def test_symmetrisation() -> None:
    there, back = {(0, 0), (1, 1), (2, 1), (4, 4)}, {(0, 0), (1, 1), (2, 1), (3, 2), (4, 5)}
    assert symmetrise(there, back, "intersection") == [(0, 0), (1, 1), (2, 1)]
    assert symmetrise(there, back, "union") == sorted(there | back)
    # (3, 2) stands beside (2, 1), which is common, and links two tokens anew; (4, 4) and (4, 5)
    # stand beside nothing that is there.
    assert symmetrise(there, back, "grow-diag") == [(0, 0), (1, 1), (2, 1), (3, 2)]


def _gold(records: int) -> Iterator[tuple[list[str], list[str], set[tuple[int, int]]]]:
    """Sentences of synthetic news with the links that its making tells: names, numbers, people."""
    groups = [group for kind in load_lexicon("hard").kinds for group in kind.groups]
    people = {group.nouns["en"]: {group.nouns["de"], group.german_dative} for group in groups}
    for record in generate("hard", "train", records, seed=3):
        document, translation = record["document"], record["translation"]
        assert isinstance(document, dict)
        assert isinstance(translation, dict)
        for english, german in zip(document["en"], translation["de"], strict=True):
            source, target = re.findall(r"\w+", english), re.findall(r"\w+", german)
            links = set()
            for i, word in enumerate(source):
                same = {word} if word[0].isupper() or word.isdigit() else people.get(word, set())
                places = [j for j, other in enumerate(target) if other in same]
                if len(places) == 1 and source.count(word) == 1 and i:
                    links.add((i, places[0]))
            yield source, target, links


def test_gold_links_of_synthetic_news_are_found() -> None:
    sources, targets, gold = zip(*_gold(200), strict=True)
    total = sum(map(len, gold))
    assert total > 4000
    found = align(sources, targets)
    hits = sum(len(links & set(one)) for links, one in zip(gold, found, strict=True))
    told = [{i for i, _ in links} for links in gold]
    given = sum(i in own for own, one in zip(told, found, strict=True) for i, _ in one)
    # Without the prior rare names are linked to all that stands beside them: precision 0.90.
    assert hits / total > 0.99, hits / total
    assert hits / given > 0.96, hits / given
