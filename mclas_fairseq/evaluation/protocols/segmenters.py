"""Words of Chinese, Japanese and Thai: the segmenters that the XL-Sum scorer uses.

They are optional packages; which one, and its version, stands in the signature.
"""

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any, Optional

from mclas_fairseq.extras import require

_EXTRA = "xlsum"


@dataclass(frozen=True)
class Segmenter:
    """Cuts a text into words.

    Attributes:
        name: with its version, for signatures.
        cut: the words of a text.
        keeps_spaces: the words have white space among them, where the text has some.
    """

    name: str
    cut: Callable[[str], list[str]]
    keeps_spaces: bool


def segmenter_for(language: str) -> Optional[Segmenter]:
    """The segmenter of a language; None: it has none.

    Raises:
        SetupError: its package is not installed.
    """
    code = language.split("-")[0].lower()
    return _load(code) if code in _MAKERS else None


@cache  # a dictionary takes seconds to load, and segmenters keep nothing of what they cut
def _load(code: str) -> Segmenter:
    return _MAKERS[code]()


def _jieba() -> Segmenter:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # it imports pkg_resources
        jieba = require("jieba", extra=_EXTRA, purpose="ROUGE protocol 'xlsum' in Chinese")
    jieba.setLogLevel(logging.WARNING)
    cutter = jieba.Tokenizer()
    cutter.initialize()
    return Segmenter(f"jieba-{version('jieba')}", cutter.lcut, keeps_spaces=True)


def _mecab() -> Segmenter:
    purpose = "ROUGE protocol 'xlsum' in Japanese"
    fugashi = require("fugashi", extra=_EXTRA, purpose=purpose)
    folder = require("unidic_lite", extra=_EXTRA, purpose=purpose).DICDIR
    # Generic, as the other one would take a larger dictionary where one is installed.
    options = f'-O wakati -b 50000 -r "{folder}/mecabrc" -d "{folder}"'
    tagger: Any = fugashi.GenericTagger(options)
    return Segmenter(
        f"mecab-unidic-lite-{version('unidic-lite')}",
        lambda text: str(tagger.parse(text)).split(),
        keeps_spaces=False,
    )


def _newmm() -> Segmenter:
    tokenize = require("pythainlp.tokenize", extra=_EXTRA, purpose="ROUGE protocol 'xlsum' in Thai")
    return Segmenter(
        f"newmm-{version('pythainlp')}",
        lambda text: list(tokenize.word_tokenize(text, engine="newmm")),
        keeps_spaces=True,
    )


_MAKERS: dict[str, Callable[[], Segmenter]] = {"zh": _jieba, "ja": _mecab, "th": _newmm}
