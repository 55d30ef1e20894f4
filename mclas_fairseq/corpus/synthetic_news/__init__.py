"""The built-in corpus: synthetic news reports in English with summaries in three languages.

Everything here was written for this project: word lists, sentence patterns and the rules that put
them together. The reports are synthetic; results on them show that a system works and how two
systems differ, not how good either is on real news. `generator.generate` makes records of any
number, each from its setting, split, seed and index alone. Place in the pipeline: before
`mclas prepare`, in the stead of a downloaded corpus.
"""

from mclas_fairseq.corpus.synthetic_news.generator import SETTINGS, generate
from mclas_fairseq.corpus.synthetic_news.partition import SPLITS

__all__ = ["SETTINGS", "SPLITS", "generate"]
