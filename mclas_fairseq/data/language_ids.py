"""mBART's language ids: the entries by which it is told what it reads and what it is to write.

Liu et al. (2020), "Multilingual Denoising Pre-training for Neural Machine Translation"
(arXiv:2001.08210). A document ends `</s> [en_XX]`, and what the decoder reads begins with the id of
the language that it writes, which thus stands where Eq. 3 of MCLAS has `[BOS]`:

    document   x1 ... xn </s> [en_XX]
    ms         [en_XX] y1 ... ym </s>
    ncls       [de_DE] y1 ... ym </s>
    mclas      [en_XX] y1 ... ym [LSEP] z1 ... zk </s>

fairseq's own fine-tuning has the decoder write the id once more after `</s>`, as the end of a
translation; here a summary ends with `</s>`, as with every other model. The ids stand in no file
of a data-bin but its dictionary: documents and targets get them when batches are made.

The dictionary is mBART's own, its languages and `<mask>` behind its pieces, as fairseq's task for
fine-tuning appends them, and behind these whatever else is needed (`[LSEP]`, tags of tasks).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from fairseq.data import Dictionary

from mclas_fairseq.errors import DataError

MASK = "<mask>"
_LANGUAGE = re.compile(r"\[([a-z]{2,3}_[A-Z]{2})\]")

# Languages of the published mBART (cc25), in the order of their ids.
CC25 = (
    "ar_AR cs_CZ de_DE en_XX es_XX et_EE fi_FI fr_XX gu_IN hi_IN it_IT ja_XX kk_KZ ko_KR lt_LT "
    "lv_LV my_MM ne_NP nl_XX ro_RO ru_RU si_LK tr_TR vi_VN zh_CN"
).split()


def language_symbol(code: str) -> str:
    """The entry of a language of mBART's, as in `[en_XX]`."""
    return f"[{code}]"


def is_mbart_code(code: str) -> bool:
    """Tell whether a code is written as mBART's are, as in `en_XX`."""
    return _LANGUAGE.fullmatch(language_symbol(code)) is not None


@dataclass(frozen=True)
class LanguageIds:
    """The language ids of a dictionary.

    Attributes:
        codes: mBART's codes of the languages, in order, as in `en_XX`.
        numbers: code -> dictionary id.
        pieces: number of entries that mBART has: all up to `<mask>`.
    """

    codes: tuple[str, ...]
    numbers: Mapping[str, int]
    pieces: int

    @classmethod
    def find(cls, dictionary: Dictionary) -> Optional["LanguageIds"]:
        """The language ids of a dictionary; None where it is not mBART's."""
        last = dictionary.indices.get(MASK)
        if last is None:
            return None
        found: list[str] = []
        for symbol in reversed(dictionary.symbols[:last]):
            match = _LANGUAGE.fullmatch(symbol)
            if match is None:
                break
            found.append(match[1])
        if not found:
            return None
        codes = tuple(reversed(found))
        numbers = {code: dictionary.index(language_symbol(code)) for code in codes}
        return cls(codes, numbers, last + 1)

    def number(self, language: str) -> int:
        """Dictionary id for a language of records, as in `en` or `pt-BR`.

        Raises:
            DataError: mBART was not trained on it.
        """
        code = find_code(language, self.codes)
        if code is None:
            raise DataError(
                f"language {language}: mBART must have an id for it, but has them for "
                f"{', '.join(self.codes)} only; prepare the corpus without mclas prepare --mbart"
            )
        return self.numbers[code]


def find_code(language: str, codes: Sequence[str]) -> Optional[str]:
    """The code that mBART has for a language of records; None where it has none."""
    name = language.partition("-")[0]
    return next((code for code in codes if code.partition("_")[0] == name), None)
