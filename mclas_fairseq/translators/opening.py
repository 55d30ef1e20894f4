"""Opens a translator from its spec; what a kind needs is imported only when it is asked for."""

from collections.abc import Callable

from mclas_fairseq.translators.base import Translator
from mclas_fairseq.translators.options import TranslatorOptions, TranslatorSpec


def open_translator(spec: str, options: TranslatorOptions) -> Translator:
    """Open the translator that `spec` names.

    Args:
        spec: `fairseq:CHECKPOINT[:CHECKPOINT...]`, `ct2:FOLDER_OR_CHECKPOINT`,
            `hf:NAME_OR_FOLDER` or `command:PROGRAM ARGUMENTS`.
        options: languages, beam, batches, device. Each process opens its own translator; spec and
            options can be sent to it, the translator cannot.

    Raises:
        ConfigError: no such kind, file or program, or options that this kind does not know.
        CheckpointError: a checkpoint is unsafe, broken, or not one of a translator.
        SetupError: a package is missing.
    """
    parsed = TranslatorSpec.parse(spec)
    return _CLASSES[parsed.kind]()(parsed, options)


_Opener = Callable[[TranslatorSpec, TranslatorOptions], Translator]


def _fairseq() -> _Opener:
    from mclas_fairseq.translators.fairseq_translator import FairseqTranslator

    return FairseqTranslator


def _ct2() -> _Opener:
    from mclas_fairseq.translators.ct2_translator import Ct2Translator

    return Ct2Translator


def _hf() -> _Opener:
    from mclas_fairseq.translators.hf_translator import HfTranslator

    return HfTranslator


def _command() -> _Opener:
    from mclas_fairseq.translators.command import CommandTranslator

    return CommandTranslator


_CLASSES: dict[str, Callable[[], _Opener]] = {
    "fairseq": _fairseq,
    "ct2": _ct2,
    "hf": _hf,
    "command": _command,
}
