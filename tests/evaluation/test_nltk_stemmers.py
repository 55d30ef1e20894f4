"""NLTK's stemmers come alone, and leave NLTK as it is for others."""

import json
import sys
from pathlib import Path

import pytest

from tests.processes import output_of

WORDS = "running flies happily nationality generalizations dying sky news die Häuser 2021 a".split()

PROGRAM = """
import json, sys
from mclas_fairseq.evaluation.protocols.stemming import porter, snowball
stem = {"porter": porter, "english": lambda: snowball("en"), "german": lambda: snowball("de")}
words = json.loads(sys.stdin.read())
ours = [stem[sys.argv[1]]()._stem(word) for word in words]
heavy = [name for name in ("nltk", "pandas", "scipy", "sklearn", "torch") if name in sys.modules]

import nltk.stem.porter, nltk.stem.snowball
theirs = nltk.stem.porter.PorterStemmer() if sys.argv[1] == "porter" else (
    nltk.stem.snowball.SnowballStemmer(sys.argv[1]))
assert nltk.cluster and nltk.stem.porter.__name__ in sys.modules  # the whole of it
import scipy.stats
assert scipy.stats.pearsonr
print("ANSWER", json.dumps([ours, [theirs.stem(word) for word in words], heavy]))
"""


@pytest.mark.parametrize("stemmer", ["porter", "english", "german"])
def test_stems_are_those_of_nltk_and_nothing_else_is_imported(tmp_path: Path, stemmer: str) -> None:
    command = [sys.executable, "-c", PROGRAM, stemmer]
    printed = output_of(command, tmp_path, given=json.dumps(WORDS))
    (line,) = [line for line in printed.splitlines() if line.startswith("ANSWER ")]
    ours, theirs, heavy = json.loads(line.removeprefix("ANSWER "))
    assert ours == theirs
    assert ours[0] == ("run" if stemmer != "german" else "running")
    assert heavy == []
