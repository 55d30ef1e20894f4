"""Which systems of the study learned, and which aims are reached, by studies/ddtp/rules.md."""

from collections.abc import Iterator, Mapping
from typing import Protocol

from mclas_fairseq.evaluation.content import MATCHED
from mclas_fairseq.evaluation.intervals import bootstrap_interval, paired_bootstrap
from mclas_fairseq.evaluation.learning import Interval, LearningCheck
from studies.ddtp.beside import BASELINES, NAMES, TLTRAN, UNTRANSLATED
from studies.ddtp.cells import Corpus
from studies.ddtp.verdicts import MEASURES, compare
from studies.harness.judging import MISSING, Runs, interval
from studies.harness.summaries import CONTENT

ROUGE_AIM = 38.0  # points
# Of what the untranslated English synopsis has.
SHARE_AIMS = {CONTENT: 0.7, MATCHED: 0.8}


class Results(Protocol):
    """What these rules look at."""

    corpus: Corpus

    @property
    def beside(self) -> Mapping[str, Runs]:
        """Baselines and TLTran that are there, by their key in `NAMES`."""

    def systems(self) -> Iterator[tuple[str, int, Runs]]:
        """Name, triples and finished seeds of each system, in the target language."""


def learned(results: Results) -> Iterator[str]:
    """A line for each system, TLTran last."""
    missing = [NAMES[kind] for kind in BASELINES if kind not in results.beside]
    every = [(name, runs) for name, _, runs in results.systems()]
    if TLTRAN in results.beside:
        every.append((NAMES[TLTRAN], results.beside[TLTRAN]))
    for name, runs in every:
        if missing:
            yield f"{name}: not judged: baselines are missing ({', '.join(missing)})"
            continue
        check = _check(name, runs, results.beside)
        yield f"{name}: {check.verdict} ({'; '.join(check.unmet.values()) or _grounds(check)})"


def _grounds(check: LearningCheck) -> str:
    hardest = min(check.baselines, key=lambda one: check.baselines[one].difference)
    found = check.baselines[hardest]
    gap = Interval(found.difference, found.low, found.high)
    distinct = f"{100 * check.distinct:.0f} % distinct"
    return f"{check.measure} {gap} against {hardest}; R-1 m-s {check.matched}; {distinct}"


def _check(name: str, runs: Runs, beside: Mapping[str, Runs]) -> LearningCheck:
    values, matched = runs.values(CONTENT) / 100, runs.values(MATCHED) / 100
    return LearningCheck(
        system=name,
        measure=MEASURES[CONTENT],
        baselines={
            shown: paired_bootstrap(values, beside[kind].values(CONTENT) / 100)
            for kind, shown in BASELINES.items()
        },
        shown=frozenset(),
        matched=Interval(float(matched.mean()), *bootstrap_interval(matched)),
        distinct=runs.mean("distinct"),
        margin=0.0,
    )


def aims(results: Results) -> Iterator[str]:
    """The best system on all triples beside the aims."""
    last = results.corpus.triples
    found = [(name, runs) for name, size, runs in results.systems() if size == last]
    if not found:
        yield MISSING
        return
    name, best = max(found, key=lambda one: float(one[1].values(CONTENT).mean()))
    yield f"best system on all triples: {name}, {len(best)} seed{'s' * (len(best) > 1)}"
    yield _aim("ROUGE-1", best, "rouge1", ROUGE_AIM)
    for measure, share in SHARE_AIMS.items():
        title = f"{MEASURES[measure]}, {share:g} of the {NAMES[UNTRANSLATED]}'s"
        if UNTRANSLATED in results.beside:
            whole = float(results.beside[UNTRANSLATED].values(measure).mean())
            yield _aim(title, best, measure, share * whole)
        else:
            yield f"{title}: {MISSING}"
    tltran = results.beside.get(TLTRAN)
    if tltran is None:
        yield f"above TLTran in {MEASURES[CONTENT]}: {MISSING}"
        return
    pair = compare(best, tltran)
    if pair is not None:
        gap = pair.gaps[CONTENT]
        word = "reached" if gap.low > 0 else "not reached" if gap.high < 0 else "undecided"
        yield f"above TLTran in {MEASURES[CONTENT]}: {word}: {gap} (t over seeds)"
    else:
        one = paired_bootstrap(best.values(CONTENT), tltran.values(CONTENT))
        ends = f"{one.difference:+.2f} [{one.low:+.2f}, {one.high:+.2f}]"
        yield f"above TLTran in {MEASURES[CONTENT]}: not judged: one seed; {ends} over documents"


def _aim(title: str, best: Runs, measure: str, aim: float) -> str:
    values = best.values(measure)
    word = "reached" if values.mean() >= aim else "not reached"
    return f"{title}, {aim:.1f} or more: {word}: {interval(values)}"
