"""Opens a translator from its spec; what a kind needs is imported only when it is asked for."""

from mclas_fairseq.roundtrip.translators.base import Translator
from mclas_fairseq.roundtrip.translators.options import TranslatorOptions, TranslatorSpec


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
    from mclas_fairseq.roundtrip.translators.command import CommandTranslator

    return CommandTranslator(parsed, options)
