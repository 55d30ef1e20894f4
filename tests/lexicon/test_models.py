"""Model 1 and the HMM against transcriptions in loops, and against what is known."""

import itertools

import numpy as np
import pytest

from mclas_fairseq.lexicon import hmm, ibm1
from mclas_fairseq.lexicon.bitext import Bitext, Group, build_bitext, number_words

SOURCES = [["a", "b"], ["b"], ["c", "a", "b"], ["b", "c"], ["a", "c", "a"]]
TARGETS = [["x", "y"], ["y"], ["z", "x", "y", "y"], ["z", "y"], ["x", "z", "x"]]


def _bitext() -> tuple[Bitext, list[object], list[object]]:
    (sources, source_words), (targets, target_words) = (
        number_words(SOURCES),
        number_words(TARGETS),
    )
    sizes = {"source_words": len(source_words), "target_words": len(target_words)}
    return build_bitext(sources, targets, **sizes), [*source_words, None], [*target_words]


def _loops_of_model_1(iterations: int) -> dict[tuple[object, object], float]:
    """EM of model 1 as Brown et al. write it, sentence by sentence, `None` the empty word."""
    pairs = [([*source, None], target) for source, target in zip(SOURCES, TARGETS, strict=True)]
    met: set[tuple[object, object]] = {
        (f, e) for source, target in pairs for f in source for e in target
    }
    table = {(f, e): 1 / sum(g == f for g, _ in met) for f, e in met}
    for _ in range(iterations):
        counts = dict.fromkeys(met, 0.0)
        for source, target in pairs:
            for e in target:
                total = sum(table[f, e] for f in source)
                for f in source:
                    counts[f, e] += table[f, e] / total
        table = {
            (f, e): count / sum(c for (g, _), c in counts.items() if g == f)
            for (f, e), count in counts.items()
        }
    return table


@pytest.mark.parametrize("iterations", [0, 1, 4])
def test_model_1_is_em_in_loops(iterations: int) -> None:
    bitext, sources, targets = _bitext()
    table = ibm1.estimate(bitext, bitext.uniform(), iterations)
    expected = _loops_of_model_1(iterations)
    assert len(table) == len(expected)
    for source, target, found in zip(bitext.pair_source, bitext.pair_target, table, strict=True):
        assert found == pytest.approx(expected[sources[source], targets[target]], rel=1e-4)


def _model(bitext: Bitext) -> hmm.Hmm:
    rng = np.random.default_rng(1)
    table = bitext.normalise(rng.random(len(bitext.pair_source)))
    return hmm.Hmm(table, rng.random(41) + 0.1, 0.3)


def _enumerated(group: Group, model: hmm.Hmm, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Posteriors of one sentence pair: every path of states (position, linked or not) in turn."""
    between, first = model.transitions(group.cells.shape[2])
    length = int(group.mask[:, n].sum())
    positions = range(group.cells.shape[2])
    links, null = np.zeros((length, len(positions))), np.zeros(length)
    jumps = np.zeros((len(positions) + 1, len(positions)))
    total = 0.0
    for path in itertools.product(itertools.product(positions, (True, False)), repeat=length):
        weight, taken = 1.0, []
        for j, (i, linked) in enumerate(path):
            if linked:
                chance = first[i] if j == 0 else between[path[j - 1][0], i]
                emitted = model.table[group.pairs[group.cells[j, n, i]]]
                weight *= (1 - model.null) * chance * emitted
                taken.append((0 if j == 0 else path[j - 1][0] + 1, i))
            else:
                # What is remembered at the start is drawn as a first position is.
                chance = first[i] if j == 0 else float(path[j - 1][0] == i)
                weight *= model.null * chance * model.table[group.pairs[group.null[j, n]]]
        total += weight
        for j, (i, linked) in enumerate(path):
            if linked:
                links[j, i] += weight
            else:
                null[j] += weight
        for jump in taken:
            jumps[jump] += weight
    return links / total, null / total, jumps / total


def test_passes_of_the_hmm_are_the_sum_over_all_paths() -> None:
    bitext, _, _ = _bitext()
    model = _model(bitext)
    padded = 0
    for group in bitext.groups:
        found = hmm.forward_backward(group, model)
        jumps = np.zeros_like(found.jumps)
        for n in range(len(group.rows)):
            links, null, taken = _enumerated(group, model, n)
            length = len(null)
            padded += len(group.mask) - length
            np.testing.assert_allclose(found.links[:length, n], links, rtol=1e-4, atol=1e-6)
            np.testing.assert_allclose(found.null[:length, n], null, rtol=1e-4, atol=1e-5)
            assert found.null[length:, n].tolist() == [0.0] * (len(group.mask) - length)
            jumps += taken
        np.testing.assert_allclose(found.jumps, jumps, rtol=1e-4, atol=1e-6)
    assert padded, "no sentence pair was padded"


def test_likelihood_of_the_hmm_never_falls() -> None:
    bitext, _, _ = _bitext()
    model = hmm.Hmm.start(bitext.uniform(), 0.2)
    sums = []
    for _ in range(4):
        total = 0.0
        for group in bitext.groups:
            for n in range(len(group.rows)):
                total += _log_likelihood(group, model, n)
        sums.append(total)
        model = hmm.estimate(bitext, model, 1)
    assert all(later >= earlier - 1e-3 for earlier, later in itertools.pairwise(sums)), sums
    assert sums[-1] > sums[0] + 1


def _log_likelihood(group: Group, model: hmm.Hmm, n: int) -> float:
    between, first = model.transitions(group.cells.shape[2])
    before, position, log = first, first, 0.0
    for j in range(int(group.mask[:, n].sum())):
        emitted = model.table[group.pairs[group.cells[j, n]]]
        empty = model.table[group.pairs[group.null[j, n]]]
        position = (1 - model.null) * before * emitted + model.null * position * empty
        log += float(np.log(position.sum()))
        position = position / position.sum()
        before = position @ between
    return log
