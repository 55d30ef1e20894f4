"""What is written of which documents: a task's data-bin, layout and languages, and what follows.

Flags decide it, and a checkpoint that is loaded decides it anew. Both tasks read it from here when
they make batches, decode and score.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mclas_fairseq.data.data_bin import DataBin
from mclas_fairseq.data.examples import Examples
from mclas_fairseq.data.layouts import DecoderChoice, Layout, first_summary_mask
from mclas_fairseq.data.summary_dataset import TargetSpec
from mclas_fairseq.data.summary_text import SummaryText
from mclas_fairseq.data.target_languages import TargetLanguages


@dataclass(frozen=True)
class Setting:
    """What is written of which documents.

    Attributes:
        data_bin: where documents, summaries, dictionary and tokenizer are.
        layout: which summaries a target holds.
        source_lang: language of the documents.
        targets: languages of the cross-lingual summaries.
        max_source_positions: longest document in tokens, EOS included.
        max_target_positions: longest training target in tokens, EOS included.
    """

    data_bin: DataBin
    layout: Layout
    source_lang: str
    targets: TargetLanguages
    max_source_positions: int
    max_target_positions: int

    @property
    def target_lang(self) -> str:
        """Language of the cross-lingual summaries, the first where there are several."""
        return self.targets.trained[0]

    @property
    def languages(self) -> tuple[str, ...]:
        """Languages of the summaries that a model is trained on, in order."""
        return tuple(
            written_languages(
                self.targets.trained,
                lambda target: self.layout.languages(self.source_lang, target),
            )
        )

    def written(self, decoder: DecoderChoice) -> tuple[str, ...]:
        """Languages of the summaries that a decoder writes, in order."""
        return tuple(
            written_languages(
                self.targets.written,
                lambda target: self.layout.written(self.source_lang, target, decoder),
            )
        )

    def start(self, decoder: DecoderChoice) -> int:
        """What a decoder reads first; several targets have their own, see `plan_contents`."""
        languages = self.layout.written(self.source_lang, self.target_lang, decoder)
        return self.data_bin.start(languages[0])

    def masks(self, target: Tensor) -> dict[str, Tensor]:
        """Which positions of a target (B, T_tgt) belong to `S^A` ("ms") and to `S^B` ("cls")."""
        if self.layout is Layout.MCLAS:
            first = first_summary_mask(target, list(self.targets.symbols.values()))
            return {"ms": first, "cls": ~first}
        name = "ms" if self.layout is Layout.MS else "cls"
        return {name: torch.ones_like(target, dtype=torch.bool)}

    def text(self, languages: Sequence[str]) -> SummaryText:
        """What turns documents to tokens, and hypotheses to summaries in these languages."""
        # In layout ms no target language is written, whichever was named.
        symbols = {} if self.layout is Layout.MS else self.targets.symbols
        return SummaryText(self.data_bin, self.source_lang, languages, symbols)

    def target_spec(self) -> TargetSpec:
        """Symbols and longest length of a training target."""
        return TargetSpec(
            eos=self.data_bin.dictionary.eos(),
            separator=self.data_bin.separator,
            max_positions=self.max_target_positions,
        )

    def examples(self) -> Examples:
        """What makes examples of rows of the data-bin."""
        return Examples(
            self.data_bin,
            self.layout,
            self.source_lang,
            self.targets,
            max_source_positions=self.max_source_positions,
            max_target_positions=self.max_target_positions,
        )


def written_languages(targets: Sequence[str], of_one: Callable[[str], Sequence[str]]) -> list[str]:
    """Languages of the summaries with these target languages, each once, in order."""
    return list(dict.fromkeys(code for target in targets for code in of_one(target)))
