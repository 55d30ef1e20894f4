"""Options of translators, and what a translator is named by: plain values, read without torch.

A translator is opened from its spec, as in `fairseq:en-de/model.pt`, and these options. Both are
plain and travel to worker processes, each of which opens a translator of its own.
"""

import re
from dataclasses import dataclass
from typing import Optional

from mclas_fairseq.corpus.languages import check_language
from mclas_fairseq.errors import ConfigError

KINDS = {
    "fairseq": "fairseq:CHECKPOINT[:CHECKPOINT...]",
    "ct2": "ct2:FOLDER_OR_CHECKPOINT",
    "hf": "hf:NAME_OR_FOLDER",
    "command": "command:PROGRAM ARGUMENTS",
}

_DEVICE = re.compile(r"cpu|cuda(:\d+)?")


@dataclass(frozen=True)
class TranslatorOptions:
    """How lines are translated.

    Attributes:
        source_lang: language of the lines, as in records: "en", "pt-BR".
        target_lang: language to translate them into.
        beam: hypotheses kept at each step; 1 is greedy search.
        batch_tokens: size of a batch, its number of lines times the tokens of the longest.
        max_source_tokens: longer lines are cut to so many tokens, end of sentence included, or to
            fewer where the model knows fewer positions.
        max_target_tokens: no translation is longer, without its end of sentence.
        device: "cpu", "cuda" or "cuda:1".
        precision: number format of the weights; None for the default of the kind of translator.
        threads: of one translator, on a CPU.
        time_limit: seconds that a program of `command:` may take for one call, None for any time.
    """

    source_lang: str
    target_lang: str
    beam: int = 5
    batch_tokens: int = 4096
    max_source_tokens: int = 512
    max_target_tokens: int = 200
    device: str = "cpu"
    precision: Optional[str] = None
    threads: int = 1
    time_limit: Optional[float] = None

    def __post_init__(self) -> None:
        """Check each value by itself."""
        check_language(self.source_lang, "--source-lang")
        check_language(self.target_lang, "--target-lang")
        least = {"beam": 1, "batch_tokens": 1, "max_source_tokens": 2, "max_target_tokens": 1}
        for name, low in {**least, "threads": 1}.items():
            value = getattr(self, name)
            if value < low:
                flag = "--" + name.replace("_", "-")
                raise ConfigError(f"{flag} {value}: must be at least {low}; give a larger number")
        if not _DEVICE.fullmatch(self.device):
            raise ConfigError(
                f"--device {self.device}: must be cpu, cuda or cuda:NUMBER; give one of them"
            )
        if self.time_limit is not None and not self.time_limit > 0:
            raise ConfigError(
                f"--time-limit {self.time_limit:g}: must be more than 0 seconds; give a larger "
                "number, or leave it out for any time"
            )


@dataclass(frozen=True)
class TranslatorSpec:
    """What a translator is made from.

    Attributes:
        kind: one of `KINDS`.
        target: what follows the colon: paths, a model's name, or a command line.
    """

    kind: str
    target: str

    @classmethod
    def parse(cls, text: str) -> "TranslatorSpec":
        """Read `KIND:TARGET`.

        Raises:
            ConfigError: there is no such kind, or nothing follows the colon.
        """
        kind, _, target = text.strip().partition(":")
        if kind not in KINDS or not target.strip():
            forms = ", ".join(KINDS.values())
            raise ConfigError(
                f"translator {text!r}: must be one of {forms}; name it in one of them"
            )
        return cls(kind, target.strip())

    def __str__(self) -> str:
        return f"{self.kind}:{self.target}"
