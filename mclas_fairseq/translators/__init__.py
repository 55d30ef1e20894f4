"""Translators behind one small interface: fairseq, CTranslate2, transformers, or any program."""

from mclas_fairseq.translators.base import Translation, Translator
from mclas_fairseq.translators.opening import open_translator
from mclas_fairseq.translators.options import TranslatorOptions

__all__ = ["Translation", "Translator", "TranslatorOptions", "open_translator"]
