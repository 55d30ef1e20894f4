"""The ROUGE protocols, by name. A new one is a class in this folder and an entry here."""

from collections.abc import Iterable
from pathlib import Path
from typing import Optional

from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.protocols.base import RougeProtocol
from mclas_fairseq.evaluation.protocols.default import DefaultProtocol
from mclas_fairseq.evaluation.protocols.mclas import MclasProtocol
from mclas_fairseq.evaluation.protocols.ncls import NclsProtocol
from mclas_fairseq.evaluation.protocols.subword import SubwordProtocol
from mclas_fairseq.evaluation.protocols.xlsum import XlsumProtocol

PROTOCOLS: dict[str, type[RougeProtocol]] = {
    protocol.name: protocol
    for protocol in (DefaultProtocol, NclsProtocol, MclasProtocol, XlsumProtocol, SubwordProtocol)
}


def protocols_for(language: str) -> list[str]:
    """Names of the protocols that are defined for a language."""
    return [name for name, protocol in PROTOCOLS.items() if protocol.serves(language)]


def get_protocol(name: str, language: str, *, tokenizer: Optional[Path] = None) -> RougeProtocol:
    """The protocol of that name for a language.

    Args:
        name: one of `protocols_for(language)`.
        language: code of the language of the texts.
        tokenizer: for a protocol that works on a model's pieces: the model's file or folder.

    Raises:
        ConfigError: there is no such protocol (the message lists those there are), it needs a
            tokenizer and none is given, or it has no use for one.
        DataError: the language code is unknown, or the tokenizer cannot be read.
        SetupError: a package that the protocol needs for the language is not installed.
    """
    check_language(language)
    if name not in protocols_for(language):
        raise ConfigError(
            f"ROUGE protocol for {language!r}: must be one of {', '.join(protocols_for(language))},"
            f" but is {name!r}; change --protocol (in fairseq's commands: --rouge-protocol)"
        )
    if tokenizer is not None and not PROTOCOLS[name].takes_tokenizer:
        users = [key for key, protocol in PROTOCOLS.items() if protocol.takes_tokenizer]
        raise ConfigError(
            f"tokenizer {tokenizer}: is for the protocols {', '.join(users)}, but the protocol is"
            f" {name!r}; leave it out or choose another protocol"
        )
    return PROTOCOLS[name](language, tokenizer)


def get_protocols(
    name: str, languages: Iterable[str], *, tokenizer: Optional[Path] = None
) -> dict[str, RougeProtocol]:
    """The protocol for each of several languages; errors are those of `get_protocol`."""
    return {code: get_protocol(name, code, tokenizer=tokenizer) for code in languages}


__all__ = ["PROTOCOLS", "RougeProtocol", "get_protocol", "get_protocols", "protocols_for"]
