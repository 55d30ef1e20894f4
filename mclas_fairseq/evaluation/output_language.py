"""Which language a summary is in, and how much of it lies outside its language's vocabulary.

A cross-lingual system can fall back into the language of the documents, which ROUGE shows as a low
score only. The script decides where one language, or one of those in question, is written in it;
between the others the library `py3langid` does, a statistical model that needs no network. A text
of a word or two can be taken for a kindred language, so the candidates should be given. Place in
the pipeline: `mclas score`, beside ROUGE.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from functools import lru_cache
from typing import Any, Optional

from mclas_fairseq.errors import DataError
from mclas_fairseq.evaluation.script_languages import LATIN, SCRIPT_LANGUAGES, main_script

UNDETERMINED = "und"  # BCP 47's code for a text in no known language

_ALL_SCRIPTED = frozenset(code for codes in SCRIPT_LANGUAGES.values() for code in codes)
# Written in two scripts; py3langid knows them in both.
_ALSO_LATIN = frozenset({"sr", "ku", "uz", "tt"})


def identify_language(text: str, candidates: Optional[Collection[str]] = None) -> str:
    """The language of a text.

    Args:
        text: a summary.
        candidates: the codes in question, such as those of document and summary; None: all that are
            known and have a code of two letters. A text in a script that no candidate is written in
            is in none of them, and all that are written in it are looked at.

    Returns:
        one of `candidates` as it was given, another language's code where the script rules them all
        out, or "und" where the text has no letters of a known script.

    Raises:
        DataError: the choice is between candidates of one script, one of which the library does not
            know.
    """
    script = main_script(text)
    if not script:
        return UNDETERMINED
    given = {_base(code): code for code in candidates or ()}
    possible = [code for code in given if _written_in(code, script)] or _usual_languages(script)
    if len(possible) == 1:
        return given.get(possible[0], possible[0])
    unknown = sorted(set(possible) - set(_known_languages()))
    if unknown:
        raise DataError(
            f"language of a text: must be one that py3langid tells from others, but {unknown[0]!r}"
            f" is not; the choice was between {', '.join(sorted(possible))}; leave it out"
        )
    found = next(code for code, _ in _model().rank(text) if code in possible)
    return given.get(found, str(found))


def language_odds(text: str, language: str) -> Optional[tuple[str, float]]:
    """How much likelier another language is than the one that a text should be in.

    Args:
        text: of any length; the odds grow with it.
        language: the code that is expected.

    Returns:
        The likeliest code, or "" for a script of several languages none of which is the expected
        one, and the logarithm of its odds against `language`, in nats: 0 where that is the
        likeliest, infinite where it is not written in the script of the text. None where nothing
        can be said: there are no letters of a known script, or the library does not know
        `language`.
    """
    script, expected = main_script(text), _base(language)
    if not script:
        return None
    if not _written_in(expected, script):
        codes = _usual_languages(script) if script == LATIN else SCRIPT_LANGUAGES[script]
        return (codes[0] if len(codes) == 1 else "", math.inf)
    if len(SCRIPT_LANGUAGES.get(script, ())) == 1:
        return (expected, 0.0)
    if expected not in _known_languages():
        return None
    ranked = _model().rank(text)
    likeliest = next(pair for pair in ranked if pair[0] == expected or len(pair[0]) == 2)
    return (str(likeliest[0]), float(likeliest[1] - dict(ranked)[expected]))


def language_shares(
    texts: Sequence[str], candidates: Optional[Collection[str]] = None
) -> dict[str, float]:
    """Share of the texts in each language, in [0, 1] and 1 in all, the largest first.

    Args:
        texts: summaries, at least one.
        candidates: as for `identify_language`.

    Raises:
        DataError: there are no texts, or as `identify_language`.
    """
    if not texts:
        raise DataError(
            "language shares: there must be at least one text, but there is none; check that the"
            " file with the summaries is not empty"
        )
    counts = Counter(identify_language(text, candidates) for text in texts)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {code: count / len(texts) for code, count in ordered}


def outside_vocabulary_share(pieces: Iterable[Sequence[str]], vocabulary: Collection[str]) -> float:
    """Share of all pieces of the summaries that are not in the language's vocabulary, in [0, 1].

    Args:
        pieces: of each summary its pieces, as the data-bin's tokenizer cuts them.
        vocabulary: the pieces of the language vocabulary.

    Returns:
        the share, pieces being counted as often as they occur; 0 where there are none.
    """
    known = frozenset(vocabulary)
    total = outside = 0
    for summary in pieces:
        total += len(summary)
        outside += sum(piece not in known for piece in summary)
    return outside / total if total else 0.0


def _base(code: str) -> str:
    """A code without its region or script, as in `pt-BR`."""
    return code.split("-")[0].lower()


def _written_in(code: str, script: str) -> bool:
    if script in SCRIPT_LANGUAGES:
        return code in SCRIPT_LANGUAGES[script]
    return code not in _ALL_SCRIPTED or code in _ALSO_LATIN  # Latin: what no other script has


@lru_cache(maxsize=1)
def _model() -> Any:
    """The library's model (4 MB, 0.7 s to load), of which only `rank` is used."""
    # Imported here: every fairseq command imports this package.
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE)


@lru_cache(maxsize=1)
def _known_languages() -> frozenset[str]:
    return frozenset(_model().labels)


def _usual_languages(script: str) -> list[str]:
    """The languages looked for where no candidate is written in this script.

    Only those with a code of two letters, as a short text of a large language is easily taken for
    one of its small neighbours (Italian for Ligurian, Chinese for Wu).
    """
    first = SCRIPT_LANGUAGES.get(script, ("",))[0]
    if first and first not in _known_languages():
        return [first]
    return sorted(
        code for code in _known_languages() if len(code) == 2 and _written_in(code, script)
    )
