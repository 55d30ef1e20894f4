"""Chinese sentences of the synthetic news. Place in the pipeline: one grammar of `realisation`.

Names of persons and places stay in Latin letters, as little-known names often do, so that they can
be copied from the English document. Latin words and digits are set off from Chinese characters by
a space, as careful typesetting does.
"""

import re
from typing import ClassVar

from mclas_fairseq.corpus.synthetic_news.events import Count
from mclas_fairseq.corpus.synthetic_news.grammar import Grammar

# Two in the form that it has before measure words.
_WORDS = ("两", "三", "四", "五", "六", "七", "八", "九", "十", "十一", "十二")

_HAN = "\u4e00-\u9fff"
_BOUNDARY = re.compile(f"(?<=[{_HAN}])(?=[A-Za-z0-9])|(?<=[A-Za-z0-9])(?=[{_HAN}])")


class Chinese(Grammar):
    """Chinese: a measure word between number and noun."""

    language = "zh"
    number_words: ClassVar = dict(enumerate(_WORDS, start=2))
    conjunction = "和"
    sentence_joint = ""

    def count(self, count: Count, spelled: bool, dative: bool) -> str:
        """For example "12名工人"; the word for people in general takes no measure word."""
        number = self.number(count.number, spelled)
        return f"{number}{count.group.chinese_measure}{count.group.nouns['zh']}"

    def finish(self, sentence: str) -> str:
        """A space wherever a Chinese character meets a Latin letter or digit."""
        return _BOUNDARY.sub(" ", sentence)
