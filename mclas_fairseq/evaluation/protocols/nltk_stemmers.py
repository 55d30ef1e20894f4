"""The stemmers of the library NLTK, without what else comes with it.

`import nltk` imports all of NLTK, and that imports scipy, scikit-learn and pandas where they are:
two seconds and more before ten lines are scored. Porter's stemmer needs three small files of it;
the Snowball stemmers need its corpora, which do without those packages.
"""

import importlib
import importlib.util
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType
from typing import Any

_OPTIONAL = ("matplotlib", "pandas", "scipy", "sklearn")  # NLTK works where they are missing


def porter_stem() -> Callable[[str], str]:
    """NLTK's Porter stemmer, which is what rouge-score uses."""
    module = _load("nltk.stem.porter", ("nltk", "nltk.stem"))
    stem: Callable[[str], str] = module.PorterStemmer().stem
    return stem


def snowball_stem(language: str) -> Callable[[str], str]:
    """NLTK's Snowball stemmer of a language, as in "german"."""
    module = _load("nltk.stem.snowball", ())
    stem: Callable[[str], str] = module.SnowballStemmer(language).stem
    return stem


def _load(name: str, unrun: Sequence[str]) -> Any:
    """Import a module of NLTK, and leave no other trace of it; what is there is taken as it is.

    Args:
        name: the module's.
        unrun: the packages around it whose own `__init__` is not to run.
    """
    if "nltk" in sys.modules:
        return importlib.import_module(name)
    with _alone(unrun):
        return importlib.import_module(name)


@contextmanager
def _alone(unrun: Sequence[str]) -> Iterator[None]:
    hidden = [package for package in _OPTIONAL if package not in sys.modules]
    nothing: dict[str, Any] = dict.fromkeys(hidden)  # None: an import of it fails
    sys.modules.update(nothing)
    try:
        for package in unrun:
            sys.modules[package] = _found(package)
        yield
    finally:
        for package in hidden:
            del sys.modules[package]
        # Whoever imports NLTK later gets the whole.
        for module in [one for one in sys.modules if one.partition(".")[0] == "nltk"]:
            del sys.modules[module]


def _found(package: str) -> ModuleType:
    """A package in which modules can be found; nothing of it has run."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {package!r}", name=package)
    return importlib.util.module_from_spec(spec)
