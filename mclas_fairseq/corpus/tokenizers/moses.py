"""Words by the rules of Moses, and back: what the `bpe` and `words` tokenizers have in common.

Scripts that are written without spaces (Chinese, Japanese, Thai, Lao, Khmer, Burmese) are cut into
characters first, whatever the language of the text is, because Moses would take a whole sentence
for one word. Joining words again restores the usual spacing, not always the original one; other
than white space nothing is lost.

Place in the pipeline: under the tokenizers of `mclas_fairseq.corpus.tokenizers`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import regex

from mclas_fairseq.corpus.text_files import normalize_text
from mclas_fairseq.corpus.tokenizers.base import SEPARATOR

if TYPE_CHECKING:
    from sacremoses import MosesDetokenizer, MosesTokenizer

_UNSPACED_SCRIPTS = (
    r"\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}"
    r"\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}"
)
# These scripts and the wide punctuation of East Asia stand without spaces around them.
_TIGHT = rf"[{_UNSPACED_SCRIPTS}\u3000-\u303f\uff00-\uff65]"
_SPACE_AT_TIGHT = regex.compile(rf"(?<={_TIGHT}) | (?={_TIGHT})")

# What Moses must not see: characters of these scripts, each with the marks that belong to it;
# symbols, which it would cut into pieces that cannot be joined again; and its own code word for a
# dot, which would become a dot.
_WHOLE = regex.compile(
    rf"((?=[{_UNSPACED_SCRIPTS}])\X|</?s>|<pad>|<unk>|{regex.escape(SEPARATOR)}|DOTMULTI)"
)


def split_words(text: str, language: str) -> list[str]:
    """Return the words, punctuation marks and (for unspaced scripts) characters of `text`."""
    words: list[str] = []
    # Split by a group, the matches stand at the odd places.
    for place, part in enumerate(_WHOLE.split(text)):
        if place % 2:
            words.append(part)
        elif part:
            words += _split_plain(part, language)
    return words


def join_words(words: Sequence[str], language: str) -> str:
    """Return the text that `words` make up, with the spacing that is usual in `language`."""
    detokenizer = _detokenizer(_moses_language(language))
    text = detokenizer.detokenize(list(words), unescape=False) if words else ""
    return normalize_text(_SPACE_AT_TIGHT.sub("", text))


def _split_plain(text: str, language: str) -> list[str]:
    tokenizer = _tokenizer(_moses_language(language))
    tokens: list[str] = tokenizer.tokenize(text, aggressive_dash_splits=False, escape=False)
    return tokens


def _moses_language(language: str) -> str:
    """Return the language code as Moses knows it, without script or country."""
    return language.split("-")[0]


@lru_cache(maxsize=64)
def _tokenizer(language: str) -> "MosesTokenizer":
    from sacremoses import MosesTokenizer

    return MosesTokenizer(lang=language)


@lru_cache(maxsize=64)
def _detokenizer(language: str) -> "MosesDetokenizer":
    from sacremoses import MosesDetokenizer

    return MosesDetokenizer(lang=language)
