"""The ROUGE protocols, by name. A new one is a class in this folder and an entry here."""

from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.errors import ConfigError
from mclas_fairseq.evaluation.protocols.base import RougeProtocol
from mclas_fairseq.evaluation.protocols.default import DefaultProtocol
from mclas_fairseq.evaluation.protocols.ncls import NclsProtocol

PROTOCOLS: dict[str, type[RougeProtocol]] = {
    protocol.name: protocol for protocol in (DefaultProtocol, NclsProtocol)
}


def protocols_for(language: str) -> list[str]:
    """Names of the protocols that are defined for a language."""
    return [name for name, protocol in PROTOCOLS.items() if protocol.serves(language)]


def get_protocol(name: str, language: str) -> RougeProtocol:
    """The protocol of that name for a language.

    Raises:
        ConfigError: there is none; the message lists those there are.
        DataError: the language code is unknown.
    """
    check_language(language)
    if name not in protocols_for(language):
        raise ConfigError(
            f"ROUGE protocol for {language!r}: must be one of {', '.join(protocols_for(language))},"
            f" but is {name!r}; change --protocol (in fairseq-generate: --rouge-protocol)"
        )
    return PROTOCOLS[name](language)


__all__ = ["PROTOCOLS", "RougeProtocol", "get_protocol", "protocols_for"]
