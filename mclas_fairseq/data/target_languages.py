"""Which target languages a decoder was trained on, and which of them it is to write.

One decoder can serve several target languages. A separator of its own then announces each
(`[LSEP:de]`, `[LSEP:zh]`): in layout mclas it stands between the two summaries, in layout ncls it
is what the decoder reads first, in the place of BOS. No paper of those behind this package does it.
One target language is one of several: its separator is `[LSEP]`, and the decoder reads BOS first.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

import torch
from torch import Tensor

from mclas_fairseq.data.layouts import Layout
from mclas_fairseq.errors import ConfigError

ALL = "all"


@dataclass(frozen=True)
class TargetLanguages:
    """Target languages of a task.

    Attributes:
        trained: languages that the decoder learns, or has learned (Z of them). The number of a
            language is its place among them.
        written: those of them that are to be written, in the order in which they were asked for.
        symbols: dictionary id of each trained language's separator.
    """

    trained: tuple[str, ...]
    written: tuple[str, ...]
    symbols: dict[str, int]

    @property
    def several(self) -> bool:
        """Whether the decoder must be told which language to write."""
        return len(self.trained) > 1

    def opens(self, layout: Layout) -> bool:
        """Whether a language's separator is what the decoder reads first, in the place of BOS."""
        return self.several and layout is Layout.NCLS

    @property
    def first(self) -> str:
        """The language whose hypothesis gives the source-language summary of a document."""
        return self.written[0]

    @property
    def numbers(self) -> list[int]:
        """Numbers of the languages to write."""
        return [self.trained.index(language) for language in self.written]

    def write(self, asked: Optional[Sequence[str]]) -> "TargetLanguages":
        """Choose what to write: languages, or the text of a flag as in "de,zh"; None: all.

        Raises:
            ConfigError: the decoder has not learned a language that was asked for.
        """
        if isinstance(asked, str):
            asked = parse_languages(asked)
        chosen = self.trained if asked is None else tuple(asked)
        foreign = [language for language in chosen if language not in self.trained]
        if foreign:
            raise ConfigError(
                f"--target-langs {','.join(chosen)}: the checkpoint was trained to write"
                f" {', '.join(self.trained)}, not {', '.join(foreign)}; choose among those, or"
                " leave the flag out to get them all"
            )
        return replace(self, written=chosen)

    def complete(self, sample: dict[str, Any]) -> dict[str, Any]:
        """A batch with `target_lang` (B,), the number of the language of each row.

        fairseq-interactive makes batches that do not have it.

        Raises:
            ConfigError: several languages are to be written, so that the batch cannot tell.
        """
        if not self.several or "target_lang" in sample:
            return sample
        if len(self.written) > 1:
            raise ConfigError(
                f"--target-langs: one language at a time can be written here, but"
                f" {', '.join(self.written)} are asked for; name one, or use mclas summarize"
            )
        rows: Tensor = sample["net_input"]["src_tokens"]
        number = torch.full((len(rows),), self.numbers[0], device=rows.device)
        return {**sample, "target_lang": number}

    def of_rows(self, sample: dict[str, Any]) -> list[str]:
        """The target language of each row of a batch (B)."""
        if "target_lang" in sample:
            return [self.trained[number] for number in sample["target_lang"].tolist()]
        return [self.first] * len(sample["net_input"]["src_tokens"])


def parse_languages(text: Optional[str]) -> Optional[tuple[str, ...]]:
    """Languages of a flag `de,zh`; None for no flag and for "all".

    Raises:
        ConfigError: one is named twice, or none.
    """
    if text is None or text == ALL:
        return None
    languages = tuple(part.strip() for part in text.split(","))
    if not all(languages) or len(set(languages)) < len(languages):
        raise ConfigError(
            f"--target-langs {text}: it names languages, each once, with commas between, as in"
            f" de,zh, or is {ALL}; correct it"
        )
    return languages
